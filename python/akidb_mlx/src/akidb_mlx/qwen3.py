"""The Qwen3 decoder, in which a token sees those before it.

Padding stands behind a text, so that no token of the text sees it. Out of scope: the last matrix,
which turns states back into words; pooling; batching.
"""

import mlx.core as mx

from .arithmetic import Attention
from .layers import Linear, Norm
from .loading import Loader
from .network import PaddedBatch
from .qwen3_config import Qwen3Config

WORD_EMBEDDINGS = "embed_tokens.weight"


class Qwen3Network:
    """A whole decoder (Yang et al., 2025, arXiv:2505.09388)."""

    padding_token: int | None = None

    def __init__(self, config: Qwen3Config, loader: Loader) -> None:
        self.hidden_size, self.max_tokens = config.hidden_size, config.max_tokens
        self.vocabulary = config.vocabulary
        self.words = loader.words("embed_tokens", config.vocabulary, config.hidden_size)
        self.layers = [Qwen3Layer(config, loader, number) for number in range(config.layers)]
        self.norm = loader.norm("norm", config.hidden_size, config.norm_epsilon, has_bias=False)

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        own = [*self.words.arrays, *self.norm.arrays]
        return own + [array for layer in self.layers for array in layer.arrays]

    def __call__(self, batch: PaddedBatch) -> mx.array:
        """Work out the states `[texts, tokens, hidden]`."""
        texts, tokens = batch.token_ids.shape
        states = self.words(batch.token_ids).reshape(texts * tokens, self.hidden_size)
        for layer in self.layers:
            states = layer(states, texts, tokens)
        states = self.norm.root_mean_square(states)
        return states.reshape(texts, tokens, self.hidden_size)


class Qwen3Layer:
    """Self-attention and the feed-forward part, each with a norm before and a residual after."""

    def __init__(self, config: Qwen3Config, loader: Loader, number: int) -> None:
        hidden, width, epsilon = config.hidden_size, config.intermediate_size, config.norm_epsilon
        self.heads, self.key_heads = config.heads, config.key_value_heads
        self.head_size, self.rope_theta = config.head_size, config.rope_theta
        layer = f"layers.{number}"
        query_size, key_size = self.heads * self.head_size, self.key_heads * self.head_size
        qkv = [
            (f"{layer}.self_attn.q_proj", query_size),
            (f"{layer}.self_attn.k_proj", key_size),
            (f"{layer}.self_attn.v_proj", key_size),
        ]
        gate_and_up = [(f"{layer}.mlp.gate_proj", width), (f"{layer}.mlp.up_proj", width)]
        self.qkv: Linear = loader.joined_linear(qkv, hidden, has_bias=False)
        self.attention_output = loader.linear(
            f"{layer}.self_attn.o_proj", hidden, query_size, has_bias=False
        )
        self.gate_and_up: Linear = loader.joined_linear(gate_and_up, hidden, has_bias=False)
        self.down = loader.linear(f"{layer}.mlp.down_proj", hidden, width, has_bias=False)
        names = ("input_layernorm", "post_attention_layernorm")
        self.attention_norm, self.feed_forward_norm = (
            loader.norm(f"{layer}.{name}", hidden, epsilon, has_bias=False) for name in names
        )
        self.query_norm, self.key_norm = (
            loader.norm(f"{layer}.self_attn.{name}", self.head_size, epsilon, has_bias=False)
            for name in ("q_norm", "k_norm")
        )
        self.arithmetic = loader.arithmetic
        self.attention = Attention(scale=self.head_size**-0.5, is_causal=True)

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        parts: list[Linear | Norm] = [self.qkv, self.attention_output, self.gate_and_up, self.down]
        parts += [self.attention_norm, self.feed_forward_norm, self.query_norm, self.key_norm]
        return [array for part in parts for array in part.arrays]

    def __call__(self, states: mx.array, texts: int, tokens: int) -> mx.array:
        """Pass `[texts * tokens, hidden]` through."""
        context = self._attend(self.attention_norm.root_mean_square(states), texts, tokens)
        states = states + self.attention_output(context)
        gate, up = self.gate_and_up(self.feed_forward_norm.root_mean_square(states)).split(2, -1)
        return states + self.down(self.arithmetic.silu(gate) * up)

    def _attend(self, states: mx.array, texts: int, tokens: int) -> mx.array:
        qkv = self.qkv(states).reshape(texts, tokens, -1, self.head_size)
        ends = [self.heads, self.heads + self.key_heads]
        queries, keys, values = mx.split(qkv, ends, axis=2)
        queries = self._turn(self.query_norm.root_mean_square(queries))
        keys = self._turn(self.key_norm.root_mean_square(keys))
        values = values.swapaxes(1, 2)
        context = self.arithmetic.attend(self.attention, queries, keys, values, None)
        return context.swapaxes(1, 2).reshape(texts * tokens, -1)

    def _turn(self, heads: mx.array) -> mx.array:
        """Turn by rotary positions (Su et al., 2021, arXiv:2104.09864)."""
        return mx.fast.rope(
            heads.swapaxes(1, 2),
            self.head_size,
            traditional=False,
            base=self.rope_theta,
            scale=1.0,
            offset=0,
        )
