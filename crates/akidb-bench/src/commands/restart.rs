//! `akidb-bench restart`: how soon a node answers rightly after a clean stop, after a crash, and
//! with its index files gone.
//!
//! The command starts the node itself. Each answer is compared with neighbors found in double
//! precision; "first answer" is of the first request after the start.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_client::{Hit, IndexState, NewCollection, Search};
use akidb_core::Metric;
use anyhow::Context;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    dataset::{Dataset, Shape},
    load::{self, Job},
    machine::Machine,
    node::{Batch, Client, Door, Endpoint},
    report::{Report, Verdict, progress, table},
    started_node::{StartedNode, ensure_empty},
    truth::Truth,
};

const COLLECTION: &str = "restart";

/// Documents of each request while the collection is filled.
const BATCH: usize = 512;

/// Requests at once while it is filled.
const FILLERS: usize = 2;

/// Hits of each search.
const LIMIT: usize = 10;

/// Different queries.
const QUERIES: usize = 50;

/// Documents that are written last, just before the crash.
const LAST_WRITES: usize = 1_000;

/// How often the state of the index is asked for.
const POLL: Duration = Duration::from_millis(20);

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo build --release -p akidb
  $ AKIDB_EMBEDDING__ENABLED=false cargo run --release -p akidb-bench -- \\
      restart --akidb target/release/akidb --data-dir restart

It needs about 8 KiB of disk a document of 384 dimensions. The exit status is 1 when an answer was
wrong.")]
pub(crate) struct Arguments {
    /// The node's program
    #[arg(long, value_name = "FILE")]
    akidb: PathBuf,
    /// Documents of the collection
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    documents: u32,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// The recall below which an answer of the graph is wrong
    #[arg(long, default_value_t = 0.9)]
    min_recall: f64,
    /// An empty or absent directory for the node's data, removed afterwards
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct RestartReport {
    machine: Machine,
    documents: u32,
    dimension: u16,
    fill_s: f64,
    /// From the last acknowledged document until the graph holds all.
    graph_s: f64,
    /// What a stop takes that was asked for, with everything to be written.
    stop_s: f64,
    disk_mib: f64,
    starts: Vec<Start>,
    verdict: Verdict,
}

/// One start of the node.
#[derive(Serialize)]
struct Start {
    after: &'static str,
    /// From the start of the process to its line that it serves.
    serving_s: f64,
    /// To the first answer.
    first_answer_s: f64,
    /// Of the first answer.
    first_recall: f64,
    /// Whether the first answer was made without the graph.
    degraded: bool,
    /// To an index that is what its settings ask for.
    graph_in_use_s: f64,
    /// Over all queries, then.
    recall: f64,
    /// Resident memory, then.
    rss_mib: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<RestartReport> {
    ensure_empty(&arguments.data_dir)?;
    let machine = Machine::observe();
    progress("making vectors and finding the exact neighbors in double precision");
    let count = arguments.documents as usize;
    let shape = Shape::of(count, arguments.dimension.into(), 1);
    let vectors = Arc::new(Dataset::clustered(shape, count, 0));
    let queries = Dataset::clustered(shape, QUERIES, 1);
    let truth = Truth::of(&vectors, &queries, Metric::Cosine, LIMIT);
    let bench = Bench { arguments, vectors, queries, truth };
    let report = Runtime::new()?.block_on(bench.measure(machine));
    // Best effort: the measurement stands whether or not its data could be removed.
    drop(fs::remove_dir_all(&arguments.data_dir));
    report
}

struct Bench<'a> {
    arguments: &'a Arguments,
    vectors: Arc<Dataset>,
    queries: Dataset,
    truth: Truth,
}

impl Bench<'_> {
    async fn measure(&self, machine: Machine) -> anyhow::Result<RestartReport> {
        let count = self.vectors.len();
        let node = self.start()?;
        let dimension = self.arguments.dimension.into();
        let collection = NewCollection::with_vectors(COLLECTION, dimension, Metric::Cosine);
        node.client.create_collection(&collection).await?;
        progress("filling the collection");
        let filling = Instant::now();
        self.fill(&node, 0..count - LAST_WRITES).await?;
        let fill_s = filling.elapsed().as_secs_f64();
        progress("waiting for the graph");
        let linking = Instant::now();
        when_ready(&node).await?;
        let graph_s = linking.elapsed().as_secs_f64();
        let stopping = Instant::now();
        node.stop()?;
        let stop_s = stopping.elapsed().as_secs_f64();

        let (clean, node) = self.start_after("a clean stop").await?;
        self.fill(&node, count - LAST_WRITES..count).await?;
        drop(node);
        let (crash, node) = self.start_after("kill -9 just after writes").await?;
        node.stop()?;
        let disk_mib = self.index_files(|path| fs::metadata(path).map(|file| file.len()))?;
        self.index_files(|path| fs::remove_file(path).map(|()| 0))?;
        let (without, node) = self.start_after("a clean stop, index files deleted").await?;
        drop(node);
        let starts = vec![clean, crash, without];
        Ok(RestartReport {
            machine,
            documents: self.arguments.documents,
            dimension: self.arguments.dimension,
            fill_s,
            graph_s,
            stop_s,
            disk_mib: disk_mib as f64 / f64::from(1 << 20),
            verdict: Verdict::of(starts.iter().all(|start| start.is_right(self.arguments))),
            starts,
        })
    }

    fn start(&self) -> anyhow::Result<StartedNode> {
        StartedNode::start(&self.arguments.akidb, &self.arguments.data_dir)
    }

    async fn start_after(&self, after: &'static str) -> anyhow::Result<(Start, StartedNode)> {
        progress(format_args!("starting after {after}"));
        let started = Instant::now();
        let node = self.start()?;
        let (first_recall, degraded) = self.search(&node, 0).await?;
        let first_answer_s = started.elapsed().as_secs_f64();
        when_ready(&node).await?;
        let graph_in_use_s = started.elapsed().as_secs_f64();
        let mut recall = 0.0;
        for query in 0..QUERIES {
            recall += self.search(&node, query).await?.0 / QUERIES as f64;
        }
        let start = Start {
            after,
            serving_s: node.start.as_secs_f64(),
            first_answer_s,
            first_recall,
            degraded,
            graph_in_use_s,
            recall,
            rss_mib: node.rss_mib()?,
        };
        Ok((start, node))
    }

    /// The recall of one query, and whether it was answered without the graph.
    async fn search(&self, node: &StartedNode, query: usize) -> anyhow::Result<(f64, bool)> {
        let vector = self.queries.vector(query).to_vec();
        let search = Search::vector(vector).limit(LIMIT as u64).include(&[]);
        let answer = node.client.collection(COLLECTION).search(&search).await?;
        let row = |hit: &Hit| hit.id.to_string().strip_prefix("doc-")?.parse::<u32>().ok();
        let found: Option<Vec<u32>> = answer.hits.iter().map(row).collect();
        let found = found.context("a hit has an id of another benchmark")?;
        let right = self.truth.hits(&self.vectors, &self.queries, query, &found);
        Ok((right as f64 / LIMIT as f64, answer.degraded))
    }

    async fn fill(&self, node: &StartedNode, rows: std::ops::Range<usize>) -> anyhow::Result<()> {
        let endpoint = Endpoint::open(Door::Grpc, node.addresses.grpc_url());
        let batches = rows.len().div_ceil(BATCH);
        let fill = Fill { vectors: Arc::clone(&self.vectors), rows };
        load::run(&endpoint, FILLERS, batches, fill).await?;
        Ok(())
    }

    /// Does something with each file of the index, and adds up what comes of it.
    fn index_files(
        &self,
        each: impl Fn(&std::path::Path) -> std::io::Result<u64>,
    ) -> anyhow::Result<u64> {
        let mut sum = 0;
        for collection in fs::read_dir(self.arguments.data_dir.join("collections"))? {
            for file in fs::read_dir(collection?.path().join("vectors"))? {
                sum += each(&file?.path())?;
            }
        }
        Ok(sum)
    }
}

/// Inserts the rows of a range, a batch a request.
struct Fill {
    vectors: Arc<Dataset>,
    rows: std::ops::Range<usize>,
}

impl Job for Fill {
    async fn run(&self, client: &mut Client, at: usize) -> anyhow::Result<()> {
        let first = self.rows.start + at * BATCH;
        let rows = first..(first + BATCH).min(self.rows.end);
        client.upsert(COLLECTION, Batch { dataset: &self.vectors, rows, id_offset: 0 }).await?;
        Ok(())
    }
}

/// Waits until the index is what its settings ask for.
async fn when_ready(node: &StartedNode) -> anyhow::Result<()> {
    loop {
        if node
            .client
            .collection(COLLECTION)
            .describe()
            .await?
            .index
            .is_some_and(|index| index.state == IndexState::Ready)
        {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

impl Start {
    /// An answer without the graph must be exact, one with it near enough.
    fn is_right(&self, arguments: &Arguments) -> bool {
        let first_min = if self.degraded { 1.0 } else { 0.5 };
        self.first_recall >= first_min && self.recall >= arguments.min_recall
    }
}

impl Report for RestartReport {
    fn parts(&self) -> Vec<String> {
        let facts = [
            ["fill".to_owned(), format!("{:.1} s", self.fill_s)],
            ["until the graph held the rest".to_owned(), format!("{:.1} s", self.graph_s)],
            ["clean stop".to_owned(), format!("{:.2} s", self.stop_s)],
            ["index files".to_owned(), format!("{:.0} MiB", self.disk_mib)],
        ];
        let heads = [
            "start after",
            "serving s",
            "first answer s",
            "its recall@10",
            "degraded",
            "graph in use s",
            "recall@10",
            "memory MiB",
        ];
        let starts = self.starts.iter().map(|start| {
            [
                start.after.to_owned(),
                format!("{:.2}", start.serving_s),
                format!("{:.2}", start.first_answer_s),
                format!("{:.2}", start.first_recall),
                if start.degraded { "yes" } else { "no" }.to_owned(),
                format!("{:.2}", start.graph_in_use_s),
                format!("{:.4}", start.recall),
                format!("{:.0}", start.rss_mib),
            ]
        });
        vec![
            format!("restart: {} documents x {}", self.documents, self.dimension),
            format!("machine: {}", self.machine.line()),
            table(["", "measured"], facts),
            table(heads, starts),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
