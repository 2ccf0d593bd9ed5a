"""How MLX's converters write quantized weights.

Beside `NAME.weight`, whose rows hold `bits` bits a value packed into 32-bit numbers, lie
`NAME.scales` and `NAME.biases` with a value for each `group_size` values of a row. `config.json`
says how many bits, for all matrices and perhaps otherwise for some, by their names.
"""

from dataclasses import dataclass
from typing import Any

from .config_file import ConfigFile

_BITS = (2, 3, 4, 5, 6, 8)
_GROUP_SIZES = (32, 64, 128)
_WORD_BITS = 32


@dataclass(frozen=True)
class Quantization:
    """The layout of one quantized matrix."""

    bits: int
    group_size: int

    def packed_columns(self, columns: int) -> int:
        """Count the 32-bit numbers of a row of `columns` values."""
        return columns * self.bits // _WORD_BITS


@dataclass(frozen=True)
class QuantizationPlan:
    """Which matrices of a model are quantized, and how."""

    default: Quantization | None
    exceptions: dict[str, Quantization | None]

    @classmethod
    def read(cls, file: ConfigFile) -> "QuantizationPlan":
        """Read `quantization`, or what stands for it in newer files."""
        settings = file.get("quantization")
        if settings is None:
            settings = file.get("quantization_config")
        if settings is None:
            return cls(None, {})
        if not isinstance(settings, dict):
            raise file.unsupported("quantization", settings, "an object of bits and group_size")
        if settings.get("quant_method") is not None:
            method = settings["quant_method"]
            raise file.unsupported("quantization_config.quant_method", method, "MLX's own")
        default = _layout(file, "quantization", settings)
        exceptions = {
            name: _layout(file, f"quantization.{name}", value) if value else None
            for name, value in settings.items()
            if isinstance(value, dict) or value is False
        }
        return cls(default, exceptions)

    def of(self, name: str) -> Quantization | None:
        """Say how the matrix `name`, spelt as in the weights, is quantized if it is at all."""
        return self.exceptions.get(name, self.default)


def _layout(file: ConfigFile, key: str, settings: dict[str, Any]) -> Quantization:
    bits, group_size = settings.get("bits", 4), settings.get("group_size", 64)
    mode = settings.get("mode", "affine")
    if mode != "affine":
        raise file.unsupported(f"{key}.mode", mode, "affine")
    if bits not in _BITS:
        raise file.unsupported(f"{key}.bits", bits, ", ".join(map(str, _BITS)))
    if group_size not in _GROUP_SIZES:
        raise file.unsupported(f"{key}.group_size", group_size, ", ".join(map(str, _GROUP_SIZES)))
    return Quantization(bits, group_size)
