"""The parts that networks are made of, with their weights.

They are plain classes: `mlx.nn` finds each weight by name in a dictionary at every use, and its
activations ask a C++ compiler for code. Each part has `arrays`, all that it keeps.
"""

from collections.abc import Sequence

import mlx.core as mx

from .quantization import Quantization


class Norm:
    """Layer normalization with a bias, root mean square normalization without."""

    __slots__ = ("bias", "epsilon", "weight")

    def __init__(self, weight: mx.array, bias: mx.array | None, epsilon: float) -> None:
        self.weight, self.bias, self.epsilon = weight, bias, epsilon

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def layer(self, states: mx.array) -> mx.array:
        """Normalize mean and variance of the last axis."""
        return mx.fast.layer_norm(states, self.weight, self.bias, self.epsilon)

    def root_mean_square(self, states: mx.array) -> mx.array:
        """Normalize the mean square of the last axis."""
        return mx.fast.rms_norm(states, self.weight, self.epsilon)


class Linear:
    """A matrix `[outputs, inputs]` and perhaps a bias."""

    __slots__ = ("bias", "transposed")

    def __init__(self, weight: mx.array, bias: mx.array | None) -> None:
        self.transposed, self.bias = weight.T, bias

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        return [self.transposed] if self.bias is None else [self.transposed, self.bias]

    def __call__(self, states: mx.array) -> mx.array:
        """Multiply `[tokens, inputs]` to `[tokens, outputs]`, widening weights where needed."""
        transposed = self.transposed
        if transposed.dtype != states.dtype:
            transposed = transposed.astype(states.dtype)
        if self.bias is None:
            return states @ transposed
        return mx.addmm(self.bias, states, transposed)


class QuantizedLinear(Linear):
    """A matrix of quantized values."""

    __slots__ = ("biases", "layout", "multiplies_packed", "packed", "scales")

    def __init__(
        self,
        packed: mx.array,
        scales: mx.array,
        biases: mx.array,
        bias: mx.array | None,
        layout: Quantization,
        multiplies_packed: bool,
    ) -> None:
        self.packed, self.scales, self.biases = packed, scales, biases
        self.bias, self.layout, self.multiplies_packed = bias, layout, multiplies_packed

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        arrays = [self.packed, self.scales, self.biases]
        return arrays if self.bias is None else [*arrays, self.bias]

    def __call__(self, states: mx.array) -> mx.array:
        """Multiply `[tokens, inputs]` to `[tokens, outputs]`."""
        bits, group_size = self.layout.bits, self.layout.group_size
        if self.multiplies_packed:
            product = mx.quantized_matmul(
                states,
                self.packed,
                self.scales,
                self.biases,
                transpose=True,
                group_size=group_size,
                bits=bits,
            )
            return product if self.bias is None else product + self.bias
        weight = mx.dequantize(
            self.packed, self.scales, self.biases, group_size=group_size, bits=bits
        )
        return Linear(weight, self.bias)(states)


class JoinedLinear(Linear):
    """Matrices of the same inputs that cannot be kept as one."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Linear]) -> None:
        self.parts = parts

    @staticmethod
    def of(parts: Sequence[Linear]) -> Linear:
        """Join matrices of the same inputs: into one where they are kept alike."""
        if len(parts) == 1:
            return parts[0]
        biases = [part.bias for part in parts if part.bias is not None]
        bias = mx.concatenate(biases) if biases else None
        packed = [part for part in parts if isinstance(part, QuantizedLinear)]
        if not packed:
            return Linear(mx.concatenate([part.transposed.T for part in parts]), bias)
        first = packed[0]
        if len(packed) < len(parts) or any(part.layout != first.layout for part in packed):
            return JoinedLinear(parts)
        return QuantizedLinear(
            mx.concatenate([part.packed for part in packed]),
            mx.concatenate([part.scales for part in packed]),
            mx.concatenate([part.biases for part in packed]),
            bias,
            first.layout,
            first.multiplies_packed,
        )

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        return [array for part in self.parts for array in part.arrays]

    def __call__(self, states: mx.array) -> mx.array:
        """Multiply `[tokens, inputs]` to `[tokens, all outputs]`."""
        return mx.concatenate([part(states) for part in self.parts], axis=-1)


class Words:
    """The embeddings of words, `[vocabulary, hidden]`."""

    __slots__ = ("state_type", "table")

    def __init__(self, table: mx.array, state_type: mx.Dtype) -> None:
        self.table, self.state_type = table, state_type

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        return [self.table]

    def __call__(self, token_ids: mx.array) -> mx.array:
        """Look up `[...]` tokens to `[..., hidden]`."""
        rows = self.table[token_ids]
        return rows if rows.dtype == self.state_type else rows.astype(self.state_type)


class QuantizedWords:
    """The embeddings of words, quantized."""

    __slots__ = ("biases", "layout", "packed", "scales")

    def __init__(
        self, packed: mx.array, scales: mx.array, biases: mx.array, layout: Quantization
    ) -> None:
        self.packed, self.scales, self.biases, self.layout = packed, scales, biases, layout

    @property
    def arrays(self) -> list[mx.array]:
        """All weights."""
        return [self.packed, self.scales, self.biases]

    def __call__(self, token_ids: mx.array) -> mx.array:
        """Look up `[...]` tokens to `[..., hidden]`."""
        return mx.dequantize(
            self.packed[token_ids],
            self.scales[token_ids],
            self.biases[token_ids],
            group_size=self.layout.group_size,
            bits=self.layout.bits,
        )
