"""A bar that shows how far something is, where `tqdm` is installed."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """What is told how much more is done."""

    def update(self, count: int) -> object:
        """So many more are done."""


class NoBar:
    """Shows nothing."""

    def update(self, count: int) -> None:
        """Does nothing with it."""


@contextmanager
def bar(shown: bool, total: int | None = None) -> Iterator[Bar]:
    """A bar of `tqdm`, or one that shows nothing."""
    if not shown or importlib.util.find_spec("tqdm") is None:
        yield NoBar()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit="documents") as one:
        yield one
