"""LangChain's own tests of its interfaces, with vectors of LangChain and of the node."""

from collections.abc import Iterator

import pytest
from akidb_client import Client
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    VectorStoreIntegrationTests,
)

from langchain_akidb import AkiDBEmbeddings, AkiDBVectorStore


class TestWithVectorsOfLangChain(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, client: Client) -> Iterator[VectorStore]:
        store = AkiDBVectorStore("own", client=client, embedding=self.get_embeddings())
        yield store
        store.collection.drop()


class TestWithVectorsOfTheNode(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, client: Client) -> Iterator[VectorStore]:
        store = AkiDBVectorStore("of-the-node", client=client)
        yield store
        store.collection.drop()


class TestEmbeddings(EmbeddingsIntegrationTests):
    @pytest.fixture(autouse=True)
    def _of_the_node(self, client: Client) -> None:
        type(self).client = client

    client: Client

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return AkiDBEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Client]:
        return {"client": self.client}
