//! Encoders of text, and the bare matrix products that are their limit, all over the same batches.
//!
//! Scope: what takes part, and the arithmetic that a batch costs. Out of scope: in which order they
//! run, and what is reported.

mod akidb;
mod cost;
mod onnx;
mod products;

use std::{fmt, path::Path, time::Duration};

use akidb_embedding::Precision;
use serde::Serialize;

pub(crate) use self::cost::Cost;
use self::{akidb::Akidb, onnx::OnnxScript, products::Products};

/// The texts of a batch, as token numbers.
pub(crate) type Batch = [Vec<u32>];

/// What a contender is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Our encoder.
    Ours,
    /// Another encoder.
    Other,
    /// The matrix products of a forward pass, without anything between them.
    Limit,
}

/// One that takes part.
pub(crate) trait Encoder {
    /// What it is called.
    fn name(&self) -> String;

    /// What it is compared as.
    fn role(&self) -> Role;

    /// The arithmetic of its matrix products.
    fn precision(&self) -> Precision;

    /// How long it took to read, hash and pack the weights; known of ours alone.
    fn load(&self) -> Option<Duration> {
        None
    }

    /// Takes a batch, runs it once, and gives its vectors; none where it is a limit.
    fn prepare(&mut self, batch: &Batch) -> anyhow::Result<Vec<Vec<f32>>>;

    /// Runs the batch that was prepared last.
    fn run(&mut self) -> anyhow::Result<Duration>;
}

impl fmt::Debug for dyn Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// All that can take part on `threads` threads each; ours first.
pub(crate) fn gather(
    model: &Path,
    cost: &Cost,
    threads: usize,
    python: Option<&Path>,
) -> anyhow::Result<Vec<Box<dyn Encoder>>> {
    let mut encoders: Vec<Box<dyn Encoder>> = vec![
        Box::new(Akidb::load(model, Precision::F32, threads)?),
        Box::new(Akidb::load(model, Precision::Int8, threads)?),
        Box::new(Products::single(cost, threads)?),
        Box::new(Products::bytes(cost, threads)?),
    ];
    if let Some(python) = python {
        for engine in OnnxScript::start_all(model, threads, python)? {
            encoders.push(Box::new(engine));
        }
    }
    Ok(encoders)
}
