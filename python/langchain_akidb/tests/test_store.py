"""What the store does beside the interface: modes, filters, diversity, and OpenAI's embeddings."""

from typing import Any

import openai
import pytest
from akidb_client import Client
from akidb_client.models import ChunkingSettings, Hit
from langchain_core.documents import Document
from langchain_openai import OpenAIEmbeddings

from langchain_akidb import AkiDBEmbeddings, AkiDBVectorStore
from langchain_akidb.diversity import most_diverse
from langchain_akidb.vector_store import diverse

MODEL = "all-minilm-l6-v2"
FILMS = [
    Document(id="titanic", page_content="A great ship meets an iceberg.", metadata={"year": 1997}),
    Document(id="sinking", page_content="A great ship meets an iceberg!", metadata={"year": 1958}),
    Document(id="jaws", page_content="A shark hunts swimmers.", metadata={"year": 1975}),
    Document(id="gravity", page_content="Astronauts are lost in orbit.", metadata={"year": 2013}),
]


@pytest.fixture(params=["node", "langchain"])
def store(client: Client, request: pytest.FixtureRequest) -> Any:
    """The films, with vectors of the node and of LangChain."""
    embedding = AkiDBEmbeddings(client) if request.param == "langchain" else None
    found = AkiDBVectorStore.from_documents(
        FILMS, embedding, client=client, collection=f"films-{request.param}"
    )
    yield found
    found.collection.drop()


def ids(found: list[Document]) -> list[str | None]:
    return [one.id for one in found]


def test_documents_are_found_by_meaning_by_words_and_by_both(store: AkiDBVectorStore) -> None:
    found = store.similarity_search("a disaster at sea", k=1, filter={"year": {"$gt": 1990}})
    assert found == [FILMS[0]]
    assert ids(store.similarity_search("sharks", mode="keyword")) == ["jaws"]
    assert ids(store.similarity_search("shark", k=1, mode="hybrid")) == ["jaws"]
    (_, first), (_, second) = store.similarity_search_with_score("lost in space", k=2)
    assert first > second
    vector = AkiDBEmbeddings(store.client).embed_query("lost in space")
    assert ids(store.similarity_search_by_vector(vector, k=1)) == ["gravity"]


async def test_retrievers_find_too(store: AkiDBVectorStore) -> None:
    plain = store.as_retriever(search_kwargs={"k": 1, "filter": {"year": 1975}})
    assert ids(plain.invoke("a ship")) == ids(await plain.ainvoke("a ship")) == ["jaws"]
    scored = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.6}
    )
    assert ids(scored.invoke("a ship meets an iceberg"))[:2] in (
        ["titanic", "sinking"],
        ["sinking", "titanic"],
    )
    diverse = store.as_retriever(search_type="mmr", search_kwargs={"k": 2, "lambda_mult": 0.2})
    assert len({"titanic", "sinking"} & set(ids(diverse.invoke("a ship at sea")))) == 1


async def test_scores_of_words_are_no_relevance(store: AkiDBVectorStore) -> None:
    with pytest.raises(NotImplementedError, match="similarity_search_with_score"):
        store.similarity_search_with_relevance_scores("iceberg", mode="hybrid")
    with pytest.raises(NotImplementedError, match="similarity_search_with_score"):
        await store.asimilarity_search_with_relevance_scores("iceberg", mode="keyword")
    ((found, relevance),) = store.similarity_search_with_relevance_scores("iceberg", k=1)
    ((same, score),) = store.similarity_search_with_score("iceberg", k=1)
    assert found == same and relevance == pytest.approx(score)


def test_diversity_is_among_what_the_mode_finds(store: AkiDBVectorStore) -> None:
    found = store.max_marginal_relevance_search("ship", k=4, mode="keyword")
    assert set(ids(found)) == {"titanic", "sinking"}


def test_documents_are_deleted_by_a_filter(store: AkiDBVectorStore) -> None:
    assert store.delete(filter={"year": {"$gt": 1990}})
    assert store.collection.count() == 2
    with pytest.raises(ValueError, match="not both"):
        store.delete(["jaws"], filter={"year": 1975})
    assert store.collection.count() == 2


def test_collections_of_any_settings_are_used(client: Client) -> None:
    settings = {"chunking": ChunkingSettings(tokens=16), "language": "en"}
    log = "We left on Monday in light rain. On Tuesday a whale followed us until noon."
    for chosen in (settings, None):
        store = AkiDBVectorStore("logbook", client=client, settings=chosen)
        store.add_texts([log, "The budget is moved."], ids=["log", "memo"])
        assert ids(store.max_marginal_relevance_search("a big animal", k=1)) == ["log"]
    store.collection.drop()


def test_documents_without_a_vector_are_not_diverse() -> None:
    hits = [Hit(id="bare", score=1.0), Hit(id="whole", score=0.5, vector=[1.0])]
    assert ids(diverse([1.0], hits, 4, 0.5)) == ["whole"]


def test_vectors_need_something_that_makes_them(client: Client) -> None:
    client.create_collection("no-model", dimension=3)
    with pytest.raises(ValueError, match="'no-model' has no model"):
        AkiDBVectorStore("no-model", client=client).max_marginal_relevance_search("a")
    client.collection("no-model").drop()


def test_texts_and_their_ids_belong_together(store: AkiDBVectorStore) -> None:
    assert store.add_texts([]) == [] and store.get_by_ids([]) == []
    with pytest.raises(ValueError, match="1 ids for 2 texts"):
        store.add_texts(["a", "b"], ids=["1"])
    with pytest.raises(ValueError, match="1 metadatas for 2 texts"):
        store.add_texts(["a", "b"], [{}])
    with pytest.raises(TypeError, match="namespace"):
        store.add_texts(["a"], namespace="b")
    assert store.add_texts(["first", "last"], ids=["same", "same"]) == ["same", "same"]
    assert store.get_by_ids(["same"])[0].page_content == "last"
    made = store.add_texts(["one", "two"])
    assert len(set(made)) == 2
    store.delete()
    assert store.similarity_search("a ship") == []


def test_vectors_of_another_length_are_refused(client: Client) -> None:
    AkiDBVectorStore.from_texts(["a"], None, client=client, collection="lengths")
    short = AkiDBEmbeddings(client, dimensions=16)
    with pytest.raises(ValueError, match="length of vectors of the collection 'lengths' is 384"):
        AkiDBVectorStore.from_texts(["a"], short, client=client, collection="lengths")
    with pytest.raises(ValueError, match="metric of the collection 'lengths' is cosine, not l2"):
        AkiDBVectorStore("lengths", client=client, metric="l2").similarity_search("a")
    client.collection("lengths").drop()


def test_openais_embeddings_are_right_or_say_what_to_set(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Vocabulary:
        """What OpenAI's own makes of "Hello world"; it would be fetched from the network."""

        def encode_ordinary(self, text: str) -> list[int]:
            return [9906, 1917]

        encode = encode_ordinary

    monkeypatch.setattr("tiktoken.get_encoding", lambda name: Vocabulary())
    monkeypatch.setattr("tiktoken.encoding_for_model", lambda name: Vocabulary())
    arguments: dict[str, Any] = {"base_url": f"{client.url}/v1", "api_key": "-", "model": MODEL}
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        OpenAIEmbeddings(**arguments).embed_query("Hello world")
    right = OpenAIEmbeddings(**arguments, check_embedding_ctx_length=False)
    ours = AkiDBEmbeddings(client).embed_query("Hello world")
    assert right.embed_query("Hello world") == pytest.approx(ours, abs=1e-5)
    store = AkiDBVectorStore.from_documents(FILMS, right, client=client, collection="openai")
    assert ids(store.similarity_search("a disaster at sea", k=1))[0] in {"titanic", "sinking"}
    store.collection.drop()


def test_what_is_chosen_is_unlike_what_is_chosen_already() -> None:
    rows = [[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]
    assert most_diverse([1.0, 0.1], rows, 2, 0.3) == [1, 2]
    assert most_diverse([1.0, 0.1], rows, 2, 1.0) == [1, 0]
    assert most_diverse([1.0, 0.0], rows, 5, 0.0)[0] == 0
    assert most_diverse([1.0, 0.0], [], 2, 0.5) == []
    assert most_diverse([0.0, 0.0], [[0.0, 0.0]], 1, 0.5) == [0]
