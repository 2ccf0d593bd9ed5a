"""Searches and facets of a collection."""

from collections.abc import Sequence
from typing import Literal

from akidb_client import request
from akidb_client._async.named import AsyncNamed
from akidb_client.models import (
    FacetRequest,
    FacetsReply,
    FacetsRequest,
    GroupBy,
    Highlight,
    HitOrder,
    HybridParameters,
    MinParts,
    RerankParameters,
    SearchBatchReply,
    SearchBatchRequest,
    SearchParameters,
    SearchReply,
    SearchRequest,
)
from akidb_client.values import DocumentId, Filter, Vector, listed


class AsyncSearches(AsyncNamed):
    """The methods of a collection that find documents."""

    async def search(
        self,
        text: str | None = None,
        *,
        vector: Vector | None = None,
        id: DocumentId | None = None,
        mode: Literal["semantic", "keyword", "hybrid"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        filter: Filter | None = None,
        field: str | None = None,
        include: Sequence[Literal["text", "metadata", "vector", "passages"]] | None = None,
        min_score: float | None = None,
        min_parts: MinParts | None = None,
        hybrid: HybridParameters | None = None,
        rerank: RerankParameters | None = None,
        group_by: GroupBy | None = None,
        order_by: HitOrder | None = None,
        highlight: Highlight | None = None,
        passages_per_document: int | None = None,
        passage_context: int | None = None,
        params: SearchParameters | None = None,
        explain: bool | None = None,
    ) -> SearchReply:
        """The documents that are nearest to a text, a vector or a document, the best first.

        Args:
            text: What is looked for; with `vector` beside it only in a hybrid search.
            vector: `[dimension]` numbers.
            id: A stored document, to find more like it.
            mode: By meaning (default), by words, or by both.
            limit: How many hits, 10 where absent.
            offset: How many hits to skip.
            filter: Which documents may be found.
            field: The vector field that is searched, the one without a name where absent.
            include: Which parts come with a hit: text and metadata where absent.
            min_score: The lowest score of a hit.
            min_parts: The lowest parts of the score of a hybrid search.
            hybrid: How a hybrid search is done.
            rerank: A re-ranker that reads the best hits.
            group_by: Groups of hits by a value, in place of hits.
            order_by: Another order of the best hits.
            highlight: Where the words of the text stand in the hits.
            passages_per_document: The best passages of each hit.
            passage_context: So many neighbors of each of these passages.
            params: How the index is searched.
            explain: Whether `plan` says how the hits were found.

        Raises:
            InvalidArgumentError: The arguments contradict each other.
            InvalidFilterError: The filter does not follow its language.
            DimensionMismatchError: The vector is not of the collection's dimension.
        """
        wanted = SearchRequest(
            text=text,
            vector=vector,
            id=id,
            mode=mode,
            limit=limit,
            offset=offset,
            filter=filter,
            field=field,
            include=include,
            min_score=min_score,
            min_parts=min_parts,
            hybrid=hybrid,
            rerank=rerank,
            group_by=group_by,
            order_by=order_by,
            highlight=highlight,
            passages_per_document=passages_per_document,
            passage_context=passage_context,
            params=params,
            explain=explain,
        )
        sent = request.post(*self._path("search"), body=wanted, repeatable=True)
        return await self._transport.send(sent, SearchReply)

    async def search_batch(self, searches: Sequence[SearchRequest]) -> list[SearchReply]:
        """Up to 100 searches in one call; a reply each, in their order."""
        wanted = SearchBatchRequest(searches=listed(searches, "searches"))
        sent = request.post(*self._path("search", "batch"), body=wanted, repeatable=True)
        return (await self._transport.send(sent, SearchBatchReply)).results

    async def facets(
        self, facets: Sequence[FacetRequest | str], *, filter: Filter | None = None
    ) -> FacetsReply:
        """Counts how many documents have which values; a field's name counts its values."""
        asked = [
            FacetRequest(field=one) if isinstance(one, str) else one
            for one in listed(facets, "facets")
        ]
        wanted = FacetsRequest(facets=asked, filter=filter)
        sent = request.post(*self._path("documents", "facets"), body=wanted, repeatable=True)
        return await self._transport.send(sent, FacetsReply)
