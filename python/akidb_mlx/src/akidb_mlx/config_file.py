"""JSON files of a model, setting by setting, with errors that name each.

Out of scope: which settings an architecture has.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DamagedFileError, MissingFileError, UnsupportedModelError

MOST_BYTES = 64 << 20


def read_json(file: Path) -> Any:
    """Read a JSON file; a model without it cannot be opened."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise DamagedFileError(file, f"it has more than {MOST_BYTES} bytes")
        return json.loads(file.read_bytes())
    except FileNotFoundError:
        raise MissingFileError(file) from None
    except OSError as error:
        raise DamagedFileError(file, f"it cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(file, f"no JSON: {error}") from error


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object."""
    found = read_json(file)
    if not isinstance(found, dict):
        raise DamagedFileError(file, "no JSON object")
    return found


def spelling(value: object) -> str:
    """Spell a value as its file does."""
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class ConfigFile:
    """The settings of one file; one that is `null` is not there."""

    file: Path
    settings: dict[str, Any]

    @classmethod
    def read(cls, file: Path) -> "ConfigFile":
        """Read all settings of `file`."""
        return cls(file, read_json_object(file))

    def get(self, key: str) -> Any:
        """Get a setting, or `None`."""
        return self.settings.get(key)

    def text(self, key: str, default: str = "absent") -> str:
        """Get a setting as it is spelt."""
        value = self.get(key)
        return default if value is None else spelling(value)

    def size(self, key: str, default: int | None = None) -> int:
        """Get a whole number above zero."""
        value = self.settings.get(key)
        value = default if value is None else value
        if value is None:
            raise self.damaged(f"it lacks {key}")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 31:
            raise self.damaged(f"{key} is {spelling(value)}, no whole number above zero")
        return value

    def positive(self, key: str, default: float) -> float:
        """Get a number above zero."""
        value = self.get(key)
        return self.check_positive(key, default if value is None else value)

    def check_positive(self, key: str, value: object) -> float:
        """Refuse what is no finite number above zero."""
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and value > 0 and math.isfinite(value):  # type: ignore[operator, arg-type]
            return float(value)  # type: ignore[arg-type]
        raise self.damaged(f"{key} is {spelling(value)}, no finite number above zero")

    def require(self, key: str, *allowed: str) -> None:
        """Refuse a setting that is there and none of `allowed`."""
        if self.get(key) is not None and self.text(key) not in allowed:
            raise self.unsupported(key, self.text(key), " or ".join(allowed))

    def check_divides(self, key: str, divisor_key: str) -> None:
        """Refuse a size that leaves a remainder of another."""
        number, divisor = self.size(key), self.size(divisor_key)
        if number % divisor:
            raise self.damaged(f"{key} {number} cannot be divided by {divisor_key} {divisor}")

    def damaged(self, reason: str) -> DamagedFileError:
        """Make the error for settings that contradict each other."""
        return DamagedFileError(self.file, reason)

    def unsupported(self, key: str, found: object, supported: str) -> UnsupportedModelError:
        """Make the error for a setting that this program does not do."""
        return UnsupportedModelError(self.file, key, found, supported)
