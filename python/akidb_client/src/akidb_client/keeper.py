"""Runs a node for as long as the process that started this one lives.

It is run as a program: its arguments are a folder that goes with the node, and the command. Its
stdin is a pipe of which that process alone holds the other end; the system closes it however that
ends.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading

STOP_S = 30.0


def main() -> int:
    """Runs the command, and answers what it ended with."""
    folder, *command = sys.argv[1:]
    node = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: node.terminate())
    is_over = threading.Event()
    threading.Thread(target=stop_at_end_of_stdin, args=(node, is_over), daemon=True).start()
    status = node.wait()
    if is_over.is_set():
        # Nobody else may be left to do so.
        shutil.rmtree(folder, ignore_errors=True)
    return status


def stop_at_end_of_stdin(node: "subprocess.Popen[bytes]", is_over: threading.Event) -> None:
    """Stops the node when the other end of the pipe is gone."""
    # Not by sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    is_over.set()
    node.terminate()
    try:
        node.wait(STOP_S)
    except subprocess.TimeoutExpired:
        node.kill()


if __name__ == "__main__":
    sys.exit(main())
