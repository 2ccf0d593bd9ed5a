//! `akidb-bench import`: real texts into a running node, as one import, as the same import again,
//! and as batches sent one after the other.
//!
//! The share of the time in which the encoder ran is the node's own count of its seconds.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    process,
    time::Instant,
};

use akidb_client::{Client, Import, NewCollection, NewDocument};
use anyhow::{Context, ensure};
use clap::Args;
use futures::stream;
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    machine::{self, Machine},
    node::{metric, rest_client},
    report::{Report, Verdict, progress, table},
};

#[derive(Args, Debug)]
#[command(after_help = "Example, beside a node of a release build with its default model:
  $ akidb serve --data-dir data
  $ cargo run --release -p akidb-bench -- import --rest http://127.0.0.1:8080 \\
      --texts glosses.jsonl --goal-busy 0.97 --goal-rerun 20

Each line of the file has a `text`. The exit status is 1 when a document is missing, the second
import embedded something, or a goal was missed.")]
pub(crate) struct Arguments {
    /// Where REST of the node is, such as http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    rest: String,
    /// JSON Lines whose field `text` is imported
    #[arg(long, value_name = "FILE")]
    texts: PathBuf,
    /// Documents of the import
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    documents: u32,
    /// Documents that are sent in batches, from the front of the same texts
    #[arg(long, default_value_t = 5_000)]
    batched: u32,
    /// Documents of each of these batches, one run for each
    #[arg(long, default_value = "64", value_delimiter = ',', value_name = "DOCUMENTS",
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: Vec<u16>,
    /// The share of the first import in which the encoder must run
    #[arg(long, value_name = "SHARE")]
    goal_busy: Option<f64>,
    /// How many times as fast the second import must be
    #[arg(long, value_name = "TIMES")]
    goal_rerun: Option<f64>,
    /// Leave the collections in the node
    #[arg(long)]
    keep: bool,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct ImportReport {
    machine: Machine,
    load_after: Option<f64>,
    texts: String,
    runs: Vec<Totals>,
    /// How many times as fast the second import was.
    rerun_times: f64,
    faults: Vec<String>,
    verdict: Verdict,
}

/// What one way of sending did.
#[derive(Serialize)]
struct Totals {
    way: String,
    documents: u64,
    seconds: f64,
    documents_s: f64,
    /// Tokens that the node embedded, and so many a second.
    tokens: f64,
    tokens_s: f64,
    /// The share of the time in which the encoder ran.
    busy: f64,
    counted: u64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ImportReport> {
    let texts = read_texts(arguments)?;
    let node = Node(rest_client(&arguments.rest)?);
    let runs = Runtime::new()?.block_on(measure(&node, arguments, &texts))?;
    let rerun_times = runs[0].seconds / runs[1].seconds;
    let faults = faults(arguments, &runs, rerun_times);
    Ok(ImportReport {
        machine: Machine::observe(),
        load_after: machine::load(),
        texts: arguments.texts.display().to_string(),
        runs,
        rerun_times,
        verdict: Verdict::of(faults.is_empty()),
        faults,
    })
}

fn read_texts(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let path = &arguments.texts;
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let lines = BufReader::new(file).lines().take(arguments.documents as usize);
    let texts = lines.map(|line| {
        let line: Value = serde_json::from_str(&line?)?;
        let text = line["text"].as_str().context("a line has no text")?;
        Ok(text.to_owned())
    });
    let texts = texts.collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!texts.is_empty(), "{} is empty", path.display());
    Ok(texts)
}

async fn measure(
    node: &Node,
    arguments: &Arguments,
    texts: &[String],
) -> anyhow::Result<Vec<Totals>> {
    let mut runs = Vec::new();
    let name = format!("bench-import-{}", process::id());
    node.create(&name).await?;
    for way in ["one import", "the same import again"] {
        progress(format_args!("{way} of {} documents", texts.len()));
        let run = node.measured(way.to_owned(), &name, texts.len(), node.import(&name, texts));
        runs.push(run.await?);
    }
    node.delete(&name, arguments.keep).await?;
    let batched = &texts[..texts.len().min(arguments.batched as usize)];
    for &batch in arguments.batch.iter().filter(|_| !batched.is_empty()) {
        let name = format!("{name}-{batch}");
        let way = format!("batches of {batch}, one after the other");
        progress(format_args!("{way}, {} documents", batched.len()));
        node.create(&name).await?;
        let sending = node.send_batches(&name, batched, batch.into());
        runs.push(node.measured(way, &name, batched.len(), sending).await?);
        node.delete(&name, arguments.keep).await?;
    }
    Ok(runs)
}

fn faults(arguments: &Arguments, runs: &[Totals], rerun_times: f64) -> Vec<String> {
    let missing = runs.iter().filter(|run| run.counted != run.documents).map(|run| {
        format!("{}: {} of {} documents are there", run.way, run.counted, run.documents)
    });
    let again = &runs[1];
    let embedded =
        (again.tokens > 0.0).then(|| format!("{}: {} tokens embedded", again.way, again.tokens));
    let busy = runs[0].busy;
    let idle = arguments.goal_busy.filter(|goal| busy < *goal);
    let idle =
        idle.map(|goal| format!("the encoder ran {busy:.3} of the time, the goal is {goal}"));
    let slow = arguments.goal_rerun.filter(|goal| rerun_times < *goal);
    let slow = slow.map(|goal| {
        format!("the second import was {rerun_times:.1} times as fast, the goal is {goal}")
    });
    missing.chain(embedded).chain(idle).chain(slow).collect()
}

fn document((id, text): (usize, &String)) -> NewDocument {
    NewDocument::text(id as i64, text)
}

/// A node by its REST door.
struct Node(Client);

impl Node {
    async fn measured(
        &self,
        way: String,
        name: &str,
        documents: usize,
        sending: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<Totals> {
        let before = self.counters().await?;
        let started = Instant::now();
        sending.await?;
        let seconds = started.elapsed().as_secs_f64();
        let after = self.counters().await?;
        let tokens = after.tokens - before.tokens;
        Ok(Totals {
            way,
            documents: documents as u64,
            seconds,
            documents_s: documents as f64 / seconds,
            tokens,
            tokens_s: tokens / seconds,
            busy: (after.busy_seconds - before.busy_seconds) / seconds,
            counted: self.0.collection(name).count(None).await?,
        })
    }

    async fn import(&self, name: &str, texts: &[String]) -> anyhow::Result<()> {
        let documents: Vec<_> = texts.iter().enumerate().map(document).collect();
        let collection = self.0.collection(name);
        let answers = collection.import(&Import::default(), stream::iter(documents)).await?;
        let (summary, _) = answers.finish().await?;
        ensure!(summary.failed == 0, "{} lines have failed", summary.failed);
        Ok(())
    }

    async fn send_batches(&self, name: &str, texts: &[String], batch: usize) -> anyhow::Result<()> {
        let documents: Vec<_> = texts.iter().enumerate().map(document).collect();
        for batch in documents.chunks(batch) {
            self.0.collection(name).upsert(batch).await?;
        }
        Ok(())
    }

    async fn create(&self, name: &str) -> anyhow::Result<()> {
        self.0.create_collection(&NewCollection::with_default_model(name)).await?;
        Ok(())
    }

    async fn delete(&self, name: &str, keep: bool) -> anyhow::Result<()> {
        if keep {
            return Ok(());
        }
        Ok(self.0.collection(name).drop().await?)
    }

    async fn counters(&self) -> anyhow::Result<Counters> {
        let page = self.0.metrics().await?;
        Ok(Counters {
            tokens: metric(&page, "akidb_embedding_tokens_total"),
            busy_seconds: metric(&page, "akidb_embedding_busy_seconds_total"),
        })
    }
}

/// What the node has counted, over all of its models.
struct Counters {
    tokens: f64,
    busy_seconds: f64,
}

impl Report for ImportReport {
    fn parts(&self) -> Vec<String> {
        let load = self.load_after.map(|load| format!(", load after {load:.1}"));
        let mut parts = vec![
            format!("import: the texts of {}", self.texts),
            format!("machine: {}{}", self.machine.line(), load.unwrap_or_default()),
        ];
        let heads =
            ["way", "documents", "s", "documents/s", "× first", "tokens/s", "encoder busy %"];
        let first = self.runs[0].documents_s;
        let rows = self.runs.iter().map(|run| {
            [
                run.way.clone(),
                run.documents.to_string(),
                format!("{:.2}", run.seconds),
                format!("{:.0}", run.documents_s),
                format!("{:.2}", run.documents_s / first),
                format!("{:.0}", run.tokens_s),
                format!("{:.1}", run.busy * 100.0),
            ]
        });
        parts.push(table(heads, rows));
        parts.extend(self.faults.iter().map(|fault| format!("FAILED: {fault}")));
        parts
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
