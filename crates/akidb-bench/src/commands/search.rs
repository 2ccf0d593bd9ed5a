//! `akidb-bench search`: searches a second of a node by vector, and whether they are right.
//!
//! The collection is made and dropped by the command. Recall is measured first, against neighbors
//! found in double precision; the same searches are then repeated against the clock.

use std::{process, sync::Arc};

use akidb_core::Metric;
use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    dataset::{Dataset, Shape},
    load::{self, Job},
    machine::{self, Machine},
    node::{Batch, Client, Endpoint, HitParts, NodeArguments},
    node_process::{NodeProcess, ProcessArguments},
    report::{Report, Verdict, progress, seconds, table},
    timing::Percentiles,
    truth::Truth,
};

/// Documents of each request while the collection is filled.
const BATCH: usize = 256;

/// Different queries, used in turn.
const QUERIES: usize = 200;

#[derive(Args, Debug)]
#[command(after_help = "Example, beside a node of a release build:
  $ cargo run --release -p akidb-bench -- search --grpc http://127.0.0.1:9090 \\
      --rest http://127.0.0.1:8080 --concurrency 1,2,8

The exit status is 1 when a neighbor is missing, --min-recall below 1 allows some to be.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    process: ProcessArguments,
    /// Documents of the collection
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    documents: u32,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// cosine, dot or l2
    #[arg(long, default_value_t)]
    metric: Metric,
    /// Hits of each search
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// What comes with the hits
    #[arg(long, value_enum, default_value_t)]
    parts: HitParts,
    /// Searches of each run
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    searches: u32,
    /// Searches at once, one run for each of these
    #[arg(long, default_value = "1,2,8", value_delimiter = ',', value_name = "SEARCHES",
        value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: Vec<u16>,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The recall below which the measurement fails
    #[arg(long, default_value_t = 1.0)]
    min_recall: f64,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct SearchReport {
    machine: Machine,
    load_after: Option<f64>,
    documents: u32,
    dimension: u16,
    metric: Metric,
    limit: u16,
    runs: Vec<Totals>,
    verdict: Verdict,
}

/// What one door did at one concurrency.
#[derive(Serialize)]
struct Totals {
    door: &'static str,
    concurrency: u16,
    searches: usize,
    recall: f64,
    searches_s: f64,
    times: Percentiles,
    client_cpu_s: Option<f64>,
    /// Processor time of the node in the run, where its process is named.
    node_cpu_s: Option<f64>,
    /// How often its threads gave a processor up, or lost it, for each search.
    node_switches_a_search: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<SearchReport> {
    let endpoints = arguments.node.endpoints()?;
    let process = arguments.process.process()?;
    let machine = Machine::observe();
    progress("making vectors and finding the exact neighbors in double precision");
    let count = arguments.documents as usize;
    let shape = Shape::of(count, arguments.dimension.into(), arguments.seed);
    let vectors = Arc::new(Dataset::clustered(shape, count, 0));
    let queries = Arc::new(Dataset::clustered(shape, QUERIES, 1));
    let truth = Truth::of(&vectors, &queries, arguments.metric, arguments.limit.into());
    let bench = Bench { arguments, process, vectors, queries, truth };
    let runs = Runtime::new()?.block_on(bench.measure_all(&endpoints))?;
    Ok(SearchReport {
        machine,
        load_after: machine::load(),
        documents: arguments.documents,
        dimension: arguments.dimension,
        metric: arguments.metric,
        limit: arguments.limit,
        verdict: Verdict::of(runs.iter().all(|run| run.recall >= arguments.min_recall)),
        runs,
    })
}

/// What all runs have in common.
struct Bench<'a> {
    arguments: &'a Arguments,
    process: NodeProcess,
    vectors: Arc<Dataset>,
    queries: Arc<Dataset>,
    truth: Truth,
}

impl Bench<'_> {
    async fn measure_all(&self, endpoints: &[Endpoint]) -> anyhow::Result<Vec<Totals>> {
        let name = format!("bench-search-{}", process::id());
        let mut client = endpoints[0].connect().await?;
        let dimension = self.vectors.dimension();
        client.create_collection(&name, dimension, self.arguments.metric).await?;
        let runs = self.fill_and_search(&mut client, &name, endpoints).await;
        client.delete_collection(&name).await?;
        runs
    }

    async fn fill_and_search(
        &self,
        client: &mut Client,
        name: &str,
        endpoints: &[Endpoint],
    ) -> anyhow::Result<Vec<Totals>> {
        progress("filling the collection");
        for first in (0..self.vectors.len()).step_by(BATCH) {
            let rows = first..(first + BATCH).min(self.vectors.len());
            client.upsert(name, Batch { dataset: &self.vectors, rows, id_offset: 0 }).await?;
        }
        self.process.settled(client, name).await?;
        let mut runs = Vec::new();
        for endpoint in endpoints {
            let recall = self.recall(endpoint, name).await?;
            for &concurrency in &self.arguments.concurrency {
                runs.push(self.measure(endpoint, name, concurrency, recall).await?);
            }
        }
        Ok(runs)
    }

    async fn recall(&self, endpoint: &Endpoint, name: &str) -> anyhow::Result<f64> {
        let mut client = endpoint.connect().await?;
        let mut hits = 0;
        for query in 0..QUERIES {
            let limit = self.arguments.limit.into();
            let found =
                client.search(name, self.queries.vector(query), limit, HitParts::Ids).await?;
            hits += self.truth.hits(&self.vectors, &self.queries, query, &found);
        }
        Ok(hits as f64 / (QUERIES * self.truth.limit()) as f64)
    }

    async fn measure(
        &self,
        endpoint: &Endpoint,
        name: &str,
        concurrency: u16,
        recall: f64,
    ) -> anyhow::Result<Totals> {
        let door = endpoint.door.as_str();
        progress(format_args!("searching over {door}, {concurrency} at once"));
        let job = SearchJob {
            name: name.to_owned(),
            queries: Arc::clone(&self.queries),
            limit: self.arguments.limit.into(),
            parts: self.arguments.parts,
            wanted: self.truth.limit(),
        };
        let searches = self.arguments.searches as usize;
        let switches_before = self.process.switches();
        let before = self.process.cpu_s()?;
        let run = load::run(endpoint, concurrency.into(), searches, job).await?;
        let node_cpu_s = self.process.cpu_s_since(before)?;
        let switches = self.process.switches().zip(switches_before);
        let switches = switches.map(|(after, before)| after.saturating_sub(before) as f64);
        Ok(Totals {
            door,
            concurrency,
            searches,
            recall,
            searches_s: run.rate(),
            times: run.percentiles(),
            client_cpu_s: run.client_cpu_s,
            node_cpu_s,
            node_switches_a_search: switches.map(|switches| switches / searches as f64),
        })
    }
}

/// Searches for the queries in turn.
struct SearchJob {
    name: String,
    queries: Arc<Dataset>,
    limit: u64,
    parts: HitParts,
    wanted: usize,
}

impl Job for SearchJob {
    async fn run(&self, client: &mut Client, at: usize) -> anyhow::Result<()> {
        let query = self.queries.vector(at % self.queries.len());
        let found = client.search(&self.name, query, self.limit, self.parts).await?.len();
        ensure!(found == self.wanted, "a search found {found} of {} documents", self.wanted);
        Ok(())
    }
}

impl Report for SearchReport {
    fn parts(&self) -> Vec<String> {
        let Self { documents, dimension, metric, limit, .. } = self;
        let load = self.load_after.map(|load| format!(", load after {load:.1}"));
        let recall_head = format!("recall@{limit}");
        let heads = [
            "door",
            "at once",
            "searches",
            &recall_head,
            "searches/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "client CPU s",
            "node CPU s",
            "switches",
        ];
        let rows = self.runs.iter().map(|run| {
            [
                run.door.to_owned(),
                run.concurrency.to_string(),
                run.searches.to_string(),
                format!("{:.4}", run.recall),
                format!("{:.0}", run.searches_s),
                format!("{:.2}", run.times.median_ms),
                format!("{:.2}", run.times.p95_ms),
                format!("{:.2}", run.times.p99_ms),
                format!("{:.2}", run.times.max_ms),
                seconds(run.client_cpu_s),
                seconds(run.node_cpu_s),
                seconds(run.node_switches_a_search),
            ]
        });
        vec![
            format!("search: {documents} documents x {dimension}, {metric}"),
            format!("machine: {}{}", self.machine.line(), load.unwrap_or_default()),
            table(heads, rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
