//! A matrix of weights, packed once for the matrix product.
//!
//! What does not live here: the biases, which are added where the product is read next.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use crate::error::EncodeError;

/// Weights of a layer that maps `inputs` values to `outputs` values.
pub(super) struct Linear {
    packed: PackedBMatrix<f32>,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// Packs `weights`, row-major `[outputs, inputs]` as PyTorch keeps them.
    pub(super) fn pack(weights: &[f32], outputs: usize) -> Self {
        let inputs = weights.len() / outputs;
        let rows = NdTensorView::from_data([outputs, inputs], weights);
        let packed = GemmExecutor::<f32>::new().prepack_b(rows.transposed());
        Self { packed, inputs, outputs }
    }

    /// Writes the product of `input`, `[rows, inputs]`, to `output`, `[rows, outputs]`.
    pub(super) fn multiply_into(
        &self,
        gemm: &GemmExecutor,
        input: &[f32],
        output: &mut [f32],
    ) -> Result<(), EncodeError> {
        self.multiply(gemm, input, output, 0.0)
    }

    /// Adds the product of `input`, `[rows, inputs]`, to `output`, `[rows, outputs]`.
    pub(super) fn multiply_onto(
        &self,
        gemm: &GemmExecutor,
        input: &[f32],
        output: &mut [f32],
    ) -> Result<(), EncodeError> {
        self.multiply(gemm, input, output, 1.0)
    }

    fn multiply(
        &self,
        gemm: &GemmExecutor,
        input: &[f32],
        output: &mut [f32],
        beta: f32,
    ) -> Result<(), EncodeError> {
        let rows = input.len() / self.inputs;
        debug_assert_eq!(output.len(), rows * self.outputs);
        let left = NdTensorView::from_data([rows, self.inputs], input);
        let options = GemmOptions { beta, ..GemmOptions::default() };
        gemm.gemm(output, GemmInputA::Unpacked(left), GemmInputB::Packed(&self.packed), options)
            .map_err(|error| EncodeError::Backend { reason: format!("matrix product: {error}") })
    }
}
