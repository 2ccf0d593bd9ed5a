"""The client of one node."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from akidb_client import json_reading, request, settings
from akidb_client._async.admin import AsyncAdmin
from akidb_client._async.collection import AsyncCollection
from akidb_client._async.tasks import AsyncTasks
from akidb_client._async.transport import AsyncTransport
from akidb_client.errors import InvalidValueError, NotANodeError
from akidb_client.models import (
    Alias,
    AliasAction,
    AliasList,
    ChangeAliases,
    ChunkingSettings,
    CollectionDescription,
    CollectionList,
    CreateCollection,
    EmbedReply,
    EmbedRequest,
    IndexSettings,
    KeywordSettings,
    ListedCollection,
    NewField,
    PutCollection,
    Ready,
    RerankedDocument,
    RerankReply,
    RerankRequest,
    Version,
)
from akidb_client.own_node import OwnNode
from akidb_client.retries import Retries
from akidb_client.settings import Settings
from akidb_client.values import listed

ONCE = Retries()


class AsyncClient:
    """Speaks to one node, or starts one of its own.

    `AsyncClient("http://127.0.0.1:8080", api_key="..")` speaks to the node of that address;
    `AsyncClient(path="./data")` starts a node over that data directory, returns when it is
    ready, and stops it with `close`, at the end of a `with`, and when this process ends in
    whatever way.

    All methods raise errors of `akidb_client.errors`, and none of the HTTP library.

    Args:
        url: The address of the node's REST door; `http://127.0.0.1:8080` where neither it nor
            `path` is given.
        path: The data directory of a node of the client's own.
        api_key: The key that each request shows; that of `AKIDB_API_KEY` where absent.
        ca: A file of certificates (PEM) by which that of the node is checked, in place of those of
            the system.
        verify: Whether the node's certificate is checked at all.
        timeout: Seconds within which each request is answered, all attempts included. The node is
            told it, and gives up what can not be answered in time. Imports have none.
        retries: When a request is sent again.
        answer_bytes_max: The most bytes that an answer may have.
        binary: The `akidb` to start; else that of `AKIDB_BINARY`, beside the package, or on `PATH`.
        env: Variables of the started node, such as its settings: `AKIDB_SECTION__KEY`.

    Raises:
        InvalidValueError: An argument contradicts another one, or can not be sent.
        BinaryNotFoundError: There is no `akidb` to start.
        DataDirectoryInUseError: Another node has `path` locked.
        NodeProcessError: The node ended before it was ready.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        path: str | Path | None = None,
        api_key: str | None = None,
        ca: str | Path | None = None,
        verify: bool = True,
        timeout: float | None = None,
        retries: Retries = ONCE,
        answer_bytes_max: int = settings.ANSWER_BYTES_MAX,
        binary: str | Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        if url is not None and path is not None:
            raise InvalidValueError("path", "a client has an address or a data directory, not both")
        if path is None and (binary is not None or env is not None):
            raise InvalidValueError("binary, env", "they are of a node that path= starts")
        key = settings.checked_key(api_key)
        tls = settings.tls(ca, verify=verify)
        address = settings.checked_url(settings.DEFAULT_URL if url is None else url)
        timeout_s = settings.checked_timeout(timeout)
        self._node = None if path is None else OwnNode(path, binary=binary, env=env)
        self._transport = AsyncTransport(
            Settings(
                url=address if self._node is None else self._node.url,
                api_key=key,
                tls=tls,
                timeout_s=timeout_s,
                retries=retries,
                answer_bytes_max=answer_bytes_max,
            )
        )
        self.tasks = AsyncTasks(self._transport)
        self.admin = AsyncAdmin(self._transport)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections, and stops the node that the client has started."""
        await self._transport.close()
        if self._node is not None:
            self._node.stop()
            self._node = None

    @property
    def url(self) -> str:
        """The address of the node's REST door."""
        return self._transport.settings.url

    def collection(self, name: str) -> AsyncCollection:
        """What can be done with a collection, by its name or an alias. Nothing is sent yet.

        Raises:
            InvalidValueError: It can not be a name: 1 to 64 of `A-Z a-z 0-9 _ -`.
        """
        return AsyncCollection(self._transport, name)

    async def create_collection(
        self,
        name: str,
        *,
        model: str | None = None,
        dimension: int | None = None,
        metric: Literal["cosine", "dot", "l2"] | None = None,
        fields: Mapping[str, NewField] | None = None,
        index: IndexSettings | None = None,
        chunking: ChunkingSettings | None = None,
        keyword: KeywordSettings | None = None,
        language: str | None = None,
        ttl_seconds: int | None = None,
        description: str | None = None,
    ) -> AsyncCollection:
        """Makes a collection; `CreateCollection` says what the arguments mean.

        Raises:
            CollectionExistsError: There is one of this name.
        """
        wanted = CreateCollection(
            name=name,
            model=model,
            dimension=dimension,
            metric=metric,
            fields=fields,
            index=index,
            chunking=chunking,
            keyword=keyword,
            language=language,
            ttl_seconds=ttl_seconds,
            description=description,
        )
        sent = request.post("v1", "collections", body=wanted)
        await self._transport.send(sent, CollectionDescription)
        return self.collection(name)

    async def get_or_create_collection(
        self,
        name: str,
        *,
        model: str | None = None,
        dimension: int | None = None,
        metric: Literal["cosine", "dot", "l2"] | None = None,
        fields: Mapping[str, NewField] | None = None,
        index: IndexSettings | None = None,
        chunking: ChunkingSettings | None = None,
        keyword: KeywordSettings | None = None,
        language: str | None = None,
        ttl_seconds: int | None = None,
        description: str | None = None,
    ) -> AsyncCollection:
        """The collection of this name, which is made where there is none.

        Raises:
            CollectionDiffersError: There is one, whose model, dimension, metric or other settings
                that are fixed are not those that are asked for.
        """
        wanted = PutCollection(
            model=model,
            dimension=dimension,
            metric=metric,
            fields=fields,
            index=index,
            chunking=chunking,
            keyword=keyword,
            language=language,
            ttl_seconds=ttl_seconds,
            description=description,
        )
        found = self.collection(name)
        sent = request.with_body("PUT", ("v1", "collections", name), wanted, repeatable=True)
        await self._transport.send(sent, CollectionDescription)
        return found

    async def collections(self) -> list[ListedCollection]:
        """All collections, by name, without their counts."""
        listed = await self._transport.send(request.get("v1", "collections"), CollectionList)
        return listed.collections

    async def aliases(self) -> list[Alias]:
        """All aliases, by name."""
        return (await self._transport.send(request.get("v1", "aliases"), AliasList)).aliases

    async def change_aliases(self, actions: Sequence[AliasAction]) -> list[Alias]:
        """Changes aliases in one step, all of them or none, and answers all that there are then."""
        sent = request.post("v1", "aliases", body=ChangeAliases(actions=actions))
        return (await self._transport.send(sent, AliasList)).aliases

    async def embed(
        self,
        texts: Sequence[str],
        *,
        model: str | None = None,
        input_type: Literal["query", "document"] | None = None,
        dimensions: int | None = None,
        normalize: bool | None = None,
        pooling: Literal["mean", "cls", "max", "lasttoken"] | None = None,
        truncate: Literal["end", "start", "none"] | None = None,
    ) -> EmbedReply:
        """The vectors of texts, `[texts, dimension]`; `EmbedRequest` says what the arguments mean.

        Raises:
            LimitExceededError: There are more texts than the node's `embed_texts` (32).
            QueueFullError: The node has too much to embed already, also after the retries.
        """
        wanted = EmbedRequest(
            texts=listed(texts, "texts"),
            model=model,
            input_type=input_type,
            dimensions=dimensions,
            normalize=normalize,
            pooling=pooling,
            truncate=truncate,
        )
        return await self._transport.send(
            request.post("embed", body=wanted, repeatable=True), EmbedReply
        )

    async def rerank(
        self,
        query: str,
        documents: Sequence[str | RerankedDocument],
        *,
        model: str,
        top_n: int | None = None,
        return_documents: bool | None = None,
    ) -> RerankReply:
        """Documents in the order in which they answer a query, by a re-ranker that is loaded."""
        wanted = RerankRequest(
            query=query,
            documents=listed(documents, "documents"),
            model=model,
            top_n=top_n,
            return_documents=return_documents,
        )
        return await self._transport.send(
            request.post("v1", "rerank", body=wanted, repeatable=True), RerankReply
        )

    async def version(self) -> Version:
        """Which program answers, and of which version."""
        return await self._transport.send(request.get("version"), Version)

    async def is_alive(self) -> bool:
        """Whether the process of the node answers at all.

        Raises:
            UnreachableError: It does not.
        """
        return b"ok" in await self._transport.send_for_bytes(request.get("livez"))

    async def ready(self) -> Ready:
        """What the node says of its parts, be it ready or not. It is asked once."""
        status, headers, body = await self._transport.attempt(request.get("readyz"), None)
        try:
            return json_reading.read(Ready, json_reading.parse(body))
        except NotANodeError:
            raise request.failure(status, headers, body) from None

    async def metrics(self) -> str:
        """The node's metrics as Prometheus reads them."""
        return (await self._transport.send_for_bytes(request.get("metrics"))).decode("utf-8")

    async def openapi(self) -> dict[str, Any]:
        """The node's own description of its routes."""
        body = await self._transport.send_for_bytes(request.get("openapi.json"))
        found: dict[str, Any] = json_reading.parse(body)
        return found

    async def has_collection(self, name: str) -> bool:
        """Whether there is a collection, or an alias, of this name."""
        listed = await self.collections()
        return any(name == one.name or name in one.aliases for one in listed)
