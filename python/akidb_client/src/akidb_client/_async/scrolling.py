"""All documents of a collection, page by page, one by one, into files and frames."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from akidb_client import files, frames, json_writing, progress, request
from akidb_client._async.named import AsyncNamed
from akidb_client.models import DamagedDocument, Document, OrderBy, ScrollReply, ScrollRequest
from akidb_client.values import Filter

Part = Literal["text", "metadata", "vector"]
PAGE = 500


class AsyncScrolls(AsyncNamed):
    """The methods of a collection that read all of it."""

    async def scroll_page(
        self,
        *,
        cursor: str | None = None,
        filter: Filter | None = None,
        include: Sequence[Part] | None = None,
        limit: int | None = None,
        order_by: OrderBy | None = None,
    ) -> ScrollReply:
        """One page; the cursor of the next one is its `next_cursor`.

        Raises:
            InvalidCursorError: The cursor was not made by this collection.
        """
        wanted = ScrollRequest(
            cursor=cursor, filter=filter, include=include, limit=limit, order_by=order_by
        )
        sent = request.post(*self._path("documents", "scroll"), body=wanted, repeatable=True)
        return await self._transport.send(sent, ScrollReply)

    async def scroll(
        self,
        *,
        filter: Filter | None = None,
        include: Sequence[Part] | None = None,
        order_by: OrderBy | None = None,
        page: int = PAGE,
        on_damaged: Callable[[DamagedDocument], None] | None = None,
    ) -> AsyncIterator[Document]:
        """All documents that match, in the order of their creation, a page in memory at a time.

        Each one that is there throughout comes once; those made after the first page do not come.

        Args:
            filter: Which ones; all where absent.
            include: Which parts of them; text and metadata where absent.
            order_by: Another order.
            page: How many come with one request.
            on_damaged: Is called for each document that the disk has damaged, which does not come.
        """
        cursor = None
        while True:
            found = await self.scroll_page(
                cursor=cursor, filter=filter, include=include, limit=page, order_by=order_by
            )
            for damaged in found.damaged:
                if on_damaged is not None:
                    on_damaged(damaged)
            for document in found.documents:
                yield document
            cursor = found.next_cursor
            if cursor is None:
                return

    async def export_file(
        self,
        path: str | Path,
        *,
        filter: Filter | None = None,
        vectors: bool = True,
        show_progress: bool = False,
        on_damaged: Callable[[DamagedDocument], None] | None = None,
    ) -> int:
        """Writes all documents that match as JSON Lines, which `import_file` reads; says how many.

        Args:
            path: The file, which is replaced at the end; its lines are compressed by gzip where its
                name ends with `.gz`.
            filter: Which documents; all where absent.
            vectors: Whether their vectors are written, so that no text is embedded again.
            show_progress: Whether a bar of `tqdm` shows how far it is, where that is installed.
            on_damaged: Is called for each document that the disk has damaged, which is not written.
        """
        include: list[Part] = ["text", "metadata", "vector"] if vectors else ["text", "metadata"]
        documents = self.scroll(filter=filter, include=include, on_damaged=on_damaged)
        count = 0
        with files.replaced(Path(path)) as file, progress.bar(show_progress) as bar:
            async for document in documents:
                file.write(json_writing.to_bytes(frames.exported(document)) + b"\n")
                count += 1
                bar.update(1)
        return count

    async def to_pandas(
        self,
        *,
        filter: Filter | None = None,
        include: Sequence[Part] | None = None,
        order_by: OrderBy | None = None,
    ) -> Any:
        """All documents that match as a `pandas.DataFrame`, a row each: all are in memory.

        The columns are `id`, `text`, `vector` and `expires_at` where there are such, and the keys
        of the metadata; a key of one of these names becomes `metadata.id`, and so on.
        """
        rows = [one async for one in self.scroll(filter=filter, include=include, order_by=order_by)]
        return frames.to_pandas(rows)

    async def to_polars(
        self,
        *,
        filter: Filter | None = None,
        include: Sequence[Part] | None = None,
        order_by: OrderBy | None = None,
    ) -> Any:
        """The same as a `polars.DataFrame`."""
        rows = [one async for one in self.scroll(filter=filter, include=include, order_by=order_by)]
        return frames.to_polars(rows)
