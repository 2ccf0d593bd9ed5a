"""The types that requests and replies share: ids, filters, vectors."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias


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
