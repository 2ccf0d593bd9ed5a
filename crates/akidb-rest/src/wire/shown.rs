//! What a search shows of its hits beside their documents: passages, and the words of its query.

use std::ops::Range;

use akidb_service::{BestPassage, GivenHighlight, Highlights, HitPassage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::search::ScorePartsAnswer;

/// Asks for the words of the text of the search in the texts of its hits, as the keyword index finds them: stems of the
/// language, accents and case aside, phrases where all of them stand, `word*` by what it begins with, pairs of characters
/// where there are no spaces.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Highlight, example = json!({"snippet_sentences": 2}))]
pub(super) struct HighlightBody {
    /// How many of each text, and of each passage, are listed at most, 100 where absent.
    #[schema(minimum = 0, maximum = 1_000)]
    ranges: Option<u64>,
    /// So many neighboring sentences of the text come as `snippet` that have the most of the words; none where absent.
    #[schema(minimum = 1, maximum = 10)]
    snippet_sentences: Option<u64>,
}

impl From<HighlightBody> for GivenHighlight {
    fn from(HighlightBody { ranges, snippet_sentences }: HighlightBody) -> Self {
        Self { ranges, snippet_sentences }
    }
}

/// A part of a text, such as the passage by which a document was found. Characters are Unicode code points: `text[start:end]`
/// in Python.
#[derive(Serialize, ToSchema)]
#[schema(as = HitPassage)]
pub(super) struct HitPassageAnswer {
    /// Its first character in the document's text.
    start: usize,
    /// The character after its last one.
    end: usize,
    text: String,
}

impl From<HitPassage> for HitPassageAnswer {
    fn from(HitPassage { characters, text }: HitPassage) -> Self {
        Self { start: characters.start, end: characters.end, text }
    }
}

/// Where words stand. Characters are Unicode code points of the whole text: `text[start:end]` in Python.
#[derive(Serialize, ToSchema)]
#[schema(as = CharacterRange)]
struct RangeAnswer {
    /// The first character.
    start: usize,
    /// The character after the last one.
    end: usize,
}

impl From<Range<usize>> for RangeAnswer {
    fn from(Range { start, end }: Range<usize>) -> Self {
        Self { start, end }
    }
}

/// One of the best passages of a hit. Characters are Unicode code points: `text[start:end]` in Python.
#[derive(Serialize, ToSchema)]
#[schema(as = BestPassage)]
pub(super) struct BestPassageAnswer {
    /// Its first character in the text.
    start: usize,
    /// The character after its last one.
    end: usize,
    text: String,
    /// What it is among the best by, as the score of its hit is. In a hybrid search it says something beside the other
    /// passages of the document alone.
    score: f32,
    /// What the score of a hybrid search was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<ScorePartsAnswer>,
    /// The text from the first of its neighbors to the last, where `passage_context` asks for some and there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<HitPassageAnswer>,
    /// The words of the query in it, where `highlight` asks for them; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    highlights: Vec<RangeAnswer>,
}

impl From<BestPassage> for BestPassageAnswer {
    fn from(given: BestPassage) -> Self {
        let HitPassage { characters, text } = given.passage;
        Self {
            start: characters.start,
            end: characters.end,
            text,
            score: given.score,
            parts: ScorePartsAnswer::of(given.score_parts, None),
            context: given.context.map(HitPassageAnswer::from),
            highlights: given.highlights.into_iter().map(RangeAnswer::from).collect(),
        }
    }
}

/// Where the text of a document has words of the query.
#[derive(Serialize, ToSchema)]
#[schema(as = Highlights)]
pub(super) struct HighlightsAnswer {
    /// The first ones, in their order.
    ranges: Vec<RangeAnswer>,
    /// How many there are, listed or not.
    total: u64,
    /// The sentences with the most of them, the rarer the better, where `snippet_sentences` asks for some; cut beyond
    /// 1,000 bytes a sentence. Absent where the text has none of the words.
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<HitPassageAnswer>,
}

impl From<Highlights> for HighlightsAnswer {
    fn from(Highlights { ranges, total, snippet }: Highlights) -> Self {
        Self {
            ranges: ranges.into_iter().map(RangeAnswer::from).collect(),
            total,
            snippet: snippet.map(HitPassageAnswer::from),
        }
    }
}
