"""Data frames of pandas and polars: rows as documents, and documents as rows.

Both are asked for by their own means alone, and neither is needed to import this package.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from akidb_client import json_writing, vectors
from akidb_client.errors import FrameError, InvalidValueError
from akidb_client.models import Document

OWN = ("id", "text", "vector", "expires_at")
"""Columns of a frame of documents that are no metadata."""


def is_polars(frame: Any) -> bool:
    """Whether a frame is one of polars.

    Raises:
        FrameError: It is none of pandas either.
    """
    kind = type(frame)
    package = kind.__module__.split(".")[0]
    if kind.__name__ != "DataFrame" or package not in {"pandas", "polars"}:
        hint = "call .collect() first" if kind.__name__ == "LazyFrame" else None
        raise FrameError(
            None, "", f"{kind.__name__} is no DataFrame of pandas or polars", hint=hint
        )
    return package == "polars"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a frame become which parts of documents."""

    frame: Any
    polars: bool
    id: str | None
    text: str | None
    vector: str | None
    metadata: Mapping[str, str]

    @classmethod
    def of(
        cls,
        frame: Any,
        *,
        id: str | None,
        text: str | None,
        vector: str | None,
        metadata: Sequence[str] | Mapping[str, str] | None,
    ) -> "Columns":
        """Finds the columns.

        Raises:
            FrameError: A column that is asked for is not there, or stands twice, or has no text as
                its name.
        """
        polars = is_polars(frame)
        names = list(frame.columns)
        for name in names:
            if not isinstance(name, str):
                raise FrameError(None, str(name), "the column's name is no text")
            if names.count(name) > 1:
                raise FrameError(None, name, "the column stands twice in the frame")
        own = [one for one in (id, text, vector) if one is not None]
        if metadata is None:
            metadata = [one for one in names if one not in own]
        keys = metadata if isinstance(metadata, Mapping) else {one: one for one in metadata}
        for name in keys:
            if name not in names:
                raise FrameError(None, name, "the frame has no such column")
        for name, usual in zip((id, text, vector), OWN, strict=False):
            # The usual ones need not be there, others were asked for.
            if name not in (None, usual, *names):
                raise FrameError(None, str(name), "the frame has no such column")
        found = [one if one in names else None for one in (id, text, vector)]
        if found[1] is None and found[2] is None:
            raise FrameError(
                None,
                str(text),
                "the frame has no column of texts and none of vectors",
                hint=f"name it: text=.. or vector=.., of {', '.join(names[:20])}",
            )
        return cls(frame, polars, found[0], found[1], found[2], keys)

    def check(self) -> None:
        """Looks at all cells, so that nothing is sent of a frame that has a bad one."""
        for _ in self.documents():
            pass

    def documents(self) -> Iterator[dict[str, Any]]:
        """The documents, a row each."""
        own = [one for one in (self.id, self.text, self.vector) if one is not None]
        used = list(dict.fromkeys([*own, *self.metadata]))
        if self.polars:
            self._refuse_lost_nanoseconds(used)
        rows = self.frame.select(used).iter_rows() if self.polars else self._rows_of_pandas(used)
        for row, cells in enumerate(rows):
            yield self._document(row, dict(zip(used, cells, strict=True)))

    def _rows_of_pandas(self, used: list[str]) -> Iterator[tuple[Any, ...]]:
        # Iterated by column, as a row of several types would have lost them.
        return zip(*(iter(self.frame[name].array) for name in used), strict=True)

    def _refuse_lost_nanoseconds(self, used: list[str]) -> None:
        """Refuses what Python's own datetime, which polars gives, would cut off."""
        for name in used:
            column = self.frame[name]
            if getattr(column.dtype, "time_unit", None) != "ns" or not hasattr(column.dt, "year"):
                continue
            if str(column.dtype).startswith("Datetime"):
                lost = (column.dt.nanosecond() % 1000 != 0).arg_true()
                if len(lost):
                    raise FrameError(
                        int(lost[0]),
                        name,
                        "the time has nanoseconds, which would be lost",
                        hint='cut them off: .dt.cast_time_unit("us"), or make texts of them',
                    )

    def _document(self, row: int, cells: dict[str, Any]) -> dict[str, Any]:
        document: dict[str, Any] = {}
        if self.id is not None:
            document["id"] = _id(cells[self.id], row, self.id)
        if self.text is not None and not self._is_missing(cells[self.text]):
            document["text"] = _text(cells[self.text], row, self.text)
        if self.vector is not None and not self._is_missing(cells[self.vector]):
            document["vector"] = _vector(cells[self.vector], row, self.vector)
        metadata = {
            key: self._value(cells[name], row, name)
            for name, key in self.metadata.items()
            if not self._is_missing(cells[name])
        }
        if metadata:
            document["metadata"] = metadata
        return document

    def _is_missing(self, cell: Any) -> bool:
        """Whether a cell is one without a value; NaN is one in pandas alone."""
        if cell is None or type(cell).__name__ in {"NAType", "NaTType"}:
            return True
        return not self.polars and _is_nan(cell)

    def _value(self, cell: Any, row: int, column: str) -> Any:
        if isinstance(cell, Mapping):
            return {
                key: self._value(one, row, f"{column}.{key}")
                for key, one in cell.items()
                if not self._is_missing(one)
            }
        if hasattr(cell, "to_list") and not hasattr(cell, "isoformat"):
            cell = cell.to_list()
        try:
            return json_writing.to_json(cell, column)
        except InvalidValueError as error:
            wrong = error.message.removeprefix(f"{error.place}: ")
            raise FrameError(row, column, wrong, hint=_hint(cell)) from None


def _is_nan(cell: Any) -> bool:
    # A scalar of numpy is a float only where it has 64 bits.
    kind = getattr(getattr(cell, "dtype", None), "kind", "")
    is_scalar = isinstance(cell, float) or (kind == "f" and getattr(cell, "shape", None) == ())
    return is_scalar and math.isnan(cell)


def _hint(cell: Any) -> str | None:
    name = type(cell).__name__
    if name == "Decimal":
        return "say what is meant: a float, or a text"
    if isinstance(cell, float):
        return "make it a missing one, such as by .fill_nan(None)"
    if name in {"timedelta", "Timedelta", "timedelta64", "time", "Period", "Interval"}:
        return "say what is meant: a number of seconds, or a text"
    return None


def _id(cell: Any, row: int, column: str) -> str | int:
    value = cell.item() if hasattr(cell, "item") and getattr(cell, "shape", None) == () else cell
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    hint = None
    if isinstance(value, float):
        hint = "pandas makes floats of integers where some are missing: .astype('Int64')"
    raise FrameError(row, column, f"{cell!r:.80} is no id: a text or an integer is", hint=hint)


def _text(cell: Any, row: int, column: str) -> str:
    if isinstance(cell, str):
        return str(cell)
    raise FrameError(row, column, f"{cell!r:.80} is no text")


def _vector(cell: Any, row: int, column: str) -> list[float]:
    values = cell.to_list() if hasattr(cell, "to_list") else cell
    try:
        return vectors.floats(values, "vector").tolist()
    except InvalidValueError as error:
        raise FrameError(row, column, error.message.removeprefix("vector: ")) from None


def row_of(document: Document) -> dict[str, Any]:
    """A document as a row of a frame."""
    row: dict[str, Any] = {"id": document.id}
    for name in OWN[1:]:
        value = getattr(document, name)
        if value is not None:
            row[name] = value
    for key, value in (document.metadata or {}).items():
        row[f"metadata.{key}" if key in OWN else key] = value
    return row


def to_pandas(documents: Sequence[Document]) -> Any:
    """Documents as a `pandas.DataFrame`; what a document lacks is missing in its row."""
    import pandas as pd

    rows = [row_of(one) for one in documents]
    columns = {name: [row.get(name) for row in rows] for name in _names(rows)}
    return pd.DataFrame({name: _column(pd, values) for name, values in columns.items()})


NULLABLE = {int: "Int64", bool: "boolean"}
"""Types of pandas that hold these and missing values, where its usual ones would make floats."""


def _column(pd: Any, values: list[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    nullable = NULLABLE.get(next(iter(kinds))) if len(kinds) == 1 else None
    if nullable is not None and None in values:
        return pd.array(values, dtype=nullable)
    return pd.Series(values, dtype=object).infer_objects()


def to_polars(documents: Sequence[Document]) -> Any:
    """Documents as a `polars.DataFrame`; a column of mixed types holds objects."""
    import polars as pl

    rows = [row_of(one) for one in documents]
    columns = {name: [row.get(name) for row in rows] for name in _names(rows)}
    return pl.DataFrame([_series(pl, name, values) for name, values in columns.items()])


def _series(pl: Any, name: str, values: list[Any]) -> Any:
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(name, values, dtype=pl.Object)


def _names(rows: list[dict[str, Any]]) -> list[str]:
    own = [name for name in OWN if any(name in row for row in rows)]
    others = dict.fromkeys(name for row in rows for name in row if name not in OWN)
    return [*(own or ["id"]), *others]


def exported(document: Document) -> dict[str, Any]:
    """A document as an import takes it. Passages are made again of the text."""
    written: dict[str, Any] = {"id": document.id}
    for name in ("text", "metadata", "vector", "texts", "vectors", "expires_at"):
        value = getattr(document, name)
        if value is not None and value != {}:
            written[name] = value
    return written
