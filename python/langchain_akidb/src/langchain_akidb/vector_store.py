"""A collection of a node as LangChain's `VectorStore`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from akidb_client import Client, Collection, Filter
from akidb_client.error_codes import CollectionNotFoundError
from akidb_client.models import CollectionDescription, Hit
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import run_in_executor
from langchain_core.vectorstores import VectorStore

from langchain_akidb import documents
from langchain_akidb.diversity import most_diverse

Mode = Literal["semantic", "keyword", "hybrid"]

WITH_VECTORS = ["text", "metadata", "vector"]
"""The parts of hits among which diverse ones are chosen."""


class AkiDBVectorStore(VectorStore):
    """Keeps documents in a collection, and finds them by meaning, by words or by both.

    Without `embedding` the node embeds the texts itself; with one it stores the vectors that this
    makes. The collection is made at the first use where there is none: with the node's default
    model, or for vectors of the length that `embedding` makes. One that is there is taken as it is,
    whatever its model, passages and other settings.

    All searches take `filter`, as the guide on filters describes it, `mode`, and any other argument
    of `akidb_client.Collection.search`. The methods that begin with `a` do the same in threads.

    Args:
        collection: The name of the collection.
        client: The client of the node; one of `http://127.0.0.1:8080`, or of `url`, where absent.
        embedding: What makes vectors, where the node is not to.
        url: The address of the node, where no client is given.
        api_key: The key that is shown to it.
        mode: How searches are done that do not say it.
        metric: The metric of a collection that is made, or must be.
        settings: Other settings of a collection that is made, which are arguments of
            `Client.create_collection`: `model`, `chunking`, `language`.

    Raises:
        ValueError: The collection that is there has vectors of another length than `embedding`
            makes, or another metric. It is raised at the first use.
    """

    def __init__(
        self,
        collection: str = "langchain",
        *,
        client: Client | None = None,
        embedding: Embeddings | None = None,
        url: str | None = None,
        api_key: str | None = None,
        mode: Mode = "semantic",
        metric: Literal["cosine", "dot", "l2"] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.client = client or Client(url, api_key=api_key)
        self.name, self.mode, self.metric = collection, mode, metric
        self._embedding, self._settings = embedding, dict(settings or {})
        self._collection: Collection | None = None

    @property
    def embeddings(self) -> Embeddings | None:
        """What makes vectors; `None` where the node does."""
        return self._embedding

    @property
    def collection(self) -> Collection:
        """The collection, which is made where there is none."""
        if self._collection is None:
            self._collection = self._opened()
        return self._collection

    def _opened(self) -> Collection:
        found, dimension = self.client.collection(self.name), None
        if self._embedding is not None:
            dimension = len(self._embedding.embed_query("the length of a vector"))
        try:
            description = found.describe()
        except CollectionNotFoundError:
            settings = {"dimension": dimension, "metric": self.metric, **self._settings}
            return self.client.get_or_create_collection(self.name, **settings)
        compare(description, dimension, self.metric)
        return found

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Stores texts, and replaces those whose id is there; answers their ids.

        Raises:
            ValueError: There are not as many ids or metadatas as texts.
            ModelMismatchError: The collection has no model, and there is no `embedding`.
        """
        refuse_unknown(kwargs)
        rows = list(texts)
        found = documents.new_ids(len(rows), ids)
        vectors = self._embedding.embed_documents(rows) if self._embedding and rows else None
        written = documents.to_node(found, rows, metadatas, vectors)
        for start in range(0, len(written), documents.DOCUMENTS_MAX):
            self.collection.upsert(written[start : start + documents.DOCUMENTS_MAX])
        return found

    def delete(
        self, ids: list[str] | None = None, *, filter: Filter | None = None, **kwargs: Any
    ) -> bool | None:
        """Deletes documents by their ids or by a filter, or all of them where neither is given.

        Raises:
            ValueError: Both are given.
        """
        refuse_unknown(kwargs)
        if ids is not None and filter is not None:
            raise ValueError("delete takes ids or a filter, not both")
        if filter is not None:
            self.collection.delete_where(filter)
        elif ids is None:
            self.collection.delete_all()
        elif ids:
            self.collection.delete(ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of these ids that are there, in their order."""
        if not ids:
            return []
        found = self.collection.get_many(list(ids))
        return [documents.from_node(one) for one in found.documents]

    def similarity_search(
        self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[Document]:
        """The documents that are nearest to a text, the best first."""
        return [one for one, _ in self.similarity_search_with_score(query, k, filter, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The same with their scores, of which higher ones are better, whatever the metric."""
        return with_scores(self._hits(query, k, filter, kwargs))

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Filter | None = None, **kwargs: Any
    ) -> list[Document]:
        """The documents that are nearest to a vector, `[dimension]`, the best first."""
        found = self.collection.search(vector=embedding, limit=k, filter=filter, **kwargs)
        return [documents.from_node(one) for one in found.hits]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Documents that are near a text and unlike each other, chosen among the best `fetch_k`.

        Raises:
            ValueError: Nothing makes vectors of texts.
        """
        vector = self._vector_of(query)
        hits = self._hits(query, fetch_k, filter, {**kwargs, "include": WITH_VECTORS})
        return diverse(vector, hits, k, lambda_mult)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The same of a vector, `[dimension]`."""
        asked = {**kwargs, "include": WITH_VECTORS}
        found = self.collection.search(vector=embedding, limit=fetch_k, filter=filter, **asked)
        return diverse(embedding, found.hits, k, lambda_mult)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> "AkiDBVectorStore":
        """A store with these texts in it; `kwargs` are the arguments of the class."""
        store = cls(embedding=embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    def from_documents(
        cls, documents: list[Document], embedding: Embeddings | None = None, **kwargs: Any
    ) -> "AkiDBVectorStore":
        """A store with these documents in it; `kwargs` are the arguments of the class."""
        return cls.from_texts(
            [one.page_content for one in documents],
            embedding,
            [one.metadata for one in documents],
            ids=[one.id for one in documents],
            **kwargs,
        )

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        relevance = self._relevance_in(kwargs.get("mode", self.mode))
        found = self.similarity_search_with_score(query, k, **kwargs)
        return [(document, relevance(score)) for document, score in found]

    async def _asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        search = self._similarity_search_with_relevance_scores
        return await run_in_executor(None, search, query, k, **kwargs)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return self._relevance_in(self.mode)

    def _relevance_in(self, mode: Mode) -> Callable[[float], float]:
        """The cosine itself, as other stores have it; what points away is 0."""
        metric = self.collection.describe().metric
        if mode == "semantic" and metric == "cosine":
            return lambda score: min(max(score, 0.0), 1.0)
        raise NotImplementedError(
            f"scores of mode {mode} and metric {metric} have no range from 0 to 1\n"
            "hint: use similarity_search_with_score"
        )

    def _vector_of(self, query: str) -> list[float]:
        if self._embedding is not None:
            return self._embedding.embed_query(query)
        model = self.collection.describe().model
        if model is None:
            raise ValueError(f"the collection {self.name!r} has no model: give an embedding")
        reply = self.client.embed([query], model=model.name, input_type="query")
        return reply.embeddings[0].values

    def _hits(
        self, query: str, k: int, filter: Filter | None, others: Mapping[str, Any]
    ) -> list[Hit]:
        asked = {"mode": self.mode, "limit": k, "filter": filter, **others}
        if self._embedding is None or asked["mode"] == "keyword":
            return self.collection.search(query, **asked).hits
        vector = self._embedding.embed_query(query)
        # A hybrid search has the words beside the vector.
        text = query if asked["mode"] == "hybrid" else None
        return self.collection.search(text, vector=vector, **asked).hits


def compare(found: CollectionDescription, dimension: int | None, metric: str | None) -> None:
    """Refuses a collection whose searches would mean nothing.

    Raises:
        ValueError: Its vectors have another length, or another metric is asked for.
    """
    for what, wanted, there in (
        ("length of vectors", dimension, found.dimension),
        ("metric", metric, found.metric),
    ):
        if wanted is not None and wanted != there:
            raise ValueError(
                f"the {what} of the collection {found.name!r} is {there}, not {wanted}"
            )


def diverse(vector: list[float], hits: Sequence[Hit], k: int, weight: float) -> list[Document]:
    """The most diverse of hits; one without a vector can not be compared and is left out."""
    found = [(hit, row) for hit in hits if (row := documents.vector_of(hit))]
    chosen = most_diverse(vector, [row for _, row in found], k, weight)
    return [documents.from_node(found[at][0]) for at in chosen]


def refuse_unknown(others: Mapping[str, Any]) -> None:
    """Refuses arguments that would be without effect.

    Raises:
        TypeError: There are some.
    """
    if others:
        raise TypeError(f"unknown arguments: {', '.join(others)}")


def with_scores(hits: Sequence[Hit]) -> list[tuple[Document, float]]:
    """Documents with their scores."""
    return [(documents.from_node(hit), hit.score) for hit in hits]
