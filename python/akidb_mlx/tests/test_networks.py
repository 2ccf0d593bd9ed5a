"""Vectors against those that `transformers` and sentence-transformers made of the same weights."""

import json
from pathlib import Path

import pytest
from models import (
    RUST_DATA,
    TINY,
    embed,
    encode,
    in_rows,
    least_cosine,
    open_encoder,
    read_tensors,
    read_vectors,
    real_model,
    write_model,
)

import akidb_mlx
from akidb_mlx import Pooling
from akidb_mlx.arithmetic import FUSED, PLAIN, Arithmetic
from akidb_mlx.encoder import Encoder, EncoderOptions

BOTH = pytest.mark.parametrize("arithmetic", [PLAIN, FUSED], ids=lambda each: each.name)


@BOTH
@pytest.mark.parametrize("name", ["bert", "qwen3-causal"])
def test_states_are_those_of_transformers(name: str, arithmetic: Arithmetic) -> None:
    golden = json.loads((TINY[name] / "states.json").read_text())
    encoder = Encoder.open(TINY[name], EncoderOptions(), arithmetic)
    for pooling in (Pooling.LAST, Pooling.MEAN):
        found = encode(encoder, golden["token_ids"], pooling)
        expected = golden[pooling.name.lower()]
        assert least_cosine(found, expected) >= 0.999999
        differences = [
            abs(a - b)
            for x, y in zip(found, expected, strict=True)
            for a, b in zip(x, y, strict=True)
        ]
        assert max(differences) < 1e-4


@pytest.mark.parametrize("name", ["qwen3", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("input_type", [None, "document"])
def test_texts_embed_as_in_sentence_transformers(name: str, input_type: str | None) -> None:
    texts = json.loads((RUST_DATA / "tiny/texts.json").read_text())
    model = akidb_mlx.init_model(TINY[name])
    found = embed(model, texts, input_type=input_type)
    expected = read_vectors(TINY[name] / "vectors.f32", model.dimension)
    assert least_cosine(found, expected) >= 0.9999


@BOTH
@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.999), ("f16", 0.9999)])
@pytest.mark.parametrize("name", ["bert", "qwen3-causal"])
def test_smaller_weights_make_nearly_the_same_vectors(
    name: str, precision: str, least: float, arithmetic: Arithmetic
) -> None:
    golden = json.loads((TINY[name] / "states.json").read_text())
    encoder = Encoder.open(TINY[name], EncoderOptions(precision=precision), arithmetic)
    found = encode(encoder, golden["token_ids"], Pooling.MEAN)
    assert least_cosine(found, golden["mean"]) >= least
    whole = Encoder.open(TINY[name], EncoderOptions(), arithmetic)
    assert encoder.weights_bytes < 0.7 * whole.weights_bytes


def test_the_default_model_is_that_of_sentence_transformers() -> None:
    golden = json.loads((RUST_DATA / "golden.json").read_text())
    texts, others = golden["texts"], golden["other_poolings"]
    model = akidb_mlx.init_model(real_model())
    expected = read_vectors(RUST_DATA / "golden.f32", model.dimension)
    assert least_cosine(embed(model, texts), expected[: len(texts)]) >= (0.9999)
    tokens = [len(ids) for ids in model.tokenizer.tokenize(texts)]
    assert tokens == golden["tokens"]
    for pooling, start in ((Pooling.CLS, len(texts)), (Pooling.MAX, len(texts) + others)):
        found = embed(model, texts[:others], pooling=pooling, normalize=False)
        assert least_cosine(found, expected[start : start + others]) >= 0.9999


@pytest.mark.parametrize("prefix", ["", "bert.", "model.", "roberta."])
def test_names_of_tensors_may_have_any_prefix(prefix: str, tmp_path: Path) -> None:
    golden = json.loads((TINY["bert"] / "states.json").read_text())
    tensors = {
        prefix + name.removeprefix("bert.").replace("LayerNorm.weight", "LayerNorm.gamma"): tensor
        for name, tensor in read_tensors(TINY["bert"]).items()
    }
    directory = write_model(tmp_path / "model", TINY["bert"], tensors)
    found = encode(open_encoder(directory), golden["token_ids"])
    assert least_cosine(found, golden["mean"]) >= 0.999999


def test_prompts_stand_before_the_text() -> None:
    model = akidb_mlx.init_model(TINY["qwen3"])
    prompt = "Instruct: Find the passage that answers\nQuery:"
    found = embed(model, ["the harbour"], input_type="query")
    assert found == embed(model, [f"{prompt}the harbour"])
    assert found != embed(model, ["the harbour"])


def test_qwen3_texts_end_with_its_token_also_when_cut() -> None:
    model = akidb_mlx.init_model(TINY["qwen3"])
    for ids in model.tokenizer.tokenize(["a", "harbour " * 500]):
        assert ids[-1] == 0
        assert len(ids) <= model.settings.max_tokens


def test_no_texts_make_no_vectors() -> None:
    assert len(akidb_mlx.embed_texts(akidb_mlx.init_model(TINY["roberta"]), [])) == 0


def test_normalized_rows_have_length_1_and_others_do_not() -> None:
    encoder = open_encoder(TINY["bert"])
    normal, plain = encode(encoder, [[5, 6, 7]] * 2, normalize=[1, 0])
    assert sum(value * value for value in normal) == pytest.approx(1.0, abs=1e-6)
    assert sum(value * value for value in plain) > 1.1
    assert least_cosine(in_rows(normal, len(normal)), [plain]) > 0.9999999
