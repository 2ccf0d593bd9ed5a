//! Batches of texts to encode, as token numbers: of one length, or real texts as they come.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use akidb_embedding::ModelDirectory;
use anyhow::{Context, anyhow};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Deserialize;

/// Texts of a batch of real texts.
const TEXTS_PER_BATCH: usize = 32;
/// Token numbers that stand for words in every vocabulary of BERT.
const WORDS: std::ops::Range<u32> = 2000..20_000;

/// Batches that are measured as one.
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) batches: Vec<Vec<Vec<u32>>>,
}

#[derive(Deserialize)]
struct Line {
    text: String,
}

impl Workload {
    /// One batch of `texts` texts of `length` tokens that follow from `seed`.
    pub(crate) fn uniform(texts: usize, length: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut text = || (0..length).map(|_| random.random_range(WORDS)).collect();
        let batch = (0..texts).map(|_| text()).collect();
        Self { name: format!("{texts} x {length} tokens"), batches: vec![batch] }
    }

    /// The tokens of all batches.
    pub(crate) fn tokens(&self) -> usize {
        self.batches.iter().flatten().map(Vec::len).sum()
    }
}

/// The first `batches` batches of a file of JSON lines, tokenized by `model`; blank texts are passed over.
pub(crate) fn read(file: &Path, model: &Path, batches: usize) -> anyhow::Result<Workload> {
    let tokenizer = ModelDirectory::open(model)?.tokenizer()?;
    let lines = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let mut texts = Vec::new();
    for line in BufReader::new(lines).lines() {
        let Line { text } = serde_json::from_str(&line?)
            .with_context(|| format!("{} is not JSON lines with a text", file.display()))?;
        if !text.trim().is_empty() {
            let tokens = tokenizer.tokenize(&text).map_err(|reason| anyhow!(reason))?;
            texts.push(tokens.token_ids);
        }
        if texts.len() == batches * TEXTS_PER_BATCH {
            break;
        }
    }
    anyhow::ensure!(!texts.is_empty(), "{} has no texts", file.display());
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let tokens: usize = texts.iter().map(Vec::len).sum();
    let name = format!("{name}, {:.0} tokens on average", tokens as f64 / texts.len() as f64);
    Ok(Workload { name, batches: texts.chunks(TEXTS_PER_BATCH).map(<[_]>::to_vec).collect() })
}
