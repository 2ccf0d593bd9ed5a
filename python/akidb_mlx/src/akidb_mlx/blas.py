"""A fast matrix product for MLX on Linux processors.

The Linux wheel of mlx brings the reference BLAS, which reaches a twentieth of what OpenBLAS does.
Loaded first and with global symbols, OpenBLAS takes its place. Out of scope: Metal and CUDA, which
have their own products.
"""

import ctypes
import os
import platform
import sys
from functools import cache
from pathlib import Path

OVERRIDE = "AKIDB_OPENBLAS"
"""The environment variable that names the OpenBLAS to load; empty means none."""

_NAMES = ("libopenblas.so.0", "libopenblas.so")
_DEBIAN = ("openblas-pthread", "openblas-openmp", "openblas-serial")


@cache
def load() -> str | None:
    """Load OpenBLAS if there is one, and say which BLAS MLX uses; `None` where it uses none.

    Has an effect only before `mlx` is imported. Reports OpenBLAS by its version and kernel, such as
    `OpenBLAS 0.3.21 (SkylakeX)`.
    """
    if sys.platform != "linux":
        return "Accelerate" if sys.platform == "darwin" else None
    if "mlx.core" in sys.modules:
        return "unknown, mlx was imported before akidb_mlx"
    for candidate in _candidates():
        try:
            library = ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return _describe(library)
    return "reference"


def _candidates() -> list[str]:
    chosen = os.environ.get(OVERRIDE)
    if chosen is not None:
        return [chosen] if chosen else []
    folder = Path("/usr/lib") / f"{platform.machine()}-linux-gnu"
    return [*_NAMES, *(str(folder / kind / _NAMES[0]) for kind in _DEBIAN)]


def _describe(library: ctypes.CDLL) -> str:
    try:
        config, kernel = library.openblas_get_config, library.openblas_get_corename
    except AttributeError:
        return "OpenBLAS"
    config.restype = kernel.restype = ctypes.c_char_p
    version = " ".join(config().decode(errors="replace").split()[:2])
    return f"{version} ({kernel().decode(errors='replace')})"
