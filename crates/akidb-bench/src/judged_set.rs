//! Judged sets: documents, queries, and how relevant which documents are to which query, in the layout
//! of BEIR; and how good a ranking is by these judgements.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Documents of which the order is judged.
const JUDGED: usize = 10;

/// Documents among which all relevant ones should be.
pub(crate) const RECALLED: usize = 100;

/// A folder of `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`.
pub(crate) struct JudgedSet {
    /// That of the folder.
    pub(crate) name: String,
    pub(crate) documents: Vec<JudgedDocument>,
    /// Those with a judgement, at least one.
    pub(crate) queries: Vec<JudgedQuery>,
}

#[derive(Deserialize)]
pub(crate) struct JudgedDocument {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) title: String,
    pub(crate) text: String,
}

pub(crate) struct JudgedQuery {
    pub(crate) text: String,
    /// How relevant documents are to it, by their ids: 0 is not at all.
    gains: Gains,
}

type Gains = BTreeMap<String, f64>;

/// A query as it stands in a file.
#[derive(Deserialize)]
struct Query {
    #[serde(rename = "_id")]
    id: String,
    text: String,
}

/// How good a ranking is, or the mean of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Quality {
    /// Normalized discounted cumulative gain of the first ten.
    pub(crate) ndcg_at_10: f64,
    /// The share of the relevant documents that are among the first hundred.
    pub(crate) recall_at_100: f64,
}

impl JudgedSet {
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let documents = lines(&folder.join("corpus.jsonl"))?;
        let queries: Vec<Query> = lines(&folder.join("queries.jsonl"))?;
        let mut judgements = judgements(&folder.join("qrels/test.tsv"))?;
        let judged = queries.into_iter().filter_map(|Query { id, text }| {
            Some(JudgedQuery { text, gains: judgements.remove(&id)? })
        });
        let queries: Vec<JudgedQuery> = judged.collect();
        ensure!(!queries.is_empty(), "{name} has no query with a judgement");
        Ok(Self { name, documents, queries })
    }
}

impl JudgedDocument {
    /// Its title and its text in one.
    pub(crate) fn joined(&self) -> String {
        format!("{} {}", self.title, self.text).trim().to_owned()
    }
}

impl JudgedQuery {
    /// How good a ranking is, given the ids of its first hundred documents.
    pub(crate) fn judge<'a>(&self, ranked: impl IntoIterator<Item = &'a str>) -> Quality {
        let ranked = ranked.into_iter().take(RECALLED);
        let found: Vec<f64> =
            ranked.map(|id| self.gains.get(id).copied().unwrap_or_default()).collect();
        let relevant = self.gains.values().filter(|&&gain| gain > 0.0).count().max(1);
        let recalled = found.iter().filter(|&&gain| gain > 0.0).count();
        Quality {
            ndcg_at_10: ndcg(&found, self.gains.values().copied()),
            recall_at_100: recalled as f64 / relevant as f64,
        }
    }
}

impl Quality {
    /// That of all together, each counting the same; of none it is 0.
    pub(crate) fn mean(all: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / all.len().max(1) as f64;
        Self { ndcg_at_10: mean(|it| it.ndcg_at_10), recall_at_100: mean(|it| it.recall_at_100) }
    }
}

fn lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = BufReader::new(file).lines().enumerate().map(|(at, line)| {
        serde_json::from_str(&line?)
            .with_context(|| format!("line {} of {}", at + 1, path.display()))
    });
    lines.collect()
}

/// How relevant documents are to queries, by the ids of those.
fn judgements(path: &Path) -> anyhow::Result<HashMap<String, Gains>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut judgements: HashMap<String, Gains> = HashMap::new();
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

#[cfg(test)]
mod tests {
    use std::fs;

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

    #[test]
    fn a_set_is_read_and_rankings_are_judged_by_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("qrels")).unwrap();
        write(
            "corpus.jsonl",
            "{\"_id\":\"a\",\"title\":\"T\",\"text\":\"x\"}\n{\"_id\":\"b\",\"text\":\"\"}\n",
        );
        write(
            "queries.jsonl",
            "{\"_id\":\"1\",\"text\":\"q\"}\n{\"_id\":\"2\",\"text\":\"unjudged\"}\n",
        );
        write("qrels/test.tsv", "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n1\tgone\t1\n");
        let set = JudgedSet::read(folder.path()).unwrap();
        let texts: Vec<String> = set.documents.iter().map(JudgedDocument::joined).collect();
        assert_eq!(texts, ["T x", ""]);
        assert_eq!(set.queries.len(), 1);
        let quality = set.queries[0].judge(["b", "a"]);
        assert_eq!(quality.recall_at_100, 0.5);
        let possible = 2.0 + 1.0 / 3_f64.log2();
        assert_eq!(quality.ndcg_at_10, 2.0 / 3_f64.log2() / possible);

        write("qrels/test.tsv", "query-id\tcorpus-id\tscore\n1\ta\n");
        let refused = JudgedSet::read(folder.path()).err().unwrap().to_string();
        assert!(refused.starts_with("line 2 of") && refused.contains("three columns"), "{refused}");
        write("qrels/test.tsv", "query-id\tcorpus-id\tscore\n9\ta\t1\n");
        assert!(JudgedSet::read(folder.path()).is_err(), "nothing to judge by");
    }

    #[test]
    fn only_the_first_hundred_are_recalled() {
        let gains = Gains::from([("far".to_owned(), 1.0), ("near".to_owned(), 1.0)]);
        let query = JudgedQuery { text: String::new(), gains };
        let ranked = |far_at: usize| {
            (0..200).map(move |at| {
                if at == far_at {
                    "far"
                } else if at == 0 {
                    "near"
                } else {
                    "-"
                }
            })
        };
        assert_eq!(query.judge(ranked(99)).recall_at_100, 1.0);
        assert_eq!(query.judge(ranked(100)).recall_at_100, 0.5);
        let both = [query.judge(ranked(99)), query.judge(ranked(100))];
        assert_eq!(Quality::mean(&both).recall_at_100, 0.75);
        assert_eq!(Quality::mean(&[]), Quality::default());
    }
}
