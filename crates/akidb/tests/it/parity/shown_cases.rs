//! Cases of what a search shows of its hits: passages, and the words of its query.

use akidb_core::ErrorCode::{InvalidArgument, LimitExceeded};
use serde_json::{Value, json};

use super::{
    cases::{BOOKS, Case, FILMS, POINTS, refused, works},
    request::Operation::{Search, SearchBatch},
};

/// Of texts that were cut into passages of a sentence each.
#[rustfmt::skip] // A case is a line.
pub(super) fn of_cut_texts() -> Vec<Case> {
    let sea = "Океан думает 🌊 о нас";
    let ends = json!({"start": 132, "end": 153, "text": "Океан думает 🌊 о нас."});
    vec![
        works(Search, BOOKS, json!({"text": sea, "limit": 1, "passages_per_document": 2})).with("/hits/0/text", Value::Null).with("/hits/0/passage", Value::Null).with("/hits/0/metadata/a", json!(1))
            .with("/hits/0/best_passages/0/start", json!(132)).with("/hits/0/best_passages/0/text", ends["text"].clone()).with("/hits/0/best_passages/1/text", json!("The road is long and dull today. ")).with("/hits/0/best_passages/2", Value::Null).with("/hits/0/best_passages/0/context", Value::Null),
        works(Search, BOOKS, json!({"text": sea, "limit": 1, "include": ["passages", "text"], "passage_context": 1})).with("/hits/0/best_passages/0/context/start", json!(99)).with("/hits/0/best_passages/0/context/end", json!(153)).with("/hits/0/best_passages/2/start", json!(33)).with("/hits/0/metadata", Value::Null),
        works(Search, BOOKS, json!({"text": sea, "limit": 1, "passage_context": 10, "passages_per_document": 100})).with("/hits/0/best_passages/4/context/start", json!(0)).with("/hits/0/best_passages/4/context/end", json!(153)).with("/hits/0/best_passages/5", Value::Null),
        works(Search, BOOKS, json!({"text": "думает", "mode": "keyword", "limit": 1, "include": ["passages"], "highlight": {}})).with("/hits/0/best_passages/0/start", json!(132)).with("/hits/0/best_passages/1", Value::Null)
            .with("/hits/0/best_passages/0/highlights", json!([{"start": 138, "end": 144}])).with("/hits/0/highlights/ranges", json!([{"start": 138, "end": 144}])).with("/hits/0/highlights/total", json!(1)).with("/hits/0/highlights/snippet", Value::Null),
        works(Search, BOOKS, json!({"text": "roads", "mode": "keyword", "limit": 1, "passages_per_document": 2, "highlight": {"ranges": 1, "snippet_sentences": 1}})).with("/hits/0/best_passages/0/start", json!(0)).with("/hits/0/best_passages/1/start", json!(33)).with("/hits/0/best_passages/2", Value::Null)
            .with("/hits/0/best_passages/1/highlights", json!([{"start": 37, "end": 41}])).with("/hits/0/highlights/ranges/1", Value::Null).with("/hits/0/highlights/total", json!(4)).with("/hits/0/highlights/snippet/text", json!("The road is long and dull today.")),
        works(Search, BOOKS, json!({"text": "думает", "mode": "hybrid", "limit": 1, "passages_per_document": 1, "explain": true})).with("/hits/0/best_passages/0/start", json!(132)).with("/hits/0/best_passages/1", Value::Null).with("/plan/passages", json!(5)).with("/plan/shown_ms", json!(true)),
        works(Search, BOOKS, json!({"vector": [1, 2, 3, 4, 5, 6, 7, 8], "limit": 1, "filter": {"$id": 3}, "passages_per_document": 1})).with("/hits/0/best_passages/0/start", json!(0)).with("/hits/0/best_passages/0/end", json!(153)).with("/hits/0/best_passages/1", Value::Null),
        works(Search, BOOKS, json!({"text": "думает", "group_by": {"field": "a", "size": 1}, "passages_per_document": 1})).with("/groups/0/hits/0/best_passages/1", Value::Null),
        works(SearchBatch, BOOKS, json!({"searches": [{"text": sea, "limit": 1}, {"text": sea, "limit": 1, "passages_per_document": 1}]})).with("/results/0/hits/0/best_passages", Value::Null).with("/results/0/hits/0/passage", ends).with("/results/1/hits/0/text", Value::Null).with("/results/1/hits/0/best_passages/0/start", json!(132)),
        works(Search, BOOKS, json!({"text": "a", "offset": 3, "limit": 1, "passages_per_document": 1})).with("/hits/0/best_passages/1", Value::Null),
    ]
}

/// Of texts that were not cut, and of documents without one.
#[rustfmt::skip] // A case is a line.
pub(crate) fn of_whole_texts() -> Vec<Case> {
    let iceberg = |more: Value| {
        let mut body = json!({"text": "icebergs", "mode": "keyword"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        works(Search, FILMS, body)
    };
    vec![
        iceberg(json!({"highlight": {}})).with("/hits/0/highlights/total", json!(1)).with("/hits/0/highlights/ranges/1", Value::Null).with("/hits/0/best_passages", Value::Null),
        iceberg(json!({"highlight": {"ranges": 0, "snippet_sentences": 10}, "include": []})).with("/hits/0/highlights/ranges", json!([])).with("/hits/0/highlights/total", json!(1)).with("/hits/0/highlights/snippet/start", json!(0)).with("/hits/0/text", Value::Null),
        iceberg(json!({"highlight": null, "passages_per_document": null, "passage_context": null})).with("/hits/0/highlights", Value::Null),
        iceberg(json!({"passages_per_document": 3, "passage_context": 2})).with("/hits/0/best_passages/0/start", json!(0)).with("/hits/0/best_passages/0/context", Value::Null).with("/hits/0/best_passages/1", Value::Null),
        works(Search, FILMS, json!({"text": "Океан думает", "limit": 1, "highlight": {"snippet_sentences": 1}})).with("/hits/0/highlights/total", json!(2)),
        works(Search, FILMS, json!({"text": "\"bigger boat\" -iceberg", "mode": "hybrid", "limit": 1, "highlight": {"ranges": 1_000}})).with("/hits/0/highlights/total", json!(2)),
        works(Search, POINTS, json!({"vector": [1, 0, 0], "limit": 1, "passages_per_document": 1})).with("/hits/0/best_passages", json!([])),
    ]
}

/// Refused.
#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong() -> Vec<Case> {
    let of = |body: Value, says: &str| refused(Search, FILMS, body, InvalidArgument, says);
    vec![
        of(json!({"text": "a", "passages_per_document": 0}), "passages_per_document: is 0, allowed are 1 to 100"),
        of(json!({"text": "a", "passages_per_document": u64::MAX}), "passages_per_document: is 18446744073709551615, allowed are 1 to 100"),
        of(json!({"text": "a", "passage_context": 11}), "passage_context: is 11, allowed are 0 to 10"),
        of(json!({"text": "a", "highlight": {"ranges": 1_001}}), "highlight.ranges: is 1001, allowed are 0 to 1000"),
        of(json!({"text": "a", "highlight": {"snippet_sentences": 0}}), "highlight.snippet_sentences: is 0, allowed are 1 to 10"),
        of(json!({"id": "titanic", "highlight": {}}), "highlight: is of the words of the text of the query, and this search has none"),
        refused(Search, FILMS, json!({"text": "a", "limit": 10_000, "passages_per_document": 2}), LimitExceeded, "passages of all hits, with their neighbors: is 20000, allowed are at most 10000 (result_window)"),
        refused(SearchBatch, FILMS, json!({"searches": [{"text": "a", "limit": 500, "include": ["passages"], "passage_context": 10}]}), LimitExceeded, "searches[0].passages of all hits, with their neighbors: is 31500, allowed are at most 10000"),
    ]
}
