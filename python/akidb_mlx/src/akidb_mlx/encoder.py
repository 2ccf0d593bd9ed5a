"""An encoder: a model's network on a device, and batches of token numbers to vectors.

Out of scope: texts, which others tokenize, and what a pooling is.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import mlx.core as mx

from . import device as devices
from .arithmetic import Arithmetic
from .batch import TokenBatch
from .bert import WORD_EMBEDDINGS as BERT_WORDS
from .bert import BertNetwork
from .bert_config import MODEL_TYPES as BERT_MODEL_TYPES
from .bert_config import BertConfig
from .config_file import ConfigFile
from .errors import DeviceError, MissingFileError, UnsupportedModelError, WrongThreadError
from .grouping import Group, group
from .loading import Loader
from .network import Network, PaddedBatch
from .pooling import pool
from .quantization import Quantization, QuantizationPlan
from .qwen3 import WORD_EMBEDDINGS as QWEN3_WORDS
from .qwen3 import Qwen3Network
from .qwen3_config import MODEL_TYPE as QWEN3_MODEL_TYPE
from .qwen3_config import Qwen3Config
from .weights import Weights

PRECISIONS = {"f32": mx.float32, "bf16": mx.bfloat16, "f16": mx.float16}


@dataclass(frozen=True)
class EncoderOptions:
    """How a model is run."""

    precision: str = "f32"
    """`f32`, `bf16` or `f16`: the values of weights that are not quantized; on graphics processors
    also of token states, which are in 32 bits on others."""
    cache_limit_bytes: int | None = None
    """The memory that MLX keeps for reuse."""
    memory_limit_bytes: int | None = None
    """The memory that MLX tries to stay under."""
    compile: bool = False
    """Whether each shape of a pass is compiled; on a processor that needs a C++ compiler."""
    max_batch_tokens: int = 16_384
    """The tokens of one pass, padding included."""
    device: str = "auto"
    """`auto`, `cpu` or `gpu`."""


@dataclass
class Statistics:
    """What an encoder has done since it was opened."""

    batches: int = 0
    """The passes through the network."""
    texts: int = 0
    tokens: int = 0
    padded_tokens: int = 0
    """The tokens of all passes, padding included: `tokens / padded_tokens` is the useful share."""


@dataclass
class Encoder:
    """A model that is ready to run, on the thread that opened it."""

    network: Network
    architecture: str
    quantization: Quantization | None
    device: mx.Device
    device_name: str
    weights_bytes: int
    max_batch_tokens: int
    rounds_shapes: bool
    """Whether passes have few shapes rather than little padding."""
    forward: Callable[[mx.array, mx.array, bool, bool], mx.array]
    statistics: Statistics = field(default_factory=Statistics)
    thread: int = field(default_factory=threading.get_ident)

    @classmethod
    def open(
        cls, directory: Path, options: EncoderOptions, arithmetic: Arithmetic | None = None
    ) -> "Encoder":
        """Open the model in `directory`, read its weights, and run it once.

        Raises `ModelError` where the directory holds no model that this program runs.
        `arithmetic` is that of the device unless given.
        """
        _check_options(options)
        device, device_name = devices.choose(options.device)
        devices.limit_memory(options.cache_limit_bytes, options.memory_limit_bytes)
        arithmetic = arithmetic or devices.arithmetic_of(device_name)
        most_pass_tokens = arithmetic.most_pass_tokens or options.max_batch_tokens
        with mx.stream(device):
            loader_of = _LoaderOf(PRECISIONS[options.precision], arithmetic)
            network, architecture, quantization = _read_network(directory, loader_of)
            mx.eval(network.arrays)
        encoder = cls(
            network=network,
            architecture=architecture,
            quantization=quantization,
            device=device,
            device_name=device_name,
            weights_bytes=sum(array.nbytes for array in network.arrays),
            max_batch_tokens=min(options.max_batch_tokens, most_pass_tokens),
            rounds_shapes=options.compile or device_name != "cpu",
            forward=_forward_of(network, compiled=options.compile),
        )
        encoder._try(options)
        return encoder

    def encode(
        self,
        token_ids: Any,
        lengths: Any,
        poolings: Any,
        normalize: Any,
    ) -> "memoryview[float]":
        """Encode texts given as one run of int32 `token_ids` and their int32 `lengths`.

        `poolings` (int32, see `Pooling`) and `normalize` (uint8) have a value for each text.
        Returns float32 `[texts * hidden_size]`, a row a text, in their order. Raises `InputError`.
        """
        if threading.get_ident() != self.thread:
            raise WrongThreadError
        batch = TokenBatch.read(self.network, token_ids, lengths, poolings, normalize)
        groups = group(
            batch.lengths,
            self.max_batch_tokens,
            self.network.max_tokens,
            rounded=self.rounds_shapes,
        )
        with mx.stream(self.device):
            vectors = self._in_order(groups, [self._run(batch, each) for each in groups])
            mx.eval(vectors)
        self._count(batch, groups)
        return cast("memoryview[float]", memoryview(cast("Any", vectors)))

    def _run(self, batch: TokenBatch, group: Group) -> mx.array:
        """Start the pass of a group, whose vectors are `[texts, hidden]`."""
        padded = batch.pad(group, self.network.padding_token)
        states = self.forward(
            padded.token_ids, padded.lengths, padded.is_full, padded.spells_padding
        )
        texts = group.texts + group.texts[-1:] * (group.rows - len(group.texts))
        poolings = [batch.poolings[text] for text in texts]
        normalize = [batch.normalize[text] for text in texts]
        vectors = pool(states, padded, poolings, normalize)
        mx.async_eval(vectors)  # type: ignore[no-untyped-call]
        return vectors[: len(group.texts)] if group.rows > len(group.texts) else vectors

    def _in_order(self, groups: list[Group], parts: list[mx.array]) -> mx.array:
        vectors = parts[0] if len(parts) == 1 else mx.concatenate(parts)
        texts = [text for each in groups for text in each.texts]
        if texts != sorted(texts):
            places = sorted(range(len(texts)), key=texts.__getitem__)
            vectors = vectors[mx.array(places)]
        return vectors.reshape(-1)

    def _count(self, batch: TokenBatch, groups: list[Group]) -> None:
        self.statistics.batches += len(groups)
        self.statistics.texts += len(batch.lengths)
        self.statistics.tokens += batch.starts[-1]
        self.statistics.padded_tokens += sum(each.rows * each.width for each in groups)

    def _try(self, options: EncoderOptions) -> None:
        """Run one token, so that what a device cannot do shows now."""
        one = memoryview(bytes(4)).cast("i")
        length = memoryview(b"\1\0\0\0").cast("i")
        try:
            self.encode(one, length, one, b"\0")
        except RuntimeError as error:
            hint = "turn compile off, or install a C++ compiler" if options.compile else ""
            raise DeviceError(
                f"MLX cannot run the model on {self.device_name}: {error}"
                + (f"\nhint: {hint}" if hint else "")
            ) from error
        self.statistics = Statistics()


def _check_options(options: EncoderOptions) -> None:
    if options.precision not in PRECISIONS:
        raise DeviceError(
            f"the precision {options.precision!r} is unknown, allowed are {', '.join(PRECISIONS)}"
        )
    if options.max_batch_tokens < 1:
        raise DeviceError(f"max_batch_tokens is {options.max_batch_tokens}, at least 1 is needed")


def _forward_of(
    network: Network, *, compiled: bool
) -> Callable[[mx.array, mx.array, bool, bool], mx.array]:
    def forward(
        token_ids: mx.array, lengths: mx.array, is_full: bool, spells_padding: bool
    ) -> mx.array:
        return network(PaddedBatch(token_ids, lengths, is_full, spells_padding))

    return mx.compile(forward) if compiled else forward


@dataclass(frozen=True)
class _LoaderOf:
    precision: mx.Dtype
    arithmetic: Arithmetic

    def __call__(self, weights: Weights, plan: QuantizationPlan) -> Loader:
        return Loader(weights, plan, self.precision, self.arithmetic)


def _read_network(
    directory: Path, loader_of: _LoaderOf
) -> tuple[Network, str, Quantization | None]:
    if not directory.is_dir():
        raise MissingFileError(directory, "a model is a directory with config.json")
    file = ConfigFile.read(directory / "config.json")
    model_type = file.text("model_type")
    plan = QuantizationPlan.read(file)
    network: Network
    if model_type in BERT_MODEL_TYPES:
        bert = BertConfig.read(file)
        network = BertNetwork(bert, loader_of(Weights.open(directory, BERT_WORDS), plan))
    elif model_type == QWEN3_MODEL_TYPE:
        qwen3 = Qwen3Config.read(file)
        network = Qwen3Network(qwen3, loader_of(Weights.open(directory, QWEN3_WORDS), plan))
    else:
        supported = ", ".join((*BERT_MODEL_TYPES, QWEN3_MODEL_TYPE))
        raise UnsupportedModelError(file.file, "model_type", model_type, supported)
    # A camembert is a RoBERTa by another name.
    architecture = "roberta" if model_type == "camembert" else model_type
    return network, architecture, plan.default
