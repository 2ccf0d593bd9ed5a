"""A node of the client's own: found, started over a data directory, and stopped.

Out of scope: stopping it when this process is killed, which its keeper does (`keeper`).
"""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from akidb_client.errors import BinaryNotFoundError, DataDirectoryInUseError, NodeProcessError

READY = re.compile(r"^akidb: ready rest=(\S+) grpc=\S+$", re.M)
POLL_S = 0.01
LOG_LINES = 10
STOP_S = 60.0
KEEPER = Path(__file__).with_name("keeper.py")


def find_binary(given: str | Path | None = None) -> Path:
    """The `akidb` to start: the one given, that of `AKIDB_BINARY`, beside the package, on `PATH`.

    Raises:
        BinaryNotFoundError: There is none.
    """
    named = given or os.environ.get("AKIDB_BINARY")
    if named:
        found = shutil.which(str(named))
        if found is None:
            raise BinaryNotFoundError(f"{named} is no program that can be run")
        return Path(found)
    beside = Path(__file__).with_name("bin") / "akidb"
    found = shutil.which(str(beside)) or shutil.which("akidb")
    if found is None:
        raise BinaryNotFoundError(
            "there is no akidb on PATH",
            hint="give binary=, set AKIDB_BINARY, or install AkiDB",
        )
    return Path(found)


class OwnNode:
    """The process of a node on free ports of this machine.

    Attributes:
        url: Where its REST door is.
        log_path: The file that its log is written to.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        binary: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        start_timeout_s: float = 120.0,
    ) -> None:
        program = find_binary(binary)
        self.path = Path(path)
        self._folder = Path(tempfile.mkdtemp(prefix="akidb-client-"))
        self.log_path = self._folder / "log"
        self._said = self._folder / "said"
        self._process = self._start(program, {**os.environ, **(env or {})})
        atexit.register(self.stop)
        try:
            self.url = self._ready(start_timeout_s)
        except BaseException:
            self.stop()
            raise

    def _start(self, binary: Path, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        serve = [str(binary), "serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"]
        serve += ["--data-dir", str(self.path)]
        with self._said.open("wb") as said, self.log_path.open("wb") as log:
            # A session of its own, so that Ctrl-C in a terminal stops this process first.
            return subprocess.Popen(  # noqa: S603 (the program is the user's choice)
                [sys.executable, "-I", "-S", str(KEEPER), str(self._folder), *serve],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=log,
                env=dict(env),
                start_new_session=True,
            )

    def _ready(self, within_s: float) -> str:
        until = time.monotonic() + within_s
        while True:
            ready = READY.search(self._said.read_text("utf-8", "replace"))
            if ready:
                return f"http://{ready[1]}"
            if self._process.poll() is not None:
                raise self._failed()
            if time.monotonic() > until:
                raise NodeProcessError(
                    f"the node was not ready after {within_s} s\n{self.log_tail()}"
                )
            time.sleep(POLL_S)

    def _failed(self) -> NodeProcessError:
        tail = self.log_tail()
        if "is in use by another AkiDB process" in tail:
            holder = re.search(r"\(process (\d+)\)", tail)
            which = f" (process {holder[1]})" if holder else ""
            return DataDirectoryInUseError(
                f"the lock of the data directory {self.path} is held by another node{which}",
                hint="share one Client, or speak to that node by its address: Client('http://..')",
            )
        status = self._process.returncode
        return NodeProcessError(f"the node ended before it was ready, with {status}\n{tail}")

    def log_tail(self) -> str:
        """The last lines of its log."""
        lines = self.log_path.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])

    @property
    def pid(self) -> int:
        """The number of the process that keeps the node."""
        return self._process.pid

    def stop(self) -> None:
        """Asks it to stop and waits until it has; a second call does nothing."""
        atexit.unregister(self.stop)
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # The keeper has removed it, unless the node had ended by itself.
        shutil.rmtree(self._folder, ignore_errors=True)
