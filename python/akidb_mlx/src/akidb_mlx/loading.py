"""From tensors in files to the parts of a network, as they are kept for an arithmetic.

Out of scope: which parts a network has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx

from .arithmetic import Arithmetic
from .layers import JoinedLinear, Linear, Norm, QuantizedLinear, QuantizedWords, Words
from .quantization import Quantization, QuantizationPlan
from .weights import Weights


@dataclass(frozen=True)
class Loader:
    """Takes parts out of weights."""

    weights: Weights
    plan: QuantizationPlan
    precision: mx.Dtype
    """The type of the values of matrices and words that are not quantized."""
    arithmetic: Arithmetic

    @property
    def state_type(self) -> mx.Dtype:
        """The type of the values of token states."""
        return self.precision if self.arithmetic.computes_in_half else mx.float32

    def vector(self, name: str, size: int) -> mx.array:
        """Take a vector, such as a bias."""
        return self.weights.take(name, [size]).astype(self.state_type)

    def norm(self, name: str, size: int, epsilon: float, has_bias: bool) -> Norm:
        """Take what a normalization multiplies by and adds."""
        bias = self.vector(f"{name}.bias", size) if has_bias else None
        return Norm(self.vector(f"{name}.weight", size), bias, epsilon)

    def table(self, name: str, rows: int, columns: int) -> mx.array:
        """Take a table of embeddings in 32 bits, quantized or not."""
        layout = self._layout(name)
        if layout is None:
            return self.weights.take(f"{name}.weight", [rows, columns]).astype(mx.float32)
        packed, scales, biases = self._packed(name, rows, columns, layout)
        return mx.dequantize(
            packed,
            scales.astype(mx.float32),
            biases.astype(mx.float32),
            group_size=layout.group_size,
            bits=layout.bits,
        )

    def words(self, name: str, rows: int, columns: int) -> Words | QuantizedWords:
        """Take the embeddings of the words."""
        layout = self._layout(name)
        if layout is None:
            table = self.weights.take(f"{name}.weight", [rows, columns])
            return Words(table.astype(self.precision), self.state_type)
        packed, scales, biases = self._packed(name, rows, columns, layout)
        return QuantizedWords(
            packed, scales.astype(self.state_type), biases.astype(self.state_type), layout
        )

    def linear(self, name: str, outputs: int, inputs: int, has_bias: bool) -> Linear:
        """Take a matrix and perhaps a bias."""
        return self.joined_linear([(name, outputs)], inputs, has_bias)

    def joined_linear(
        self, parts: Sequence[tuple[str, int]], inputs: int, has_bias: bool
    ) -> Linear:
        """Take matrices of the same inputs as one whose outputs stand one after the other."""
        linears = [self._linear(name, outputs, inputs, has_bias) for name, outputs in parts]
        return JoinedLinear.of(linears)

    def _linear(self, name: str, outputs: int, inputs: int, has_bias: bool) -> Linear:
        bias = self.vector(f"{name}.bias", outputs) if has_bias else None
        layout = self._layout(name)
        if layout is None:
            weight = self.weights.take(f"{name}.weight", [outputs, inputs])
            return Linear(weight.astype(self.precision), bias)
        packed, scales, biases = self._packed(name, outputs, inputs, layout)
        scales, biases = scales.astype(self.state_type), biases.astype(self.state_type)
        packs = self.arithmetic.multiplies_packed
        return QuantizedLinear(packed, scales, biases, bias, layout, packs)

    def _layout(self, name: str) -> Quantization | None:
        """Say how a matrix is quantized: one without scales is not, as MLX's loaders hold it."""
        if not self.weights.has(f"{name}.scales"):
            return None
        return self.plan.of(self.weights.prefix + name)

    def _packed(
        self, name: str, rows: int, columns: int, layout: Quantization
    ) -> tuple[mx.array, mx.array, mx.array]:
        groups = [rows, columns // layout.group_size]
        packed = self.weights.take_packed(f"{name}.weight", [rows, layout.packed_columns(columns)])
        scales = self.weights.take(f"{name}.scales", groups)
        return packed, scales, self.weights.take(f"{name}.biases", groups)
