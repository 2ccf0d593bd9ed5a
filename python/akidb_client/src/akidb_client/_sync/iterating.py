"""Iterables that a client that waits takes. Written by hand, unlike its neighbors."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
AnyIterable = Iterable[T]


def each(values: Iterable[T]) -> Iterator[T]:
    """The values of an iterable."""
    return iter(values)
