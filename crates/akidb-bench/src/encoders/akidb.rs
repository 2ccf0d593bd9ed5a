//! Our own encoder, in this process.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use akidb_embedding::{EncoderInput, LoadedModel, Pooling, Precision};

use super::{Batch, Encoder, Role};

/// The native backend with one batch.
pub(super) struct Akidb {
    model: LoadedModel,
    batch: Vec<Vec<u32>>,
    vectors: Vec<f32>,
    load: Duration,
}

impl Akidb {
    pub(super) fn load(model: &Path, precision: Precision, threads: usize) -> anyhow::Result<Self> {
        let started = Instant::now();
        let model = LoadedModel::native(model, "bench", precision, threads)?;
        let load = started.elapsed();
        Ok(Self { model, batch: Vec::new(), vectors: Vec::new(), load })
    }
}

impl Encoder for Akidb {
    fn name(&self) -> String {
        format!("akidb {}", self.precision())
    }

    fn role(&self) -> Role {
        Role::Ours
    }

    fn precision(&self) -> Precision {
        self.model.identity.precision
    }

    fn load(&self) -> Option<Duration> {
        Some(self.load)
    }

    fn prepare(&mut self, batch: &Batch) -> anyhow::Result<Vec<Vec<f32>>> {
        self.batch = batch.to_vec();
        self.run()?;
        let dimension = self.model.embedder.dimension();
        Ok(self.vectors.chunks_exact(dimension).map(<[f32]>::to_vec).collect())
    }

    fn run(&mut self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let inputs: Vec<EncoderInput<'_>> = self
            .batch
            .iter()
            .map(|token_ids| EncoderInput {
                token_ids,
                pooling: Pooling::Mean,
                normalize: true,
                document_start: None,
            })
            .collect();
        self.model.embedder.embed_batch(&inputs, &mut self.vectors)?;
        Ok(started.elapsed())
    }
}
