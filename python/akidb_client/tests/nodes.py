"""Nodes that tests kill and start again, and servers that are no node."""

import re
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from akidb_client.own_node import find_binary

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 120.0


class RestartedNode:
    """A node that keeps its port when it is killed and started again."""

    def __init__(self, data_dir: Path, env: dict[str, str], port: int = 0) -> None:
        self.data_dir, self.env, self.port = data_dir, env, port
        self.start()

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        said = self.data_dir.with_name("said")
        with said.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    *(str(find_binary()), "serve", "--data-dir", str(self.data_dir)),
                    *("--rest-addr", f"127.0.0.1:{self.port}", "--grpc-addr", "127.0.0.1:0"),
                ],
                stdout=out,
                stderr=subprocess.DEVNULL,
                env=self.env,
            )
        until = time.monotonic() + DEADLINE_S
        while not (ready := re.search(r"ready rest=127.0.0.1:(\d+)", said.read_text())):
            assert self.process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        self.port = int(ready[1])

    def kill(self) -> None:
        """Ends it as a loss of power would."""
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


class Stranger:
    """Answers requests, one after the other, with these bytes; then with the last of them."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> "Stranger":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def says(self, status: str, body: bytes = b"", *headers: str) -> "Stranger":
        """Adds a whole answer."""
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
        return self.sends("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)

    def sends(self, answer: bytes) -> "Stranger":
        """Adds an answer byte for byte; after it the connection is closed."""
        self.answers.append(answer)
        return self

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.requests.append(_read_request(connection))
                answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
                connection.sendall(answer)


def _read_request(connection: Any) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        read += connection.recv(65536)
    length = re.search(rb"content-length: (\d+)", read.lower())
    missing = int(length[1]) - len(read.split(b"\r\n\r\n", 1)[1]) if length else 0
    while missing > 0:
        more = connection.recv(65536)
        read, missing = read + more, missing - len(more)
    return read
