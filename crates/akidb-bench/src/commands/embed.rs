//! `akidb-bench embed`: texts a second that a node embeds for callers who wait for each answer.
//!
//! Out of scope: requests that come at a given rate whether or not others are answered, see
//! `embed_load`, and the encoder without a node, see `encode`.

use std::sync::Arc;

use anyhow::ensure;
use clap::Args;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    load::{self, Job},
    machine::{self, Machine},
    node::{Client, Endpoint, NodeArguments},
    node_process::{NodeProcess, ProcessArguments},
    report::{Report, Verdict, progress, seconds, table},
    timing::Percentiles,
};

/// What texts are made of.
const WORDS: &[&str] = &[
    "about", "actor", "after", "and", "around", "before", "bird", "blue", "book", "bread", "by",
    "castle", "city", "clock", "cloud", "cold", "doctor", "dream", "early", "engine", "farm",
    "film", "fire", "from", "garden", "glass", "gold", "green", "harbor", "her", "his", "house",
    "island", "king", "lamp", "letter", "light", "love", "machine", "market", "moon", "mountain",
    "music", "near", "night", "of", "old", "paper", "people", "river", "road", "school", "sea",
    "ship", "silver", "small", "song", "stone", "story", "the", "to", "train", "winter", "with",
];

/// The cosine above which two vectors of one text are the same: texts of a batch are padded to one
/// length, which changes last bits.
const ALIKE: f64 = 0.9999;

#[derive(Args, Debug)]
#[command(after_help = "Example, beside a node of a release build with its default model:
  $ cargo run --release -p akidb-bench -- embed --grpc http://127.0.0.1:9090 \\
      --rest http://127.0.0.1:8080 --concurrency 1,4

The exit status is 1 when a text has another vector alone than among others.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    process: ProcessArguments,
    /// Texts of each run, seeded, each another one
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    texts: u32,
    /// Words of each text
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    words: u16,
    /// Texts of each request
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=32))]
    batch: u16,
    /// Requests at once, one run for each of these
    #[arg(long, default_value = "1", value_delimiter = ',', value_name = "REQUESTS",
        value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: Vec<u16>,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct EmbedReport {
    machine: Machine,
    load_after: Option<f64>,
    words: u16,
    batch: u16,
    runs: Vec<Totals>,
    verdict: Verdict,
}

/// What one door did at one concurrency.
#[derive(Serialize)]
struct Totals {
    door: &'static str,
    concurrency: u16,
    texts: usize,
    texts_s: f64,
    /// Of each request.
    times: Percentiles,
    client_cpu_s: Option<f64>,
    /// Processor time of the node in the run, where its process is named.
    node_cpu_s: Option<f64>,
    /// Of the texts of one request, how many had the same vector when they were sent alone.
    same_alone: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<EmbedReport> {
    let endpoints = arguments.node.endpoints()?;
    let process = arguments.process.process()?;
    let machine = Machine::observe();
    let texts = made(arguments.texts as usize, arguments.words.into(), arguments.seed);
    let embedding = Embedding { arguments, process, texts: texts.into() };
    let runtime = Runtime::new()?;
    let mut runs = Vec::new();
    for endpoint in &endpoints {
        for &concurrency in &arguments.concurrency {
            runs.push(runtime.block_on(embedding.measure(endpoint, concurrency))?);
        }
    }
    let asked = embedding.first_batch().len();
    Ok(EmbedReport {
        machine,
        load_after: machine::load(),
        words: arguments.words,
        batch: arguments.batch,
        verdict: Verdict::of(runs.iter().all(|run| run.same_alone == asked)),
        runs,
    })
}

/// What all runs have in common.
struct Embedding<'a> {
    arguments: &'a Arguments,
    process: NodeProcess,
    texts: Arc<[String]>,
}

impl Embedding<'_> {
    async fn measure(&self, endpoint: &Endpoint, concurrency: u16) -> anyhow::Result<Totals> {
        let door = endpoint.door.as_str();
        let mut client = endpoint.connect().await?;
        // Also the warm-up: the first requests of a node are slower than others.
        let same_alone = self.same_alone(&mut client).await?;
        self.process.at_rest().await?;
        progress(format_args!("embedding over {door}, {concurrency} requests at once"));
        let batch = usize::from(self.arguments.batch);
        let job = EmbedJob { texts: Arc::clone(&self.texts), batch };
        let before = self.process.cpu_s()?;
        let requests = self.texts.len().div_ceil(batch);
        let run = load::run(endpoint, concurrency.into(), requests, job).await?;
        let node_cpu_s = self.process.cpu_s_since(before)?;
        Ok(Totals {
            door,
            concurrency,
            texts: self.texts.len(),
            texts_s: run.rate() * self.texts.len() as f64 / run.requests() as f64,
            times: run.percentiles(),
            client_cpu_s: run.client_cpu_s,
            node_cpu_s,
            same_alone,
        })
    }

    fn first_batch(&self) -> &[String] {
        &self.texts[..self.texts.len().min(self.arguments.batch.into())]
    }

    async fn same_alone(&self, client: &mut Client) -> anyhow::Result<usize> {
        let texts = self.first_batch();
        let together = client.embed(texts).await?;
        ensure!(together.len() == texts.len(), "a request came back with too few vectors");
        let mut same = 0;
        for (text, among_others) in texts.iter().zip(&together) {
            let alone = client.embed(std::slice::from_ref(text)).await?;
            same += usize::from(alone.iter().any(|alone| cosine(alone, among_others) > ALIKE));
        }
        Ok(same)
    }
}

/// Embeds one batch of texts a request.
struct EmbedJob {
    texts: Arc<[String]>,
    batch: usize,
}

impl Job for EmbedJob {
    async fn run(&self, client: &mut Client, at: usize) -> anyhow::Result<()> {
        let texts = at * self.batch..((at + 1) * self.batch).min(self.texts.len());
        let wanted = texts.len();
        let got = client.embed(&self.texts[texts]).await?.len();
        ensure!(got == wanted, "{got} vectors came back for {wanted} texts");
        Ok(())
    }
}

/// `count` texts of so many words that follow from the seed. Each begins with its number, so that
/// no two are the same.
fn made(count: usize, words: usize, seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut text = |number: usize| {
        let words = (1..words).map(|_| WORDS[random.random_range(0..WORDS.len())]);
        [number.to_string()]
            .into_iter()
            .chain(words.map(str::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
    };
    (0..count).map(&mut text).collect()
}

/// 0 where a vector is nothing but zeros, or they are of different lengths.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 && a.len() == b.len() { dot(a, b) / lengths } else { 0.0 }
}

impl Report for EmbedReport {
    fn parts(&self) -> Vec<String> {
        let Self { words, batch, .. } = self;
        let load = self.load_after.map(|load| format!(", load after {load:.1}"));
        let heads = [
            "door",
            "at once",
            "texts",
            "texts/s",
            "request p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
            "client CPU s",
            "node CPU s",
            "same alone",
        ];
        let rows = self.runs.iter().map(|run| {
            [
                run.door.to_owned(),
                run.concurrency.to_string(),
                run.texts.to_string(),
                format!("{:.0}", run.texts_s),
                format!("{:.1}", run.times.median_ms),
                format!("{:.1}", run.times.p95_ms),
                format!("{:.1}", run.times.p99_ms),
                format!("{:.1}", run.times.max_ms),
                seconds(run.client_cpu_s),
                seconds(run.node_cpu_s),
                run.same_alone.to_string(),
            ]
        });
        vec![
            format!("embed: texts of {words} words, {batch} a request"),
            format!("machine: {}{}", self.machine.line(), load.unwrap_or_default()),
            table(heads, rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_repeatable_and_all_different() {
        let texts = made(500, 3, 7);
        assert_eq!(texts, made(500, 3, 7));
        assert_ne!(texts, made(500, 3, 8));
        assert!(texts.iter().all(|text| text.split(' ').count() == 3));
        let different: std::collections::BTreeSet<_> = texts.iter().collect();
        assert_eq!(different.len(), 500);
    }

    #[test]
    fn only_vectors_of_one_direction_are_alike() {
        assert!(cosine(&[1.0, 2.0], &[2.0, 4.0]) > ALIKE);
        assert!(cosine(&[1.0, 2.0], &[2.0, 1.0]) < ALIKE);
        assert_eq!(cosine(&[0.0, 0.0], &[0.0, 0.0]), 0.0);
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), 0.0);
    }
}
