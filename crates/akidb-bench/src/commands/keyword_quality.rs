//! `akidb-bench keyword-quality`: how well keyword search ranks judged sets, in this process.

use std::{num::NonZeroU8, path::PathBuf};

use akidb_text::{LanguageSetting, TextField, TextIndex, TextSettings};
use clap::Args;
use serde::Serialize;

use crate::{
    judged_set::{JudgedDocument, JudgedSet, Quality, RECALLED},
    report::{Report, Verdict, progress, table},
};

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
    #[serde(flatten)]
    quality: Quality,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<KeywordQualityReport> {
    let language = match arguments.language.as_str() {
        "auto" => LanguageSetting::Auto,
        "none" => LanguageSetting::None,
        code => LanguageSetting::Named(code.parse()?),
    };
    let title_weight = NonZeroU8::new(arguments.title_weight);
    let sets = arguments.folders.iter().map(|folder| {
        progress(format_args!("reading {}", folder.display()));
        Ok(judge(JudgedSet::read(folder)?, language, title_weight))
    });
    Ok(KeywordQualityReport {
        title_weight: arguments.title_weight,
        language: arguments.language.clone(),
        sets: sets.collect::<anyhow::Result<_>>()?,
    })
}

fn judge(set: JudgedSet, language: LanguageSetting, title_weight: Option<NonZeroU8>) -> Set {
    let JudgedSet { name, documents, queries } = set;
    let index = index(&documents, language, title_weight);
    let judged = queries.iter().map(|query| {
        let hits = index.query(&query.text).search(RECALLED, None);
        query.judge(hits.iter().map(|hit| documents[hit.slot as usize].id.as_str()))
    });
    let quality = Quality::mean(&judged.collect::<Vec<_>>());
    Set { name, documents: documents.len(), queries: queries.len(), quality }
}

fn index(
    documents: &[JudgedDocument],
    language: LanguageSetting,
    title_weight: Option<NonZeroU8>,
) -> TextIndex {
    let mut settings = TextSettings { language, ..TextSettings::default() };
    settings
        .fields
        .extend(title_weight.map(|weight| TextField { name: "title".to_owned(), weight }));
    let index = TextIndex::new(settings);
    for (slot, document) in (0..).zip(documents) {
        if title_weight.is_some() {
            index.insert(slot, &[(0, &document.text), (1, &document.title)]);
        } else {
            index.insert(slot, &[(0, &document.joined())]);
        }
    }
    index
}

impl Report for KeywordQualityReport {
    fn parts(&self) -> Vec<String> {
        let rows = self.sets.iter().map(|set| {
            [
                set.name.clone(),
                set.documents.to_string(),
                set.queries.to_string(),
                format!("{:.4}", set.quality.ndcg_at_10),
                format!("{:.4}", set.quality.recall_at_100),
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
