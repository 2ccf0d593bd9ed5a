"""Imports: documents of any number, from whatever gives them, each answered for itself.

They are sent in batches, one after the other, so that a batch whose answer is lost can be sent
again and that no more than one is in memory.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from akidb_client import files, frames, import_batches, progress
from akidb_client._async.iterating import AnyIterable, each
from akidb_client._async.named import AsyncNamed
from akidb_client.errors import AkiDBError, ImportInterruptedError
from akidb_client.import_batches import Answer, Batch, ImportedDocument, ImportResult, LineError
from akidb_client.request import Request
from akidb_client.values import several

IDEMPOTENCY = "idempotency-key"
Mode = Literal["upsert", "create", "update"]


class AsyncImports(AsyncNamed):
    """The methods of a collection that take documents of any number."""

    async def import_documents(
        self,
        documents: AnyIterable[ImportedDocument],
        *,
        mode: Mode | None = None,
        key: str | None = None,
        on_error: Callable[[LineError], None] | None = None,
        on_progress: Callable[[ImportResult], None] | None = None,
        show_progress: bool = False,
        total: int | None = None,
    ) -> ImportResult:
        """Inserts or replaces documents of any number; a bad one fails alone.

        A batch is sent again by itself where that does the same, also while the node restarts.

        Args:
            documents: Any iterable, a generator too: `NewDocument`, dicts with its fields, or lines
                of JSON Lines. It is read as it is sent.
            mode: `create` only inserts, `update` only replaces.
            key: Documents without an id get ids that are made of it and of what they say, so that
                the same import run again stores nothing twice; equal ones are one. Without it each
                gets a new one.
            on_error: Is called for each document that fails.
            on_progress: Is called after each batch with what is done.
            show_progress: Whether a bar of `tqdm` shows how far it is, where that is installed.
            total: How many documents there are, for the bar.

        Raises:
            NodeError: The node refused it before anything was stored.
            ImportInterruptedError: The node went away for longer than the retries last, or ended
                the import; it says how many documents were answered.
        """
        result, batch = ImportResult(), Batch(makes_ids=key is None)
        with progress.bar(show_progress, total) as bar:

            async def send(batch: Batch) -> None:
                answer = await self._send_batch(batch, mode, key)
                for error in answer.add_to(result, batch):
                    if on_error is not None:
                        on_error(error)
                bar.update(len(batch.lines))
                if on_progress is not None:
                    on_progress(result)

            async for document in each(several(documents, "documents")):
                batch.add(document)
                if batch.is_full():
                    await send(batch)
                    batch = batch.after()
            if batch.lines:
                await send(batch)
        return result

    async def import_file(
        self,
        path: str | Path,
        *,
        mode: Mode | None = None,
        key: str | None = None,
        on_error: Callable[[LineError], None] | None = None,
        on_progress: Callable[[ImportResult], None] | None = None,
        show_progress: bool = False,
    ) -> ImportResult:
        """Imports a file of JSON Lines, compressed by gzip where its name ends with `.gz`."""
        with files.opened(Path(path)) as lines:
            return await self.import_documents(
                lines,
                mode=mode,
                key=key,
                on_error=on_error,
                on_progress=on_progress,
                show_progress=show_progress,
            )

    async def import_frame(
        self,
        frame: Any,
        *,
        id: str | None = "id",
        text: str | None = "text",
        vector: str | None = "vector",
        metadata: Sequence[str] | Mapping[str, str] | None = None,
        mode: Mode | None = None,
        key: str | None = None,
        on_error: Callable[[LineError], None] | None = None,
        on_progress: Callable[[ImportResult], None] | None = None,
        show_progress: bool = False,
    ) -> ImportResult:
        """Imports a `DataFrame` of pandas or polars, a document a row.

        Missing cells (`None`, `NA`, `NaT`, NaN of pandas) are left out. Dates become texts of RFC
        3339, categories their values, scalars of numpy Python's own. All cells are looked at before
        the first one is sent.

        Args:
            frame: The frame.
            id: The column of the ids; where the frame has none of this name the node makes them.
            text: The column of the texts.
            vector: The column of the vectors, lists or arrays of `[dimension]`.
            metadata: The columns that become metadata, or a dict of columns to keys; all others
                where absent.
            mode: As of `import_documents`, and so is all that follows.
            key: Of which ids are made.
            on_error: Is called for each row that fails; its `index` is the row, from 0.
            on_progress: Is called after each batch.
            show_progress: Whether a bar of `tqdm` shows how far it is.

        Raises:
            FrameError: A cell has no meaning as what it is to be; nothing was sent.
        """
        columns = frames.Columns.of(frame, id=id, text=text, vector=vector, metadata=metadata)
        columns.check()
        return await self.import_documents(
            columns.documents(),
            mode=mode,
            key=key,
            on_error=on_error,
            on_progress=on_progress,
            show_progress=show_progress,
            total=len(frame),
        )

    async def _send_batch(self, batch: Batch, mode: Mode | None, key: str | None) -> Answer:
        sent = Request(
            "POST",
            self._path("import"),
            {"status": "errors", **({} if mode is None else {"mode": mode})},
            batch.body(),
            {"content-type": "application/x-ndjson", **({} if key is None else {IDEMPOTENCY: key})},
            repeatable=batch.repeatable and mode != "create",
            is_import=True,
        )
        attempt = 0
        while True:
            try:
                body = await self._transport.send_for_bytes(sent)
                return import_batches.read_answer(body, batch)
            except AkiDBError as error:
                retries = self._transport.settings.retries_of(sent)
                wait_s = retries.wait_s(attempt, error, repeatable=sent.repeatable)
                if wait_s is None and batch.first == 0 and error.outcome == "not_applied":
                    raise
                if wait_s is None:
                    raise ImportInterruptedError(batch.first, error) from error
                await asyncio.sleep(wait_s)
                attempt += 1
