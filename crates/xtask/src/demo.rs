//! `cargo xtask demo`: from a fresh checkout to documents found by meaning, over REST and gRPC.

mod grpc;
mod next_steps;
mod page;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use akidb_client::{Client, NewCollection, NewDocument, Search};
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use tokio::runtime;

use self::page::{Answer, Hit};
use crate::{
    build::{self, Profile},
    mlx::Mlx,
    model,
    node::{self, Addresses, Node},
    process::interrupted,
    workspace,
};

const COLLECTION: &str = "demo";
const DOCUMENTS: &str = "crates/xtask/demo/documents.jsonl";
const DOCUMENTS_PER_REQUEST: usize = 64;
const HITS: u64 = 3;

/// How the demo ends.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave the node running and say what to try next.
    #[arg(long)]
    keep: bool,
    /// What runs the model: this is the node itself, or Python and MLX in a process beside it.
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
}

/// What runs the model.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Backend {
    #[default]
    Native,
    Mlx,
}

impl Backend {
    /// Builds what it needs; answers the node and the settings that it takes.
    fn build(self) -> Result<(PathBuf, Vec<(&'static str, OsString)>)> {
        match self {
            Self::Native => Ok((build::node(Profile::Demo)?, Vec::new())),
            Self::Mlx => {
                let mlx = Mlx::set_up()?;
                let mut settings = mlx.variables();
                settings.push(("AKIDB_EMBEDDING__BACKEND", "mlx".into()));
                settings.push(("AKIDB_EMBEDDING__MLX__PYTHON", mlx.python.into()));
                Ok((build::node_and_worker(Profile::Demo)?, settings))
            }
        }
    }
}

/// The command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = workspace::target_dir()?.join("demo-data");
    node::check_unused(&folder)?;
    model::fetch()?;
    let (akidb, settings) = options.backend.build()?;
    let models_dir = model::install(&akidb)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut node = Node::start_with(&akidb, &models_dir, &folder, settings)?;
        let shown = tokio::select! {
            shown = show(&mut node) => shown.map(Some),
            signaled = interrupted() => signaled.map(|()| None),
        };
        if options.keep && let Ok(Some(addresses)) = shown {
            next_steps::print(addresses, &akidb, node.leave_running());
            return Ok(());
        }
        let stopped = node.stop();
        let finished = shown?.is_some();
        stopped?;
        fs::remove_dir_all(&folder).context("cannot remove the demo's data")?;
        if !finished {
            return Err(anyhow!("interrupted; the node is stopped and its data removed"));
        }
        println!("\nThe node is stopped and its data removed. `cargo xtask demo --keep` leaves it running.");
        Ok(())
    })
}

async fn show(node: &mut Node) -> Result<Addresses> {
    let started = Instant::now();
    let addresses = node.ready().await?;
    page::heading(addresses, started.elapsed());

    let client = Client::new(&addresses.rest_url())?;
    insert(&client, &workspace::root().join(DOCUMENTS)).await?;

    let by_meaning = Search::text("how did people keep food before refrigerators?");
    page::answer(&search(&client, "1. By meaning, over REST", by_meaning).await?);

    let filtered = Search::text("how did people tell the time?")
        .filter(json!({"topic": "inventions", "year": {"$lt": 1600}}));
    page::answer(&search(&client, "2. By meaning and a filter, over REST", filtered).await?);

    let question = "why does the sea rise and fall twice a day?";
    page::answer(&grpc::search_by_vector(addresses.grpc, question).await?);

    println!("\nFrom starting the node to the last answer: {}", page::seconds(started.elapsed()));
    Ok(addresses)
}

async fn insert(client: &Client, path: &Path) -> Result<()> {
    let lines =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let documents = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<NewDocument>, _>>()
        .with_context(|| format!("{} is not JSON Lines of documents", path.display()))?;

    client.create_collection(&NewCollection::with_default_model(COLLECTION)).await?;
    let started = Instant::now();
    let mut tokens = 0;
    for batch in documents.chunks(DOCUMENTS_PER_REQUEST) {
        let stored = client.collection(COLLECTION).upsert(batch).await?;
        tokens +=
            stored.results.iter().filter_map(|result| result.tokens).map(u64::from).sum::<u64>();
    }
    page::inserted(documents.len(), tokens, started.elapsed());
    Ok(())
}

async fn search(client: &Client, title: &'static str, search: Search) -> Result<Answer> {
    let search = search.limit(HITS);
    let started = Instant::now();
    let found = client.collection(COLLECTION).search(&search).await?;
    let took = started.elapsed();
    Ok(Answer {
        title,
        question: search.text.unwrap_or_default(),
        filter: search.filter.map(|filter| filter.to_string()),
        hits: found.hits.into_iter().map(hit).collect(),
        took,
    })
}

fn hit(hit: akidb_client::Hit) -> Hit {
    let text = hit.text.unwrap_or_default();
    Hit { score: hit.score.into(), id: hit.id.to_string(), text }
}
