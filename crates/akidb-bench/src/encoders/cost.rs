//! The arithmetic that a batch costs, by the model's shape.
//!
//! Counted are multiplications and additions of the layers' matrix products, and of attention, whose
//! share grows with the length of a text. Element-wise work is not counted.

use std::{fs::File, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Batch;

/// The shape of a BERT encoder, from its `config.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Cost {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
}

impl Cost {
    /// Reads the shape of the model in `directory`.
    pub(crate) fn read(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("config.json");
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        serde_json::from_reader(file).with_context(|| format!("cannot read {}", path.display()))
    }

    /// The matrices of one layer, as inputs and outputs.
    pub(super) fn matrices(&self) -> [(usize, usize); 4] {
        let Self { hidden_size: hidden, intermediate_size: wide, .. } = *self;
        [(hidden, 3 * hidden), (hidden, hidden), (hidden, wide), (wide, hidden)]
    }

    pub(super) fn layers(&self) -> usize {
        self.num_hidden_layers
    }

    /// Operations of the layers' matrices for `tokens` tokens.
    pub(crate) fn matrix_operations(&self, tokens: usize) -> f64 {
        let weights: usize = self.matrices().iter().map(|(inputs, outputs)| inputs * outputs).sum();
        2.0 * (weights * self.num_hidden_layers * tokens) as f64
    }

    /// Operations of attention: scores and sums of values, every token of a text with every other.
    pub(crate) fn attention_operations(&self, batch: &Batch) -> f64 {
        let pairs: usize = batch.iter().map(|text| text.len() * text.len()).sum();
        4.0 * (pairs * self.hidden_size * self.num_hidden_layers) as f64
    }
}
