"""What a caller gets wrong is said, and not taken for something else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from akidb_client import NO_RETRIES, Client, Collection, Retries, error_codes
from akidb_client.errors import ClientClosedError, FrameError, InvalidValueError, UnreachableError

ONE: Any = "abc"
"""One text, which Python would take apart into letters."""


@pytest.mark.parametrize(
    "ask",
    [
        lambda films, client: client.embed(ONE),
        lambda films, client: client.rerank("q", ONE, model="none"),
        lambda films, client: films.get("jaws", include="text"),
        lambda films, client: films.get_many(ONE),
        lambda films, client: films.delete(ONE),
        lambda films, client: films.delete(5),
        lambda films, client: films.facets("year"),
        lambda films, client: films.upsert({"id": "a", "text": "one document"}),
        lambda films, client: films.search_batch(ONE),
        lambda films, client: films.import_documents('{"id": "a", "text": "one line"}'),
        lambda films, client: films.import_documents({"id": "a", "text": "one document"}),
    ],
)
def test_one_value_is_not_taken_for_many(
    films: Collection, client: Client, ask: Callable[[Collection, Client], object]
) -> None:
    with pytest.raises(InvalidValueError, match="is one value"):
        ask(films, client)
    assert films.count() == 3


def test_what_has_no_end_is_refused(films: Collection) -> None:
    endless: dict[str, Any] = {}
    endless["in"] = endless
    with pytest.raises(InvalidValueError, match=r"documents\[0\]: it is nested"):
        films.upsert([{"id": "a", "text": "b", "metadata": endless}])
    with pytest.raises(InvalidValueError, match="within itself"):
        films.count(endless)
    result = films.import_documents([{"id": "a", "text": "b", "metadata": endless}])
    assert (result.failed, result.errors[0].index) == (1, 0)


def test_a_closed_client_says_so(client: Client) -> None:
    other = Client(client.url)
    other.close()
    other.close()
    with pytest.raises(ClientClosedError):
        other.version()


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_timeout_is_some_seconds(timeout: Any) -> None:
    with pytest.raises(InvalidValueError, match="timeout"):
        Client(timeout=timeout)


def test_retries_send_at_least_once_and_wait() -> None:
    for wrong in ({"attempts_max": 0}, {"first_wait_s": -1.0}, {"wait_max_s": float("nan")}):
        with pytest.raises(InvalidValueError, match=next(iter(wrong))):
            Retries(**wrong)


def test_an_address_is_nothing_but_one() -> None:
    for wrong in ("", "http://a/?b=c", "http://a/#b"):
        with pytest.raises(InvalidValueError, match="url"):
            Client(wrong)
    with pytest.raises(InvalidValueError, match="url") as raised:
        Client("http://me:secret@a")
    assert "secret" not in str(raised.value)


def test_a_node_without_tls_is_not_asked_again_by_tls(client: Client) -> None:
    url = client.url.replace("http:", "https:")
    with Client(url, retries=NO_RETRIES) as other:
        with pytest.raises(UnreachableError) as raised:
            other.version()
    assert "TLS" in (raised.value.hint or "")
    assert (raised.value.retryable, raised.value.outcome) == (False, "not_applied")


def test_an_import_that_never_began_has_the_nodes_own_error(client: Client) -> None:
    with pytest.raises(error_codes.CollectionNotFoundError):
        client.collection("not-there").import_documents([{"id": 1, "text": "a"}])


def test_ids_of_numpy_are_integers(films: Collection) -> None:
    films.upsert([{"id": np.int64(7), "text": "a"}])
    assert films.get(7).id == films.get(np.int64(7)).id == 7  # type: ignore[arg-type]
    for wrong in (1.0, True, None):
        with pytest.raises(InvalidValueError, match="id"):
            films.get(wrong)  # type: ignore[arg-type]


def test_a_column_of_polars_is_a_vector(client: Client) -> None:
    own = client.get_or_create_collection("columns", dimension=3)
    for series in (pl.Series([1.0, 2.0, 3.0]), pd.Series([1.0, 2.0, 3.0])):
        own.upsert([{"id": 1, "vector": series}])
        assert own.get(1, include=["vector"]).vector == [1.0, 2.0, 3.0]
    with pytest.raises(InvalidValueError, match=r"vector\[1\]: NoneType is no number"):
        own.upsert([{"id": 1, "vector": pl.Series([1.0, None, 3.0])}])
    own.drop()


def test_a_column_that_was_asked_for_must_be_there(films: Collection) -> None:
    frame = pd.DataFrame({"isbn": ["a"], "text": ["b"]})
    with pytest.raises(FrameError, match="column 'isnb': the frame has no such column"):
        films.import_frame(frame, id="isnb")
    assert films.import_frame(frame).created == 1


def test_compressed_files_go_in_and_out(films: Collection, tmp_path: Path) -> None:
    path = tmp_path / "films.jsonl.gz"
    assert films.export_file(path) == 3
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert films.import_file(path).updated == 3


def test_half_an_export_replaces_nothing(
    films: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "films.jsonl"
    films.export_file(path)
    whole = path.read_bytes()
    monkeypatch.setattr("akidb_client.frames.exported", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        films.export_file(path)
    assert [path.read_bytes(), list(tmp_path.iterdir())] == [whole, [path]]
