//! The texts, and what is asked of them.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, ensure};
use flate2::read::MultiGzDecoder;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde::Deserialize;

/// Letters of a word that a query is made of.
const LETTERS_MIN: usize = 4;

#[derive(Deserialize)]
struct Line {
    text: String,
}

/// The texts of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<String>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    let input: Box<dyn Read> =
        if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let lines = BufReader::new(input).lines().enumerate().map(|(at, line)| {
        let line: Line = serde_json::from_str(&line?)
            .with_context(|| format!("line {} of {}", at + 1, path.display()))?;
        Ok(line.text)
    });
    let texts = lines.collect::<anyhow::Result<Vec<String>>>()?;
    ensure!(!texts.is_empty(), "{} has no text", path.display());
    Ok(texts)
}

/// Documents of so many texts each.
pub(super) fn documents(
    source: &[String],
    count: Option<u32>,
    joined: u8,
    seed: u64,
) -> Vec<String> {
    let count = count.map_or(source.len(), |count| count as usize);
    if joined == 1 {
        return source.iter().cycle().take(count).cloned().collect();
    }
    let mut random = StdRng::seed_from_u64(seed);
    let mut document = || {
        let texts = (0..joined).map(|_| source[random.random_range(0..source.len())].as_str());
        texts.collect::<Vec<_>>().join(". ")
    };
    (0..count).map(|_| document()).collect()
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Words,
    WholeText,
    Phrase,
    Start,
    Filtered,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Words, Self::WholeText, Self::Phrase, Self::Start, Self::Filtered];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Words => "three words of a text",
            Self::WholeText => "a whole text",
            Self::Phrase => "a phrase of two words",
            Self::Start => "a word and the start of another",
            Self::Filtered => "three words in 1 % of the documents",
        }
    }
}

/// Queries of each kind, made of the texts.
pub(super) struct Queries {
    words: Vec<String>,
    whole: Vec<String>,
    phrases: Vec<String>,
    starts: Vec<String>,
}

impl Queries {
    pub(super) fn make(source: &[String], count: u32, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed + 1);
        let mut queries =
            Self { words: Vec::new(), whole: Vec::new(), phrases: Vec::new(), starts: Vec::new() };
        let is_word = |word: &&str| {
            word.len() >= LETTERS_MIN && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        // Texts without three words are passed over, which ends as there are others.
        for _ in 0..u64::from(count) * 100 {
            if queries.words.len() == count as usize {
                break;
            }
            let text = &source[random.random_range(0..source.len())];
            let words: Vec<&str> = text.split(' ').filter(is_word).collect();
            if words.len() < 3 {
                continue;
            }
            let chosen: Vec<&str> = words.choose_multiple(&mut random, 3).copied().collect();
            queries.words.push(chosen.join(" "));
            queries.whole.push(text.replace(['"', '*'], " ").replace(" -", " "));
            let at = random.random_range(0..words.len() - 1);
            queries.phrases.push(format!("\"{} {}\"", words[at], words[at + 1]));
            queries.starts.push(format!("{} {}*", chosen[0], &chosen[1][..LETTERS_MIN - 1]));
        }
        queries
    }

    pub(super) fn of(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Words | Kind::Filtered => &self.words,
            Kind::WholeText => &self.whole,
            Kind::Phrase => &self.phrases,
            Kind::Start => &self.starts,
        }
    }

    /// How many words a query has on average.
    pub(super) fn words(&self, kind: Kind) -> f64 {
        let all: usize = self.of(kind).iter().map(|query| query.split_whitespace().count()).sum();
        all as f64 / self.of(kind).len().max(1) as f64
    }
}
