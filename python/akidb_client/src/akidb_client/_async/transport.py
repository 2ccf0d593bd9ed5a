"""Sending a request: with its time, its attempts and its limits."""

import asyncio
import time
from typing import TypeVar

import httpx

from akidb_client import json_reading, request
from akidb_client.errors import (
    AkiDBError,
    AnswerTooLargeError,
    ClientClosedError,
    InvalidValueError,
    NotANodeError,
    RequestTimeoutError,
    UnreachableError,
)
from akidb_client.request import Request
from akidb_client.settings import GRACE_S, LIMITS, SILENCE, Settings

T = TypeVar("T")

REFUSED_HINT = "is a node running there? `akidb serve` starts one"
LOOP_HINT = "an asynchronous client is for one event loop: make one in each"
TLS_HINT = "does it speak TLS? Then ca= names the certificates that its own is checked by"


class AsyncTransport:
    """The connections to one node."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Proxies of the environment are for other hosts, and redirects would show a key to them.
        self._http = httpx.AsyncClient(
            headers=settings.headers(),
            limits=LIMITS,
            timeout=SILENCE,
            trust_env=False,
            verify=settings.tls,
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._http.aclose()

    async def send(self, sent: Request, kind: type[T]) -> T:
        """Sends a request and reads its answer as a dataclass."""
        return json_reading.read(kind, json_reading.parse(await self.send_for_bytes(sent)))

    async def send_for_bytes(self, sent: Request) -> bytes:
        """Sends a request, as often as it may be, and answers the body of its success."""
        timeout_s = None if sent.is_import else self.settings.timeout_s
        until = None if timeout_s is None else time.monotonic() + timeout_s
        attempt = 0
        while True:
            try:
                status, headers, body = await self.attempt(sent, until)
                if 200 <= status < 300:
                    return body
                error = request.failure(status, headers, body)
            except AkiDBError as failed:
                error = failed
            wait_s = self.settings.retries_of(sent).wait_s(
                attempt, error, repeatable=sent.repeatable
            )
            if wait_s is None or (until is not None and time.monotonic() + wait_s >= until):
                raise error
            await asyncio.sleep(wait_s)
            attempt += 1

    async def attempt(
        self, sent: Request, until: float | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Sends it once and answers what came back, be it a success or not."""
        target = sent.target()
        if self._http.is_closed:
            raise ClientClosedError("the client is closed", hint="make another one")
        try:
            return await self._exchange(sent, target, until)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._unreachable(error, refused=True) from error
        except httpx.TimeoutException as error:
            raise self._timed_out() from error
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise InvalidValueError("the request", f"it can not be sent: {error}") from error
        except httpx.DecodingError as error:
            raise NotANodeError(
                f"the answer can not be read: {error}", outcome="unknown"
            ) from error
        except httpx.HTTPError as error:
            raise self._unreachable(error, refused=False) from error
        except RuntimeError as error:
            # A connection belongs to the event loop that opened it.
            message = f"no answer from {self.settings.url}: {error}"
            raise UnreachableError(message, hint=LOOP_HINT, outcome="unknown") from error

    async def _exchange(
        self, sent: Request, target: str, until: float | None
    ) -> tuple[int, dict[str, str], bytes]:
        headers = dict(sent.headers)
        if sent.body is not None:
            headers.setdefault("content-type", "application/json")
        timeout = SILENCE
        if until is not None:
            left_s = max(until - time.monotonic(), 0.001)
            headers["x-request-timeout-ms"] = str(max(int(left_s * 1000), 1))
            timeout = httpx.Timeout(left_s + GRACE_S, connect=min(left_s, 5.0))
        async with self._http.stream(
            sent.method,
            self.settings.url + target,
            content=sent.body,
            headers=headers,
            timeout=timeout,
        ) as response:
            body = await self._read(response, until)
            found = {name.lower(): value for name, value in response.headers.items()}
            return response.status_code, found, body

    async def _read(self, response: httpx.Response, until: float | None) -> bytes:
        body = bytearray()
        limit = self.settings.answer_bytes_max
        async for chunk in response.aiter_bytes():
            if len(body) + len(chunk) > limit:
                raise AnswerTooLargeError(
                    f"the answer has more than {limit} bytes", outcome="unknown"
                )
            if until is not None and time.monotonic() > until + GRACE_S:
                raise self._timed_out()
            body += chunk
        return bytes(body)

    def _timed_out(self) -> RequestTimeoutError:
        within = self.settings.timeout_s or SILENCE.read
        message = f"no answer from {self.settings.url} within {within} s"
        return RequestTimeoutError(message, outcome="unknown")

    def _unreachable(self, error: Exception, *, refused: bool) -> UnreachableError:
        message = f"no answer from {self.settings.url}: {error or type(error).__name__}"
        by_tls = refused and request.is_of_tls(error)
        return UnreachableError(
            message,
            hint=(TLS_HINT if by_tls else REFUSED_HINT) if refused else None,
            outcome="not_applied" if refused else "unknown",
            retryable=not by_tls,
        )
