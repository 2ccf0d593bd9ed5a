"""A node of the client's own: found, started, locked, and stopped however its client ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nodes import DEADLINE_S

from akidb_client import Client
from akidb_client.errors import BinaryNotFoundError, DataDirectoryInUseError, NodeProcessError
from akidb_client.own_node import find_binary


def wait_until_free(path: Path, env: dict[str, str]) -> None:
    """Waits until the node over a data directory has ended, by starting another one over it."""
    until = time.monotonic() + DEADLINE_S
    while True:
        try:
            with Client(path=path, env=env):
                return
        except DataDirectoryInUseError:
            assert time.monotonic() < until


def test_data_stays_and_a_second_client_is_told_of_the_lock(
    tmp_path: Path, node_env: dict[str, str]
) -> None:
    with Client(path=tmp_path / "data", env=node_env) as client:
        client.create_collection("kept", dimension=1).upsert([{"id": 1, "vector": [1.0]}])
        with pytest.raises(DataDirectoryInUseError) as raised:
            Client(path=tmp_path / "data", env=node_env)
        assert "lock" in str(raised.value) and str(tmp_path / "data") in str(raised.value)
    with Client(path=tmp_path / "data", env=node_env) as client:
        assert client.collection("kept").count() == 1
        folder = client._node._folder if client._node else tmp_path
        assert client.is_alive() and client.ready().ready and "akidb_" in client.metrics()
    client.close()
    assert not folder.exists()


PARENT = """
import sys, time
from akidb_client import Client
client = Client(path=sys.argv[1])
print("ready", flush=True)
time.sleep(1000) if sys.argv[2] == "killed" else None
"""


@pytest.mark.parametrize("end", ["killed", "forgets to close"])
def test_the_node_ends_with_its_client(tmp_path: Path, node_env: dict[str, str], end: str) -> None:
    path = tmp_path / "data"
    source = str(Path(__file__).parents[1] / "src")
    env = {**os.environ, **node_env, "PYTHONPATH": source}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path), end], stdout=subprocess.PIPE, env=env
    )
    with parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"ready\n"
        if end == "killed":
            parent.kill()
    wait_until_free(path, node_env)


def test_a_binary_is_found_or_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node_env: dict[str, str]
) -> None:
    program = tmp_path / "akidb"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    program.chmod(0o755)
    assert find_binary(program) == program
    monkeypatch.setenv("AKIDB_BINARY", str(tmp_path / "nothing"))
    with pytest.raises(BinaryNotFoundError):
        find_binary()
    monkeypatch.delenv("AKIDB_BINARY")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary() == program
    with pytest.raises(NodeProcessError, match=r"with 3\nbroken"):
        Client(path=tmp_path / "data", env=node_env)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BinaryNotFoundError, match="AKIDB_BINARY"):
        Client(path=tmp_path / "data")
