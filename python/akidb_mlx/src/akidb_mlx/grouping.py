"""Which texts run together, and how wide they are padded.

Texts of nearly the same length share a pass, so that little of it is padding. What does not live
here: any arithmetic of MLX.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_LEAST_STEP = 8
_FREE_PADDING = 32
"""The tokens of padding that cost less than another pass."""
_PADDING_SHARE = 8
"""A pass may have one token of padding in this many."""


@dataclass(frozen=True)
class Group:
    """Texts that run together."""

    texts: list[int]
    """Their places in the batch, the longest text first."""
    width: int
    """The tokens that each is padded to."""
    rows: int
    """The rows of the pass, of which those after the texts are padding."""


def round_tokens(tokens: int, most: int) -> int:
    """Round a length up to one of a small set: eighths of a power of two, and at least 8 apart.

    Never more than `most`. The set is 8, 16, 24 to 64, then 80, 96, 112, 128, 160 and so on.
    """
    step = max(_LEAST_STEP, 1 << max(0, (tokens - 1).bit_length() - 3))
    return min(-(-tokens // step) * step, most)


def round_rows(rows: int) -> int:
    """Round a number of texts up to one of 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on."""
    power = 1 << max(0, (rows - 1).bit_length() - 1)
    return next(size for size in (power, power * 3 // 2, power * 2) if size >= rows)


def group(
    lengths: Sequence[int], max_batch_tokens: int, most_tokens: int, *, rounded: bool
) -> list[Group]:
    """Group texts of these lengths in passes of at most `max_batch_tokens`, padding included.

    A text longer than that runs alone. Widths and rows are `rounded` to a small set where shapes
    cost something, be it a compilation or memory that is kept for them; else a pass is as wide as
    its longest text. No text is wider than `most_tokens`.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    groups = []
    start = 0
    while start < len(order):
        longest = lengths[order[start]]
        width = round_tokens(longest, most_tokens) if rounded else longest
        most_rows = max(1, max_batch_tokens // width)
        end, padding = start, 0
        while end < len(order) and end - start < most_rows:
            padding += longest - lengths[order[end]]
            if padding > max(_FREE_PADDING, (end - start + 1) * width // _PADDING_SHARE):
                break
            end += 1
        rows = min(round_rows(end - start), most_rows) if rounded else end - start
        groups.append(Group(order[start:end], width, rows))
        start = end
    return groups
