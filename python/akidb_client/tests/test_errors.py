"""Whatever goes wrong is an error of this package, and is tried again only where that may help."""

import gzip
import pickle
from typing import Any

import pytest
from nodes import Stranger

from akidb_client import NO_RETRIES, AkiDBError, Client, Retries, error_codes
from akidb_client.errors import (
    AnswerTooLargeError,
    InvalidValueError,
    NodeError,
    NotANodeError,
    RequestTimeoutError,
    UnreachableError,
)

SOON = Retries(first_wait_s=0.001, wait_max_s=0.01)
VERSION = b'{"name":"akidb","version":"0.1.0"}'


def busy(code: str, outcome: str = "not_applied") -> bytes:
    return (
        f'{{"error":{{"code":"{code}","message":"busy","retryable":true,"outcome":"{outcome}"}},'
        f'"request_id":"r-1"}}'
    ).encode()


def test_a_busy_node_is_waited_for(stranger: Stranger) -> None:
    stranger.says("429 Too Many Requests", busy("queue_full"), "retry-after: 1")
    stranger.says("503 Service Unavailable", busy("overloaded"))
    stranger.says("200 OK", VERSION)
    with Client(stranger.url, retries=SOON) as client:
        assert client.version().version == "0.1.0"
    assert len(stranger.requests) == 3


def test_a_busy_nodes_error_says_all_that_it_said(stranger: Stranger) -> None:
    stranger.says("429 Too Many Requests", busy("queue_full"), "retry-after: 7")
    with Client(stranger.url, retries=NO_RETRIES) as client:
        with pytest.raises(error_codes.QueueFullError) as raised:
            client.version()
    error = raised.value
    assert (error.code, error.status, error.retry_after) == ("queue_full", 429, 7.0)
    assert error.retryable and error.outcome == "not_applied" and error.request_id == "r-1"


@pytest.mark.parametrize(
    ("outcome", "sent"), [("not_applied", 4), ("unknown", 1)], ids=["refused", "unknown"]
)
def test_a_write_is_sent_again_where_nothing_was_changed(
    stranger: Stranger, outcome: str, sent: int
) -> None:
    stranger.says("504 Gateway Timeout", busy("deadline_exceeded", outcome))
    with Client(stranger.url, retries=SOON) as client:
        with pytest.raises(error_codes.DeadlineExceededError):
            client.create_collection("a")
    assert len(stranger.requests) == sent


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (("200 OK", b"<html>hello</html>"), NotANodeError, "no JSON"),
        (("502 Bad Gateway", b"<html>bad gateway</html>"), NotANodeError, "502"),
        (("404 Not Found", b"<html>nothing here</html>"), NotANodeError, "404"),
        (("301 Moved", b"", "location: https://elsewhere/"), NotANodeError, "elsewhere"),
        (("200 OK", b'{"name": 5, "version": "1"}'), NotANodeError, ".name is 5"),
        (("200 OK", b"[]"), NotANodeError, "not as expected"),
        (("200 OK", b"[" * 100_000), NotANodeError, "no JSON"),
        (("200 OK", b"\xff\xfe"), NotANodeError, "no JSON"),
        (("200 OK", b"\x1f\x8bbroken", "content-encoding: gzip"), NotANodeError, "can not be read"),
        (("500 Oh", b'{"error": "oops"}'), NotANodeError, "500"),
        (("500 Oh", b'{"error": {"code": "new_one", "message": "m"}}'), NodeError, "new_one: m"),
    ],
)
def test_strangers_are_not_taken_for_a_node(
    stranger: Stranger, answer: Any, kind: type[AkiDBError], said: str
) -> None:
    stranger.says(*answer)
    with Client(stranger.url, retries=SOON) as client, pytest.raises(kind) as raised:
        client.version()
    assert said in str(raised.value) and type(raised.value) is kind


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal",
        b"not http at all\r\n\r\n",
    ],
)
def test_half_an_answer_is_none(stranger: Stranger, answer: bytes) -> None:
    stranger.sends(answer)
    with Client(stranger.url, retries=SOON) as client:
        with pytest.raises(UnreachableError) as raised:
            client.version()
        assert raised.value.outcome == "unknown" and len(stranger.requests) == 4
        with pytest.raises(UnreachableError):
            client.create_collection("a")
    assert len(stranger.requests) == 5, "a write whose answer is lost is not sent again"


def test_an_answer_may_not_be_too_large(stranger: Stranger) -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    stranger.says("200 OK", bomb, "content-encoding: gzip")
    with Client(stranger.url, answer_bytes_max=100_000) as client:
        with pytest.raises(AnswerTooLargeError):
            client.version()


def test_a_request_has_its_time(client: Client, stranger: Stranger) -> None:
    stranger.sends(b"")
    with Client("http://127.0.0.1:1", timeout=0.2, retries=SOON) as dead:
        with pytest.raises(UnreachableError) as raised:
            dead.version()
        assert "akidb serve" in (raised.value.hint or "")
    with Client(client.url, timeout=30) as patient:
        assert patient.version().name == "akidb"
    with Client(stranger.url, timeout=30) as asked, pytest.raises(UnreachableError):
        asked.create_collection("a")
    assert b"x-request-timeout-ms: 29" in stranger.requests[0].lower()


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("akidb_client._sync.transport.GRACE_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.05) as client, pytest.raises(RequestTimeoutError) as raised:
            client.version()
    assert raised.value.outcome == "unknown"


def test_an_older_node_is_named_as_such(client: Client) -> None:
    from akidb_client import request
    from akidb_client.models import Version

    with pytest.raises(error_codes.RouteNotFoundError) as raised:
        client._transport.send(request.get("v1", "of-a-newer-node"), Version)
    assert "older" in (raised.value.hint or "")


def test_arguments_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("./data", "ftp://a", "http://", "127.0.0.1:8080", "http://a:b", "http://a/?b"):
        with pytest.raises(InvalidValueError):
            Client(wrong)
    for arguments in (
        {"url": "http://a", "path": "b"},
        {"api_key": "two words"},
        {"api_key": ""},
        {"binary": "akidb"},
        {"ca": "/not/there.pem"},
    ):
        with pytest.raises(InvalidValueError):
            Client(**arguments)  # type: ignore[arg-type]
    monkeypatch.setenv("AKIDB_API_KEY", "of-the-environment")
    assert Client()._transport.settings.api_key == "of-the-environment"
    own = Client(api_key="own-secret")._transport.settings
    assert own.api_key == "own-secret" and "own-secret" not in repr(own)


def test_errors_can_be_sent_between_processes() -> None:
    error = error_codes.QueueFullError("queue_full", "busy", status=429, retry_after=1.0)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 (it is our own)
    assert str(copy) == str(error) and copy.retry_after == 1.0 and copy.code == "queue_full"
