"""What a request carries as JSON: dataclasses, dicts, and values of other libraries.

Each value is written as what it means, or refused with its place. Out of scope: cells of data
frames, of which some are missing (`frames`).
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from akidb_client import vectors
from akidb_client.errors import InvalidValueError

TOO_DEEP = "it is nested too deeply, or within itself"
VECTOR_KEYS = {"vector": "one", "vectors": "map"}
"""Where vectors stand in a document that is given as a dict."""


def to_bytes(value: Any) -> bytes:
    """The bytes of a value that `to_json` has made."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        wrong = f"a text has a lone surrogate, {error.object[error.start : error.end]!a}"
        raise InvalidValueError("the request", wrong) from None


def body(value: Any) -> bytes:
    """The bytes of a request's dataclass, or of other JSON.

    Raises:
        InvalidValueError: A part of it has no meaning in JSON.
    """
    try:
        return to_bytes(request(value))
    except RecursionError:
        raise InvalidValueError("the request", TOO_DEEP) from None


def request(value: Any, place: str = "") -> Any:
    """A dataclass of a request as JSON; what is `None` is left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value, place)
    if isinstance(value, Mapping):
        return {_key(key, place): request(one, _below(place, key)) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [request(one, f"{place}[{index}]") for index, one in enumerate(value)]
    return to_json(value, place)


def document(value: Any, place: str) -> dict[str, Any]:
    """A document as JSON, be it a `NewDocument` or a dict with its fields."""
    try:
        return _document(value, place)
    except RecursionError:
        raise InvalidValueError(place, TOO_DEEP) from None


def _document(value: Any, place: str) -> dict[str, Any]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value, place)
    if not isinstance(value, Mapping):
        raise InvalidValueError(place, f"{type(value).__name__} is no document, nor a dict of one")
    return {
        _key(key, place): _part(one, VECTOR_KEYS.get(key), _below(place, key))
        for key, one in value.items()
        if one is not None
    }


def _fields(value: Any, place: str) -> dict[str, Any]:
    written = {}
    for field in dataclasses.fields(value):
        one = getattr(value, field.name)
        if one is not None:
            name = field.metadata.get("name", field.name)
            written[name] = _part(one, field.metadata.get("vector"), _below(place, name))
    return written


def _part(value: Any, vector: str | None, place: str) -> Any:
    if vector == "one":
        return vectors.encode(value, place)
    if vector == "map" and isinstance(value, Mapping):
        return {
            _key(name, place): None if one is None else vectors.encode(one, _below(place, name))
            for name, one in value.items()
        }
    return request(value, place)


def to_json(value: Any, place: str) -> Any:
    """A value of metadata, of a filter or of a field as JSON.

    Dates and times are texts of RFC 3339, UUIDs are texts, members of an enum their values, scalars
    and arrays of numpy Python's own numbers and lists.

    Raises:
        InvalidValueError: It has no meaning in JSON: NaN, an infinity, a set, bytes, an object.
    """
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Enum):
        return to_json(value.value, place)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _finite(float(value), place)
    return _composed(value, place)


def _composed(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {_key(key, place): to_json(one, _below(place, key)) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(one, f"{place}[{index}]") for index, one in enumerate(value)]
    if isinstance(value, (datetime, date)):
        return _moment(value, place)
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "dtype") and getattr(value.dtype, "kind", "O") in "biufU":
        return to_json(value.tolist(), place)
    raise InvalidValueError(place, f"{type(value).__name__} has no meaning in JSON: {value!r:.80}")


def _moment(value: date, place: str) -> str:
    written = value.isoformat()
    # The missing date of pandas is a datetime too.
    if written == "NaT":
        raise InvalidValueError(place, "NaT is no date", hint="leave the key out, or give None")
    return written


def _finite(value: float, place: str) -> float:
    if math.isfinite(value):
        return value
    raise InvalidValueError(place, f"{value} has no meaning in JSON", hint="leave the key out")


def _key(key: Any, place: str) -> str:
    if isinstance(key, str):
        return key
    raise InvalidValueError(place, f"the key {key!r} is no text")


def _below(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)
