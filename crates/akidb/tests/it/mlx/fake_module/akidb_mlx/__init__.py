"""A stand-in for AkiDB's MLX module that fails when it is told to.

It reads what to do from the file `fault` in the folder that holds this package: a word, or nothing
to be well. Its vectors have no meaning, but each is that of its tokens and of no others.
"""

import os
import time

FAULT = os.path.join(os.path.dirname(os.path.dirname(__file__)), "fault")


def fault():
    try:
        with open(FAULT) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


if fault() == "no_mlx":
    raise ImportError("MLX is not installed; install it with: pip install 'mlx[cpu]'")
if fault() == "hang_at_import":
    time.sleep(3600)
