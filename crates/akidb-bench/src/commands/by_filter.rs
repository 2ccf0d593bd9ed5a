//! `akidb-bench by-filter`: counting, reading and deleting the documents that a filter lets through,
//! a few of very many, and writes beside the deletion of many.
//!
//! The command starts the node itself. Each count is compared with what was inserted.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use akidb_client::Request;
use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    machine::Machine,
    report::{Report, Verdict, progress, table},
    started_node::{StartedNode, ensure_empty},
    timing::Percentiles,
};

const COLLECTION: [&str; 3] = ["v1", "collections", "by-filter"];
const BATCH: u32 = 5_000;

/// Documents of each filter of the first part.
const FEW: u32 = 100;

/// The share of documents whose deletion others write beside: one in so many.
const MANY_ONE_IN: u32 = 10;

/// How often each request is made.
const REQUESTS: u32 = 40;

/// What counting and reading a few may take, in the middle, and deleting them beyond an upsert.
const FEW_MAX_MS: f64 = 5.0;

/// What an upsert beside the deletion of many may take, at the 99th percentile.
const BESIDE_MAX_MS: f64 = 50.0;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo build --release -p akidb
  $ AKIDB_EMBEDDING__ENABLED=false cargo run --release -p akidb-bench -- \\
      by-filter --akidb target/release/akidb --data-dir by-filter

It needs about 1 KiB of disk a document. The exit status is 1 when an answer was wrong or a goal was
missed.")]
pub(crate) struct Arguments {
    /// The node's program
    #[arg(long, value_name = "FILE")]
    akidb: PathBuf,
    /// Documents of the collection
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    documents: u32,
    /// An empty or absent directory for the node's data, removed afterwards
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct ByFilterReport {
    machine: Machine,
    documents: u32,
    upsert: Percentiles,
    count: Percentiles,
    get: Percentiles,
    delete: Percentiles,
    many: u32,
    delete_many_s: f64,
    upsert_beside: Percentiles,
    verdict: Verdict,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ByFilterReport> {
    ensure_empty(&arguments.data_dir)?;
    let machine = Machine::observe();
    let report = Runtime::new()?.block_on(measure(arguments, machine));
    // Best effort: the measurement stands whether or not its data could be removed.
    drop(fs::remove_dir_all(&arguments.data_dir));
    report
}

async fn measure(arguments: &Arguments, machine: Machine) -> anyhow::Result<ByFilterReport> {
    let documents = arguments.documents;
    let node = StartedNode::start(&arguments.akidb, &arguments.data_dir)?;
    let create = json!({"name": "by-filter", "dimension": 2, "index": {"engine": "exact"}});
    node.client.send::<Value>(Request::post(&["v1", "collections"]).json(&create)).await?;
    progress("filling the collection");
    for first in (0..documents).step_by(BATCH as usize) {
        let batch: Vec<Value> = (first..documents.min(first + BATCH)).map(document).collect();
        post(&node, "documents", &json!({"documents": batch})).await?;
    }

    progress("asking for a few");
    let (mut upsert, mut count, mut get, mut delete) = (vec![], vec![], vec![], vec![]);
    for at in 0..REQUESTS {
        let filter = json!({"filter": {"group": at}});
        let one = json!({"documents": [document(documents - 1)]});
        timed(&mut upsert, post(&node, "documents", &one)).await?;
        let counted = timed(&mut count, post(&node, "documents/count", &filter)).await?;
        ensure!(counted["count"] == FEW, "group {at} has {FEW} documents, not {counted}");
        let got = timed(&mut get, post(&node, "documents/get", &filter)).await?;
        let got = got["documents"].as_array().map_or(0, Vec::len);
        ensure!(got == FEW as usize, "group {at} has {FEW} documents, {got} came");
        let deleted = timed(&mut delete, post(&node, "documents/delete", &filter)).await?;
        ensure!(deleted["deleted"] == FEW, "group {at} has {FEW} documents: {deleted}");
    }

    progress("writing beside the deletion of many");
    let is_over = AtomicBool::new(false);
    let many = documents / MANY_ONE_IN;
    let deletion = async {
        let began = Instant::now();
        let deleted = post(&node, "documents/delete", &json!({"filter": {"share": 0}})).await;
        is_over.store(true, Ordering::Relaxed);
        anyhow::Ok((deleted?, began.elapsed()))
    };
    let writes = async {
        let mut times = Vec::new();
        while !is_over.load(Ordering::Relaxed) || times.is_empty() {
            let one = json!({"documents": [document(documents - 1)]});
            timed(&mut times, post(&node, "documents", &one)).await?;
        }
        anyhow::Ok(times)
    };
    let (deletion, beside) = tokio::join!(deletion, writes);
    let (deleted, took) = deletion?;
    let left = post(&node, "documents/count", &json!({"filter": {"share": 0}})).await?;
    ensure!(left["count"] == 0, "{left} documents were left by a deletion that says {deleted}");

    let [upsert, count, get, delete] = [upsert, count, get, delete].map(|it| Percentiles::of(&it));
    let upsert_beside = Percentiles::of(&beside?);
    let few_are_fast = count.median_ms < FEW_MAX_MS
        && get.median_ms < FEW_MAX_MS
        && delete.median_ms < upsert.median_ms + FEW_MAX_MS;
    let verdict = Verdict::of(few_are_fast && upsert_beside.p99_ms < BESIDE_MAX_MS);
    let delete_many_s = took.as_secs_f64();
    Ok(ByFilterReport {
        machine,
        documents,
        upsert,
        count,
        get,
        delete,
        many,
        delete_many_s,
        upsert_beside,
        verdict,
    })
}

/// Groups of a few first, so that those are deleted one by one; a share of all throughout.
fn document(at: u32) -> Value {
    let text = format!("document {at} of those that a filter lets through or not");
    let metadata = json!({"group": at / FEW, "share": at % MANY_ONE_IN, "note": text});
    json!({"id": at, "vector": [1.0, f64::from(at)], "metadata": metadata})
}

async fn post(node: &StartedNode, path: &str, body: &Value) -> anyhow::Result<Value> {
    let path: Vec<&str> = COLLECTION.into_iter().chain(path.split('/')).collect();
    Ok(node.client.send(Request::post(&path).json(body)).await?)
}

async fn timed(
    times: &mut Vec<Duration>,
    request: impl Future<Output = anyhow::Result<Value>>,
) -> anyhow::Result<Value> {
    let began = Instant::now();
    let reply = request.await?;
    times.push(began.elapsed());
    Ok(reply)
}

impl Report for ByFilterReport {
    fn parts(&self) -> Vec<String> {
        let few = format!("{FEW} documents by a filter");
        let rows = [
            ("upsert of one".to_owned(), &self.upsert),
            (format!("count of {few}"), &self.count),
            (format!("get of {few}"), &self.get),
            (format!("delete of {few}"), &self.delete),
            (format!("upsert of one beside the deletion of {}", self.many), &self.upsert_beside),
        ];
        let rows = rows.map(|(what, times)| {
            let [median, p99, max] =
                [times.median_ms, times.p99_ms, times.max_ms].map(|ms| format!("{ms:.2}"));
            [what, median, p99, max]
        });
        vec![
            format!("by-filter: {} documents", self.documents),
            format!("machine: {}", self.machine.line()),
            table(["request", "median ms", "p99 ms", "max ms"], rows),
            format!("the deletion of {} took {:.1} s", self.many, self.delete_many_s),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
