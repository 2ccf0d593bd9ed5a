"""The steps of a network that are best done in another way on each kind of device.

`PLAIN` is for processors and `FUSED` for Metal and CUDA, whose kernels do several steps at once and
multiply 16-bit and quantized numbers as they are. On a processor MLX has fast products of 32-bit
numbers only, so that there weights are widened as they are used: 1,024 rows by a matrix in 16 bits
take a twentieth of the time so, and by one in 4 bits a fortieth.
"""

from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx

from . import elementary

Function = Callable[[mx.array], mx.array]

_SQRT_HALF = 0.5**0.5
_TANH_INNER, _TANH_CUBIC = (2 / 3.141592653589793) ** 0.5, 0.044715
_QUICK = 1.702
_MOST_SCORES = 1 << 23
"""The scores that are worked out at a time, which bounds memory for long texts."""
_FEW_SCORES = 1 << 14
"""Up to this many, fewer steps are better than fast ones."""


@dataclass(frozen=True)
class Attention:
    """What attention takes beside its inputs."""

    scale: float
    """Scores are multiplied by it."""
    is_causal: bool
    """Whether a token sees only itself and those before it."""


Attend = Callable[[Attention, mx.array, mx.array, mx.array, "mx.array | None"], mx.array]


@dataclass(frozen=True)
class Arithmetic:
    """How one kind of device works."""

    name: str
    activations: dict[str, Function]
    silu: Function
    attend: Attend
    """Attention of queries `[texts, heads, tokens, head_size]` over keys and values of as many or
    fewer heads, `[texts, heads of theirs, tokens, head_size]`; perhaps with a mask that is added to
    the scores, `[texts, 1, 1, tokens]`."""
    multiplies_packed: bool
    """Whether quantized matrices are multiplied as they are."""
    most_pass_tokens: int | None
    """The tokens of a pass beyond which it only gets slower, since its states leave the cache."""
    computes_in_half: bool
    """Whether 16-bit weights make 16-bit states; else states are in 32 bits."""


def _gelu(x: mx.array) -> mx.array:
    return x * (mx.erf(x * _SQRT_HALF) + 1.0) * 0.5


def _quick_gelu(x: mx.array) -> mx.array:
    return x * mx.sigmoid(x * _QUICK)


def _gelu_tanh(x: mx.array) -> mx.array:
    return x * (mx.tanh(_tanh_argument(x)) + 1.0) * 0.5


def _tanh_argument(x: mx.array) -> mx.array:
    inner: mx.array = x * x * (_TANH_INNER * _TANH_CUBIC) + _TANH_INNER
    return inner * x


def _relu(x: mx.array) -> mx.array:
    return mx.maximum(x, 0.0)


def _silu(x: mx.array) -> mx.array:
    return x * mx.sigmoid(x)


def _plain_quick_gelu(x: mx.array) -> mx.array:
    return x * elementary.sigmoid(x * _QUICK)


def _plain_gelu_tanh(x: mx.array) -> mx.array:
    # (1 + tanh(a)) / 2 is the logistic function of 2 a.
    return x * elementary.sigmoid(_tanh_argument(x) * 2.0)


def _plain_silu(x: mx.array) -> mx.array:
    return x * elementary.sigmoid(x)


def _attend_fused(
    how: Attention, queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array | None
) -> mx.array:
    if mask is None:
        return mx.fast.scaled_dot_product_attention(
            queries, keys, values, scale=how.scale, mask="causal" if how.is_causal else None
        )
    if how.is_causal:
        mask = mask + causal_mask(queries.shape[2], 0, queries.shape[2]).astype(mask.dtype)
    return mx.fast.scaled_dot_product_attention(queries, keys, values, scale=how.scale, mask=mask)


def causal_mask(tokens: int, start: int, end: int) -> mx.array:
    """Make what is added to the scores of the queries from `start` to `end` over `tokens` keys."""
    keys, queries = mx.arange(tokens), mx.arange(start, end)[:, None]
    is_later: mx.array = keys > queries
    mask: mx.array = mx.where(is_later, -mx.inf, 0.0)
    return mask


def _attend_plain(
    how: Attention, queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array | None
) -> mx.array:
    texts, heads, tokens, head_size = queries.shape
    key_heads = keys.shape[1]
    queries = queries * how.scale
    if key_heads != heads:
        queries = queries.reshape(texts, key_heads, heads // key_heads, tokens, head_size)
        keys, values = keys[:, :, None], values[:, :, None]
        mask = None if mask is None else mask[:, :, None]
    keys = keys.swapaxes(-1, -2)
    block = max(1, _MOST_SCORES // (texts * heads * tokens))
    parts = []
    for start in range(0, tokens, block):
        end = min(start + block, tokens)
        part = queries if block >= tokens else queries[..., start:end, :]
        scores = part @ keys
        if mask is not None:
            scores = scores + mask
        if how.is_causal and tokens > 1:
            scores = scores + causal_mask(tokens, start, end)
        is_small = scores.size <= _FEW_SCORES
        shares = mx.softmax(scores, axis=-1) if is_small else elementary.softmax(scores)
        parts.append(shares @ values)
    context = parts[0] if len(parts) == 1 else mx.concatenate(parts, axis=-2)
    return context.reshape(texts, heads, tokens, head_size) if key_heads != heads else context


FUSED = Arithmetic(
    name="fused",
    activations={
        "gelu": _gelu,
        "gelu_tanh": _gelu_tanh,
        "quick_gelu": _quick_gelu,
        "relu": _relu,
    },
    silu=_silu,
    attend=_attend_fused,
    multiplies_packed=True,
    most_pass_tokens=None,
    computes_in_half=True,
)
PLAIN = Arithmetic(
    name="plain",
    activations={
        "gelu": elementary.gelu,
        "gelu_tanh": _plain_gelu_tanh,
        "quick_gelu": _plain_quick_gelu,
        "relu": _relu,
    },
    silu=_plain_silu,
    attend=_attend_plain,
    multiplies_packed=False,
    most_pass_tokens=1024,
    computes_in_half=False,
)
