"""LangChain's interfaces over AkiDB.

`AkiDBVectorStore` keeps and finds documents, by meaning, by words or by both. `AkiDBEmbeddings`
lets the node's own model embed texts for whatever else needs vectors.
"""

from langchain_akidb.embeddings import AkiDBEmbeddings
from langchain_akidb.vector_store import AkiDBVectorStore

__all__ = ["AkiDBEmbeddings", "AkiDBVectorStore"]
