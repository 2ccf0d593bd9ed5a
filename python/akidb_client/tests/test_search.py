"""Searches in every mode, with all that a hit can bring."""

import pytest

from akidb_client import (
    Client,
    Collection,
    FacetRequest,
    HybridParameters,
    NodeError,
    RerankParameters,
    SearchRequest,
    error_codes,
)
from akidb_client.models import (
    ChunkingSettings,
    GroupBy,
    Highlight,
    HitOrder,
    MinParts,
    PartWeights,
    SearchParameters,
)


def test_every_mode_finds(films: Collection) -> None:
    np = pytest.importorskip("numpy")
    found = films.search("a disaster at sea", limit=1, explain=True)
    assert [hit.id for hit in found.hits] == ["titanic"] and found.plan is not None
    assert found.hits[0].metadata == {"year": 1997} and found.hits[0].score > 0.2
    assert films.search("shark", mode="keyword").hits[0].id == "jaws"
    weights = PartWeights(semantic=2)
    both = films.search(
        "shark",
        mode="hybrid",
        hybrid=HybridParameters(fusion="weighted", weights=weights),
        min_parts=MinParts(keyword=0.1),
    )
    assert [hit.id for hit in both.hits] == ["jaws"] and both.hits[0].parts is not None
    vector = np.array(films.get("gravity", include=["vector"]).vector, dtype=np.float16)
    by_vector = films.search(vector=vector, params=SearchParameters(exact=True), min_score=0.9)
    assert [hit.id for hit in by_vector.hits] == ["gravity"]
    assert "jaws" not in [hit.id for hit in films.search(id="jaws").hits]
    assert films.search("ship", filter={"year": {"$lt": 1990}}, offset=1).hits == []


def test_groups_orders_highlights_and_facets(films: Collection) -> None:
    groups = films.search("sea", group_by=GroupBy(field="year", size=1)).groups or []
    assert {group.value for group in groups} == {1975, 1997, 2013}
    ordered = films.search("sea", order_by=HitOrder(field="year"), include=["metadata"]).hits
    assert [hit.id for hit in ordered] == ["jaws", "titanic", "gravity"] and not ordered[0].text
    marked = films.search("sharks", mode="keyword", highlight=Highlight(snippet_sentences=1)).hits
    assert marked[0].highlights is not None and marked[0].highlights.ranges[0].start == 2
    facets = films.facets(["year", FacetRequest(field="year", borders=[1990])])
    assert facets.count == 3 and len(facets.facets[0].values or []) == 3
    assert [one.count for one in facets.facets[1].ranges or []] == [1, 2]
    assert (facets.facets[1].ranges or [])[1].from_ == 1990


def test_passages_come_with_their_neighbors(client: Client) -> None:
    log = client.create_collection("logbook", chunking=ChunkingSettings(tokens=16))
    text = "We left on Monday in light rain. On Tuesday a whale followed us until noon. We ate."
    log.upsert([{"id": 1, "text": text}])
    hit = log.search("a big animal", passages_per_document=1, passage_context=1).hits[0]
    assert hit.best_passages is not None and "whale" in hit.best_passages[0].text
    assert hit.best_passages[0].context is not None
    passages = log.get(1, include=["vector"]).passages or []
    assert text[passages[0].start : passages[0].end].startswith("We left")
    log.drop()


def test_a_batch_answers_each_search(films: Collection) -> None:
    found = films.search_batch([SearchRequest(text="ship"), SearchRequest(text="fish", limit=1)])
    assert [len(one.hits) for one in found] == [3, 1]


def test_wrong_searches_are_errors_of_their_own(client: Client, films: Collection) -> None:
    with pytest.raises(error_codes.DimensionMismatchError):
        films.search(vector=[1.0, 2.0])
    with pytest.raises(error_codes.InvalidFilterError):
        films.search("a", filter={"year": {"gte": 1990}})
    with pytest.raises(NodeError):
        films.search()
    with pytest.raises(NodeError) as raised:
        films.search("a", rerank=RerankParameters(model="none"))
    assert raised.value.code == "model_not_found"
    assert films.search("a", filter={"yaer": 1}).unknown_fields == ["yaer"]
    with pytest.raises(error_codes.ModelNotFoundError):
        client.rerank("query", ["a", "b"], model="none")


def test_texts_are_embedded(client: Client) -> None:
    reply = client.embed(["a boat", "a ship"], input_type="query")
    assert reply.dimension == len(reply.embeddings[0].values) == 384
    short = client.embed(["a boat"], dimensions=16)
    assert len(short.embeddings[0].values) == 16 and short.usage.total_tokens > 0
    with pytest.raises(error_codes.LimitExceededError):
        client.embed(["a"] * 33)
