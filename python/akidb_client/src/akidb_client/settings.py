"""How a client speaks to its node."""

import math
import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from akidb_client.errors import InvalidValueError
from akidb_client.request import Request
from akidb_client.retries import PATIENT, Retries

VERSION = "0.1.0"
DEFAULT_URL = "http://127.0.0.1:8080"
ANSWER_BYTES_MAX = 256 << 20
GRACE_S = 2.0
"""What the node may be late by before its own `deadline_exceeded` is no longer waited for."""

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0)
"""A node closes a connection that has been idle for 10 s; a request sent then would be lost."""

SILENCE = httpx.Timeout(connect=5.0, read=300.0, write=300.0, pool=300.0)
"""A node answers within its own `server.request_timeout_ms`; this only ends a silence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What `Client` and `AsyncClient` are made of, checked."""

    url: str
    api_key: str | None = field(repr=False)
    tls: ssl.SSLContext | bool
    timeout_s: float | None
    retries: Retries
    answer_bytes_max: int

    def retries_of(self, sent: Request) -> Retries:
        """Those of the client; an import has the patience that a restart of the node needs."""
        is_patient = sent.is_import and self.retries.attempts_max > 1
        if not is_patient:
            return self.retries
        return max(self.retries, PATIENT, key=lambda retries: retries.attempts_max)

    def headers(self) -> dict[str, str]:
        """What each request shows."""
        headers = {"user-agent": f"akidb-client-python/{VERSION}"}
        if self.api_key is not None:
            headers["authorization"] = f"Bearer {self.api_key}"
        return headers


def checked_url(url: str) -> str:
    """The address of a node.

    Raises:
        InvalidValueError: It is not one of HTTP.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise InvalidValueError("url", f"{url!r} is no URL") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidValueError(
            "url",
            f"{url!r} does not start with http:// or https://",
            hint="a data directory is given by its name: Client(path=..)",
        )
    if parsed.userinfo:
        # It would stand in errors and logs.
        raise InvalidValueError("url", "it has a user or a password", hint="a key is api_key=")
    if parsed.query or parsed.fragment:
        raise InvalidValueError("url", f"{url!r} has more than an address: ? or #")
    return url.rstrip("/")


def checked_timeout(timeout: float | None) -> float | None:
    """The seconds that a request may take.

    Raises:
        InvalidValueError: It is no number of seconds above 0.
    """
    if timeout is None:
        return None
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not is_number or not 0 < timeout < math.inf:
        raise InvalidValueError("timeout", f"{timeout!r} is no number of seconds above 0")
    return float(timeout)


def checked_key(api_key: str | None) -> str | None:
    """The key that is given, or that of `AKIDB_API_KEY`.

    Raises:
        InvalidValueError: It can not be sent as one.
    """
    key = api_key if api_key is not None else os.environ.get("AKIDB_API_KEY") or None
    if key is not None and not re.fullmatch(r"[!-~]+", key):
        raise InvalidValueError("api_key", "a key is visible ASCII without blanks, and not empty")
    return key


def tls(ca: str | Path | None, *, verify: bool) -> ssl.SSLContext | bool:
    """How certificates are checked: by those of the system, by those of a file, or not at all.

    Raises:
        InvalidValueError: The file can not be read as certificates.
    """
    if ca is None or not verify:
        return verify
    try:
        return ssl.create_default_context(cafile=str(ca))
    except OSError as error:
        raise InvalidValueError("ca", f"{ca} can not be read as certificates: {error}") from None
