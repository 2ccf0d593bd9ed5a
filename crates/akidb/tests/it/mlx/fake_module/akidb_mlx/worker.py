import array
import ctypes
import json
import os
import time

from . import fault

DIMENSION = 384


def scribble():
    """Writes to every descriptor that is open, as a library that closed the wrong one does."""
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, b"rubbish that is no frame at all, and a lot longer than a header")
        except OSError:
            pass


def eat_memory():
    """Goes beyond the limit of the tests and stays there: how much more a worker would hold until
    it is noticed depends on the machine."""
    held = [bytearray(b"x" * (8 << 20)) for _ in range(80)]
    time.sleep(3600)
    return held


class Encoder:
    def __init__(self, options):
        self.options = options
        self.batches = 0

    def info(self):
        return json.dumps({
            "module_version": "7.0.0" if fault() == "old_module" else "0.1.0",
            "mlx_version": "none", "python_version": "none", "device": "cpu", "blas": None,
            "architecture": "bert", "dimension": 5 if fault() == "other_model" else DIMENSION,
            "max_tokens": 512, "vocabulary": 30522, "quantization": None, "weights_bytes": 0,
        })

    def encode(self, token_ids, lengths, poolings, normalize):
        what = fault()
        print("a line on stdout, which must not be taken for an answer", flush=True)
        if what == "raise":
            raise RuntimeError("[metal::malloc] no memory")
        if what == "refuse":
            raise ValueError("the text is not to be liked")
        if what == "hang":
            time.sleep(3600)
        if what == "hang_with_lock":
            ctypes.PyDLL(None).sleep(3600)
        if what == "exit":
            os._exit(3)
        if what == "system_exit":
            raise SystemExit(4)
        if what == "abort":
            os.abort()
        if what == "segfault":
            ctypes.string_at(0)
        if what == "scribble":
            scribble()
        if what == "eat_memory":
            eat_memory()
        if what == "list":
            return [0.0] * (DIMENSION * len(lengths))
        if what == "wrong_shape":
            return memoryview(array.array("f", [1.0]) * (DIMENSION * len(lengths) + 1))
        if what == "doubles":
            return memoryview(array.array("d", [1.0]) * (DIMENSION * len(lengths)))
        rows = array.array("f", [0.0]) * (DIMENSION * len(lengths))
        at = 0
        for row, length in enumerate(lengths):
            for place, token in enumerate(token_ids[at:at + length]):
                rows[row * DIMENSION + (token * 31 + place) % DIMENSION] += 1.0 + token % 7
            at += length
        if what == "nan":
            rows = array.array("f", [float("nan")]) * len(rows)
        self.batches += 1
        return memoryview(rows)

    def statistics(self):
        return json.dumps({"active_bytes": 1, "peak_bytes": 2, "cache_bytes": 3,
                           "batches": self.batches})


def open_encoder(options):
    if fault() == "raise_at_open":
        raise RuntimeError("the weights are not to be found")
    return Encoder(json.loads(options))
