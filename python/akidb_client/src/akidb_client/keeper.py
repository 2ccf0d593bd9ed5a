"""Runs a node for as long as the process that started this one lives.

It is run as a program: its arguments are the command, and its stdin is a pipe of which the other
end is held by that process alone, and is closed by the system however that ends.
"""

import os
import signal
import subprocess
import sys
import threading

STOP_S = 30.0


def main() -> int:
    """Runs the command, and answers what it ended with."""
    node = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # noqa: S603
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: node.terminate())
    threading.Thread(target=stop_at_end_of_stdin, args=(node,), daemon=True).start()
    return node.wait()


def stop_at_end_of_stdin(node: "subprocess.Popen[bytes]") -> None:
    """Stops the node when the other end of the pipe is gone."""
    # Not by sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    node.terminate()
    try:
        node.wait(STOP_S)
    except subprocess.TimeoutExpired:
        node.kill()


if __name__ == "__main__":
    sys.exit(main())
