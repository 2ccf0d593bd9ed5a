"""Imports the package before MLX, which otherwise keeps its slow BLAS."""

import akidb_mlx  # noqa: F401 (only loaded)
