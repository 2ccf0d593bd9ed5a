//! `akidb-bench mlx-worker`: what it costs that MLX runs in a process of its own.
//!
//! Single queries, by turns: through the worker as the node does it, and by the same module called
//! in a Python process. What the worker costs is told in two ways: as the difference of the
//! percentiles, and query by query as what was not spent in the module.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use akidb_embedding::{
    Embedder, EmbeddingMetricFamilies, EncoderInput, ModelDirectory, Pooling, Precision,
    mlx::{MlxEmbedder, MlxSettings, protocol::ModuleOptions},
};
use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::{
    python::{Script, Threads},
    report::{self, Report, Verdict},
    timing::Percentiles,
    workload::Workload,
};

const SCRIPT: &str = include_str!("../../python/mlx_in_process.py");
/// Queries whose time does not count, for each length of text.
const WARM_UP: usize = 20;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo run --release -p akidb-bench -- mlx-worker --python target/mlx/bin/python \\
      --worker target/release/akidb-mlx-worker --model target/models/all-minilm-l6-v2")]
pub(crate) struct Arguments {
    /// The directory of a model
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// A Python with the module akidb_mlx
    #[arg(long, value_name = "PATH")]
    python: PathBuf,
    /// The program akidb-mlx-worker
    #[arg(long, value_name = "PATH")]
    worker: PathBuf,
    /// Queries that are measured, for each number of tokens
    #[arg(long, default_value_t = 500)]
    queries: usize,
    /// The tokens of a query
    #[arg(long, value_delimiter = ',', default_value = "8,32")]
    tokens: Vec<usize>,
    /// What the worker may cost at the 95th percentile
    #[arg(long, default_value_t = 1.0)]
    goal_ms: f64,
}

/// What was found, a row for each number of tokens.
#[derive(Serialize)]
pub(crate) struct MlxWorkerReport {
    device: Value,
    blas: Value,
    goal_ms: f64,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    tokens: usize,
    worker: Percentiles,
    in_process: Percentiles,
    /// Of each query through the worker, what was not spent in the module.
    outside_of_module: Percentiles,
    gil_wait: Percentiles,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<MlxWorkerReport> {
    let settings = MlxSettings {
        python: Some(arguments.python.clone()),
        worker: Some(arguments.worker.clone()),
        ..MlxSettings::default()
    };
    let metrics = EmbeddingMetricFamilies::register(&prometheus::Registry::new())?.of("bench");
    let directory = ModelDirectory::open(&arguments.model)?;
    let mut worker = MlxEmbedder::start(&directory, "bench", Precision::F32, &settings, &metrics)?;
    if let Some(reason) = worker.availability().and_then(|availability| availability.reason()) {
        return Err(anyhow!("the worker does not run: {reason}"));
    }
    let mut script = Script::start(&arguments.python, SCRIPT, &[], Threads::AsTheyLike)?;
    script.say(&ModuleOptions {
        model_path: arguments.model.to_string_lossy().into_owned(),
        precision: "f32".to_owned(),
        cache_limit_bytes: None,
        memory_limit_bytes: None,
        compile: settings.compile,
        max_batch_tokens: settings.max_batch_tokens,
        device: settings.device,
    })?;
    let info: Value = script.answer()?;
    let rows = arguments.tokens.iter();
    let rows = rows
        .map(|tokens| measure(&mut worker, &mut script, *tokens, arguments.queries))
        .collect::<anyhow::Result<_>>()?;
    Ok(MlxWorkerReport {
        device: info["device"].clone(),
        blas: info["blas"].clone(),
        goal_ms: arguments.goal_ms,
        rows,
    })
}

fn measure(
    worker: &mut MlxEmbedder,
    script: &mut Script,
    tokens: usize,
    queries: usize,
) -> anyhow::Result<Row> {
    let (mut through, mut inside) = (Vec::new(), Vec::new());
    let (mut outside, mut gil_wait) = (Vec::new(), Vec::new());
    let mut vectors = Vec::new();
    for number in 0..WARM_UP + queries {
        let workload = Workload::uniform(1, tokens, number as u64);
        let token_ids = workload.batches.first().and_then(|batch| batch.first());
        let token_ids = token_ids.context("a workload of one text has one")?;
        let text = EncoderInput {
            token_ids,
            pooling: Pooling::Mean,
            normalize: true,
            document_start: None,
        };
        let started_at = Instant::now();
        worker.embed_batch(&[text], &mut vectors)?;
        let took = started_at.elapsed();
        script.say(token_ids)?;
        let nanoseconds: u64 = script.answer()?;
        if number < WARM_UP {
            continue;
        }
        let times = worker.last_batch();
        through.push(took);
        inside.push(Duration::from_nanos(nanoseconds));
        outside.push(took.saturating_sub(times.in_module));
        gil_wait.push(times.gil_wait);
    }
    Ok(Row {
        tokens,
        worker: Percentiles::of(&through),
        in_process: Percentiles::of(&inside),
        outside_of_module: Percentiles::of(&outside),
        gil_wait: Percentiles::of(&gil_wait),
    })
}

impl Report for MlxWorkerReport {
    fn parts(&self) -> Vec<String> {
        let heads = ["single queries", "min ms", "median ms", "p95 ms", "p99 ms"];
        let rows = self.rows.iter().flat_map(|row| {
            [
                ("through the worker", &row.worker),
                ("module in process", &row.in_process),
                ("worker, outside of the module", &row.outside_of_module),
                ("worker, waiting for Python's lock", &row.gil_wait),
            ]
            .map(|(name, times)| {
                let figure = |value: f64| format!("{value:.3}");
                [
                    format!("{} tokens, {name}", row.tokens),
                    figure(times.min_ms),
                    figure(times.median_ms),
                    figure(times.p95_ms),
                    figure(times.p99_ms),
                ]
            })
        });
        let device = format!("MLX on {}, BLAS {}", self.device, self.blas);
        vec![device, report::table(heads, rows)]
    }

    fn verdict(&self) -> Verdict {
        let costs = self.rows.iter().map(|row| row.outside_of_module.p95_ms);
        Verdict::of(costs.fold(0.0, f64::max) < self.goal_ms)
    }
}
