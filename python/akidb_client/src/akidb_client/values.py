"""The types that requests and replies share: ids, filters, vectors."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from akidb_client.errors import InvalidValueError

T = TypeVar("T")


class Array(Protocol):
    """What numpy's arrays, and those of other libraries, have in common."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its axes."""

    def tolist(self) -> Any:
        """Its values as lists of Python's own numbers."""


DocumentId: TypeAlias = str | int
"""A string of 1 to 512 bytes or an integer of 64 bits; `5` and `"5"` are different ids."""

Filter: TypeAlias = Mapping[str, Any]
"""A condition on metadata, text or id: `{"year": {"$gte": 2000}}`. See the guide on filters."""

Vector: TypeAlias = Sequence[float] | Array
"""`[dimension]` finite numbers, as a sequence or an array; they are sent as 32-bit floats."""


def listed(values: Iterable[T], place: str) -> list[T]:
    """The values of an iterable, where it is not one value that Python would take apart.

    Raises:
        InvalidValueError: It is one text or one dict, or nothing that can be iterated.
    """
    return list(several(values, place))


def several(values: Any, place: str) -> Any:
    """The iterable itself, checked in the same way, and not read.

    Raises:
        InvalidValueError: As of `listed`.
    """
    is_iterable = hasattr(values, "__iter__") or hasattr(values, "__aiter__")
    if isinstance(values, (str, bytes, Mapping)) or not is_iterable:
        kind = type(values).__name__
        raise InvalidValueError(place, f"{kind} is one value", hint="give a list of them")
    return values


def checked_id(id: Any, place: str) -> str | int:
    """An id, where it is one: a text, or an integer of Python, numpy or another library.

    Raises:
        InvalidValueError: It is none.
    """
    if isinstance(id, str):
        return str(id)
    try:
        number = None if isinstance(id, bool) else operator.index(id)
    except TypeError:
        number = None
    if number is None:
        raise InvalidValueError(place, f"{type(id).__name__} is no id: a text or an integer is")
    return number
