//! `akidb-bench insert`: how many documents a second a node keeps, beside what its disk allows and
//! what other engines do.
//!
//! Every batch is acknowledged before its worker sends the next one; an acknowledged batch is on
//! disk and searchable, which is verified by sample at the end.

use std::{path::PathBuf, process, sync::Arc, time::Duration};

use akidb_core::Metric;
use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    dataset::{Dataset, Shape},
    disk::Disk,
    load::{self, Job, Run},
    machine::{self, Machine},
    node::{Batch, Client, Endpoint, HitParts, NodeArguments},
    node_process::{NodeProcess, ProcessArguments},
    other_engines::{self, OtherEngine},
    report::{Report, Verdict, progress, seconds, table},
    timing::Percentiles,
};

/// Documents that are read back and searched for at the end of each run.
const SAMPLES: usize = 100;

#[derive(Args, Debug)]
#[command(after_help = "Example, beside a node of a release build:
  $ akidb serve --data-dir data --rest-addr 127.0.0.1:8080 --grpc-addr 127.0.0.1:9090
  $ cargo run --release -p akidb-bench -- insert --grpc http://127.0.0.1:9090 \\
      --rest http://127.0.0.1:8080 --concurrency 1,4 --disk-probe data --python venv/bin/python

The Python environment needs numpy, and lancedb and chromadb where they are to be compared with.
The exit status is 1 when a document is missing.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    process: ProcessArguments,
    /// Documents of each run
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    documents: u32,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// Documents of each request
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// Requests at once, one run for each of these
    #[arg(long, default_value = "4", value_delimiter = ',', value_name = "REQUESTS",
        value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: Vec<u16>,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measure the disk of this directory too, and let other engines keep their data there
    #[arg(long, value_name = "DIR")]
    disk_probe: Option<PathBuf>,
    /// An interpreter whose environment has other engines, to compare with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Seconds after which another engine gets no more batches
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    others_limit_s: u32,
    /// Leave the collections in the node
    #[arg(long)]
    keep: bool,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct InsertReport {
    machine: Machine,
    load_after: Option<f64>,
    documents: u32,
    dimension: u16,
    batch: u16,
    disk: Option<Disk>,
    runs: Vec<Totals>,
    skipped: Vec<&'static str>,
    verdict: Verdict,
}

/// What one engine did in one run.
#[derive(Serialize)]
struct Totals {
    engine: String,
    concurrency: u16,
    durability: String,
    documents: u64,
    documents_s: f64,
    /// Its rate over that of the first run.
    times_first: f64,
    /// Documents a second in each tenth of the run.
    window_documents_s: Vec<f64>,
    batch_times: Percentiles,
    client_cpu_s: Option<f64>,
    /// Processor time of the node from the first request until its index is complete and it is at
    /// rest, where its process is named.
    node_cpu_s: Option<f64>,
    counted: u64,
    /// Of the sampled documents, how many came back bit by bit.
    got: usize,
    /// Of the sampled documents, how many were the first hit of a search for their own vector.
    found_first: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<InsertReport> {
    let endpoints = arguments.node.endpoints()?;
    let process = arguments.process.process()?;
    let machine = Machine::observe();
    let runtime = Runtime::new()?;
    progress("making vectors");
    let count = arguments.documents as usize;
    let shape = Shape::of(count, arguments.dimension.into(), arguments.seed);
    let vectors = Arc::new(Dataset::clustered(shape, count, 0));

    let disk = probe_disk(arguments)?;
    let mut runs = Vec::new();
    for endpoint in &endpoints {
        for &concurrency in &arguments.concurrency {
            let insert = Insertion { arguments, process, endpoint, concurrency, vectors: &vectors };
            runs.push(runtime.block_on(insert.measure())?);
        }
    }
    runs.extend(measure_others(arguments, &vectors)?);
    let first = runs[0].documents_s;
    runs.iter_mut().for_each(|run| run.times_first = run.documents_s / first);
    Ok(InsertReport {
        machine,
        load_after: machine::load(),
        documents: arguments.documents,
        dimension: arguments.dimension,
        batch: arguments.batch,
        disk,
        verdict: Verdict::of(runs.iter().all(Totals::is_right)),
        runs,
        skipped: skipped(arguments),
    })
}

/// What is left out for want of an argument.
fn skipped(arguments: &Arguments) -> Vec<&'static str> {
    let others = arguments.python.is_none().then_some("other engines, without --python PATH");
    let disk = arguments.disk_probe.is_none().then_some("the disk, without --disk-probe DIR");
    others.into_iter().chain(disk).collect()
}

fn probe_disk(arguments: &Arguments) -> anyhow::Result<Option<Disk>> {
    let Some(directory) = &arguments.disk_probe else { return Ok(None) };
    progress("measuring the disk");
    let bytes = usize::from(arguments.batch) * usize::from(arguments.dimension) * size_of::<f32>();
    Disk::probe(directory, bytes).map(Some)
}

fn measure_others(arguments: &Arguments, vectors: &Dataset) -> anyhow::Result<Vec<Totals>> {
    let Some(python) = &arguments.python else { return Ok(Vec::new()) };
    progress("inserting into other engines");
    let task = other_engines::Task {
        vectors,
        batch: arguments.batch.into(),
        samples: SAMPLES,
        time_limit: Duration::from_secs(arguments.others_limit_s.into()),
    };
    let directory = arguments.disk_probe.clone().unwrap_or_else(std::env::temp_dir);
    let others = other_engines::run(&task, python, &directory)?.into_iter();
    Ok(others.map(|other| Totals::of_other(other, arguments)).collect())
}

/// One run into one collection of a node.
struct Insertion<'a> {
    arguments: &'a Arguments,
    process: NodeProcess,
    endpoint: &'a Endpoint,
    concurrency: u16,
    vectors: &'a Arc<Dataset>,
}

impl Insertion<'_> {
    async fn measure(&self) -> anyhow::Result<Totals> {
        let door = self.endpoint.door.as_str();
        let name = format!("bench-insert-{}-{door}-{}", process::id(), self.concurrency);
        progress(format_args!("inserting over {door}, {} requests at once", self.concurrency));
        let mut client = self.endpoint.connect().await?;
        let dimension = self.vectors.dimension();
        client.create_collection(&name, dimension, Metric::Cosine).await?;
        let batch = usize::from(self.arguments.batch);
        let job = InsertJob { name: name.clone(), vectors: Arc::clone(self.vectors), batch };
        let batches = self.vectors.len().div_ceil(batch);
        let outcome = self.filled_and_verified(&mut client, &name, batches, job).await;
        if !self.arguments.keep {
            client.delete_collection(&name).await?;
        }
        outcome
    }

    async fn filled_and_verified(
        &self,
        client: &mut Client,
        name: &str,
        batches: usize,
        job: InsertJob,
    ) -> anyhow::Result<Totals> {
        self.process.settled(client, name).await?;
        let before = self.process.cpu_s()?;
        let run = load::run(self.endpoint, self.concurrency.into(), batches, job).await?;
        self.process.settled(client, name).await?;
        let node_cpu_s = self.process.cpu_s_since(before)?;
        Ok(Totals { node_cpu_s, ..self.verified(client, name, &run).await? })
    }

    async fn verified(&self, client: &mut Client, name: &str, run: &Run) -> anyhow::Result<Totals> {
        let (mut got, mut found_first) = (0, 0);
        for row in samples(self.vectors.len()) {
            let vector = self.vectors.vector(row);
            got += usize::from(client.vector(name, row).await? == vector);
            let nearest = client.search(name, vector, 1, HitParts::Ids).await?;
            found_first += usize::from(nearest.first().is_some_and(|&hit| hit as usize == row));
        }
        let measured = Measured {
            documents: self.vectors.len() as u64,
            counted: client.count(name).await?,
            got,
            found_first,
        };
        let engine = format!("akidb over {}", self.endpoint.door.as_str());
        let durability = "commit with fsync (synchronous=FULL)".to_owned();
        Ok(Totals::new(engine, durability, self.concurrency, run, &measured))
    }
}

/// Inserts one batch a request.
struct InsertJob {
    name: String,
    vectors: Arc<Dataset>,
    batch: usize,
}

impl Job for InsertJob {
    async fn run(&self, client: &mut Client, at: usize) -> anyhow::Result<()> {
        let rows = at * self.batch..((at + 1) * self.batch).min(self.vectors.len());
        let wanted = rows.len();
        let batch = Batch { dataset: &self.vectors, rows, id_offset: 0 };
        let created = client.upsert(&self.name, batch).await?;
        ensure!(created == wanted, "{created} of {wanted} documents of a batch were new");
        Ok(())
    }
}

/// Rows spread over the whole dataset.
fn samples(count: usize) -> impl Iterator<Item = usize> {
    let samples = SAMPLES.min(count);
    (0..samples).map(move |sample| sample * count / samples)
}

/// What was there after a run.
struct Measured {
    documents: u64,
    counted: u64,
    got: usize,
    found_first: usize,
}

impl Totals {
    fn new(
        engine: String,
        durability: String,
        concurrency: u16,
        run: &Run,
        measured: &Measured,
    ) -> Self {
        let documents_a_request = measured.documents as f64 / run.requests() as f64;
        let windows = run.window_rates().into_iter();
        Self {
            engine,
            concurrency,
            durability,
            documents: measured.documents,
            documents_s: run.rate() * documents_a_request,
            times_first: 1.0,
            window_documents_s: windows.map(|rate| rate * documents_a_request).collect(),
            batch_times: run.percentiles(),
            client_cpu_s: run.client_cpu_s,
            node_cpu_s: None,
            counted: measured.counted,
            got: measured.got,
            found_first: measured.found_first,
        }
    }

    fn of_other(other: OtherEngine, arguments: &Arguments) -> Self {
        let offered = other.run.requests() as u64 * u64::from(arguments.batch);
        let measured = Measured {
            documents: offered.min(arguments.documents.into()),
            counted: other.counted,
            got: other.got,
            found_first: other.found_first,
        };
        Self::new(other.name, other.durability, 1, &other.run, &measured)
    }

    /// Whether everything that was inserted is there. Other engines may be approximate in what a
    /// search finds, and that is told, not judged.
    fn is_right(&self) -> bool {
        let samples = samples(self.documents as usize).count();
        let ours = self.engine.starts_with("akidb");
        self.counted == self.documents && (!ours || self.got.min(self.found_first) == samples)
    }
}

impl Report for InsertReport {
    fn parts(&self) -> Vec<String> {
        let Self { documents, dimension, batch, .. } = self;
        let load = self.load_after.map(|load| format!(", load after {load:.1}"));
        let mut parts = vec![
            format!(
                "insert: {documents} documents x {dimension} in batches of {batch}, each \
                 acknowledged before the next"
            ),
            format!("machine: {}{}", self.machine.line(), load.unwrap_or_default()),
        ];
        if let Some(disk) = &self.disk {
            parts.push(disk_part(disk, f64::from(*batch)));
        }
        parts.push(self.runs_part());
        parts.push("documents/s in each tenth of a run:".to_owned());
        parts.push(self.windows_part());
        let durability = |run: &Totals| format!("{}: {}", run.engine, run.durability);
        let mut promises: Vec<_> = self.runs.iter().map(durability).collect();
        promises.dedup();
        parts.push("what an acknowledgement promises:".to_owned());
        parts.extend(promises.into_iter().map(|line| format!("- {line}")));
        parts.extend(self.skipped.iter().map(|what| format!("SKIPPED: {what}")));
        parts
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl InsertReport {
    fn runs_part(&self) -> String {
        let heads = [
            "engine",
            "at once",
            "documents",
            "documents/s",
            "x first",
            "batch p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "client CPU s",
            "node CPU s",
            "count, get, search",
        ];
        let rows = self.runs.iter().map(|run| {
            let times = &run.batch_times;
            let right = if run.counted == run.documents { "ok" } else { "WRONG" };
            [
                run.engine.clone(),
                run.concurrency.to_string(),
                run.documents.to_string(),
                format!("{:.0}", run.documents_s),
                format!("{:.2}", run.times_first),
                format!("{:.1}", times.median_ms),
                format!("{:.1}", times.p95_ms),
                format!("{:.1}", times.p99_ms),
                format!("{:.1}", times.max_ms),
                seconds(run.client_cpu_s),
                seconds(run.node_cpu_s),
                format!("{right}, {}, {}", run.got, run.found_first),
            ]
        });
        table(heads, rows)
    }

    fn windows_part(&self) -> String {
        let heads =
            ["engine", "10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "90%", "100%"];
        let rows = self.runs.iter().map(|run| {
            let mut cells = std::array::from_fn(|_| String::new());
            cells[0] = format!("{}, {} at once", run.engine, run.concurrency);
            for (cell, rate) in cells[1..].iter_mut().zip(&run.window_documents_s) {
                *cell = format!("{rate:.0}");
            }
            cells
        });
        table(heads, rows)
    }
}

/// What the disk allows, in its own units and in documents.
fn disk_part(disk: &Disk, batch: f64) -> String {
    let row = |what: &str, rate: String, documents_s: f64| {
        [what.to_owned(), rate, format!("{documents_s:.0}")]
    };
    let document_bytes = disk.batch_bytes as f64 / batch;
    let sequential = disk.sequential_mb_s;
    table(
        ["disk, one writer", "measured", "allows documents/s"],
        [
            row(
                "4 KiB appended and synced, a batch each",
                format!("{:.0}/s", disk.page_syncs_s),
                disk.page_syncs_s * batch,
            ),
            row(
                "the vectors of a batch appended and synced",
                format!("{:.0}/s", disk.batch_syncs_s),
                disk.batch_syncs_s * batch,
            ),
            row(
                "512 MiB in order, vectors written once",
                format!("{sequential:.0} MB/s"),
                sequential * 1e6 / document_bytes,
            ),
            row(
                "the same, written twice as a write-ahead log does",
                format!("{sequential:.0} MB/s"),
                sequential * 1e6 / document_bytes / 2.0,
            ),
        ],
    )
}
