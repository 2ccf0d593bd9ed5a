"""What can be wrong with a model or with what it is asked.

A model's errors name the file, what was found in it and what was expected.
"""

from collections.abc import Sequence
from pathlib import Path


class ModelError(Exception):
    """A model cannot be opened."""


class MissingFileError(ModelError):
    """A file that the model needs is not there."""

    def __init__(self, file: Path, hint: str = "") -> None:
        self.file = file
        super().__init__(f"{file} is not there" + (f"\nhint: {hint}" if hint else ""))


class DamagedFileError(ModelError):
    """A file does not hold what its kind of file holds."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file} is damaged: {reason}")


class UnsupportedModelError(ModelError):
    """A setting has a value that this program does not do."""

    def __init__(self, file: Path, key: str, found: object, supported: str) -> None:
        self.file, self.key, self.found, self.supported = file, key, found, supported
        super().__init__(f"{file}: {key} is {str(found)[:80]!r}, supported is {supported}")


class PickledWeightsError(ModelError):
    """The only weights are in a format that runs code when it is read."""

    def __init__(self, directory: Path, found: str) -> None:
        self.directory, self.found = directory, found
        super().__init__(
            f"{directory} has weights only as a pickle, {found}, which is never read\n"
            "hint: take a model that has model.safetensors"
        )


class MissingTensorError(ModelError):
    """The weights lack a tensor."""

    def __init__(self, file: Path, tensor: str) -> None:
        self.file, self.tensor = file, tensor
        super().__init__(f"{file} lacks the tensor {tensor}")


class WrongShapeError(ModelError):
    """A tensor has another shape than `config.json` says."""

    def __init__(
        self, file: Path, tensor: str, found: Sequence[int], expected: Sequence[int]
    ) -> None:
        self.file, self.tensor = file, tensor
        self.found, self.expected = tuple(found), tuple(expected)
        super().__init__(
            f"{file}: the tensor {tensor} has the shape {list(found)}, expected is {list(expected)}"
        )


class WrongTypeError(ModelError):
    """The values of a tensor are of a type that cannot be read."""

    def __init__(self, file: Path, tensor: str, found: str, expected: str) -> None:
        self.file, self.tensor, self.found, self.expected = file, tensor, found, expected
        super().__init__(
            f"{file}: the values of the tensor {tensor} are {found}, expected is {expected}"
        )


class DeviceError(ModelError):
    """The device that was asked for is not there, or cannot do what was asked."""


class MissingExtraError(ImportError):
    """A package is not installed that only some uses need."""

    def __init__(self, what_for: str, extra: str) -> None:
        super().__init__(f"{what_for}\nhint: pip install 'akidb-mlx[{extra}]'")


class InputError(ValueError):
    """What an encoder is given is no batch of texts."""


class WrongThreadError(RuntimeError):
    """An encoder is used on another thread than the one that opened it."""

    def __init__(self) -> None:
        super().__init__(
            "an encoder runs only on the thread that opened it, since MLX's streams belong to "
            "threads; open one on this thread or hand the work over"
        )
