"""Weights of 4 and 8 bits, laid out as MLX's converters write them."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from models import TINY, encode, least_cosine, open_encoder, random_texts, read_tensors, write_model

from akidb_mlx.arithmetic import FUSED, PLAIN, Arithmetic
from akidb_mlx.encoder import Encoder, EncoderOptions
from akidb_mlx.errors import UnsupportedModelError, WrongShapeError

BOTH = pytest.mark.parametrize("arithmetic", [PLAIN, FUSED], ids=lambda each: each.name)
GROUP_SIZE = 32
LENGTHS = [1, 2, 7, 12, 16, 31, 48]
EIGHT_BITS = {"bits": 8, "group_size": GROUP_SIZE}


def quantize(
    like: Path, bits: int, exceptions: dict[str, Any]
) -> tuple[dict[str, mx.array], dict[str, mx.array]]:
    """Quantize every matrix; also give what the quantized values stand for."""
    packed: dict[str, mx.array] = {}
    widened: dict[str, mx.array] = {}
    for name, tensor in read_tensors(like).items():
        matrix = name.removesuffix(".weight")
        layout = exceptions.get(matrix, {"bits": bits, "group_size": GROUP_SIZE})
        if tensor.ndim != 2 or tensor.shape[1] % GROUP_SIZE or layout is False:
            packed[name] = widened[name] = tensor
            continue
        parts = mx.quantize(tensor.astype(mx.float32), **layout)
        packed |= {
            f"{matrix}.{part}": value
            for part, value in zip(("weight", "scales", "biases"), parts, strict=True)
        }
        widened[name] = mx.dequantize(*parts, **layout)
    return packed, widened


@BOTH
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", ["qwen3-causal", "bert"])
def test_quantized_weights_are_what_they_stand_for(
    name: str, bits: int, arithmetic: Arithmetic, tmp_path: Path
) -> None:
    layer = "model.layers.0" if name == "qwen3-causal" else "bert.encoder.layer.0"
    # One matrix otherwise, one not at all, and parts of what is joined differ.
    exceptions: dict[str, Any] = {
        f"{layer}.self_attn.q_proj": EIGHT_BITS,
        f"{layer}.mlp.down_proj": False,
        f"{layer}.attention.self.value": False,
        f"{layer}.output.dense": EIGHT_BITS,
    }
    packed, widened = quantize(TINY[name], bits, exceptions)
    settings = {"bits": bits, "group_size": GROUP_SIZE} | exceptions
    quantized = write_model(tmp_path / "packed", TINY[name], packed, quantization=settings)
    plain = write_model(tmp_path / "widened", TINY[name], widened)
    encoder = Encoder.open(quantized, EncoderOptions(), arithmetic)
    reference = open_encoder(plain)
    texts = random_texts(reference, LENGTHS)
    for pooling in range(4):
        found = encode(encoder, texts, pooling)
        assert least_cosine(found, encode(reference, texts, pooling)) >= 0.9999
    assert encoder.quantization is not None
    assert (encoder.quantization.bits, encoder.quantization.group_size) == (bits, GROUP_SIZE)
    assert encoder.weights_bytes < 0.6 * reference.weights_bytes
    # States in bfloat16 keep 8 bits of a value, those in float16 keep 11: what is lost is by that.
    for precision, least in (("f16", 0.999), ("bf16", 0.995)):
        half = Encoder.open(quantized, EncoderOptions(precision=precision), arithmetic)
        assert least_cosine(encode(half, texts), encode(reference, texts)) >= least


def test_a_layout_that_does_not_fit_the_tensors_is_refused(tmp_path: Path) -> None:
    packed, _ = quantize(TINY["bert"], 4, {})
    wrong = {"bits": 8, "group_size": GROUP_SIZE}
    directory = write_model(tmp_path / "model", TINY["bert"], packed, quantization=wrong)
    with pytest.raises(WrongShapeError, match=r"word_embeddings\.weight has the shape \[120, 4\]"):
        open_encoder(directory)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"bits": 4, "group_size": 32, "mode": "mxfp4"}, "quantization.mode"),
        ({"bits": 7, "group_size": 32}, "quantization.bits"),
        ({"bits": 4, "group_size": 48}, "quantization.group_size"),
        ({"quant_method": "gptq", "bits": 4}, "quant_method"),
    ],
)
def test_other_quantizations_are_refused(
    settings: dict[str, object], key: str, tmp_path: Path
) -> None:
    tensors = read_tensors(TINY["bert"])
    directory = write_model(tmp_path / "model", TINY["bert"], tensors, quantization=settings)
    with pytest.raises(UnsupportedModelError, match=key):
        open_encoder(directory)
