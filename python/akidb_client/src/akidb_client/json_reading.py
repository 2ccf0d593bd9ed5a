"""Answers of the node as dataclasses.

A field that this version does not know is left out, as one of a newer node; one that is missing or
of another type makes the answer a stranger's.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from akidb_client.errors import NotANodeError

T = TypeVar("T")
Read = Callable[[Any, str], Any]

SCALARS: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float)}


def parse(body: bytes) -> Any:
    """The JSON of an answer.

    Raises:
        NotANodeError: It is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        start = body[:60].decode("utf-8", "replace").strip()
        raise NotANodeError(
            f"the answer is no JSON, it begins with {start!r}",
            hint="is this the address of a node's REST door? A proxy may answer in its place",
            outcome="unknown",
        ) from None


def read(kind: type[T], value: Any) -> T:
    """A dataclass of what the node answered.

    Raises:
        NotANodeError: It is not of that shape.
    """
    found: T = reader(typing.cast("Any", kind))(value, "")
    return found


@cache
def reader(kind: Any) -> Read:
    """What reads a value of a type: a dataclass, a list, a dict, a union or a scalar."""
    if kind is Any:
        return lambda value, place: value
    if kind is bool or kind in SCALARS:
        return _scalar(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return _union(arguments)
    if origin is list:
        return _list(arguments[0])
    if origin in {dict, Mapping}:
        return _dict(arguments[1])
    return _dataclass(kind)


def _scalar(kind: Any) -> Read:
    types_of_it: Any = SCALARS.get(kind, (bool,))

    def read_scalar(value: Any, place: str) -> Any:
        is_other = isinstance(value, bool) and kind is not bool
        if is_other or not isinstance(value, types_of_it):
            raise _mismatch(place, kind.__name__, value)
        return float(value) if kind is float else value

    return read_scalar


def _union(kinds: tuple[Any, ...]) -> Read:
    others = [kind for kind in kinds if kind is not type(None)]
    only = reader(others[0]) if len(others) == 1 else None

    def read_union(value: Any, place: str) -> Any:
        if value is None and len(others) < len(kinds):
            return None
        if only is not None:
            return only(value, place)
        if not isinstance(value, (str, int, float)):
            raise _mismatch(place, "a scalar", value)
        return value

    return read_union


def _list(kind: Any) -> Read:
    # A vector has hundreds of values; what json makes of numbers is kept.
    items = None if kind is float else reader(kind)

    def read_list(value: Any, place: str) -> Any:
        if not isinstance(value, list):
            raise _mismatch(place, "a list", value)
        if items is None:
            return value
        return [items(one, f"{place}[{index}]") for index, one in enumerate(value)]

    return read_list


def _dict(kind: Any) -> Read:
    values = reader(kind)

    def read_dict(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(place, "an object", value)
        return {key: values(one, f"{place}.{key}") for key, one in value.items()}

    return read_dict


def _dataclass(kind: Any) -> Read:
    hints = typing.get_type_hints(kind)
    fields = [
        (field.name, field.metadata.get("name", field.name), reader(hints[field.name]))
        for field in dataclasses.fields(kind)
    ]
    needed = {
        name
        for field, (_, name, _) in zip(dataclasses.fields(kind), fields, strict=True)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    def read_dataclass(value: Any, place: str) -> Any:
        if not isinstance(value, dict) or not needed <= value.keys():
            raise _mismatch(place, f"an object with {', '.join(sorted(needed))}", value)
        found = {
            python: read_field(value[name], f"{place}.{name}")
            for python, name, read_field in fields
            if name in value
        }
        return kind(**found)

    return read_dataclass


def _mismatch(place: str, expected: str, found: Any) -> NotANodeError:
    return NotANodeError(
        f"the answer is not as expected: {place or 'it'} is {found!r:.80}, not {expected}",
        hint="the node may be of another version than this client: compare Client.version()",
        outcome="unknown",
    )
