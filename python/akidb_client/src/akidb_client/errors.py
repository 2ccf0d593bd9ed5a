"""Why a request has no answer, or a value is not sent.

Scope: what all errors have in common, and those that the client itself finds. The errors of the
node have a class for each code, in `akidb_client.error_codes`.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Outcome = Literal["not_applied", "unknown"]
E = TypeVar("E", bound=BaseException)


class AkiDBError(Exception):
    """The base of all errors of this package.

    Attributes:
        code: Of a node's error its code, else the empty string.
        message: What is wrong, for people, without the hint.
        hint: What a person can do about it, where that is known.
        outcome: `not_applied` where nothing was changed, `unknown` where the change may or may not
            be there.
        retryable: Whether the same request may succeed later, unchanged.
        retry_after: Seconds after which the node asks to be tried again, where it says so.
        request_id: The name of the request in the node's log, where it got there.
    """

    code: str = ""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        outcome: Outcome = "not_applied",
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        self.message, self.hint, self.outcome = message, hint, outcome
        self.retryable, self.retry_after, self.request_id = retryable, retry_after, request_id
        super().__init__(message if hint is None else f"{message}\nhint: {hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Lets it pass between processes, whatever its class is made of."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[E], arguments: tuple[Any, ...], state: dict[str, Any]) -> E:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


@dataclass(frozen=True, slots=True)
class Violation:
    """One wrong place of a request: a path into it, and what is wrong there."""

    field: str
    description: str


class NodeError(AkiDBError):
    """The node refused the request, or failed; a subclass says which code it gave.

    Attributes:
        status: The status of HTTP; 0 of a line of an import.
        violations: The first wrong places of the request.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 0,
        violations: tuple[Violation, ...] = (),
        hint: str | None = None,
        outcome: Outcome = "unknown",
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            f"{code}: {message}",
            hint=hint,
            outcome=outcome,
            retryable=retryable,
            retry_after=retry_after,
            request_id=request_id,
        )
        self.code, self.status, self.violations = code, status, violations


class ClientClosedError(AkiDBError):
    """The client was closed before the request."""


class UnreachableError(AkiDBError):
    """No answer came, or not all of it."""


class RequestTimeoutError(AkiDBError):
    """The answer took longer than the client's `timeout`."""


class NotANodeError(AkiDBError):
    """What answered is no node, or one of another version: HTML, a redirect, no JSON."""


class AnswerTooLargeError(AkiDBError):
    """The answer has more bytes than the client's `answer_bytes_max`."""


class InvalidValueError(AkiDBError, ValueError):
    """A value can not be sent as what it is; nothing was sent.

    Attributes:
        place: Where it stands, as a path: `documents[3].metadata.year`.
    """

    def __init__(self, place: str, message: str, *, hint: str | None = None) -> None:
        self.place = place
        super().__init__(f"{place}: {message}", hint=hint)


class InvalidVectorShapeError(InvalidValueError):
    """What is to be a vector is not one row of finite numbers; nothing was sent."""


class FrameError(InvalidValueError):
    """A cell of a data frame has no meaning as a document's part.

    Attributes:
        row: Its row, from 0 by position, whatever the frame's index; `None` of the column itself.
        column: The name of its column.
    """

    def __init__(
        self, row: int | None, column: str, message: str, *, hint: str | None = None
    ) -> None:
        self.row, self.column = row, column
        where = f"column {column!r}" if row is None else f"row {row}, column {column!r}"
        super().__init__(where, message, hint=hint)


class ImportInterruptedError(AkiDBError):
    """An import ended before its documents did.

    What was answered is stored. `documents` of them are known to be answered, so that an import of
    the rest begins there; what was on its way may be stored too.

    Attributes:
        documents: How many documents, from the first one on, were answered.
        cause: Why it ended.
    """

    def __init__(self, documents: int, cause: AkiDBError) -> None:
        self.documents, self.cause = documents, cause
        message = f"the import ended after {documents} documents: {cause.message}"
        super().__init__(
            message,
            hint=cause.hint,
            outcome="unknown",
            retryable=cause.retryable,
            retry_after=cause.retry_after,
            request_id=cause.request_id,
        )
        self.code = cause.code


class TaskFailedError(AkiDBError):
    """A task that was waited for failed or was cancelled."""

    def __init__(self, task_id: str, state: str, code: str, message: str) -> None:
        self.task_id, self.state = task_id, state
        super().__init__(f"the task {task_id} has {state}: {message}")
        self.code = code


class NodeProcessError(AkiDBError):
    """A node of the client's own could not be started or stopped."""


class BinaryNotFoundError(NodeProcessError):
    """No `akidb` was found to start."""


class DataDirectoryInUseError(NodeProcessError):
    """Another process has the data directory locked."""
