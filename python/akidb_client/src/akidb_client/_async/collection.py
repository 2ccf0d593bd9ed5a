"""A collection: its settings, its aliases, what becomes of it as a whole."""

from collections.abc import Mapping
from typing import Literal

from akidb_client import request
from akidb_client._async.documents import AsyncDocuments
from akidb_client._async.importing import AsyncImports
from akidb_client._async.scrolling import AsyncScrolls
from akidb_client._async.searching import AsyncSearches
from akidb_client.models import (
    Alias,
    AliasAction,
    AliasList,
    ChangeAliases,
    ChunkingSettings,
    CollectionDeleted,
    CollectionDescription,
    CopyCollection,
    DeleteAlias,
    DropPrevious,
    FieldChange,
    GivenAlias,
    IndexSettings,
    NewField,
    ReembedCollection,
    Task,
    UpdateCollection,
)


class AsyncCollection(AsyncDocuments, AsyncScrolls, AsyncImports, AsyncSearches):
    """What can be done with a collection. It holds its name alone, and no state of the collection.

    Each method raises `CollectionNotFoundError` where there is none of this name.

    Attributes:
        name: Its name, or an alias of it.
    """

    async def describe(self) -> CollectionDescription:
        """Its settings, counts and the state of its index."""
        return await self._transport.send(request.get(*self._path()), CollectionDescription)

    async def update(
        self,
        *,
        index: IndexSettings | None = None,
        fields: Mapping[str, FieldChange] | None = None,
        ttl_seconds: int | None = None,
        description: str | None = None,
    ) -> CollectionDescription:
        """Changes settings; `UpdateCollection` says what they mean.

        What is `None` stays. 0 as `ttl_seconds` and the empty `description` remove them.
        """
        wanted = UpdateCollection(
            index=index, fields=fields, ttl_seconds=ttl_seconds, description=description
        )
        sent = request.with_body("PATCH", self._path(), wanted, repeatable=True)
        return await self._transport.send(sent, CollectionDescription)

    async def rename(self, name: str) -> CollectionDescription:
        """Gives it another name, which this object has from then on.

        Raises:
            CollectionExistsError: The name is taken.
        """
        sent = request.with_body("PATCH", self._path(), UpdateCollection(name=name))
        found = await self._transport.send(sent, CollectionDescription)
        self.name = name
        return found

    async def drop(self) -> None:
        """Drops it with all that is in it, for good."""
        sent = request.with_body("DELETE", self._path(), None)
        await self._transport.send(sent, CollectionDeleted)

    async def copy(self, to: str) -> Task:
        """Begins to copy it; `Client.tasks.wait` waits until the copy is there."""
        sent = request.post(*self._path("copy"), body=CopyCollection(to=to))
        return await self._transport.send(sent, Task)

    async def reembed(self, model: str, *, field: str | None = None) -> Task:
        """Begins to embed its texts with another model, while it is searched as before."""
        wanted = ReembedCollection(model=model, field=field)
        return await self._transport.send(request.post(*self._path("reembed"), body=wanted), Task)

    async def drop_previous(self, *, field: str | None = None) -> None:
        """Drops the vectors that a field had before its texts were embedded with another model."""
        sent = request.post(*self._path("drop-previous"), body=DropPrevious(field=field))
        await self._transport.send(sent, CollectionDeleted)

    async def put_field(
        self,
        field: str,
        *,
        model: str | None = None,
        dimension: int | None = None,
        metric: Literal["cosine", "dot", "l2"] | None = None,
        chunking: ChunkingSettings | None = None,
        index: IndexSettings | None = None,
    ) -> CollectionDescription:
        """Its vector field of this name, which is added where there is none.

        Raises:
            FieldExistsError: There is one, with other settings.
        """
        wanted = NewField(
            model=model,
            dimension=dimension,
            metric=metric,
            chunking=chunking,
            index=index,
        )
        sent = request.with_body("PUT", self._path("fields", field), wanted, repeatable=True)
        return await self._transport.send(sent, CollectionDescription)

    async def drop_field(self, field: str) -> None:
        """Drops a vector field, with all vectors and texts in it. Documents stay."""
        sent = request.with_body("DELETE", self._path("fields", field), None)
        await self._transport.send(sent, CollectionDeleted)

    async def aliases(self) -> list[Alias]:
        """Its other names."""
        return (await self._transport.send(request.get(*self._path("aliases")), AliasList)).aliases

    async def set_alias(self, alias: str) -> None:
        """Makes a name one of this collection, whichever it was one of before."""
        await self._alias(AliasAction(set=GivenAlias(alias=alias, collection=self.name)))

    async def delete_alias(self, alias: str) -> None:
        """Takes a name from it.

        Raises:
            AliasNotFoundError: There is none.
        """
        await self._alias(AliasAction(delete=DeleteAlias(alias=alias)))

    async def _alias(self, action: AliasAction) -> None:
        sent = request.post("v1", "aliases", body=ChangeAliases(actions=[action]))
        await self._transport.send(sent, AliasList)
