"""From the states of texts' tokens to their vectors, always in 32 bits.

Out of scope: shorter vectors (Matryoshka), and whether a vector is fit for use.
"""

from collections.abc import Sequence
from enum import IntEnum

import mlx.core as mx

from .network import PaddedBatch

_LEAST_LENGTH = 1e-12
"""The least divisor of a vector, as in `torch.nn.functional.normalize`."""


class Pooling(IntEnum):
    """How the states of a text's tokens become one vector; numbered as the worker sends them."""

    MEAN = 0
    """The mean over all tokens, special tokens included."""
    CLS = 1
    """The state of the first token."""
    MAX = 2
    """The maximum over all tokens, value by value."""
    LAST = 3
    """The state of the last token."""


def pool(
    states: mx.array, batch: PaddedBatch, poolings: Sequence[int], normalize: Sequence[int]
) -> mx.array:
    """Pool `[texts, tokens, hidden]` into `[texts, hidden]`, each text in its own way."""
    kinds = sorted(set(poolings))
    vectors = _pool_alike(states, batch, kinds[0])
    for kind in kinds[1:]:
        chosen = mx.array([[pooling == kind] for pooling in poolings])
        vectors = mx.where(chosen, _pool_alike(states, batch, kind), vectors)
    if not any(normalize):
        return vectors
    normalized = _normalize(vectors)
    if all(normalize):
        return normalized
    return mx.where(mx.array([[bool(wanted)] for wanted in normalize]), normalized, vectors)


def _pool_alike(states: mx.array, batch: PaddedBatch, pooling: int) -> mx.array:
    if pooling == Pooling.CLS:
        return states[:, 0].astype(mx.float32)
    if pooling == Pooling.LAST:
        last = (batch.lengths - 1)[:, :, None]
        return mx.take_along_axis(states, last, axis=1)[:, 0].astype(mx.float32)
    states = states.astype(mx.float32)
    is_token = None if batch.is_full else batch.is_token()[:, :, None]
    if pooling == Pooling.MAX:
        return (states if is_token is None else mx.where(is_token, states, -mx.inf)).max(axis=1)
    if is_token is not None:
        states = mx.where(is_token, states, 0.0)
    return states.sum(axis=1) / batch.lengths.astype(mx.float32)


def _normalize(vectors: mx.array) -> mx.array:
    """Scale to length 1; a zero vector stays as it is."""
    lengths = mx.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return vectors / mx.maximum(lengths, _LEAST_LENGTH)
