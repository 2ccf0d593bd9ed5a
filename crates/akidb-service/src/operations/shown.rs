//! What a search shows of its hits: parts of their documents, their best passages, and the words of its query.

use akidb_core::{Error, ErrorCode, Limits, Result};
use akidb_engine::{Highlight, ShownPassages};

use crate::{GivenHighlight, HitInclude, Include, Search, failure::above_limit};

/// Passages of each hit, where a search asks for some and does not say how many.
pub const PASSAGES_DEFAULT: u64 = 3;

/// Passages of a hit that are shown at most.
const PASSAGES_MAX: u64 = 100;

/// Neighbors on either side of a passage that come with it at most.
const CONTEXT_MAX: u64 = 10;

/// Words of a text that are listed, where a search does not say how many.
pub const HIGHLIGHTS_DEFAULT: u64 = 100;

/// Words of a text that are listed at most.
const HIGHLIGHTS_MAX: u64 = 1_000;

/// Sentences of a snippet at most.
const SENTENCES_MAX: u64 = 10;

/// The parts of documents that a search answers. Who asks for passages has no use for the texts that they are of.
pub(super) fn included(request: &Search) -> Include {
    let HitInclude { text, metadata, vector, .. } = request.include;
    let default = Include::default();
    Include {
        text: text.unwrap_or(default.text && !asks_for_passages(request)),
        metadata: metadata.unwrap_or(default.metadata),
        vector: vector.unwrap_or(default.vector),
    }
}

const fn asks_for_passages(request: &Search) -> bool {
    matches!(request.include.passages, Some(true))
        || request.passages_per_document.is_some()
        || request.passage_context.is_some()
}

/// Checks which passages are to be shown of so many hits.
pub(super) fn check_passages(
    request: &Search,
    hits: usize,
    limits: &Limits,
) -> Result<Option<ShownPassages>> {
    if !asks_for_passages(request) {
        return Ok(None);
    }
    let per_document = number(
        "passages_per_document",
        request.passages_per_document.unwrap_or(PASSAGES_DEFAULT),
        1..=PASSAGES_MAX,
    )?;
    let context = number("passage_context", request.passage_context.unwrap_or(0), 0..=CONTEXT_MAX)?;
    let shown = hits.saturating_mul(per_document).saturating_mul(1 + 2 * context);
    if shown > limits.result_window {
        let place = "passages of all hits, with their neighbors";
        return Err(above_limit(place, shown, "result_window", limits.result_window));
    }
    Ok(Some(ShownPassages { per_document, context }))
}

/// Checks which words are to be marked.
pub(super) fn check_highlight(request: &Search) -> Result<Option<Highlight>> {
    let Some(GivenHighlight { ranges, snippet_sentences }) = request.highlight else {
        return Ok(None);
    };
    let Some(query) = request.text.clone() else {
        let fault = "is of the words of the text of the query, and this search has none";
        return Err(Error::at(ErrorCode::InvalidArgument, "highlight", fault));
    };
    let ranges = ranges.unwrap_or(HIGHLIGHTS_DEFAULT);
    let sentences =
        snippet_sentences.map(|it| number("highlight.snippet_sentences", it, 1..=SENTENCES_MAX));
    Ok(Some(Highlight {
        query,
        ranges: number("highlight.ranges", ranges, 0..=HIGHLIGHTS_MAX)?,
        sentences: sentences.transpose()?,
    }))
}

fn number(place: &str, given: u64, allowed: std::ops::RangeInclusive<u64>) -> Result<usize> {
    let known = usize::try_from(given).ok().filter(|_| allowed.contains(&given));
    known.ok_or_else(|| {
        let fault = format!("is {given}, allowed are {} to {}", allowed.start(), allowed.end());
        Error::at(ErrorCode::InvalidArgument, place, fault)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &Search, hits: usize) -> Result<Option<ShownPassages>> {
        check_passages(request, hits, &Limits::default())
    }

    #[track_caller]
    fn check_refused(request: Search, hits: usize, message: &str) {
        let error = check(&request, hits).expect_err("it is refused");
        assert_eq!(error.message, message);
    }

    fn passages(per_document: Option<u64>, context: Option<u64>) -> Search {
        Search {
            passages_per_document: per_document,
            passage_context: context,
            ..Search::default()
        }
    }

    #[test]
    fn passages_stand_in_place_of_texts_where_nothing_else_is_said() {
        let include = |passages| HitInclude { passages, ..HitInclude::default() };
        let part = Search { include: include(Some(true)), ..Search::default() };
        let shown = Some(ShownPassages { per_document: 3, context: 0 });
        for request in [part, passages(Some(3), None), passages(None, Some(0))] {
            assert_eq!(check(&request, 10).unwrap(), shown);
            let expected = Include { text: false, metadata: true, vector: false };
            assert_eq!(included(&request), expected);
        }
        let with_text = HitInclude { text: Some(true), ..HitInclude::default() };
        let both = Search { include: with_text, ..passages(Some(1), Some(2)) };
        assert!(included(&both).text);
        let nothing = Search { include: include(Some(false)), ..Search::default() };
        assert_eq!(check(&nothing, 10_000).unwrap(), None);
        assert_eq!(included(&nothing), Include::default());
    }

    #[test]
    fn what_is_shown_is_bounded() {
        check_refused(
            passages(Some(0), None),
            1,
            "passages_per_document: is 0, allowed are 1 to 100",
        );
        check_refused(passages(None, Some(11)), 1, "passage_context: is 11, allowed are 0 to 10");
        assert!(check(&passages(Some(100), Some(10)), 4).is_ok());
        let error = check(&passages(Some(100), Some(10)), 5).unwrap_err();
        assert_eq!(error.code, ErrorCode::LimitExceeded);
        assert!(error.message.contains("10500") || error.message.contains("10,500"), "{error:?}");
    }

    #[test]
    fn words_are_those_of_a_text() {
        let highlight = |ranges, snippet_sentences| Search {
            text: Some("a ship".to_owned()),
            highlight: Some(GivenHighlight { ranges, snippet_sentences }),
            ..Search::default()
        };
        let check_refused = |request: Search, message: &str| {
            let error = check_highlight(&request).expect_err("it is refused");
            assert_eq!(error.message, message);
        };
        let shown = check_highlight(&highlight(None, Some(2))).unwrap().unwrap();
        assert_eq!((shown.ranges, shown.sentences, &*shown.query), (100, Some(2), "a ship"));
        check_refused(
            highlight(Some(1_001), None),
            "highlight.ranges: is 1001, allowed are 0 to 1000",
        );
        check_refused(
            highlight(None, Some(0)),
            "highlight.snippet_sentences: is 0, allowed are 1 to 10",
        );
        check_refused(
            Search { text: None, ..highlight(None, None) },
            "highlight: is of the words of the text of the query, and this search has none",
        );
    }
}
