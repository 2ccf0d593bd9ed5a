"""Runs the MLX module of AkiDB in this process, one text a line, and answers how long each took.

The first line is the module's options; then each line is a list of tokens, and its answer the
nanoseconds from having the numbers as buffers to having the vector as one.
"""

import array
import json
import sys
import time

import akidb_mlx.worker

encoder = akidb_mlx.worker.open_encoder(sys.stdin.readline())
pooling = memoryview(array.array("i", [0]))
normalize = memoryview(bytes([1]))
print(encoder.info(), flush=True)
for line in sys.stdin:
    tokens = memoryview(array.array("i", json.loads(line)))
    length = memoryview(array.array("i", [len(tokens)]))
    started = time.perf_counter_ns()
    rows = memoryview(encoder.encode(tokens, length, pooling, normalize)).tobytes()
    print(time.perf_counter_ns() - started, flush=True)
