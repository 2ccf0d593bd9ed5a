//! `akidb-bench search-pages`: what stands on a page of a search: facets, documents in an order, hits in groups.

use std::{
    fs,
    path::PathBuf,
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

const COLLECTION: [&str; 3] = ["v1", "collections", "search-pages"];
const BATCH: u32 = 5_000;

/// How often each request is made.
const REQUESTS: u32 = 40;

/// What those requests may take, in the middle, that have a goal.
const GOAL_MS: f64 = 20.0;

/// Days from 2000-01-01 on that documents are of.
const DAYS: u32 = 9_000;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo build --release -p akidb
  $ AKIDB_EMBEDDING__ENABLED=false cargo run --release -p akidb-bench -- \\
      search-pages --akidb target/release/akidb --data-dir search-pages

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
pub(crate) struct SearchPagesReport {
    machine: Machine,
    documents: u32,
    requests: Vec<Asked>,
    verdict: Verdict,
}

/// What one request took.
#[derive(Serialize)]
struct Asked {
    what: &'static str,
    has_goal: bool,
    #[serde(flatten)]
    times: Percentiles,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<SearchPagesReport> {
    ensure_empty(&arguments.data_dir)?;
    let machine = Machine::observe();
    let report = Runtime::new()?.block_on(measure(arguments, machine));
    // Best effort: the measurement stands whether or not its data could be removed.
    drop(fs::remove_dir_all(&arguments.data_dir));
    report
}

async fn measure(arguments: &Arguments, machine: Machine) -> anyhow::Result<SearchPagesReport> {
    let documents = arguments.documents;
    let node = StartedNode::start(&arguments.akidb, &arguments.data_dir)?;
    let create = json!({"name": "search-pages", "dimension": 2, "index": {"engine": "exact"}});
    node.client.send::<Value>(Request::post(&["v1", "collections"]).json(&create)).await?;
    progress("filling the collection");
    for first in (0..documents).step_by(BATCH as usize) {
        let batch: Vec<Value> = (first..documents.min(first + BATCH)).map(document).collect();
        post(&node, "documents", &json!({"documents": batch})).await?;
    }

    progress("asking");
    let mut requests = Vec::new();
    let all = u64::from(documents);
    let of = |facet: Value| json!({"facets": [facet]});
    let facets = [
        ("facet of 20 values", true, of(json!({"field": "genre"})), 20),
        ("facet of 1,000 values", true, of(json!({"field": "maker"})), 1_000),
        ("facet of as many values as documents", false, of(json!({"field": "own"})), all),
        (
            "facet of a tenth, 1,000 values",
            true,
            json!({"filter": {"share": 0}, "facets": [{"field": "maker"}]}),
            1_000,
        ),
        (
            "facet of four ranges",
            true,
            of(json!({"field": "own", "borders": [1_000, 10_000, 500_000]})),
            4,
        ),
        (
            "facet of dates by month",
            true,
            of(json!({"field": "day", "interval": "month", "limit": 1_000})),
            296,
        ),
    ];
    for (what, has_goal, body, distinct) in facets {
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            let reply = timed(&mut times, post(&node, "documents/facets", &body)).await?;
            let found = reply["facets"][0]["distinct"].as_u64();
            ensure!(found == Some(distinct), "{what}: {found:?} values of {distinct}");
        }
        requests.push(Asked { what, has_goal, times: Percentiles::of(&times) });
    }
    let order = |field: &str| json!({"field": field, "direction": "desc"});
    let pages = [
        ("page in the order of a number, from the first on", json!({"order_by": order("own")})),
        ("page in the order of a date", json!({"order_by": order("day")})),
        ("page in the order of 20 texts", json!({"order_by": order("genre")})),
        (
            "page of a tenth in the order of a number",
            json!({"order_by": order("own"), "filter": {"share": 0}}),
        ),
        (
            "page of 100 documents in the order of a number",
            json!({"order_by": order("own"), "filter": {"group": 5}}),
        ),
    ];
    for (what, body) in pages {
        let (mut times, mut cursor) = (Vec::new(), Value::Null);
        for _ in 0..REQUESTS {
            let mut page = body.clone();
            page["cursor"] = cursor;
            let reply = timed(&mut times, post(&node, "documents/scroll", &page)).await?;
            let count = reply["documents"].as_array().map_or(0, Vec::len);
            ensure!(count == 100, "{what}: {count} documents of 100");
            cursor = reply["next_cursor"].clone();
        }
        requests.push(Asked { what, has_goal: true, times: Percentiles::of(&times) });
    }
    for (what, field) in
        [("10 groups of 3 hits, of 1,000", "maker"), ("10 groups of 3 hits, of 20", "genre")]
    {
        let mut times = Vec::new();
        for at in 0..REQUESTS {
            let search =
                json!({"vector": [f64::from(at), 1], "group_by": {"field": field}, "include": []});
            let reply = timed(&mut times, post(&node, "search", &search)).await?;
            let count = reply["groups"].as_array().map_or(0, Vec::len);
            ensure!(count == 10, "{what}: {count} groups");
        }
        requests.push(Asked { what, has_goal: false, times: Percentiles::of(&times) });
    }
    let is_fast = |asked: &Asked| !asked.has_goal || asked.times.median_ms < GOAL_MS;
    let verdict = Verdict::of(requests.iter().all(is_fast));
    Ok(SearchPagesReport { machine, documents, requests, verdict })
}

fn document(at: u32) -> Value {
    let scattered = at.wrapping_mul(2_654_435_761);
    let day = scattered / 7 % DAYS;
    // Months of 30 days and a half, all of which are there.
    let (year, month, of_month) = (2000 + day / 365, day % 365 / 31 + 1, day % 365 % 31 % 28 + 1);
    let metadata = json!({
        "own": at, "genre": format!("genre {}", scattered % 20), "maker": format!("maker {}", scattered / 3 % 1_000),
        "share": at % 10, "group": at / 100, "day": format!("{year}-{month:02}-{of_month:02}"),
    });
    json!({"id": at, "vector": [f64::from(scattered % 1_000), f64::from(at % 997 + 1)], "metadata": metadata})
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

impl Report for SearchPagesReport {
    fn parts(&self) -> Vec<String> {
        let rows = self.requests.iter().map(|Asked { what, has_goal, times }| {
            let [median, p99, max] =
                [times.median_ms, times.p99_ms, times.max_ms].map(|ms| format!("{ms:.2}"));
            let goal = if *has_goal { format!("{GOAL_MS}") } else { String::new() };
            [(*what).to_owned(), median, p99, max, goal]
        });
        vec![
            format!("search-pages: {} documents", self.documents),
            format!("machine: {}", self.machine.line()),
            table(["request", "median ms", "p99 ms", "max ms", "goal"], rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
