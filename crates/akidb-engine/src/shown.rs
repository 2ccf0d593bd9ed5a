//! What a search shows of its hits beside their documents: the best passages, and the words of its query.

use std::ops::Range;

use crate::{HitPassage, ScoreParts};

/// What a search shows of each hit beside its document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Which passages of its text, none where absent.
    pub passages: Option<ShownPassages>,
    /// Where its text has words, nowhere where absent.
    pub highlight: Option<Highlight>,
    /// The first hit of which anything is shown, 0 for all of them.
    pub from: usize,
}

impl Shown {
    /// Whether it is more than documents.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.passages.is_some() || self.highlight.is_some()
    }
}

/// Which passages of a hit are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownPassages {
    /// How many at most, from the best on.
    pub per_document: usize,
    /// How many neighbors on either side come with each.
    pub context: usize,
}

/// Which words of the texts of hits are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// What has the words, as somebody typed it.
    pub query: String,
    /// How many of each text, and of each passage, are listed at most.
    pub ranges: usize,
    /// How many neighboring sentences are shown that have the most of the words, none where absent.
    pub sentences: Option<usize>,
}

/// A passage of a hit that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct BestPassage {
    /// Where it stands, and its text.
    pub passage: HitPassage,
    /// What it is among the best by, of the same kind as the score of its hit. Of a hybrid search it says something
    /// beside the other passages of the document alone.
    pub score: f32,
    /// What the score was made of, where that is more than one.
    pub score_parts: Option<ScoreParts>,
    /// From the first of its neighbors that come with it to the last, where some do.
    pub context: Option<HitPassage>,
    /// Where it has words of the query, in characters of the whole text, the first ones.
    pub highlights: Vec<Range<usize>>,
}

/// Where the text of a hit has the words of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Highlights {
    /// The first ones, in characters: Unicode code points.
    pub ranges: Vec<Range<usize>>,
    /// How many there are, listed or not.
    pub total: u64,
    /// The sentences that have the most of them, where they are wanted and there are any.
    pub snippet: Option<HitPassage>,
}
