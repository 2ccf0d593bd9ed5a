"""Files of JSON Lines, compressed by gzip where their names end with `.gz`."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

GZIP = ".gz"


def opened(path: Path) -> IO[bytes]:
    """A file that is read."""
    return gzip.open(path, "rb") if path.suffix == GZIP else path.open("rb")  # type: ignore[return-value]


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that is written, and stands at its path when all of it is: half a file never does."""
    part = path.with_name(f"{path.name}.part")
    try:
        with gzip.open(part, "wb") if path.suffix == GZIP else part.open("wb") as file:
            yield file  # type: ignore[misc]
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
