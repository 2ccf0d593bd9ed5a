//! `akidb-bench tenants`: what many small collections cost: start, memory, and the disk of one.
//!
//! The command starts the node itself, because what it measures is a start.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use akidb_client::{Id, Metric, NewCollection, NewDocument, Search};
use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    dataset::{Dataset, Shape},
    machine::Machine,
    report::{Report, Verdict, progress, table},
    started_node::{StartedNode, ensure_empty},
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo build --release -p akidb
  $ cargo run --release -p akidb-bench -- tenants --akidb target/release/akidb --data-dir tenants

The node embeds with its configured model where AKIDB_MODELS_DIR has it, so that its memory is that
of a real node; the documents bring their own vectors. Memory is read from /proc.")]
pub(crate) struct Arguments {
    /// The node's program
    #[arg(long, value_name = "FILE")]
    akidb: PathBuf,
    /// Collections
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    collections: u32,
    /// Documents of each collection
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    documents: u32,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// An empty or absent directory for the node's data, removed afterwards
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct TenantsReport {
    machine: Machine,
    collections: u32,
    documents: u32,
    dimension: u16,
    /// To make and fill all collections, one request after the other.
    fill_s: f64,
    /// From the start of the process to its line that it is ready.
    start_s: f64,
    /// Resident memory at that time.
    start_rss_mib: f64,
    /// To search each collection once, opening it.
    search_each_s: f64,
    /// Resident memory after that.
    searched_rss_mib: f64,
    /// Searches that did not find the document whose vector they asked with.
    wrong_searches: u32,
    /// What dropping one collection took, and gave back.
    drop_ms: f64,
    freed_bytes: u64,
    verdict: Verdict,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<TenantsReport> {
    ensure_empty(&arguments.data_dir)?;
    let report = Runtime::new()?.block_on(measure(arguments));
    // Best effort: the measurement stands whether or not its data could be removed.
    drop(fs::remove_dir_all(&arguments.data_dir));
    report
}

async fn measure(arguments: &Arguments) -> anyhow::Result<TenantsReport> {
    let machine = Machine::observe();
    let count = arguments.documents as usize;
    let shape = Shape::of(count, arguments.dimension.into(), 1);
    let vectors = Dataset::clustered(shape, count, 0);
    let node = StartedNode::start(&arguments.akidb, &arguments.data_dir)?;
    let filling = Instant::now();
    for collection in 0..arguments.collections {
        if collection % 100 == 0 {
            progress(format_args!("filling collection {collection}"));
        }
        fill(&node, collection, arguments, &vectors).await?;
    }
    let fill_s = filling.elapsed().as_secs_f64();
    node.stop()?;

    let node = StartedNode::start(&arguments.akidb, &arguments.data_dir)?;
    let start_rss_mib = node.rss_mib()?;
    let searching = Instant::now();
    let mut wrong_searches = 0;
    for collection in 0..arguments.collections {
        let id = collection % arguments.documents;
        wrong_searches +=
            u32::from(best(&node, collection, vectors.vector(id as usize)).await? != id);
    }
    let search_each_s = searching.elapsed().as_secs_f64();
    let searched_rss_mib = node.rss_mib()?;
    let before = bytes_below(&arguments.data_dir)?;
    let dropping = Instant::now();
    node.client.collection("tenant-0").drop().await?;
    let drop_ms = dropping.elapsed().as_secs_f64() * 1_000.0;
    let freed_bytes = before.saturating_sub(bytes_below(&arguments.data_dir)?);
    Ok(TenantsReport {
        machine,
        collections: arguments.collections,
        documents: arguments.documents,
        dimension: arguments.dimension,
        fill_s,
        start_s: node.start.as_secs_f64(),
        start_rss_mib,
        search_each_s,
        searched_rss_mib,
        wrong_searches,
        drop_ms,
        freed_bytes,
        verdict: Verdict::of(wrong_searches == 0 && freed_bytes > 0),
    })
}

async fn fill(
    node: &StartedNode,
    collection: u32,
    arguments: &Arguments,
    vectors: &Dataset,
) -> anyhow::Result<()> {
    let name = format!("tenant-{collection}");
    let dimension = arguments.dimension.into();
    let created = NewCollection::with_vectors(&name, dimension, Metric::Cosine);
    node.client.create_collection(&created).await?;
    let document = |id| {
        let vector = vectors.vector(id as usize).to_vec();
        NewDocument::vector(i64::from(id), vector).metadata(json!({"n": id}))
    };
    let documents: Vec<NewDocument> = (0..arguments.documents).map(document).collect();
    node.client.collection(&name).upsert(&documents).await?;
    Ok(())
}

/// The id that a search with this vector finds first.
async fn best(node: &StartedNode, collection: u32, vector: &[f32]) -> anyhow::Result<u32> {
    let name = format!("tenant-{collection}");
    let search = Search::vector(vector.to_vec()).limit(1);
    let found = node.client.collection(&name).search(&search).await?;
    match found.hits.first().context("a search has found nothing")?.id {
        Id::Integer(id) => Ok(u32::try_from(id)?),
        Id::Text(ref id) => bail!("{id:?} is no id of this benchmark"),
    }
}

fn bytes_below(path: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in fs::read_dir(path)? {
        let file = file?;
        let metadata = file.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&file.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

impl Report for TenantsReport {
    fn parts(&self) -> Vec<String> {
        let rows = [
            ["fill all, one after the other".to_owned(), format!("{:.1} s", self.fill_s)],
            ["start".to_owned(), format!("{:.2} s", self.start_s)],
            ["memory after the start".to_owned(), format!("{:.0} MiB", self.start_rss_mib)],
            ["search each once".to_owned(), format!("{:.1} s", self.search_each_s)],
            ["memory after that".to_owned(), format!("{:.0} MiB", self.searched_rss_mib)],
            ["wrong searches".to_owned(), self.wrong_searches.to_string()],
            ["drop one".to_owned(), format!("{:.1} ms", self.drop_ms)],
            ["disk given back by that".to_owned(), format!("{} KiB", self.freed_bytes / 1_024)],
        ];
        vec![
            self.machine.line(),
            format!(
                "{} collections of {} documents with {} components",
                self.collections, self.documents, self.dimension
            ),
            table(["", "measured"], rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
