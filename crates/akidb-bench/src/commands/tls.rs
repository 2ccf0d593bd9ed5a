//! `akidb-bench tls`: what keys and TLS cost a search over a connection that is kept.
//!
//! Nodes with and without them run side by side over the same documents. The same search goes to each in turn, so that
//! whatever else the machine does falls on all of them alike.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use akidb_client::{
    certificates::Authority,
    process::{Launch, NodeProcess},
};
use akidb_core::Metric;
use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    dataset::{Dataset, Shape},
    machine::{self, Machine},
    node::{Access, Batch, Client, Door, Endpoint, HitParts},
    report::{Report, Verdict, progress, table},
    started_node::ensure_empty,
    timing::Percentiles,
};

const COLLECTION: &str = "tls";
const BATCH: usize = 1_000;
const QUERIES: usize = 200;
const LIMIT: u64 = 10;
/// Searches of each kind before those that are measured.
const WARM_UP: usize = 200;
/// Far away.
const READY_WITHIN: Duration = Duration::from_secs(600);
const ASK_EVERY: Duration = Duration::from_millis(100);

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo build --release -p akidb
  $ cargo run --release -p akidb-bench -- tls --akidb target/release/akidb --data-dir tls

The exit status is 1 when an answer was wrong, or the median of searches with TLS and a key is further
above that of searches without than the goal.")]
pub(crate) struct Arguments {
    /// The node's program
    #[arg(long, value_name = "FILE")]
    akidb: PathBuf,
    /// An empty or absent directory for the nodes' data, removed afterwards
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Documents of each node
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    documents: u32,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// Searches of each kind
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(100..))]
    searches: u32,
    /// What keys and TLS may add to the median, in percent
    #[arg(long, default_value_t = 5.0)]
    goal_percent: f64,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct TlsReport {
    machine: Machine,
    load_after: Option<f64>,
    documents: u32,
    dimension: u16,
    searches: u32,
    kinds: Vec<Kind>,
    verdict: Verdict,
}

/// Searches of one kind.
#[derive(Serialize)]
struct Kind {
    door: &'static str,
    protection: &'static str,
    #[serde(flatten)]
    times: Percentiles,
    /// What the median is above that without keys and TLS, in percent.
    added_percent: f64,
}

/// What stands before a node.
#[derive(Clone, Copy)]
struct Protection {
    name: &'static str,
    has_key: bool,
    has_tls: bool,
}

const PROTECTIONS: [Protection; 3] = [
    Protection { name: "none", has_key: false, has_tls: false },
    Protection { name: "a key", has_key: true, has_tls: false },
    Protection { name: "a key and TLS", has_key: true, has_tls: true },
];

/// One kept connection, and what searches over it took.
struct Lane {
    door: Door,
    protection: Protection,
    client: Client,
    times: Vec<Duration>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<TlsReport> {
    ensure_empty(&arguments.data_dir)?;
    let machine = Machine::observe();
    let report = Runtime::new()?.block_on(measure(arguments, machine));
    // Best effort: the measurement stands whether or not its data could be removed.
    drop(fs::remove_dir_all(&arguments.data_dir));
    report
}

async fn measure(arguments: &Arguments, machine: Machine) -> anyhow::Result<TlsReport> {
    fs::create_dir_all(&arguments.data_dir)?;
    let (count, dimension) = (arguments.documents as usize, arguments.dimension.into());
    let shape = Shape::of(count, dimension, 1);
    let vectors = Dataset::clustered(shape, count, 0);
    let queries = Dataset::clustered(shape, QUERIES, 1);
    let (mut lanes, mut nodes) = (Vec::new(), Vec::new());
    for protection in PROTECTIONS {
        progress(format!("filling a node, before which stands {}", protection.name));
        let (node, endpoints) = start(arguments, protection)?;
        fill(&mut endpoints[0].connect().await?, &vectors).await?;
        for endpoint in endpoints {
            let (door, client) = (endpoint.door, endpoint.connect().await?);
            lanes.push(Lane { door, protection, client, times: Vec::new() });
        }
        nodes.push(node);
    }
    progress("searching");
    for at in 0..WARM_UP + arguments.searches as usize {
        let query = queries.vector(at % QUERIES);
        search(&mut lanes, at, query).await?;
    }
    let kinds: Vec<Kind> = lanes.iter().map(|lane| kind(lane, &lanes)).collect();
    let verdict = Verdict::of(kinds.iter().all(|it| it.added_percent < arguments.goal_percent));
    nodes.into_iter().try_for_each(|node| node.stop(READY_WITHIN))?;
    Ok(TlsReport {
        machine,
        load_after: machine::load(),
        documents: arguments.documents,
        dimension: arguments.dimension,
        searches: arguments.searches,
        kinds,
        verdict,
    })
}

fn start(
    arguments: &Arguments,
    protection: Protection,
) -> anyhow::Result<(NodeProcess, [Endpoint; 2])> {
    let folder = tempfile::tempdir_in(&arguments.data_dir)?.keep();
    let mut launch = Launch::new(&arguments.akidb, &folder.join("data"));
    launch.command().env("AKIDB_EMBEDDING__ENABLED", "false");
    launch.command().env("AKIDB_LOG__LEVEL", "warn");
    let access = Access {
        key: protection.has_key.then(|| protect_by_key(&mut launch, &folder)).transpose()?,
        authority: protection.has_tls.then(|| protect_by_tls(&mut launch, &folder)).transpose()?,
    };
    let mut node = launch.spawn()?;
    let addresses = node.ready(READY_WITHIN)?;
    let scheme = if protection.has_tls { "https" } else { "http" };
    let endpoints = [(Door::Rest, addresses.rest), (Door::Grpc, addresses.grpc)];
    let endpoints = endpoints.map(|(door, address)| {
        let url = format!("{scheme}://localhost:{}", address.port());
        Endpoint { door, url, access: access.clone() }
    });
    Ok((node, endpoints))
}

fn protect_by_key(launch: &mut Launch, folder: &Path) -> anyhow::Result<String> {
    let (key, path) = ("0123456789abcdef".repeat(4), folder.join("keys"));
    fs::write(&path, &key)?;
    launch.command().env("AKIDB_AUTH__ADMIN_KEY_FILE", path);
    Ok(key)
}

fn protect_by_tls(launch: &mut Launch, folder: &Path) -> anyhow::Result<String> {
    let authority = Authority::new()?;
    let [certificate, key] = authority.issue_for_loopback()?.write(folder)?;
    launch.command().env("AKIDB_SERVER__TLS__CERTIFICATE", certificate);
    launch.command().env("AKIDB_SERVER__TLS__KEY", key);
    Ok(authority.pem())
}

async fn fill(client: &mut Client, vectors: &Dataset) -> anyhow::Result<()> {
    client.create_collection(COLLECTION, vectors.dimension(), Metric::Cosine).await?;
    for first in (0..vectors.len()).step_by(BATCH) {
        let rows = first..vectors.len().min(first + BATCH);
        client.upsert(COLLECTION, Batch { dataset: vectors, rows, id_offset: 0 }).await?;
    }
    while !client.is_index_complete(COLLECTION).await? {
        sleep(ASK_EVERY).await;
    }
    Ok(())
}

/// The same search over every connection, each time beginning with another one.
async fn search(lanes: &mut [Lane], at: usize, query: &[f32]) -> anyhow::Result<()> {
    let count = lanes.len();
    for turn in 0..count {
        let lane = &mut lanes[(at + turn) % count];
        let began = Instant::now();
        let found = lane.client.search(COLLECTION, query, LIMIT, HitParts::Ids).await?;
        let took = began.elapsed();
        ensure!(found.len() as u64 == LIMIT, "{} hits of {LIMIT}", found.len());
        if at >= WARM_UP {
            lane.times.push(took);
        }
    }
    Ok(())
}

fn kind(lane: &Lane, lanes: &[Lane]) -> Kind {
    let times = Percentiles::of(&lane.times);
    let is_bare = |it: &&Lane| it.door == lane.door && !it.protection.has_key;
    let bare = lanes.iter().find(is_bare).map_or(times, |bare| Percentiles::of(&bare.times));
    Kind {
        door: lane.door.as_str(),
        protection: lane.protection.name,
        times,
        added_percent: 100.0 * (times.median_ms / bare.median_ms - 1.0),
    }
}

impl Report for TlsReport {
    fn parts(&self) -> Vec<String> {
        let rows = self.kinds.iter().map(|kind| {
            let [median, p95, p99] = [kind.times.median_ms, kind.times.p95_ms, kind.times.p99_ms]
                .map(|ms| format!("{ms:.3}"));
            let added = format!("{:+.1} %", kind.added_percent);
            [kind.door.to_owned(), kind.protection.to_owned(), median, p95, p99, added]
        });
        let header = ["door", "before it", "median ms", "p95 ms", "p99 ms", "median"];
        vec![
            format!(
                "tls: {} searches of each kind in turn, {} documents of {} dimensions",
                self.searches, self.documents, self.dimension
            ),
            format!("machine: {}", self.machine.line()),
            table(header, rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
