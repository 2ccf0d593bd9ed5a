"""Weights in safetensors files, taken tensor by tensor.

Out of scope: which tensors a network has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import mlx.core as mx

from .config_file import read_json_object
from .errors import (
    DamagedFileError,
    MissingFileError,
    MissingTensorError,
    PickledWeightsError,
    WrongShapeError,
    WrongTypeError,
)

INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_FLOATS = (mx.float32, mx.float16, mx.bfloat16)
_OLD_NAMES = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


@dataclass(frozen=True)
class Weights:
    """The tensors of a model by name; MLX reads each when it is first evaluated."""

    directory: Path
    tensors: dict[str, tuple[Path, mx.array]]
    prefix: str
    """What stands before every tensor's name, such as `bert.`."""

    @classmethod
    def open(cls, directory: Path, known_tensor: str) -> "Weights":
        """Open the weights in `directory`.

        What stands before `known_tensor` in a name there stands before the others too.
        """
        tensors: dict[str, tuple[Path, mx.array]] = {}
        for file in _find_files(directory):
            tensors.update((name, (file, tensor)) for name, tensor in _load(file).items())
        prefixes = [
            name.removesuffix(known_tensor) for name in tensors if name.endswith(known_tensor)
        ]
        return cls(directory, tensors, min(prefixes, key=len, default=""))

    def has(self, name: str) -> bool:
        """Say whether there is a tensor of this name, without the prefix."""
        return self.prefix + name in self.tensors

    def take(self, name: str, shape: Sequence[int]) -> mx.array:
        """Take floating-point values; fail when their shape is not `shape`."""
        return self._take(name, shape, _FLOATS, "F32, F16 or BF16")

    def take_packed(self, name: str, shape: Sequence[int]) -> mx.array:
        """Take quantized values packed into 32-bit numbers."""
        return self._take(name, shape, (mx.uint32,), "U32, packed by MLX")

    def _take(
        self, name: str, shape: Sequence[int], types: Sequence[mx.Dtype], expected: str
    ) -> mx.array:
        full_name, (file, tensor) = self._find(name)
        if tensor.dtype not in types:
            raise WrongTypeError(file, full_name, str(tensor.dtype), expected)
        if tensor.shape != tuple(shape):
            raise WrongShapeError(file, full_name, tensor.shape, shape)
        return tensor

    def _find(self, name: str) -> tuple[str, tuple[Path, mx.array]]:
        """Find a tensor; those from TensorFlow call a layer norm's vectors gamma and beta."""
        modern = old = self.prefix + name
        for new_ending, old_ending in _OLD_NAMES.items():
            old = old.replace(new_ending, old_ending)
        for full_name in (modern, old):
            if full_name in self.tensors:
                return full_name, self.tensors[full_name]
        files = {file for file, _ in self.tensors.values()}
        raise MissingTensorError(files.pop() if len(files) == 1 else self.directory, modern)


def _load(file: Path) -> dict[str, mx.array]:
    try:
        return cast("dict[str, mx.array]", mx.load(str(file), format="safetensors"))
    except (RuntimeError, ValueError) as error:
        raise DamagedFileError(file, str(error)) from error


def _find_files(directory: Path) -> list[Path]:
    """Find `model.safetensors`, else the files that its index names, else all."""
    single = directory / _SINGLE
    if single.is_file():
        return [single]
    index = directory / INDEX
    if index.is_file():
        return _shards(directory, index)
    names = sorted(file.name for file in directory.iterdir())
    found = [directory / name for name in names if name.endswith(".safetensors")]
    if found:
        return found
    for name in names:
        if name.endswith(_PICKLES):
            raise PickledWeightsError(directory, name)
    raise MissingFileError(single)


def _shards(directory: Path, index: Path) -> list[Path]:
    places = read_json_object(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise DamagedFileError(index, "it has no weight_map")
    files = []
    for name in sorted({str(name) for name in places.values()}):
        is_plain = "/" not in name and "\\" not in name and name.endswith(".safetensors")
        file = directory / name
        if not is_plain or not file.is_file():
            raise MissingFileError(file, f"{INDEX} names it")
        files.append(file)
    return files
