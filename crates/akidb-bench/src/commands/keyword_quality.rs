//! `akidb-bench keyword-quality`: how well keyword search ranks judged sets, in this process.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead, BufReader},
    num::NonZeroU8,
    path::{Path, PathBuf},
};

use akidb_text::{LanguageSetting, TextField, TextIndex, TextSettings};
use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::report::{Report, Verdict, progress, table};

/// Documents of which the order is judged.
const JUDGED: usize = 10;

/// Documents among which all relevant ones should be.
const RECALLED: usize = 100;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo run --release -p akidb-bench -- keyword-quality sets/cranfield sets/xquad-ru")]
pub(crate) struct Arguments {
    /// Folders in the layout of BEIR: corpus.jsonl, queries.jsonl, qrels/test.tsv
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// How often a word of a title counts; 0 joins title and text to one field
    #[arg(long, default_value_t = 0)]
    title_weight: u8,
    /// The language of all documents; `auto` guesses that of each, `none` takes words as they are
    #[arg(long, default_value = "auto")]
    language: String,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct KeywordQualityReport {
    title_weight: u8,
    language: String,
    sets: Vec<Set>,
}

#[derive(Serialize)]
struct Set {
    name: String,
    documents: usize,
    /// Those with a judgement.
    queries: usize,
    ndcg_at_10: f64,
    recall_at_100: f64,
}

#[derive(Deserialize)]
struct Document {
    _id: String,
    #[serde(default)]
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct Query {
    _id: String,
    text: String,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<KeywordQualityReport> {
    let language = match arguments.language.as_str() {
        "auto" => LanguageSetting::Auto,
        "none" => LanguageSetting::None,
        code => LanguageSetting::Named(code.parse()?),
    };
    let title_weight = NonZeroU8::new(arguments.title_weight);
    let sets = arguments.folders.iter().map(|folder| judge(folder, language, title_weight));
    Ok(KeywordQualityReport {
        title_weight: arguments.title_weight,
        language: arguments.language.clone(),
        sets: sets.collect::<anyhow::Result<_>>()?,
    })
}

fn judge(
    folder: &Path,
    language: LanguageSetting,
    title_weight: Option<NonZeroU8>,
) -> anyhow::Result<Set> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    progress(format_args!("reading {name}"));
    let documents: Vec<Document> = lines(&folder.join("corpus.jsonl"))?;
    let queries: Vec<Query> = lines(&folder.join("queries.jsonl"))?;
    let judgements = judgements(&folder.join("qrels/test.tsv"))?;
    let index = index(&documents, language, title_weight);
    let (mut count, mut ndcg_sum, mut recall_sum) = (0, 0.0, 0.0);
    for query in &queries {
        let Some(judged) = judgements.get(&query._id) else { continue };
        let hits = index.query(&query.text).search(RECALLED, None);
        let gains = hits
            .iter()
            .map(|hit| judged.get(&documents[hit.slot as usize]._id).copied().unwrap_or_default());
        let gains: Vec<f64> = gains.collect();
        count += 1;
        ndcg_sum += ndcg(&gains, judged.values().copied());
        let relevant = judged.values().filter(|&&gain| gain > 0.0).count().max(1);
        recall_sum += gains.iter().filter(|&&gain| gain > 0.0).count() as f64 / relevant as f64;
    }
    ensure!(count > 0, "{name} has no query with a judgement");
    Ok(Set {
        name,
        documents: documents.len(),
        queries: count,
        ndcg_at_10: ndcg_sum / count as f64,
        recall_at_100: recall_sum / count as f64,
    })
}

fn index(
    documents: &[Document],
    language: LanguageSetting,
    title_weight: Option<NonZeroU8>,
) -> TextIndex {
    let mut settings = TextSettings { language, ..TextSettings::default() };
    settings
        .fields
        .extend(title_weight.map(|weight| TextField { name: "title".to_owned(), weight }));
    let index = TextIndex::new(settings);
    for (slot, Document { title, text, .. }) in (0..).zip(documents) {
        if title_weight.is_some() {
            index.insert(slot, &[(0, text), (1, title)]);
        } else {
            index.insert(slot, &[(0, &format!("{title} {text}"))]);
        }
    }
    index
}

fn lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = BufReader::new(file).lines().enumerate().map(|(at, line)| {
        serde_json::from_str(&line?)
            .with_context(|| format!("line {} of {}", at + 1, path.display()))
    });
    lines.collect()
}

/// How relevant documents are to queries, by their ids.
type Judgements = HashMap<String, BTreeMap<String, f64>>;

fn judgements(path: &Path) -> anyhow::Result<Judgements> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut judgements = Judgements::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        let mut cells = line.split('\t');
        let (query, document, gain) = (cells.next(), cells.next(), cells.next());
        let (Some(query), Some(document), Some(gain)) = (query, document, gain) else {
            anyhow::bail!("line {} of {} has not three columns", at + 1, path.display());
        };
        let gain: f64 = gain
            .trim()
            .parse()
            .with_context(|| format!("line {} of {}", at + 1, path.display()))?;
        judgements.entry(query.to_owned()).or_default().insert(document.to_owned(), gain);
    }
    Ok(judgements)
}

/// Normalized discounted cumulative gain of the first ten, with the gains as they are.
fn ndcg(gains: &[f64], judged: impl Iterator<Item = f64>) -> f64 {
    let discounted = |gains: &[f64]| -> f64 {
        let ranked = gains.iter().take(JUDGED).enumerate();
        ranked.map(|(rank, gain)| gain / (rank as f64 + 2.0).log2()).sum()
    };
    let mut ideal: Vec<f64> = judged.collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = discounted(&ideal);
    if best > 0.0 { discounted(gains) / best } else { 0.0 }
}

impl Report for KeywordQualityReport {
    fn parts(&self) -> Vec<String> {
        let rows = self.sets.iter().map(|set| {
            [
                set.name.clone(),
                set.documents.to_string(),
                set.queries.to_string(),
                format!("{:.4}", set.ndcg_at_10),
                format!("{:.4}", set.recall_at_100),
            ]
        });
        let title = match self.title_weight {
            0 => "title and text joined".to_owned(),
            weight => format!("a word of the title counts {weight} times"),
        };
        vec![
            format!("keyword search, language {}, {title}", self.language),
            table(["set", "documents", "queries", "nDCG@10", "recall@100"], rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        Verdict::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_discounted_by_their_rank_and_by_what_was_possible() {
        assert_eq!(
            ndcg(&[1.0, 0.0, 1.0], [1.0, 1.0].into_iter()),
            1.5 / (1.0 + 1.0 / 3_f64.log2())
        );
        assert_eq!(ndcg(&[2.0, 1.0], [1.0, 2.0].into_iter()), 1.0);
        assert_eq!(ndcg(&[0.0; 10], [1.0].into_iter()), 0.0);
        assert_eq!(ndcg(&[], [0.0].into_iter()), 0.0);
        let late: Vec<f64> = (0..11).map(|rank| f64::from(u8::from(rank == 10))).collect();
        assert_eq!(ndcg(&late, [1.0].into_iter()), 0.0, "only the first ten are judged");
    }
}
