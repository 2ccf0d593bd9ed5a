"""The node's own model as LangChain's `Embeddings`."""

from collections.abc import Iterator
from typing import Literal

from akidb_client import Client
from langchain_core.embeddings import Embeddings

TEXTS_MAX = 32
"""Texts in one request, as the node's own limit `embed_texts` is by default."""


class AkiDBEmbeddings(Embeddings):
    """Embeds texts with a model that the node has loaded.

    Queries and documents get the prompts that the model has for them. The methods that begin with
    `a` do the same in threads.

    Args:
        client: The client of the node.
        model: The name of a loaded model; the node's default model where absent.
        dimensions: How many of the first values of each vector are wanted; all where absent.
    """

    def __init__(
        self,
        client: Client,
        *,
        model: str | None = None,
        dimensions: int | None = None,
    ) -> None:
        self.client, self.model, self.dimensions = client, model, dimensions

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts, `[texts, dimension]`."""
        return [row for some in batches(texts) for row in self._embed(some, "document")]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text that is looked for, `[dimension]`."""
        return self._embed([text], "query")[0]

    def _embed(self, texts: list[str], kind: Literal["query", "document"]) -> list[list[float]]:
        reply = self.client.embed(
            texts, model=self.model, input_type=kind, dimensions=self.dimensions
        )
        return [one.values for one in reply.embeddings]


def batches(texts: list[str]) -> Iterator[list[str]]:
    """Texts in as many lists as requests take."""
    for start in range(0, len(texts), TEXTS_MAX):
        yield texts[start : start + TEXTS_MAX]
