//! Bare matrix products by `rten-gemm`: what remains of an encoder without everything else.
//!
//! The weights of all layers are gone through in turn, as an encoder does, since for a few tokens
//! it is memory that limits and not arithmetic.

use std::time::{Duration, Instant};

use akidb_embedding::Precision;
use rayon::{ThreadPool, ThreadPoolBuilder};
use rten_gemm::{
    GemmExecutor, GemmInT, GemmInputA, GemmInputB, GemmOptions, GemmOutT, PackedBMatrix,
};
use rten_tensor::NdTensorView;

use super::{Batch, Cost, Encoder, Role};

/// One product after the other, with weights packed once.
pub(super) struct Products<L, R, O> {
    precision: Precision,
    pool: ThreadPool,
    weights: Vec<PackedBMatrix<R>>,
    input: Vec<L>,
    output: Vec<O>,
    rows: usize,
    one: L,
}

impl Products<f32, f32, f32> {
    pub(super) fn single(cost: &Cost, threads: usize) -> anyhow::Result<Self> {
        Self::new(cost, threads, Precision::F32, 1.0, 1.0)
    }
}

impl Products<u8, i8, i32> {
    pub(super) fn bytes(cost: &Cost, threads: usize) -> anyhow::Result<Self> {
        Self::new(cost, threads, Precision::Int8, 1, 1)
    }
}

impl<L: GemmInT + Default, R: GemmInT + Default, O: GemmOutT + Default> Products<L, R, O>
where
    GemmExecutor<L, R, O>: Default,
{
    fn new(
        cost: &Cost,
        threads: usize,
        precision: Precision,
        one: L,
        weight: R,
    ) -> anyhow::Result<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let gemm = GemmExecutor::<L, R, O>::default();
        let layers = (0..cost.layers()).flat_map(|_| cost.matrices());
        let weights = layers
            .map(|(inputs, outputs)| {
                let weights = vec![weight; inputs * outputs];
                gemm.prepack_b(NdTensorView::from_data([inputs, outputs], &weights[..]))
            })
            .collect();
        Ok(Self { precision, pool, weights, input: Vec::new(), output: Vec::new(), rows: 0, one })
    }
}

impl<L, R, O> Encoder for Products<L, R, O>
where
    L: GemmInT + Default + Send,
    R: GemmInT + Default + Send,
    O: GemmOutT + Default + Send,
    GemmExecutor<L, R, O>: Default,
    PackedBMatrix<R>: Sync,
{
    fn name(&self) -> String {
        "products only, rten-gemm".to_owned()
    }

    fn role(&self) -> Role {
        Role::Limit
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn prepare(&mut self, batch: &Batch) -> anyhow::Result<Vec<Vec<f32>>> {
        self.rows = batch.iter().map(Vec::len).sum();
        let widest = |of: fn(&PackedBMatrix<R>) -> usize| {
            self.weights.iter().map(of).max().unwrap_or_default()
        };
        self.input = vec![self.one; self.rows * widest(PackedBMatrix::rows)];
        self.output = vec![O::default(); self.rows * widest(PackedBMatrix::cols)];
        self.run()?;
        Ok(Vec::new())
    }

    fn run(&mut self) -> anyhow::Result<Duration> {
        let Self { pool, weights, input, output, rows, .. } = self;
        let started = Instant::now();
        pool.install(|| {
            let gemm = GemmExecutor::<L, R, O>::default();
            for weights in weights.iter() {
                let (inputs, outputs) = (weights.rows(), weights.cols());
                let left = NdTensorView::from_data([*rows, inputs], &input[..*rows * inputs]);
                let options = GemmOptions::default();
                gemm.gemm(
                    &mut output[..*rows * outputs],
                    GemmInputA::Unpacked(left),
                    GemmInputB::Packed(weights),
                    options,
                )?;
            }
            Ok::<_, rten_gemm::GemmError>(())
        })?;
        Ok(started.elapsed())
    }
}
