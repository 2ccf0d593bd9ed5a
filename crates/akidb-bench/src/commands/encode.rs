//! `akidb-bench encode`: tokens to vectors, by us, by ONNX Runtime, and what the machine allows.
//!
//! The contenders take turns, run by run, so that whatever else the machine does meets all of them
//! alike. Tokenizing is not part of it. Speed is told with how far the vectors agree.

use std::{path::PathBuf, thread};

use akidb_embedding::Precision;
use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::{
    encoders::{self, Cost},
    machine::{self, Machine},
    report::{Report, Verdict, progress, table},
    timing::milliseconds,
    workload::{self, Workload},
};

use self::cell::Cell;

mod cell;

/// The lowest cosine between our `f32` vectors and ONNX Runtime's that counts as the same.
const LEAST_COSINE: f64 = 0.9999;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo run --release -p akidb-bench -- encode --model ~/.cache/akidb/models/all-minilm-l6-v2 \\
      --python venv/bin/python --texts glosses.jsonl

The Python environment needs onnxruntime, onnx, safetensors and numpy. The exit status is 1 when
our f32 vectors are not those of ONNX Runtime.")]
pub(crate) struct Arguments {
    /// The directory of a BERT model
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// Threads of every contender; all cores without it
    #[arg(long)]
    threads: Option<usize>,
    /// Tokens of every text of a batch
    #[arg(long, value_delimiter = ',', default_values_t = [8, 32, 128, 256])]
    lengths: Vec<usize>,
    /// Texts of a batch
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    batches: Vec<usize>,
    /// JSON lines with a `text`, encoded as they come in batches of 32; may be given again
    #[arg(long, value_name = "FILE")]
    texts: Vec<PathBuf>,
    /// Batches that are read of each file of texts
    #[arg(long, default_value_t = 8)]
    text_batches: usize,
    /// How long each line of the report is measured, about
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// What the random token numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An interpreter whose environment has onnxruntime, to compare with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct EncodeReport {
    machine: Machine,
    load_after: Option<f64>,
    threads: usize,
    /// The instructions of our products of bytes.
    int8_instructions: &'static str,
    /// To read, hash and pack the weights, from the page cache where they are there.
    load_ms: Vec<(Precision, f64)>,
    cells: Vec<Cell>,
    skipped: Vec<String>,
    verdict: Verdict,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<EncodeReport> {
    let machine = Machine::observe();
    let threads = match arguments.threads {
        Some(threads) => threads.max(1),
        None => thread::available_parallelism().context("cannot count cores")?.into(),
    };
    let cost = Cost::read(&arguments.model)?;
    progress("loading models");
    let mut encoders =
        encoders::gather(&arguments.model, &cost, threads, arguments.python.as_deref())?;
    let mut skipped = Vec::new();
    if arguments.python.is_none() {
        skipped.push("onnxruntime, without --python PATH".to_owned());
    }
    let loads = encoders.iter().filter_map(|encoder| Some((encoder.precision(), encoder.load()?)));
    let load_ms = loads.map(|(precision, load)| (precision, milliseconds(load))).collect();
    let mut cells = Vec::new();
    for workload in workloads(arguments)? {
        progress(format_args!("encoding {}", workload.name));
        cells.extend(cell::measure(&mut encoders, &workload, &cost, arguments.seconds)?);
    }
    let agree = cells.iter().all(|cell| {
        cell.precision != Precision::F32 || cell.cosine_other.is_none_or(|c| c >= LEAST_COSINE)
    });
    Ok(EncodeReport {
        machine,
        load_after: machine::load(),
        threads,
        int8_instructions: akidb_embedding::int8_instructions(),
        load_ms,
        cells,
        skipped,
        verdict: Verdict::of(agree),
    })
}

fn workloads(arguments: &Arguments) -> anyhow::Result<Vec<Workload>> {
    let mut workloads = Vec::new();
    for length in &arguments.lengths {
        for texts in &arguments.batches {
            workloads.push(Workload::uniform(*texts, *length, arguments.seed));
        }
    }
    for file in &arguments.texts {
        workloads.push(workload::read(file, &arguments.model, arguments.text_batches)?);
    }
    Ok(workloads)
}

impl Report for EncodeReport {
    fn parts(&self) -> Vec<String> {
        let heads = [
            "workload",
            "precision",
            "akidb tokens/s",
            "onnxruntime",
            "x onnxruntime",
            "limit, G/s",
            "of limit",
            "cosine",
            "its cosine",
        ];
        let rows = self.cells.iter().map(Cell::row);
        let mut parts = vec![
            format!("encode: {} threads each, medians, padding not counted", self.threads),
            format!("machine: {}", self.machine.line()),
            format!("akidb multiplies bytes by {}", self.int8_instructions),
            self.load_line(),
            table(heads, rows),
            "limit: the best bare matrix product over the same rows and weights, in operations. Of \
             limit: the time that it and attention at the f32 limit would take, over ours. cosine: \
             the lowest of a text, in f32 to onnxruntime f32, in int8 to our f32; its: in int8 of \
             onnxruntime to its f32."
                .to_owned(),
        ];
        parts.extend(self.skipped.iter().map(|what| format!("SKIPPED: {what}")));
        parts
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl EncodeReport {
    fn load_line(&self) -> String {
        let loads = self.load_ms.iter().map(|(precision, ms)| format!("{precision} {ms:.0} ms"));
        format!("akidb loaded its model in: {}", loads.collect::<Vec<_>>().join(", "))
    }
}
