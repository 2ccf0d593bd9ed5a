//! What a search shows of its hits beside their documents, as messages.

use std::ops::Range;

use akidb_proto::collection::v1 as wire;
use akidb_service::{BestPassage, Highlights, HitPassage};

use crate::encode::{score_parts, span};

/// A part of a text, with it.
pub(crate) fn text_part(given: HitPassage) -> wire::Passage {
    wire::Passage { text: Some(given.text), ..span(&given.characters) }
}

pub(crate) fn best_passages(given: Vec<BestPassage>) -> wire::BestPassages {
    wire::BestPassages { passages: given.into_iter().map(best_passage).collect() }
}

fn best_passage(given: BestPassage) -> wire::BestPassage {
    wire::BestPassage {
        passage: Some(text_part(given.passage)),
        score: given.score,
        parts: score_parts(given.score_parts, None),
        context: given.context.map(text_part),
        highlights: given.highlights.into_iter().map(range).collect(),
    }
}

pub(crate) fn highlights(given: Highlights) -> wire::Highlights {
    wire::Highlights {
        ranges: given.ranges.into_iter().map(range).collect(),
        total: given.total,
        snippet: given.snippet.map(text_part),
    }
}

fn range(characters: Range<usize>) -> wire::CharacterRange {
    wire::CharacterRange { start: characters.start as u64, end: characters.end as u64 }
}
