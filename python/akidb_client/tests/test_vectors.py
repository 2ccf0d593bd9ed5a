"""Vectors are sent as their bytes, or refused with their place."""

import base64
import struct
from typing import Any

import pytest

from akidb_client import vectors
from akidb_client.errors import InvalidVectorShapeError

np = pytest.importorskip("numpy")


def decoded(vector: Any) -> list[float]:
    data = base64.b64decode(vectors.encode(vector, "v").removeprefix(vectors.PREFIX))
    return list(struct.unpack(f"<{len(data) // 4}f", data))


@pytest.mark.parametrize(
    "vector",
    [
        [1, 2.0, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.float16),
        np.array([1, 2, 3], dtype=np.float32),
        np.array([1, 2, 3], dtype=">f8"),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([3, 2, 1], dtype=np.float32)[::-1],
        np.array([[1, 9], [2, 9], [3, 9]])[:, 0],
        [np.float32(1), np.float64(2), np.int64(3)],
    ],
)
def test_numbers_of_any_kind_are_a_vector(vector: Any) -> None:
    assert decoded(vector) == [1, 2, 3]


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        ([], "no values"),
        (np.zeros((1, 3)), "shape (1, 3)"),
        (np.float32(1), "shape ()"),
        ([1, float("nan")], "v[1]"),
        ([float("inf")], "v[0]"),
        ([1e39], "v[0]"),
        (np.array([1.0, 1e39]), "v[1]"),
        ([1, "2"], "v[1]: str"),
        ([[1.0]], "v[0]: list"),
        ("text", "str is no sequence"),
        (np.array(["a"]), "holds no numbers"),
        (np.array([1j]), "holds no numbers"),
        ({1.0}, "set is no sequence"),
    ],
)
def test_what_is_no_vector_is_refused_before_it_is_sent(vector: Any, said: str) -> None:
    with pytest.raises(InvalidVectorShapeError) as raised:
        vectors.encode(vector, "v")
    assert said in str(raised.value) and isinstance(raised.value, ValueError)
