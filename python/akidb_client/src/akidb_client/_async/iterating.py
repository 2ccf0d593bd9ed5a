"""Iterables that an asynchronous client takes: those of both kinds."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")
AnyIterable = Iterable[T] | AsyncIterable[T]


async def each(values: AnyIterable[T]) -> AsyncIterator[T]:
    """The values of an iterable."""
    if isinstance(values, AsyncIterable):
        async for value in values:
            yield value
    else:
        for value in values:
            yield value
