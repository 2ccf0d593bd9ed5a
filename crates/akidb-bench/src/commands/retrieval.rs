//! `akidb-bench retrieval`: how well a node ranks judged sets by meaning, by words, and by both.
//!
//! Everything goes the way that it goes for a user: documents are inserted and searched for by their
//! text over REST, and the node's default model embeds them.

use std::{fs, path::PathBuf};

use akidb_client::{Collection, Fusion, HybridParams, NewCollection, NewDocument, Search};
use anyhow::ensure;
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::{
    judged_set::{JudgedQuery, JudgedSet, Quality, RECALLED},
    machine::{self, Machine},
    report::{Report, Verdict, progress, table},
    started_node::{StartedNode, ensure_empty},
};

/// Documents of one request: few enough that a busy machine embeds them in the time of one.
const BATCH: usize = 32;

/// Searches under way at once.
const AT_ONCE: usize = 4;

/// How little the first ranks stand out where ranks are fused.
const RRF_K: f64 = 60.0;

#[derive(Args, Debug)]
#[command(after_help = "Example, with the default model in the models directory:
  $ cargo build --release -p akidb
  $ cargo run --release -p akidb-bench -- retrieval --akidb target/release/akidb \\
      --data-dir retrieval sets/cranfield sets/xquad-ru

Title and text of a document are joined. A document that has neither is left out, as the node has nothing
to find it by. The exit status is 1 when a goal was missed.")]
pub(crate) struct Arguments {
    /// Folders in the layout of BEIR: corpus.jsonl, queries.jsonl, qrels/test.tsv
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// The node's program; it takes its settings from the environment
    #[arg(long, value_name = "FILE")]
    akidb: PathBuf,
    /// An empty or absent directory for the node's data, removed afterwards
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// How far hybrid may be below the better of semantic and keyword, in nDCG@10 of any set
    #[arg(long, value_name = "NDCG")]
    goal_below_best: Option<f64>,
    /// How far hybrid must be above rrf, in nDCG@10 averaged over the sets
    #[arg(long, value_name = "NDCG")]
    goal_above_rrf: Option<f64>,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct RetrievalReport {
    machine: Machine,
    load_after: Option<f64>,
    model: String,
    sets: Vec<Set>,
    /// Each set counting the same.
    average: Qualities,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Set {
    name: String,
    /// Those that were inserted.
    documents: usize,
    /// Those with a judgement.
    queries: usize,
    #[serde(flatten)]
    quality: Qualities,
}

/// What each way to rank is worth.
#[derive(Clone, Copy, Debug, Serialize)]
struct Qualities {
    semantic: Quality,
    keyword: Quality,
    /// As it is by default.
    hybrid: Quality,
    /// Hybrid by ranks alone.
    rrf: Quality,
}

impl Qualities {
    fn mean(sets: &[Set]) -> Self {
        let mean = |of: fn(&Self) -> Quality| {
            Quality::mean(&sets.iter().map(|set| of(&set.quality)).collect::<Vec<_>>())
        };
        Self {
            semantic: mean(|it| it.semantic),
            keyword: mean(|it| it.keyword),
            hybrid: mean(|it| it.hybrid),
            rrf: mean(|it| it.rrf),
        }
    }

    /// How far hybrid is above the better of both that it is made of.
    fn above_best(&self) -> f64 {
        self.hybrid.ndcg_at_10 - self.semantic.ndcg_at_10.max(self.keyword.ndcg_at_10)
    }

    fn above_rrf(&self) -> f64 {
        self.hybrid.ndcg_at_10 - self.rrf.ndcg_at_10
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<RetrievalReport> {
    ensure_empty(&arguments.data_dir)?;
    let folders = arguments.folders.iter();
    let sets = folders.map(|folder| JudgedSet::read(folder)).collect::<anyhow::Result<Vec<_>>>()?;
    let report = Runtime::new()?.block_on(measure(arguments, &sets));
    // Best effort: the measurement stands whether or not its data could be removed.
    drop(fs::remove_dir_all(&arguments.data_dir));
    report
}

async fn measure(arguments: &Arguments, sets: &[JudgedSet]) -> anyhow::Result<RetrievalReport> {
    let machine = Machine::observe();
    let node = StartedNode::start(&arguments.akidb, &arguments.data_dir)?;
    let (mut judged, mut model) = (Vec::new(), String::new());
    for (at, set) in sets.iter().enumerate() {
        let name = format!("set-{at}");
        let created = NewCollection::with_default_model(&name);
        let created = node.client.create_collection(&created).await?;
        model = created.model.map(|model| model.name).unwrap_or_default();
        judged.push(judge(&node.client.collection(&name), set).await?);
        node.client.collection(&name).drop().await?;
    }
    node.stop()?;
    let average = Qualities::mean(&judged);
    let faults = faults(arguments, &judged, &average);
    let load_after = machine::load();
    Ok(RetrievalReport { machine, load_after, model, sets: judged, average, faults })
}

async fn judge(collection: &Collection<'_>, set: &JudgedSet) -> anyhow::Result<Set> {
    let JudgedSet { name, documents, queries } = set;
    progress(format_args!("inserting {} documents of {name}", documents.len()));
    let documents = documents.iter().map(|document| (document.id.as_str(), document.joined()));
    let documents = documents.filter(|(_, text)| !text.is_empty());
    let documents: Vec<NewDocument> =
        documents.map(|(id, text)| NewDocument::text(id, text)).collect();
    for batch in documents.chunks(BATCH) {
        collection.upsert(batch).await?;
    }
    progress(format_args!("searching by {} queries", queries.len()));
    let rrf = HybridParams { fusion: Some(Fusion::Rrf), k: Some(RRF_K), ..HybridParams::default() };
    let quality = Qualities {
        semantic: mean_quality(collection, queries, Search::text).await?,
        keyword: mean_quality(collection, queries, Search::words).await?,
        hybrid: mean_quality(collection, queries, Search::hybrid).await?,
        rrf: mean_quality(collection, queries, |text| Search {
            hybrid: Some(rrf),
            ..Search::hybrid(text)
        })
        .await?,
    };
    Ok(Set { name: name.clone(), documents: documents.len(), queries: queries.len(), quality })
}

async fn mean_quality(
    collection: &Collection<'_>,
    queries: &[JudgedQuery],
    search: impl Fn(String) -> Search,
) -> anyhow::Result<Quality> {
    let judged = queries.iter().map(|query| {
        let search = search(query.text.clone()).limit(RECALLED as u64).include(&[]);
        async move {
            let found = collection.search(&search).await?;
            ensure!(found.damaged.is_empty(), "damaged documents: {:?}", found.damaged);
            let ids: Vec<String> = found.hits.iter().map(|hit| hit.id.to_string()).collect();
            anyhow::Ok(query.judge(ids.iter().map(String::as_str)))
        }
    });
    let judged: Vec<Quality> = stream::iter(judged).buffered(AT_ONCE).try_collect().await?;
    Ok(Quality::mean(&judged))
}

fn faults(arguments: &Arguments, sets: &[Set], average: &Qualities) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(goal) = arguments.goal_below_best {
        let missed = sets.iter().filter(|set| set.quality.above_best() < -goal);
        faults.extend(missed.map(|Set { name, quality, .. }| {
            let above = quality.above_best();
            format!(
                "{name}: hybrid is {above:+.4} to the better of both, the goal is -{goal} or more"
            )
        }));
    }
    if let Some(goal) = arguments.goal_above_rrf.filter(|&goal| average.above_rrf() < goal) {
        let above = average.above_rrf();
        faults.push(format!("hybrid is {above:+.4} to rrf on average, the goal is {goal} or more"));
    }
    faults
}

impl Report for RetrievalReport {
    fn parts(&self) -> Vec<String> {
        let load = self.load_after.map(|load| format!(", load after {load:.1}"));
        let heads = [
            "set",
            "documents",
            "queries",
            "semantic",
            "keyword",
            "hybrid",
            "rrf",
            "over best",
            "over rrf",
        ];
        let rows = self.sets.iter().map(|set| {
            (set.name.as_str(), set.documents.to_string(), set.queries.to_string(), &set.quality)
        });
        let average = ("average", String::new(), String::new(), &self.average);
        let rows: Vec<_> = rows.chain([average]).collect();
        let of = |quality: &Qualities, measure: fn(&Quality) -> f64| {
            let Qualities { semantic, keyword, hybrid, rrf } = quality;
            [semantic, keyword, hybrid, rrf].map(|quality| format!("{:.4}", measure(quality)))
        };
        let ndcg = rows.iter().map(|(name, documents, queries, quality)| {
            let [semantic, keyword, hybrid, rrf] = of(quality, |it| it.ndcg_at_10);
            let above =
                [quality.above_best(), quality.above_rrf()].map(|above| format!("{above:+.4}"));
            let [best, above_rrf] = above;
            let (documents, queries) = (documents.clone(), queries.clone());
            [
                (*name).to_owned(),
                documents,
                queries,
                semantic,
                keyword,
                hybrid,
                rrf,
                best,
                above_rrf,
            ]
        });
        let recall = rows.iter().map(|(name, .., quality)| {
            let [semantic, keyword, hybrid, rrf] = of(quality, |it| it.recall_at_100);
            [(*name).to_owned(), semantic, keyword, hybrid, rrf]
        });
        let mut parts = vec![
            format!("retrieval: {}, title and text joined, rrf with k {RRF_K}", self.model),
            format!("machine: {}{}", self.machine.line(), load.unwrap_or_default()),
            "nDCG@10, and hybrid over the better of semantic and keyword, and over rrf".to_owned(),
            table(heads, ndcg),
            "recall@100".to_owned(),
            table(["set", "semantic", "keyword", "hybrid", "rrf"], recall),
        ];
        parts.extend(self.faults.iter().map(|fault| format!("FAILED: {fault}")));
        parts
    }

    fn verdict(&self) -> Verdict {
        Verdict::of(self.faults.is_empty())
    }
}
