"""Documents of a collection: written, read, changed, deleted, counted."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from akidb_client import json_writing, request
from akidb_client._async.named import AsyncNamed
from akidb_client.models import (
    CountReply,
    CountRequest,
    DeleteReply,
    DeleteRequest,
    Document,
    DocumentList,
    GetRequest,
    NewDocument,
    PatchDocument,
    UpdateReply,
    UpdateRequest,
    UpsertReply,
)
from akidb_client.request import Request
from akidb_client.values import DocumentId, Filter, Vector, checked_id, listed

GivenDocument: TypeAlias = NewDocument | Mapping[str, Any]
"""A `NewDocument`, or a dict with its fields."""

Part: TypeAlias = Literal["text", "metadata", "vector"]


class AsyncDocuments(AsyncNamed):
    """The methods of a collection about its documents."""

    async def upsert(
        self,
        documents: Sequence[GivenDocument],
        *,
        mode: Literal["upsert", "create", "update"] | None = None,
        idempotency_key: str | None = None,
    ) -> UpsertReply:
        """Inserts or replaces documents, all or none. For many, `import_documents` is faster.

        It is sent again by itself where that does the same: documents without an id get ids that
        are made of a key, of the call's own where none is given.

        Args:
            documents: At most 10,000, without a repeated id.
            mode: `create` only inserts, `update` only replaces.
            idempotency_key: Two calls with the same key and documents store them once.

        Raises:
            InvalidValueError: A value can not be sent; its place is named.
            DocumentExistsError: With `mode="create"`.
            ConditionFailedError: A document is not of the version of its `if_seq`.
        """
        written = [
            json_writing.document(one, f"documents[{index}]")
            for index, one in enumerate(listed(documents, "documents"))
        ]
        body: dict[str, Any] = {"documents": written}
        if mode is not None:
            body["mode"] = mode
        # A second try of one with a condition would fail at what the first one did.
        repeatable = mode != "create" and not any("if_seq" in one for one in written)
        if idempotency_key is None and any("id" not in one for one in written):
            idempotency_key = uuid.uuid4().hex
        sent = Request(
            "POST",
            self._path("documents"),
            body=json_writing.to_bytes(body),
            repeatable=repeatable,
        )
        sent = request.with_headers(sent, {"idempotency-key": idempotency_key})
        return await self._transport.send(sent, UpsertReply)

    async def insert(self, documents: Sequence[GivenDocument]) -> UpsertReply:
        """Inserts documents, all or none.

        Raises:
            DocumentExistsError: One of the ids is there already.
        """
        return await self.upsert(documents, mode="create")

    async def get(self, id: DocumentId, *, include: Sequence[Part] | None = None) -> Document:
        """One document, with its text and metadata unless `include` says otherwise.

        Raises:
            DocumentNotFoundError: There is none of this id.
            DocumentDamagedError: Its row on the disk is damaged.
        """
        query = _of_id(id)
        if include is not None:
            query["include"] = ",".join(listed(include, "include"))
        return await self._transport.send(
            request.get(*self._path("document"), query=query), Document
        )

    async def get_many(
        self, ids: Sequence[DocumentId], *, include: Sequence[Part] | None = None
    ) -> DocumentList:
        """The documents of these ids that are there, in this order, and those that are damaged."""
        wanted = GetRequest(ids=listed(ids, "ids"), include=include)
        sent = request.post(*self._path("documents", "get"), body=wanted, repeatable=True)
        return await self._transport.send(sent, DocumentList)

    async def patch(
        self,
        id: DocumentId,
        *,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        vector: Vector | None = None,
        texts: Mapping[str, str | None] | None = None,
        vectors: Mapping[str, Vector | None] | None = None,
        expires_at: str | datetime | None = None,
        if_seq: int | None = None,
    ) -> Document:
        """Changes parts of a document; what is `None` stays as it is.

        Args:
            id: Of the document.
            text: Another text, which is embedded.
            metadata: A merge patch: a key of `None` is removed.
            vector: Another vector, `[dimension]`.
            texts: Other texts of named vector fields; `None` empties a field.
            vectors: Other vectors of named vector fields.
            expires_at: Another moment to expire at, or `never`.
            if_seq: The version that the document must be of.

        Raises:
            DocumentNotFoundError: There is none of this id.
            ConditionFailedError: It is of another version.
        """
        wanted = PatchDocument(
            text=text,
            metadata=metadata,
            vector=vector,
            texts=texts,
            vectors=vectors,
            expires_at=expires_at,
            if_seq=if_seq,
        )
        sent = Request("PATCH", self._path("document"), _of_id(id), json_writing.body(wanted))
        return await self._transport.send(sent, Document)

    async def update_where(self, filter: Filter, metadata: Mapping[str, Any]) -> UpdateReply:
        """Merges a patch into the metadata of all documents that match."""
        wanted = UpdateRequest(filter=filter, metadata=metadata)
        sent = request.with_body("PATCH", self._path("documents"), wanted, repeatable=True)
        return await self._transport.send(sent, UpdateReply)

    async def update_all(self, metadata: Mapping[str, Any]) -> UpdateReply:
        """The same of every document."""
        wanted = UpdateRequest(all=True, metadata=metadata)
        sent = request.with_body("PATCH", self._path("documents"), wanted, repeatable=True)
        return await self._transport.send(sent, UpdateReply)

    async def delete(self, ids: Sequence[DocumentId]) -> DeleteReply:
        """Deletes the documents of these ids that are there, and says how many that were."""
        return await self._delete(DeleteRequest(ids=listed(ids, "ids")))

    async def delete_one(self, id: DocumentId, *, if_seq: int | None = None) -> None:
        """Deletes one document.

        Raises:
            DocumentNotFoundError: There is none of this id.
            ConditionFailedError: It is not of the version `if_seq`.
        """
        sent = Request("DELETE", self._path("document"), _of_id(id))
        condition = None if if_seq is None else f'"{if_seq}"'
        await self._transport.send(request.with_headers(sent, {"if-match": condition}), DeleteReply)

    async def delete_where(self, filter: Filter) -> DeleteReply:
        """Deletes all documents that match. The empty filter is refused."""
        return await self._delete(DeleteRequest(filter=filter))

    async def delete_all(self) -> DeleteReply:
        """Deletes every document; the collection stays."""
        return await self._delete(DeleteRequest(all=True))

    async def _delete(self, wanted: DeleteRequest) -> DeleteReply:
        sent = request.post(*self._path("documents", "delete"), body=wanted)
        return await self._transport.send(sent, DeleteReply)

    async def count(self, filter: Filter | None = None) -> int:
        """How many documents there are, or match."""
        return (await self.count_with_unknown_fields(filter)).count

    async def count_with_unknown_fields(self, filter: Filter | None = None) -> CountReply:
        """The same, with the fields of the filter that no document has."""
        sent = request.post(
            *self._path("documents", "count"), body=CountRequest(filter=filter), repeatable=True
        )
        return await self._transport.send(sent, CountReply)


def _of_id(id: DocumentId) -> dict[str, str]:
    """What names one document in a query: `5` and `"5"` are different ids."""
    found = checked_id(id, "id")
    return {"id": str(found), "type": "string" if isinstance(found, str) else "integer"}
