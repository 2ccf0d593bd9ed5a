"""What every network does: token numbers to token states.

Out of scope: pooling, batching, and the networks themselves.
"""

from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx


@dataclass(frozen=True)
class PaddedBatch:
    """Texts of one width; shorter ones are followed by padding, which no token of a text sees."""

    token_ids: mx.array
    """int32 `[texts, tokens]`"""
    lengths: mx.array
    """int32 `[texts, 1]`"""
    is_full: bool
    """Whether there is no padding."""
    spells_padding: bool
    """Whether a text holds the model's padding token itself."""

    def is_token(self) -> mx.array:
        """Make a boolean `[texts, tokens]` that is false for padding."""
        return mx.arange(self.token_ids.shape[1], dtype=mx.int32) < self.lengths

    def mask(self, dtype: mx.Dtype) -> mx.array | None:
        """Make what is added to scores so that padding is not seen, `[texts, 1, 1, tokens]`."""
        if self.is_full:
            return None
        return mx.where(self.is_token(), 0.0, -mx.inf).astype(dtype)[:, None, None, :]


class Network(Protocol):
    """A network with its weights."""

    @property
    def hidden_size(self) -> int:
        """The values of a token's state."""

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text."""

    @property
    def vocabulary(self) -> int:
        """The tokens that the model knows."""

    @property
    def padding_token(self) -> int | None:
        """The token that changes the positions of others where a text spells it."""

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""

    def __call__(self, batch: PaddedBatch) -> mx.array:
        """Work out the states `[texts, tokens, hidden]`; those of padding mean nothing."""
