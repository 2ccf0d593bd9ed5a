"""Documents of LangChain as those of a node, and back."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from akidb_client.models import Document as NodeDocument
from akidb_client.models import Hit
from langchain_core.documents import Document

DOCUMENTS_MAX = 1000
"""Documents in one write."""


def new_ids(count: int, given: Iterable[str | None] | None) -> list[str]:
    """The ids that are given, and new ones where there are none.

    Raises:
        ValueError: There are not as many as documents.
    """
    ids = [one or str(uuid4()) for one in given] if given is not None else []
    if given is None:
        return [str(uuid4()) for _ in range(count)]
    if len(ids) != count:
        raise ValueError(f"{len(ids)} ids for {count} texts")
    return ids


def to_node(
    ids: list[str],
    texts: list[str],
    metadatas: list[dict[str, Any]] | None,
    vectors: list[list[float]] | None,
) -> list[dict[str, Any]]:
    """Documents as a node stores them. Of two with one id the last one counts.

    Raises:
        ValueError: There are not as many metadatas as texts.
    """
    if metadatas is not None and len(metadatas) != len(texts):
        raise ValueError(f"{len(metadatas)} metadatas for {len(texts)} texts")
    found: dict[str, dict[str, Any]] = {}
    for index, (id, text) in enumerate(zip(ids, texts, strict=True)):
        document: dict[str, Any] = {"id": id, "text": text}
        if vectors is not None:
            document["vector"] = vectors[index]
        if metadatas is not None and metadatas[index]:
            document["metadata"] = metadatas[index]
        found.pop(id, None)
        found[id] = document
    return list(found.values())


def from_node(document: NodeDocument | Hit) -> Document:
    """A document as LangChain knows it."""
    metadata: Mapping[str, Any] = document.metadata or {}
    return Document(id=str(document.id), page_content=document.text or "", metadata=dict(metadata))


def vector_of(hit: Hit) -> list[float]:
    """The vector that a hit was found by: its own, or its nearest passage's; empty without one."""
    if hit.vector is not None:
        return hit.vector
    passages = hit.passages or []
    nearest = [one for one in passages if hit.passage and one.start == hit.passage.start]
    return next((one.vector for one in nearest or passages), [])
