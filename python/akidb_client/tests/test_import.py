"""Imports: of any iterable, with each bad line for itself, through a restart of the node."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodes import RestartedNode, Stranger

from akidb_client import Client, Collection, ImportResult, LineError, NewDocument, Retries
from akidb_client.errors import ImportInterruptedError, UnreachableError


def test_anything_that_gives_documents_is_imported(films: Collection) -> None:
    def documents() -> Iterator[Any]:
        yield NewDocument(id=1, text="A document.")
        yield {"id": 2, "text": "A dict."}
        yield '{"id": 3, "text": "A line."}\n'
        yield b'{"id": 4, "text": "Bytes."}'

    result = films.import_documents(documents())
    assert (result.documents, result.created, result.failed) == (4, 4, 0)
    assert films.import_documents(documents()).updated == 4


def test_bad_documents_fail_alone_with_their_place(films: Collection) -> None:
    told: list[LineError] = []
    given: list[Any] = [
        {"id": 1, "text": "good"},
        {"id": 2, "text": " "},
        {"id": 3, "text": "b", "metadata": {"x": float("nan")}},
        "no json",
        7,
        '{"id": 4, "text": "a"}\n{"id": 5, "text": "b"}',
        {"id": 6, "text": "good too"},
    ]
    result = films.import_documents(given, on_error=told.append)
    assert (result.documents, result.created, result.failed) == (7, 2, 5)
    assert [one.index for one in told] == [1, 2, 3, 4, 5] == [one.index for one in result.errors]
    assert told[0].error.code == "invalid_text" and "metadata.x" in told[1].error.message


def test_many_batches_are_one_import(client: Client) -> None:
    numbers = client.create_collection("numbers", dimension=1)
    seen: list[int] = []
    result = numbers.import_documents(
        ({"vector": [n + 1.0]} for n in range(2500)),
        key="once",
        on_progress=lambda done: seen.append(done.documents),
        show_progress=True,
    )
    assert seen == [1000, 2000, 2500] and result.created == 2500
    again = numbers.import_documents(({"vector": [n + 1.0]} for n in range(2500)), key="once")
    assert (again.created, again.updated, numbers.count()) == (0, 2500, 2500)
    numbers.import_documents({"vector": [1.0]} for _ in range(2))
    numbers.import_documents(['{"vector": [1.0]}', ' {"vector":[1.0]}', '{"id":null,"vector":[1]}'])
    assert numbers.count() == 2505, "equal documents without an id are several"
    numbers.drop()


def test_files_go_in_and_out(films: Collection, tmp_path: Path) -> None:
    path = tmp_path / "films.jsonl"
    assert films.export_file(path, show_progress=True) == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["id"] == "titanic" and len(lines[0]["vector"]) == 384
    packed = tmp_path / "films.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes() + b"\n\nbroken\n"))
    films.delete_all()
    result = films.import_file(packed)
    assert (result.created, [one.index for one in result.errors]) == (3, [5])
    assert films.get("jaws").metadata == {"year": 1975}


def test_an_import_goes_on_when_the_node_restarts(tmp_path: Path, node_env: dict[str, str]) -> None:
    node = RestartedNode(tmp_path / "data", {**os.environ, **node_env})

    def documents() -> Iterator[dict[str, Any]]:
        for n in range(3000):
            if n == 1500:
                node.kill()
            if n == 1900:
                node.start()
            yield {"vector": [n + 1.0, 1.0]}

    with Client(node.url) as client:
        kept = client.create_collection("kept", dimension=2)
        try:
            assert kept.import_documents(documents()).created == 3000
            assert kept.count() == 3000
        finally:
            node.kill()
        with pytest.raises(UnreachableError) as raised:
            Client(node.url, retries=Retries(attempts_max=1)).version()
        assert raised.value.outcome == "not_applied" and raised.value.retryable


SUMMARY = (
    b'{"summary":{"lines":1,"created":1,"updated":0,"failed":0,"tokens":0,"truncated":0,'
    b'"unknown_tokens":0,"took_ms":1}}\n'
)
SOON = Retries(first_wait_s=0.001)


@pytest.mark.parametrize("line", [b"7", b'{"error":{}}', b'{"line":"x","error":{"code":"a"}}'])
def test_a_strangers_answer_is_no_answer(stranger: Stranger, line: bytes) -> None:
    stranger.says("200 OK", line + b"\n")
    with Client(stranger.url, retries=Retries(attempts_max=1)) as client:
        with pytest.raises(ImportInterruptedError):
            client.collection("a").import_documents([{"vector": [1]}])


def test_an_answer_that_broke_off_is_asked_for_again(stranger: Stranger) -> None:
    stranger.says("200 OK", b"").says("200 OK", SUMMARY)
    with Client(stranger.url, retries=SOON) as client:
        result: ImportResult = client.collection("a").import_documents([{"vector": [1]}])
    assert result.created == 1 and len(stranger.requests) == 2
    bodies = [request.split(b"\r\n\r\n", 1)[1] for request in stranger.requests]
    assert bodies[0] == bodies[1] and b'{"id":"' in bodies[0]


@pytest.mark.parametrize(("mode", "extra"), [("create", {}), (None, {"if_seq": 3})])
def test_what_may_have_been_done_is_not_sent_twice(
    stranger: Stranger, mode: Any, extra: dict[str, Any]
) -> None:
    stranger.says("200 OK", b"")
    with Client(stranger.url, retries=SOON) as client:
        with pytest.raises(ImportInterruptedError) as raised:
            client.collection("a").import_documents([{"vector": [1], **extra}], mode=mode)
        with pytest.raises(UnreachableError):
            stranger.answers[:] = [b""]
            client.collection("a").upsert([{"id": 1, "vector": [1], **extra}], mode=mode)
    assert raised.value.documents == 0 and raised.value.outcome == "unknown"
    assert len(stranger.requests) == 2
