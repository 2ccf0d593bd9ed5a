"""Models and batches that are refused, and what the errors say."""

import json
import math
import shutil
import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from models import TINY, encode, open_encoder, random_texts, read_tensors, write_model

import akidb_mlx
from akidb_mlx.errors import (
    DamagedFileError,
    DeviceError,
    InputError,
    MissingFileError,
    MissingTensorError,
    ModelError,
    PickledWeightsError,
    UnsupportedModelError,
    WrongShapeError,
    WrongThreadError,
    WrongTypeError,
)

BERT, QWEN3 = TINY["bert"], TINY["qwen3"]


@pytest.mark.parametrize(
    ("like", "tensor"),
    [
        (BERT, "bert.embeddings.word_embeddings.weight"),
        (BERT, "bert.encoder.layer.1.attention.self.key.bias"),
        (BERT, "bert.embeddings.LayerNorm.bias"),
        (QWEN3, "layers.2.mlp.up_proj.weight"),
        (QWEN3, "layers.0.self_attn.q_norm.weight"),
        (QWEN3, "norm.weight"),
    ],
)
def test_a_missing_tensor_and_one_of_a_wrong_shape(like: Path, tensor: str, tmp_path: Path) -> None:
    tensors = read_tensors(like)
    whole = tensors.pop(tensor)
    directory = write_model(tmp_path / "missing", like, tensors)
    ending = tensor.removeprefix("bert.")
    with pytest.raises(MissingTensorError, match=r"model\.safetensors lacks the tensor") as missing:
        open_encoder(directory)
    assert missing.value.tensor.endswith(ending)
    tensors[tensor] = mx.concatenate([whole, whole])
    with pytest.raises(WrongShapeError, match="expected is") as wrong:
        open_encoder(write_model(tmp_path / "wrong", like, tensors))
    assert wrong.value.tensor == tensor
    assert wrong.value.expected == whole.shape
    assert wrong.value.found == (2 * whole.shape[0], *whole.shape[1:])


def test_a_tensor_of_integers(tmp_path: Path) -> None:
    tensors = read_tensors(BERT)
    tensors["bert.encoder.layer.0.output.dense.bias"] = mx.zeros((32,), dtype=mx.int32)
    with pytest.raises(WrongTypeError, match=r"dense\.bias are mlx.core.int32, expected is F32"):
        open_encoder(write_model(tmp_path / "model", BERT, tensors))


@pytest.mark.parametrize(
    ("like", "setting", "value", "says"),
    [
        (BERT, "model_type", "gpt2", "model_type is 'gpt2', supported is bert, roberta"),
        (BERT, "hidden_act", "selu", "hidden_act is 'selu'"),
        (BERT, "position_embedding_type", "relative_key", "supported is absolute"),
        (BERT, "num_attention_heads", 5, "hidden_size 32 cannot be divided"),
        (BERT, "num_hidden_layers", 0, "num_hidden_layers is 0"),
        (BERT, "layer_norm_eps", -1, "layer_norm_eps is -1"),
        (BERT, "vocab_size", "many", "vocab_size is many"),
        (QWEN3, "attention_bias", True, "attention_bias is 'true'"),
        (QWEN3, "rope_scaling", {"rope_type": "yarn"}, "rope_type is 'yarn'"),
        (QWEN3, "layer_types", ["sliding_attention"], "sliding_attention"),
        (QWEN3, "head_dim", 15, "head_dim 15 is not even"),
        (QWEN3, "num_key_value_heads", 3, "cannot be divided by num_key_value_heads 3"),
        (TINY["roberta"], "pad_token_id", 65, "leaves no position"),
    ],
)
def test_settings_that_are_not_done(
    like: Path, setting: str, value: object, says: str, tmp_path: Path
) -> None:
    directory = write_model(tmp_path / "model", like, read_tensors(like), **{setting: value})
    with pytest.raises((UnsupportedModelError, DamagedFileError), match=says) as error:
        open_encoder(directory)
    assert "config.json" in str(error.value)


def damage_config(directory: Path) -> None:
    (directory / "config.json").write_text("{")


def drop_config(directory: Path) -> None:
    (directory / "config.json").unlink()


def cut_weights(directory: Path) -> None:
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def rubbish_weights(directory: Path) -> None:
    (directory / "model.safetensors").write_bytes(b"\xff" * 64)


def pickle_weights(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


def drop_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def escape_by_index(directory: Path) -> None:
    drop_weights(directory)
    index = {"weight_map": {"a": "../model.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (damage_config, DamagedFileError),
        (drop_config, MissingFileError),
        (cut_weights, DamagedFileError),
        (rubbish_weights, DamagedFileError),
        (pickle_weights, PickledWeightsError),
        (drop_weights, MissingFileError),
        (escape_by_index, MissingFileError),
    ],
)
def test_files_that_are_not_there_or_damaged(
    damage: Callable[[Path], None], error: type[ModelError], tmp_path: Path
) -> None:
    directory = tmp_path / "model"
    shutil.copytree(BERT, directory)
    damage(directory)
    with pytest.raises(error, match=str(directory)):
        open_encoder(directory)


def test_a_model_without_a_tokenizer_embeds_tokens_but_no_texts(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    shutil.copytree(QWEN3, directory)
    (directory / "tokenizer.json").unlink()
    with pytest.raises(MissingFileError, match=r"tokenizer\.json is not there"):
        akidb_mlx.init_model(directory)
    assert len(encode(open_encoder(directory), [[1, 2]])) == 1


def test_an_unknown_name_says_how_to_fetch_it() -> None:
    with pytest.raises(MissingFileError, match=r"download_model\('no-such-model'\)"):
        akidb_mlx.init_model("no-such-model")


def test_modules_that_are_not_done(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    shutil.copytree(QWEN3, directory)
    modules = json.loads((directory / "modules.json").read_text())
    modules[2]["type"] = "sentence_transformers.models.Dense"
    (directory / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UnsupportedModelError, match="Transformer, Pooling, Dense"):
        akidb_mlx.init_model(directory)


def test_weights_that_are_no_numbers_spoil_only_the_texts_that_use_them(tmp_path: Path) -> None:
    tensors = read_tensors(BERT)
    words = tensors["bert.embeddings.word_embeddings.weight"]
    spoilt = mx.arange(words.shape[0])[:, None] == 7
    tensors["bert.embeddings.word_embeddings.weight"] = mx.where(spoilt, mx.nan, words)
    encoder = open_encoder(write_model(tmp_path / "model", BERT, tensors))
    rows = encode(encoder, [[1, 2, 3], [7], [4, 5, 7, 7, 6], [9] * 20])
    finite = [all(map(math.isfinite, row)) for row in rows]
    assert finite == [True, False, False, True]


def ints(*values: int) -> "array[int]":
    return array("i", values)


def wanted(*values: int) -> "array[int]":
    return array("B", values)


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ((ints(), ints(), ints(), wanted()), "the batch has no texts"),
        ((ints(1, 2), ints(3), ints(0), wanted(0)), "sum to 3, there are 2 tokens"),
        ((ints(1, 2), ints(1), ints(0), wanted(0)), "sum to 1, there are 2 tokens"),
        ((ints(1), ints(1, 0), ints(0, 0), wanted(0, 0)), "text 1 has 0 tokens"),
        ((ints(1), ints(2, -1), ints(0, 0), wanted(0, 0)), "text 1 has -1 tokens"),
        ((ints(*[1] * 49), ints(49), ints(0), wanted(0)), "49 tokens, the model reads at most 48"),
        ((ints(1, 120), ints(2), ints(0), wanted(0)), "token 120 at place 1 is not in the voc"),
        ((ints(-1, 1), ints(2), ints(0), wanted(0)), "token -1 at place 0 is not in the voc"),
        ((ints(1), ints(1), ints(4), wanted(0)), "pooling 4, allowed are 0 mean, 1 cls"),
        ((ints(1), ints(1), ints(), wanted(0)), "poolings has 0 values for 1 texts"),
        ((ints(1), ints(1), ints(0), wanted(0, 0)), "normalize has 2 values for 1 texts"),
        ((array("f", [1]), ints(1), ints(0), wanted(0)), "format 'f', expected is int32"),
        ((array("q", [1]), ints(1), ints(0), wanted(0)), "format 'q', expected is int32"),
        ((ints(1), ints(1), ints(0), ints(0)), "expected is uint8"),
        (([1], ints(1), ints(0), wanted(0)), "token_ids has no buffer"),
        ((memoryview(ints(1, 2, 3))[::2], ints(2), ints(0), wanted(0)), "not one run of values"),
    ],
)
def test_batches_that_are_none(batch: tuple[Any, Any, Any, Any], says: str) -> None:
    encoder = open_encoder(BERT)
    before = encode(encoder, [[1, 2, 3]])
    with pytest.raises(ValueError, match=says) as error:
        encoder.encode(*batch)
    assert isinstance(error.value, InputError)
    assert encode(encoder, [[1, 2, 3]]) == before


def test_bytes_are_taken_for_the_numbers_they_hold() -> None:
    encoder = open_encoder(BERT)
    found = encoder.encode(bytes(ints(1, 2, 3)), bytes(ints(3)), bytes(ints(0)), b"\0")
    assert found.tolist() == encode(encoder, [[1, 2, 3]])[0]


def test_another_thread_is_refused() -> None:
    encoder = open_encoder(BERT)
    text = random_texts(encoder, [3])
    raised: list[BaseException] = []

    def use() -> None:
        try:
            encode(encoder, text)
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert isinstance(raised[0], WrongThreadError)
    assert "only on the thread that opened it" in str(raised[0])
    assert len(encode(encoder, text)) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"device": "tpu"}, "device 'tpu' is unknown"),
        ({"precision": "int8"}, "precision 'int8' is unknown"),
        ({"max_batch_tokens": 0}, "max_batch_tokens is 0"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], says: str) -> None:
    with pytest.raises(DeviceError, match=says):
        open_encoder(BERT, **options)


@pytest.mark.skipif(mx.metal.is_available(), reason="there is a graphics processor")
def test_a_graphics_processor_that_is_not_there() -> None:
    with pytest.raises(DeviceError, match="hint: set the device to cpu"):
        open_encoder(BERT, device="gpu")
