"""Documents of an import as batches of lines, and what the node answered to them.

Scope: what is the same whether the client waits or not. Out of scope: sending.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from akidb_client import json_reading, json_writing, request
from akidb_client.errors import (
    AkiDBError,
    InvalidValueError,
    NodeError,
    NotANodeError,
    UnreachableError,
)
from akidb_client.models import ImportSummary, NewDocument

LINES_MAX = 1000
BYTES_MAX = 4 << 20
ERRORS_KEPT = 1000

ImportedDocument: TypeAlias = NewDocument | Mapping[str, Any] | str | bytes
"""A document, a dict with its fields, or a line of JSON Lines as it is."""


@dataclass(frozen=True, slots=True)
class LineError:
    """A document of an import that is not stored.

    Attributes:
        index: Its place among all that were given, from 0; its line in a file is one more.
        error: Why.
    """

    index: int
    error: AkiDBError


@dataclass(slots=True)
class ImportResult:
    """What an import did, and while it goes on, what it has done.

    Attributes:
        documents: How many documents were answered, good and bad.
        created: Documents that are new.
        updated: Documents that replaced one.
        failed: Documents of which nothing is stored.
        tokens: Tokens of the texts of the stored documents.
        truncated: Texts that were longer than the model's window.
        unknown_tokens: Tokens of these that stand for something the model does not know.
        errors: The first 1,000 that failed; `on_error` is told of all.
    """

    documents: int = 0
    created: int = 0
    updated: int = 0
    failed: int = 0
    tokens: int = 0
    truncated: int = 0
    unknown_tokens: int = 0
    errors: list[LineError] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """Lines that are sent together.

    Attributes:
        first: The place of the first one among all.
        lines: A line each; one that can not be sent is blank, so that the node counts it.
        refused: Those that can not be sent.
        repeatable: Whether sending it twice does the same as sending it once.
        makes_ids: Whether documents without an id get one here, so that it can be sent twice.
    """

    first: int = 0
    lines: list[bytes] = field(default_factory=list)
    refused: list[LineError] = field(default_factory=list)
    size: int = 0
    repeatable: bool = True
    makes_ids: bool = True

    def add(self, document: ImportedDocument) -> None:
        """Takes a document in."""
        index = self.first + len(self.lines)
        try:
            line = line_of(document, f"documents[{index}]")
            line, has_id = with_id(line) if self.makes_ids else (line, True)
        except InvalidValueError as error:
            self.refused.append(LineError(index, error))
            line, has_id = b"", True
        self.lines.append(line)
        self.size += len(line) + 1
        # A second try of one with a condition would fail at what the first one did.
        self.repeatable = self.repeatable and has_id and b'"if_seq"' not in line

    def is_full(self) -> bool:
        """Whether it is to be sent."""
        return len(self.lines) >= LINES_MAX or self.size >= BYTES_MAX

    def after(self) -> "Batch":
        """An empty one for what comes next."""
        return Batch(self.first + len(self.lines), makes_ids=self.makes_ids)

    def body(self) -> bytes:
        """What is sent."""
        return b"\n".join(self.lines) + b"\n"


def line_of(document: ImportedDocument, place: str) -> bytes:
    """A document as its line."""
    if not isinstance(document, (str, bytes)):
        return json_writing.to_bytes(json_writing.document(document, place))
    line = document.encode("utf-8") if isinstance(document, str) else document
    line = line.rstrip(b"\r\n")
    if b"\n" in line:
        raise InvalidValueError(place, "the text has several lines", hint="give each by itself")
    return line


def with_id(line: bytes) -> tuple[bytes, bool]:
    """A line with an id of its own where it has none, and whether it has one then.

    What the node will refuse counts as if it had.
    """
    try:
        document = json.loads(line)
    except ValueError:
        return line, True
    if not isinstance(document, dict) or "id" in document:
        return line, not isinstance(document, dict) or document["id"] is not None
    start = b'{"id":"%s"' % str(uuid.uuid4()).encode()
    # Put in as text: what json has read may not be all that the line says.
    return start + (b"," if document else b"") + line.lstrip()[1:], True


@dataclass(slots=True)
class Answer:
    """What the node answered to a batch."""

    summary: ImportSummary
    errors: list[LineError]

    def add_to(self, result: ImportResult, batch: Batch) -> list[LineError]:
        """Adds it to the whole, and answers what failed, in order."""
        summary = self.summary
        errors = sorted(batch.refused + self.errors, key=lambda one: one.index)
        result.documents += summary.lines + len(batch.refused)
        result.created += summary.created
        result.updated += summary.updated
        result.failed += summary.failed + len(batch.refused)
        result.tokens += summary.tokens
        result.truncated += summary.truncated
        result.unknown_tokens += summary.unknown_tokens
        result.errors += errors[: max(ERRORS_KEPT - len(result.errors), 0)]
        return errors


def read_answer(body: bytes, batch: Batch) -> Answer:
    """Reads the lines of an answer.

    Raises:
        NodeError: The import ended before its body did.
        UnreachableError: The answer broke off.
        NotANodeError: It is no answer to an import.
    """
    try:
        return _read_lines(body.splitlines(), batch)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise NotANodeError("the answer is none to an import", outcome="unknown") from None


def _read_lines(lines: list[bytes], batch: Batch) -> Answer:
    errors: list[LineError] = []
    for line in lines:
        answer = _object(line)
        if "summary" in answer:
            if answer.get("error"):
                raise _ended_early(request.node_error(answer["error"]))
            return Answer(json_reading.read(ImportSummary, answer["summary"]), errors)
        if "error" in answer:
            index = batch.first + int(answer["line"]) - 1
            errors.append(LineError(index, request.node_error(answer["error"])))
    raise UnreachableError("the answer of the node broke off", outcome="unknown", retryable=True)


def _object(line: bytes) -> dict[str, Any]:
    answer = json_reading.parse(line)
    return answer if isinstance(answer, dict) else {}


def _ended_early(error: NodeError) -> NodeError:
    # Some lines of the batch are stored.
    error.outcome = "unknown"
    return error
