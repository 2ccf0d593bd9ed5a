"""A node with the real model for all tests, and servers that are none."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes import ROOT, Stranger

from akidb_client import Client, Collection


@pytest.fixture(scope="session")
def node_env() -> dict[str, str]:
    """What a node is told, so that it has the real model."""
    models = os.environ.get("AKIDB_TEST_MODELS_DIR") or str(ROOT / "target/models")
    assert Path(models).is_dir(), "AKIDB_TEST_MODELS_DIR names no folder; see the README"
    return {"AKIDB_MODELS_DIR": models}


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory, node_env: dict[str, str]) -> Iterator[Client]:
    """A client with a node of its own, which all tests share."""
    with Client(path=tmp_path_factory.mktemp("node") / "data", env=node_env) as found:
        yield found


@pytest.fixture
def films(client: Client, request: pytest.FixtureRequest) -> Iterator[Collection]:
    """A collection of three texts with metadata, named after the test."""
    name = request.node.name.split("[")[0][-60:]
    found = client.create_collection(name)
    found.upsert(
        [
            {"id": "titanic", "text": "A great ship meets an iceberg.", "metadata": {"year": 1997}},
            {"id": "gravity", "text": "Astronauts are lost in orbit.", "metadata": {"year": 2013}},
            {"id": "jaws", "text": "A shark hunts swimmers.", "metadata": {"year": 1975}},
        ]
    )
    yield found
    found.drop()


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """A server that answers as a test tells it."""
    with Stranger() as found:
        yield found
