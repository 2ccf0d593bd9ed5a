"""The device that MLX works on, and how much memory it may keep.

Out of scope: what is worked out.
"""

import mlx.core as mx

from .arithmetic import FUSED, PLAIN, Arithmetic
from .errors import DeviceError

DEVICES = ("auto", "cpu", "gpu")


def choose(wanted: str) -> tuple[mx.Device, str]:
    """Choose a device by `auto`, `cpu` or `gpu`, and name it `cpu`, `metal` or `cuda`."""
    if wanted not in DEVICES:
        raise DeviceError(f"the device {wanted!r} is unknown, allowed are {', '.join(DEVICES)}")
    kinds = {"metal": mx.metal.is_available(), "cuda": _has_cuda()}
    names = [name for name, is_there in kinds.items() if is_there]
    if wanted == "gpu" and not names:
        raise DeviceError(
            "MLX sees no graphics processor\n"
            "hint: set the device to cpu; MLX needs Apple Silicon, or Linux with "
            "pip install 'mlx[cuda]'"
        )
    if wanted == "cpu" or not names:
        return mx.Device(mx.cpu), "cpu"
    return mx.Device(mx.gpu), names[0]


def arithmetic_of(device_name: str) -> Arithmetic:
    """Choose the arithmetic that is fast on a device."""
    return PLAIN if device_name == "cpu" else FUSED


def limit_memory(cache_limit_bytes: int | None, memory_limit_bytes: int | None) -> None:
    """Limit, for the whole process, what MLX keeps for reuse and what it tries to stay under.

    The second is a guideline of MLX: it waits for work to end before it takes more.
    """
    if cache_limit_bytes is not None:
        mx.set_cache_limit(cache_limit_bytes)
    if memory_limit_bytes is not None:
        mx.set_memory_limit(memory_limit_bytes)


def _has_cuda() -> bool:
    cuda = getattr(mx, "cuda", None)
    return cuda is not None and bool(cuda.is_available())
