"""A node with the real model for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from akidb_client import Client

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client with a node of its own."""
    models = os.environ.get("AKIDB_TEST_MODELS_DIR") or str(ROOT / "target/models")
    data = tmp_path_factory.mktemp("node") / "data"
    with Client(path=data, env={"AKIDB_MODELS_DIR": models}) as found:
        yield found
