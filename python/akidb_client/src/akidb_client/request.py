"""A request before it is sent, and what an answer that is no success says."""

import dataclasses
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from akidb_client import json_reading, json_writing
from akidb_client.error_codes import BY_CODE
from akidb_client.errors import AkiDBError, InvalidValueError, NodeError, NotANodeError, Violation

OLDER_NODE = "the node may be older than this client: compare Client.version()"

HINTS = {
    "unauthenticated": "give api_key=, or set AKIDB_API_KEY",
    "route_not_found": OLDER_NODE,
    "method_not_allowed": OLDER_NODE,
    "unknown_field": OLDER_NODE,
}
"""What a person can do about an error whose message does not say it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of one method to one route.

    Attributes:
        path: The segments of its path, as they are before they are escaped.
        repeatable: Whether sending it twice does the same as sending it once.
        is_import: Whether the body is lines of documents, which has no limit of time.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    is_import: bool = False

    def target(self) -> str:
        """Its path and its query, escaped."""
        for segment in self.path:
            if segment in {"", ".", ".."}:
                raise InvalidValueError("the name", f"{segment!r} can not stand in a path")
        path = "/" + "/".join(quote(segment, safe="") for segment in self.path)
        return f"{path}?{urlencode(self.query)}" if self.query else path


def get(*path: str, query: Mapping[str, str] | None = None) -> Request:
    """A request that reads."""
    return Request("GET", path, query or {}, repeatable=True)


def post(*path: str, body: Any = None, repeatable: bool = False) -> Request:
    """A request with a dataclass, or other JSON, as its body."""
    return with_body("POST", path, body, repeatable=repeatable)


def with_body(
    method: str, path: tuple[str, ...], body: Any, *, repeatable: bool = False
) -> Request:
    """The same of any method."""
    written = None if body is None else json_writing.body(body)
    return Request(method, path, body=written, repeatable=repeatable)


def with_headers(request: Request, headers: Mapping[str, str | None]) -> Request:
    """The same with those headers that have a value."""
    given = {name: value for name, value in headers.items() if value is not None}
    return dataclasses.replace(request, headers={**request.headers, **given})


def is_of_tls(error: BaseException | None) -> bool:
    """Whether no connection was made because of TLS: another protocol, a certificate of nobody."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def failure(status: int, headers: Mapping[str, str], body: bytes) -> AkiDBError:
    """The error of an answer that is no success."""
    if 300 <= status < 400:
        return NotANodeError(
            f"status {status}: the address moves on to {headers.get('location', 'nowhere')!r}",
            hint="a node never does that; give the client the address behind it",
        )
    try:
        answer = json_reading.parse(body)
        return node_error(answer["error"], status, headers, answer.get("request_id"))
    except (NotANodeError, LookupError, TypeError, AttributeError):
        return _of_a_stranger(status, body)


def _of_a_stranger(status: int, body: bytes) -> NotANodeError:
    start = " ".join(body[:120].decode("utf-8", "replace").split())
    return NotANodeError(
        f"status {status} without an error that AkiDB would send; it begins with {start!r}",
        hint="is this the address of a node's REST door? A proxy may answer in its place",
        outcome="unknown",
        # What stands before a node says so while the node is away.
        retryable=status in {502, 503, 504},
    )


def node_error(
    error: Mapping[str, Any],
    status: int = 0,
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> NodeError:
    """The error of the class of its code."""
    code = str(error["code"])
    message, _, hint = str(error.get("message", "")).partition("\nhint: ")
    return BY_CODE.get(code, NodeError)(
        code,
        message,
        status=status,
        violations=tuple(
            Violation(one["field"], one["description"]) for one in error.get("violations", ())
        ),
        hint=hint or HINTS.get(code),
        outcome="not_applied" if error.get("outcome") == "not_applied" else "unknown",
        retryable=error.get("retryable") is True,
        retry_after=_seconds((headers or {}).get("retry-after")),
        request_id=request_id,
    )


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        # A date, which a node never sends.
        return None
