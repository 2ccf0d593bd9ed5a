"""Frames as strangers bring them: each cell is stored as what it means, or is refused."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from akidb_client import Client, Collection
from akidb_client.errors import FrameError
from akidb_client.frames import Columns

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


def documents(frame: Any, **columns: Any) -> list[dict[str, Any]]:
    named = {"id": "id", "text": "text", "vector": "vector", "metadata": None, **columns}
    return list(Columns.of(frame, **named).documents())


PANDAS_CELLS: list[tuple[Any, Any]] = [
    (pd.Series([1, None], dtype="Int64"), [1, None]),
    (pd.Series([1, None], dtype="float64"), [1.0, None]),
    (pd.Series([np.float32("nan"), 0.5], dtype="float32"), [None, 0.5]),
    (pd.Series([True, None], dtype="boolean"), [True, None]),
    (pd.Series([True, False]), [True, False]),
    (pd.Series(["a", None]), ["a", None]),
    (pd.Series(["a", pd.NA], dtype="string"), ["a", None]),
    (pd.Series(["a", None], dtype="category"), ["a", None]),
    (pd.Series([1, 2], dtype="category"), [1, 2]),
    (pd.Series([pd.Timestamp("2024-01-31 12:00"), pd.NaT]), ["2024-01-31T12:00:00", None]),
    (
        pd.Series([pd.Timestamp("2024-01-31 12:00:00.000000001", tz="Europe/Berlin"), None]),
        ["2024-01-31T12:00:00.000000001+01:00", None],
    ),
    (pd.Series([dt.date(2024, 1, 31), None]), ["2024-01-31", None]),
    (pd.Series([np.int64(7), np.float64(0.5)], dtype=object), [7, 0.5]),
    (pd.Series([[1, 2], np.array([3])]), [[1, 2], [3]]),
    (pd.Series([{"a": 1, "b": None}, {}]), [{"a": 1}, {}]),
    (pd.Series([2**53 + 1, 1], dtype="uint64"), [2**53 + 1, 1]),
]


@pytest.mark.parametrize(("column", "meaning"), PANDAS_CELLS, ids=lambda one: str(one)[:30])
def test_cells_of_pandas_are_what_they_mean(column: Any, meaning: list[Any]) -> None:
    frame = pd.DataFrame({"text": ["one", "two"], "cell": column})
    frame.index = [7, 7]  # a stranger's index says nothing
    found = [one.get("metadata", {}).get("cell") for one in documents(frame)]
    assert found == meaning
    assert [type(one) for one in found] == [type(one) for one in meaning]


POLARS_CELLS: list[tuple[Any, Any]] = [
    (pl.Series([1, None], dtype=pl.Int64), [1, None]),
    (pl.Series([0.5, None], dtype=pl.Float32), [0.5, None]),
    (pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
    (pl.Series(["a", None], dtype=pl.Enum(["a"])), ["a", None]),
    (pl.Series([True, None]), [True, None]),
    (pl.Series([dt.datetime(2024, 1, 31, 12), None]), ["2024-01-31T12:00:00", None]),
    (pl.Series([dt.date(2024, 1, 31), None]), ["2024-01-31", None]),
    (pl.Series([[1, 2], None]), [[1, 2], None]),
    (pl.Series([{"a": 1, "b": None}, None]), [{"a": 1}, None]),
]


@pytest.mark.parametrize(("column", "meaning"), POLARS_CELLS, ids=lambda one: str(one)[:30])
def test_cells_of_polars_are_what_they_mean(column: Any, meaning: list[Any]) -> None:
    frame = pl.DataFrame({"text": ["one", "two"], "cell": column})
    assert [one.get("metadata", {}).get("cell") for one in documents(frame)] == meaning


@pytest.mark.parametrize(
    "bad",
    [
        float("inf"),
        Decimal("1.1"),
        dt.timedelta(1),
        dt.time(1),
        b"bytes",
        {1, 2},
        object(),
        1j,
        [1, float("nan")],
    ],
    ids=str,
)
def test_cells_without_a_meaning_are_refused_with_their_place(bad: Any) -> None:
    frame = pd.DataFrame({"text": ["one", "two"], "cell": pd.Series(["fine", bad], dtype=object)})
    with pytest.raises(FrameError) as raised:
        documents(frame)
    assert (raised.value.row, raised.value.column) == (1, "cell")
    assert "row 1, column 'cell'" in str(raised.value)


def test_other_cells_of_either_kind_are_refused() -> None:
    for frame, row, column in [
        (pd.DataFrame({"text": ["a"], "t": [pd.Timedelta(1)]}), 0, "t"),
        (pd.DataFrame({"text": ["a"], "t": [pd.Period("2024")]}), 0, "t"),
        (pd.DataFrame({"text": ["a", 5]}), 1, "text"),
        (pd.DataFrame({"id": [1, None], "text": ["a", "b"]}), 0, "id"),
        (pd.DataFrame({"id": ["a", None], "text": ["a", "b"]}), 1, "id"),
        (pd.DataFrame({"id": [True], "text": ["a"]}), 0, "id"),
        (pd.DataFrame({"vector": [[1.0], [float("nan")]]}), 1, "vector"),
        (pd.DataFrame({"vector": [[1.0], "b"]}), 1, "vector"),
        (pl.DataFrame({"text": ["a"], "x": [float("nan")]}), 0, "x"),
        (pl.DataFrame({"text": ["a"], "t": [dt.timedelta(1)]}), 0, "t"),
        (pl.DataFrame({"text": ["a"], "t": pl.Series([1], dtype=pl.Datetime("ns"))}), 0, "t"),
    ]:
        with pytest.raises(FrameError) as raised:
            documents(frame)
        assert (raised.value.row, raised.value.column) == (row, column)


def test_columns_are_checked() -> None:
    twice = pd.DataFrame([["a", "b"]], columns=["text", "text"])
    for frame, columns in [
        (twice, {}),
        (pd.DataFrame({0: ["a"], "text": ["b"]}), {}),
        (pd.DataFrame({"blurb": ["a"]}), {}),
        (pd.DataFrame({"text": ["a"]}), {"metadata": ["none"]}),
        (pl.DataFrame({"text": ["a"]}).lazy(), {}),
        ([{"text": "a"}], {}),
    ]:
        with pytest.raises(FrameError):
            documents(frame, **columns)


def test_frames_go_in_and_out(client: Client, films: Collection) -> None:
    frame = pd.DataFrame(
        {
            "isbn": pd.Series([7, 8], dtype="Int64"),
            "blurb": ["A captain hunts a whale.", "A man is on an island."],
            "year": pd.Series([1851, None], dtype="Int64"),
        }
    )
    books = client.create_collection("books")
    named: dict[str, Any] = {"id": "isbn", "text": "blurb", "metadata": {"year": "published"}}
    assert books.import_frame(frame, **named).created == 2
    assert books.import_frame(pl.from_pandas(frame), **named).updated == 2
    out = books.to_pandas()
    assert list(out["id"]) == [7, 8] and str(out["published"].dtype) == "Int64"
    assert out["published"].isna().tolist() == [False, True]
    both = books.to_polars(include=["text", "vector"])
    assert both.columns == ["id", "text", "vector"] and len(both["vector"][0]) == 384
    assert books.import_frame(both).updated == 2
    assert list(books.to_pandas(filter={"published": 0}).columns) == ["id"]
    # More than are sent at once, so that some would be stored before the last one is looked at.
    many = range(1001)
    bad = pd.DataFrame({"id": many, "text": "new", "x": [*[1.0] * 1000, float("inf")]})
    with pytest.raises(FrameError):
        films.import_frame(bad)
    assert films.count() == 3, "nothing is sent of a frame with a bad cell"
    books.drop()
