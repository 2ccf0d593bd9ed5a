"""Vectors as REST takes them: base64 of little-endian 32-bit floats."""

import base64
import math
import struct
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from akidb_client.errors import InvalidVectorShapeError

PREFIX = "base64:"


def encode(vector: Any, place: str) -> str:
    """One vector, `[dimension]`, as the text that stands for it in JSON.

    It may be a sequence of numbers or an array of numpy (of any float or integer type, contiguous
    or not), of torch or of another library that has numpy's `__array__`.

    Raises:
        InvalidVectorShapeError: It has not one dimension, no values, or one that is no finite
            32-bit float.
    """
    values = floats(vector, place)
    if sys.byteorder == "big":
        values.byteswap()
    return PREFIX + base64.b64encode(values.tobytes()).decode("ascii")


def floats(vector: Any, place: str) -> "array[float]":
    """The values as 32-bit floats, checked."""
    values = _of_array(vector, place) if hasattr(vector, "shape") else _of_sequence(vector, place)
    if not values:
        raise InvalidVectorShapeError(place, "the vector has no values")
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise InvalidVectorShapeError(f"{place}[{index}]", f"{value} is no finite 32-bit float")
    return values


def _of_array(vector: Any, place: str) -> "array[float]":
    shape = tuple(vector.shape)
    if len(shape) != 1:
        raise InvalidVectorShapeError(
            place,
            f"the array has the shape {shape}, a vector has one dimension",
            hint="take one row of it, or .reshape(-1)" if shape else None,
        )
    kind = getattr(getattr(vector, "dtype", None), "kind", "f")
    if kind not in "fiu":
        raise InvalidVectorShapeError(place, f"an array of {vector.dtype} holds no numbers")
    # A column of polars has the other name alone.
    values = vector.tolist() if hasattr(vector, "tolist") else vector.to_list()
    return _of_sequence(values, place)


def _of_sequence(vector: Any, place: str) -> "array[float]":
    if isinstance(vector, (str, bytes)) or not isinstance(vector, Sequence):
        raise InvalidVectorShapeError(place, f"{type(vector).__name__} is no sequence of numbers")
    try:
        # struct refuses what is too large for 32 bits, where array makes it infinite.
        return array("f", struct.pack(f"={len(vector)}f", *vector))
    except (struct.error, TypeError, OverflowError):
        raise _first_fault(vector, place) from None


def _first_fault(vector: Sequence[Any], place: str) -> InvalidVectorShapeError:
    for index, value in enumerate(vector):
        try:
            struct.pack("=f", value)
        except (struct.error, TypeError):
            wrong = f"{type(value).__name__} is no number"
        except OverflowError:
            wrong = f"{value} is no finite 32-bit float"
        else:
            continue
        return InvalidVectorShapeError(f"{place}[{index}]", wrong)
    return InvalidVectorShapeError(place, "it is no sequence of numbers")
