"""Models that the tests run, and small things to do with vectors."""

import json
import math
import os
import shutil
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from akidb_mlx import EmbeddingModel, embed_texts
from akidb_mlx.encoder import Encoder, EncoderOptions
from akidb_mlx.pooling import Pooling

REPOSITORY = Path(__file__).resolve().parents[3]
RUST_DATA = REPOSITORY / "crates/akidb-embedding/tests/data"
GOLDENS = Path(__file__).parent / "goldens"
TINY = {
    "bert": GOLDENS / "bert",
    "roberta": RUST_DATA / "tiny/roberta",
    "xlm-roberta": RUST_DATA / "tiny/xlm-roberta",
    "qwen3": RUST_DATA / "tiny/qwen3",
    "qwen3-causal": GOLDENS / "qwen3-causal",
}
MODEL_VARIABLE = "AKIDB_TEST_MODEL_DIR"

Vectors = list[list[float]]


def real_model() -> Path:
    """all-MiniLM-L6-v2, without which a test is skipped."""
    place = os.environ.get(MODEL_VARIABLE)
    directory = Path(place) if place else REPOSITORY / "target/models/all-minilm-l6-v2"
    if not (directory / "config.json").is_file():
        pytest.skip(f"SKIPPED: no all-MiniLM-L6-v2 in {directory}, set {MODEL_VARIABLE}")
    return directory


def encode(
    encoder: Encoder,
    texts: Sequence[Sequence[int]],
    pooling: int | Sequence[int] = Pooling.MEAN,
    normalize: int | Sequence[int] = 0,
) -> Vectors:
    """Encode texts given as token numbers, all alike or each in its own way."""
    poolings = [pooling] * len(texts) if isinstance(pooling, int) else list(pooling)
    wanted = [normalize] * len(texts) if isinstance(normalize, int) else list(normalize)
    rows = encoder.encode(
        array("i", [token for text in texts for token in text]),
        array("i", map(len, texts)),
        array("i", poolings),
        array("B", wanted),
    )
    assert rows.format == "f"
    assert rows.c_contiguous
    return in_rows(rows.tolist(), encoder.network.hidden_size)


def embed(model: EmbeddingModel, texts: Sequence[str], **options: Any) -> Vectors:
    """Embed texts into rows."""
    rows = embed_texts(model, texts, **options)
    assert rows.format == "f"
    return in_rows(rows.cast("B").cast("f").tolist(), model.dimension)


def in_rows(values: Sequence[float], dimension: int) -> Vectors:
    assert len(values) % dimension == 0
    return [list(values[at : at + dimension]) for at in range(0, len(values), dimension)]


def read_vectors(file: Path, dimension: int) -> Vectors:
    content = file.read_bytes()
    return in_rows(struct.unpack(f"<{len(content) // 4}f", content), dimension)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def least_cosine(found: Vectors, expected: Vectors) -> float:
    assert len(found) == len(expected)
    return min(cosine(one, other) for one, other in zip(found, expected, strict=True))


def random_texts(encoder: Encoder, lengths: Sequence[int], seed: int = 1) -> list[list[int]]:
    """Random tokens, among them those that a RoBERTa counts otherwise."""
    keys = mx.random.key(seed)
    tokens = mx.random.randint(0, encoder.network.vocabulary, (sum(lengths),), key=keys).tolist()
    texts, start = [], 0
    for length in lengths:
        texts.append(tokens[start : start + length])  # type: ignore[index]
        start += length
    return texts  # type: ignore[return-value]


def open_encoder(directory: Path, **options: Any) -> Encoder:
    return Encoder.open(directory, EncoderOptions(**options))


def read_tensors(directory: Path) -> dict[str, mx.array]:
    tensors: dict[str, mx.array] = {}
    for file in sorted(directory.glob("*.safetensors")):
        tensors |= mx.load(str(file))  # type: ignore[arg-type]
    return tensors


def write_model(
    directory: Path, like: Path, tensors: dict[str, mx.array], **settings: object
) -> Path:
    """Write a model with the settings of another, some of them changed."""
    shutil.copytree(like, directory, ignore=shutil.ignore_patterns("*.safetensors*", "states.json"))
    config = json.loads((like / "config.json").read_text()) | settings
    (directory / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(directory / "model.safetensors"), tensors)
    return directory
