"""What AkiDB's worker process calls: JSON for settings, buffers for everything else.

Out of scope: the pipe to the node, which the worker itself serves.
"""

import json
import platform
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mlx.core as mx

from . import __version__, blas
from .encoder import Encoder, EncoderOptions
from .errors import InputError

_MODEL_PATH = "model_path"


class WorkerEncoder:
    """An encoder as the worker sees it; it runs only on the thread that opened it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def info(self) -> str:
        """Describe the model and what it runs on, as a JSON object."""
        encoder = self._encoder
        quantization = encoder.quantization
        return json.dumps(
            {
                "module_version": __version__,
                "mlx_version": _mlx_version(),
                "python_version": platform.python_version(),
                "device": encoder.device_name,
                "blas": blas.load() if encoder.device_name == "cpu" else None,
                "architecture": encoder.architecture,
                "dimension": encoder.network.hidden_size,
                "max_tokens": encoder.network.max_tokens,
                "vocabulary": encoder.network.vocabulary,
                "quantization": asdict(quantization) if quantization else None,
                "weights_bytes": encoder.weights_bytes,
            }
        )

    def encode(
        self,
        token_ids: Any,
        lengths: Any,
        poolings: Any,
        normalize: Any,
    ) -> "memoryview[float]":
        """Encode a batch, see `Encoder.encode`; raises `ValueError` for what is none."""
        return self._encoder.encode(token_ids, lengths, poolings, normalize)

    def statistics(self) -> str:
        """Report what was done and MLX's memory of the whole process, as a JSON object."""
        memory = {
            "active_bytes": mx.get_active_memory(),
            "peak_bytes": mx.get_peak_memory(),
            "cache_bytes": mx.get_cache_memory(),
        }
        return json.dumps(memory | asdict(self._encoder.statistics))


def open_encoder(options: str) -> WorkerEncoder:
    """Open the model that `options` describe, a JSON object of `model_path` and `EncoderOptions`.

    Raises `ValueError` for options that are none and `ModelError` for a directory that holds no
    model that can run.
    """
    try:
        settings = json.loads(options)
    except ValueError as error:
        raise InputError(f"the options are no JSON: {error}") from error
    if not isinstance(settings, dict) or not isinstance(settings.get(_MODEL_PATH), str):
        raise InputError(f"the options lack {_MODEL_PATH}")
    directory = Path(settings.pop(_MODEL_PATH))
    known = {each.name for each in fields(EncoderOptions)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise InputError(f"unknown options: {', '.join(unknown)}")
    return WorkerEncoder(Encoder.open(directory, EncoderOptions(**settings)))


def _mlx_version() -> str:
    try:
        return version("mlx")
    except PackageNotFoundError:
        return str(getattr(mx, "__version__", "unknown"))
