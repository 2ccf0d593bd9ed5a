"""The BERT encoder and those of the RoBERTa family, in which every token sees all others.

Out of scope: pooling and batching.
"""

import mlx.core as mx

from .arithmetic import Arithmetic, Attention
from .bert_config import BertConfig
from .layers import Linear, Norm
from .loading import Loader
from .network import PaddedBatch

WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


class BertNetwork:
    """A whole encoder (Devlin et al., 2018, arXiv:1810.04805)."""

    def __init__(self, config: BertConfig, loader: Loader) -> None:
        self.hidden_size, self.max_tokens = config.hidden_size, config.max_tokens
        self.vocabulary, self.padding_token = config.vocabulary, config.padding_token
        self.first_position = config.first_position
        hidden = config.hidden_size
        self.words = loader.words("embeddings.word_embeddings", config.vocabulary, hidden)
        positions = loader.table("embeddings.position_embeddings", config.position_rows, hidden)
        types = loader.table("embeddings.token_type_embeddings", config.token_types, hidden)
        # Texts are all of the first type.
        self.positions = (positions + types[0]).astype(loader.state_type)
        self.norm = loader.norm(
            "embeddings.LayerNorm", hidden, config.layer_norm_epsilon, has_bias=True
        )
        self.layers = [BertLayer(config, loader, number) for number in range(config.layers)]

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        own = [*self.words.arrays, self.positions, *self.norm.arrays]
        return own + [array for layer in self.layers for array in layer.arrays]

    def __call__(self, batch: PaddedBatch) -> mx.array:
        """Work out the states `[texts, tokens, hidden]`."""
        texts, tokens = batch.token_ids.shape
        states = self.words(batch.token_ids) + self._positions(batch)
        states = self.norm.layer(states).reshape(texts * tokens, self.hidden_size)
        mask = batch.mask(states.dtype)
        for layer in self.layers:
            states = layer(states, texts, tokens, mask)
        return states.reshape(texts, tokens, self.hidden_size)

    def _positions(self, batch: PaddedBatch) -> mx.array:
        if not batch.spells_padding or self.padding_token is None:
            end = self.first_position + batch.token_ids.shape[1]
            return self.positions[self.first_position : end]
        # A padding token that a text spells has the position before the first and is not counted.
        counts = (batch.token_ids != self.padding_token).astype(mx.int32)
        return self.positions[mx.cumsum(counts, axis=1) * counts + self.padding_token]


class BertLayer:
    """Self-attention and the feed-forward part, each followed by its residual and norm."""

    def __init__(self, config: BertConfig, loader: Loader, number: int) -> None:
        hidden, width = config.hidden_size, config.intermediate_size
        layer = f"encoder.layer.{number}"
        qkv = [(f"{layer}.attention.self.{name}", hidden) for name in ("query", "key", "value")]
        self.qkv: Linear = loader.joined_linear(qkv, hidden, has_bias=True)
        self.attention_output = loader.linear(
            f"{layer}.attention.output.dense", hidden, hidden, has_bias=True
        )
        self.up = loader.linear(f"{layer}.intermediate.dense", width, hidden, has_bias=True)
        self.down = loader.linear(f"{layer}.output.dense", hidden, width, has_bias=True)
        epsilon = config.layer_norm_epsilon
        self.attention_norm: Norm = loader.norm(
            f"{layer}.attention.output.LayerNorm", hidden, epsilon, has_bias=True
        )
        self.output_norm: Norm = loader.norm(
            f"{layer}.output.LayerNorm", hidden, epsilon, has_bias=True
        )
        self.heads, self.head_size = config.heads, hidden // config.heads
        self.arithmetic: Arithmetic = loader.arithmetic
        self.attention = Attention(scale=self.head_size**-0.5, is_causal=False)
        self.activation = self.arithmetic.activations[config.activation]

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        parts: list[Linear | Norm] = [self.qkv, self.attention_output, self.up, self.down]
        parts += [self.attention_norm, self.output_norm]
        return [array for part in parts for array in part.arrays]

    def __call__(
        self, states: mx.array, texts: int, tokens: int, mask: mx.array | None
    ) -> mx.array:
        """Pass `[texts * tokens, hidden]` through."""
        qkv = self.qkv(states).reshape(texts, tokens, 3, self.heads, self.head_size)
        queries, keys, values = qkv.transpose(2, 0, 3, 1, 4)
        context = self.arithmetic.attend(self.attention, queries, keys, values, mask)
        context = context.swapaxes(1, 2).reshape(states.shape)
        states = self.attention_norm.layer(states + self.attention_output(context))
        return self.output_norm.layer(states + self.down(self.activation(self.up(states))))
