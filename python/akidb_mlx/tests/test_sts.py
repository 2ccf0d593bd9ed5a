"""The STS benchmark: how well the cosine of two sentences ranks them by people's judgement.

Reads `../shared/data/sts-b` beside the repository, or in AKIDB_SHARED_DIR. Where
AKIDB_TEST_NATIVE_VECTORS names a file of little-endian float32 rows that the native backend made of
its sentences (first, second, first, second and so on), vectors are also compared one by one.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from models import REPOSITORY, cosine, embed, least_cosine, read_vectors, real_model

import akidb_mlx

LEAST_SPEARMAN = 0.820
"""0.8203 is what sentence-transformers reaches."""


def read_pairs() -> list[list[str]]:
    shared = Path(os.environ.get("AKIDB_SHARED_DIR") or REPOSITORY.parent / "shared")
    file = shared / "data/sts-b/stsb-en-test.tsv"
    if not file.is_file():
        pytest.skip(f"SKIPPED: {file} is not there, set AKIDB_SHARED_DIR")
    return [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]


def ranks(values: Sequence[float]) -> list[float]:
    """Rank from 0; equal values share the mean of their ranks."""
    places: dict[float, list[int]] = {}
    for rank, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(rank)
    return [sum(places[value]) / len(places[value]) for value in values]


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    middle = (len(one) - 1) / 2
    return cosine([rank - middle for rank in ranks(one)], [rank - middle for rank in ranks(other)])


def test_sentence_pairs_are_ranked_as_by_sentence_transformers() -> None:
    pairs = read_pairs()
    model = akidb_mlx.init_model(real_model())
    vectors = embed(model, [text for _, one, other in pairs for text in (one, other)])
    cosines = [cosine(vectors[at], vectors[at + 1]) for at in range(0, len(vectors), 2)]
    found = spearman([float(score) for score, *_ in pairs], cosines)
    assert found >= LEAST_SPEARMAN, found
    native = os.environ.get("AKIDB_TEST_NATIVE_VECTORS")
    if native:
        assert least_cosine(vectors, read_vectors(Path(native), model.dimension)) >= 0.9999
