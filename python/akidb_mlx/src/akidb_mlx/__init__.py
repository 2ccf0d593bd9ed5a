"""Text embedding with MLX, as AkiDB's worker runs it.

`worker` is what AkiDB calls; `init_model` and `embed_texts` are for use from Python.
"""

__version__ = "0.1.0"

from . import blas as _blas

BLAS = _blas.load()
"""The BLAS that MLX uses on a processor; it must be there before MLX is imported."""

try:
    import mlx.core as _mlx  # noqa: F401 (only tried)
except ImportError as error:
    raise ImportError(
        f"akidb_mlx needs MLX, which cannot be imported: {error}\n"
        "hint: pip install 'mlx[cpu]' on Linux, pip install 'mlx[cuda]' on Linux with CUDA, "
        "pip install mlx on macOS"
    ) from error

from .download import download_model
from .embedding import EmbeddingModel, embed_texts, init_model
from .errors import InputError, ModelError
from .pooling import Pooling

__all__ = [
    "BLAS",
    "EmbeddingModel",
    "InputError",
    "ModelError",
    "Pooling",
    "__version__",
    "download_model",
    "embed_texts",
    "init_model",
]
