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

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use tokio::runtime;

use self::page::{Answer, Hit};
use crate::{
    build::{self, Profile},
    mlx::Mlx,
    model,
    node::{self, Addresses, Node},
    process::interrupted,
    rest::Rest,
    workspace,
};

const COLLECTION: &str = "demo";
const DOCUMENTS: &str = "crates/xtask/demo/documents.jsonl";
const DOCUMENTS_PER_REQUEST: usize = 64;
const HITS: usize = 3;

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
        let stopped = node.stop().await;
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

    let rest = Rest::new(addresses.rest)?;
    insert(&rest, &workspace::root().join(DOCUMENTS)).await?;

    let by_meaning = json!({
        "text": "how did people keep food before refrigerators?",
        "limit": HITS,
    });
    page::answer(&search(&rest, "1. By meaning, over REST", &by_meaning).await?);

    let filtered = json!({
        "text": "how did people tell the time?",
        "filter": {"topic": "inventions", "year": {"$lt": 1600}},
        "limit": HITS,
    });
    page::answer(&search(&rest, "2. By meaning and a filter, over REST", &filtered).await?);

    let question = "why does the sea rise and fall twice a day?";
    page::answer(&grpc::search_by_vector(addresses.grpc, question).await?);

    println!("\nFrom starting the node to the last answer: {}", page::seconds(started.elapsed()));
    Ok(addresses)
}

async fn insert(rest: &Rest, path: &Path) -> Result<()> {
    let lines =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let documents = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>()
        .with_context(|| format!("{} is not JSON Lines", path.display()))?;

    rest.post("/v1/collections", &json!({"name": COLLECTION})).await?;
    let started = Instant::now();
    let mut tokens = 0;
    for batch in documents.chunks(DOCUMENTS_PER_REQUEST) {
        let path = format!("/v1/collections/{COLLECTION}/documents");
        let reply = rest.post(&path, &json!({"documents": batch})).await?;
        let results = reply["results"].as_array().context("no results in the reply")?;
        tokens += results.iter().filter_map(|result| result["tokens"].as_u64()).sum::<u64>();
    }
    page::inserted(documents.len(), tokens, started.elapsed());
    Ok(())
}

async fn search(rest: &Rest, title: &'static str, request: &Value) -> Result<Answer> {
    let path = format!("/v1/collections/{COLLECTION}/search");
    let started = Instant::now();
    let reply = rest.post(&path, request).await?;
    let took = started.elapsed();
    let hits = reply["hits"].as_array().context("no hits in the reply")?;
    Ok(Answer {
        title,
        question: request["text"].as_str().unwrap_or_default().to_owned(),
        filter: request.get("filter").map(Value::to_string),
        hits: hits.iter().map(hit).collect(),
        took,
    })
}

fn hit(hit: &Value) -> Hit {
    let field = |name: &str| hit[name].as_str().unwrap_or_default().to_owned();
    Hit { score: hit["score"].as_f64().unwrap_or_default(), id: field("id"), text: field("text") }
}
