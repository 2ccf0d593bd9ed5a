"""A batch of tokenized texts as it comes over the worker's pipe, checked, and padded for MLX.

Buffers are read where they lie: no list of numbers is made of the tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, cast

import mlx.core as mx

from .errors import InputError
from .grouping import Group
from .network import Network, PaddedBatch
from .pooling import Pooling

_INT32_FORMATS = ("i", "l")
_INT32_BYTES = 4


@dataclass(frozen=True)
class TokenBatch:
    """Texts as token numbers, one after the other."""

    token_ids: memoryview
    lengths: list[int]
    starts: list[int]
    poolings: list[int]
    normalize: list[int]

    @classmethod
    def read(
        cls,
        network: Network,
        token_ids: Any,
        lengths: Any,
        poolings: Any,
        normalize: Any,
    ) -> "TokenBatch":
        """Read what `encode` is given; raise `InputError` for what is no batch of `network`."""
        tokens = int32_view("token_ids", token_ids)
        sizes = int32_view("lengths", lengths).tolist()
        kinds = int32_view("poolings", poolings).tolist()
        wanted = _byte_view("normalize", normalize).tolist()
        if not sizes:
            raise InputError("the batch has no texts")
        for name, values in (("poolings", kinds), ("normalize", wanted)):
            if len(values) != len(sizes):
                raise InputError(f"{name} has {len(values)} values for {len(sizes)} texts")
        _check_lengths(sizes, len(tokens), network.max_tokens)
        _check_poolings(kinds)
        _check_tokens(tokens, network.vocabulary)
        starts = [0, *accumulate(sizes)]
        return cls(tokens, sizes, starts, kinds, [int(bool(value)) for value in wanted])

    def pad(self, group: Group, padding_token: int | None) -> PaddedBatch:
        """Lay the texts of a group out as rows of one width.

        A text is padded with its own first token: whatever a row of the model holds, a text sees
        only what its own tokens bring. Rows without a text repeat the last text.
        """
        width = group.width
        buffer = bytearray(group.rows * width * _INT32_BYTES)
        rows = memoryview(buffer).cast("i")
        texts = group.texts + group.texts[-1:] * (group.rows - len(group.texts))
        lengths = [self.lengths[text] for text in texts]
        spells_padding = False
        for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
            start, place = self.starts[text], row * width
            own = self.token_ids[start : start + length]
            rows[place : place + length] = own
            if length < width:
                rows[place + length : place + width] = _repeat(own[0], width - length)
            spells_padding |= padding_token is not None and padding_token in own
        return PaddedBatch(
            # MLX takes any buffer, which its stubs do not say.
            token_ids=mx.array(cast("Any", memoryview(buffer).cast("i", (group.rows, width)))),
            lengths=mx.array(lengths, dtype=mx.int32)[:, None],
            is_full=min(lengths) == width,
            spells_padding=spells_padding,
        )


def _repeat(token: int, times: int) -> memoryview:
    one = memoryview(bytearray(_INT32_BYTES)).cast("i")
    one[0] = token
    return memoryview(bytes(one) * times).cast("i")


def int32_view(name: str, given: Any) -> memoryview:
    """View a buffer of int32, or bytes that hold them."""
    view = _view(name, given)
    if view.format == "B" and view.nbytes % _INT32_BYTES == 0:
        return view.cast("i")
    if view.itemsize != _INT32_BYTES or view.format.lstrip("@=<") not in _INT32_FORMATS:
        raise InputError(f"{name} holds values of the format {view.format!r}, expected is int32")
    return view if view.format == "i" else view.cast("B").cast("i")


def _byte_view(name: str, given: Any) -> memoryview:
    view = _view(name, given)
    if view.itemsize != 1:
        raise InputError(f"{name} holds values of the format {view.format!r}, expected is uint8")
    return view.cast("B")


def _view(name: str, given: Any) -> memoryview:
    try:
        view = memoryview(given)
    except TypeError as error:
        raise InputError(f"{name} has no buffer: {error}") from error
    if view.ndim != 1 or not view.c_contiguous:
        raise InputError(f"{name} is not one run of values")
    return view


def _check_lengths(lengths: Sequence[int], tokens: int, most: int) -> None:
    for text, length in enumerate(lengths):
        if length < 1:
            raise InputError(f"text {text} has {length} tokens, at least 1 is needed")
        if length > most:
            raise InputError(f"text {text} has {length} tokens, the model reads at most {most}")
    if sum(lengths) != tokens:
        raise InputError(f"the lengths sum to {sum(lengths)}, there are {tokens} tokens")


def _check_poolings(poolings: Sequence[int]) -> None:
    for text, pooling in enumerate(poolings):
        if not Pooling.MEAN <= pooling <= Pooling.LAST:
            allowed = ", ".join(f"{kind.value} {kind.name.lower()}" for kind in Pooling)
            raise InputError(f"text {text} has the pooling {pooling}, allowed are {allowed}")


def _check_tokens(tokens: memoryview, vocabulary: int) -> None:
    if min(tokens) >= 0 and max(tokens) < vocabulary:
        return
    place = next(i for i, token in enumerate(tokens) if not 0 <= token < vocabulary)
    raise InputError(
        f"token {tokens[place]} at place {place} is not in the vocabulary of {vocabulary}"
    )
