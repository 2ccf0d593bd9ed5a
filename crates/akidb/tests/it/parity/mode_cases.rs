//! Cases of what a search finds documents by: their words, and words and nearness together.

use akidb_core::ErrorCode::{InvalidArgument, InvalidText, LimitExceeded, ModelMismatch};
use serde_json::{Value, json};

use super::{
    cases::{Case, FILMS, POINTS, refused, works},
    request::{
        NAN,
        Operation::{Search, SearchBatch},
    },
};

/// Searches by words.
#[rustfmt::skip] // A case is a line.
pub(crate) fn by_words() -> Vec<Case> {
    let by = |text: &str| works(Search, FILMS, json!({"text": text, "mode": "keyword"}));
    vec![
        by("iceberg").with("/hits/0/id", json!("titanic")).with("/hits/0/parts", Value::Null).with("/hits/1", Value::Null),
        by("ICEBERG planet").with("/hits/1/id", json!("2")).with("/hits/2", Value::Null),
        by("Океан").with("/hits/0/id", json!("солярис")).with("/hits/1", Value::Null),
        by("\"bigger boat\"").with("/hits/0/id", json!(2)).with("/hits/1", Value::Null),
        by("\"boat bigger\"").with("/hits", json!([])),
        by("meets -shark").with("/hits/0/id", json!("titanic")).with("/hits/1", Value::Null),
        by("ice*").with("/hits/0/id", json!("titanic")).with("/hits/1", Value::Null),
        by("text:iceberg").with("/hits/0/id", json!("titanic")).with("/hits/1", Value::Null),
        by("submarine").with("/hits", json!([])),
        by("?!").with("/hits", json!([])),
        by("\"").with("/hits", json!([])),
        by("-").with("/hits", json!([])),
        by("-shark").with("/hits", json!([])),
        works(Search, FILMS, json!({"text": "iceberg", "mode": "Keyword", "hybrid": {}, "min_parts": {}, "params": {}, "vector": null})).with("/hits/0/id", json!("titanic")),
        works(Search, FILMS, json!({"text": "meets", "mode": "keyword", "filter": {"$id": {"$in": [2, "2"]}}, "include": ["text"]})).with("/hits/0/id", json!(2)).with("/hits/1", Value::Null),
        works(Search, FILMS, json!({"text": "meets", "mode": "keyword", "limit": 1, "offset": 1})).with("/hits/1", Value::Null),
        works(Search, FILMS, json!({"text": "meets", "mode": "keyword", "limit": 10_000, "min_score": 1e6})).with("/hits", json!([])),
        works(Search, FILMS, json!({"text": "meets", "mode": "keyword", "min_score": -1, "include": []})).with("/hits/1/text", Value::Null).with("/hits/2", Value::Null),
        works(Search, FILMS, json!({"text": "meets", "mode": "keyword", "explain": true})).with("/plan/strategy", Value::Null).with("/plan/keyword_ms", json!(true)).with("/plan/candidates", Value::Null).with("/plan/compared", json!(0)),
        works(Search, FILMS, json!({"text": "meets", "explain": true})).with("/plan/strategy", json!("scan")).with("/plan/keyword_ms", Value::Null).with("/plan/candidates", Value::Null),
        works(Search, POINTS, json!({"text": "iceberg", "mode": "keyword"})).with("/hits", json!([])),
    ]
}

/// Searches by both.
#[rustfmt::skip] // A case is a line.
pub(crate) fn by_both() -> Vec<Case> {
    let by = |hybrid: Value| works(Search, FILMS, json!({"text": "iceberg", "mode": "hybrid", "hybrid": hybrid}));
    vec![
        by(Value::Null).with("/hits/0/id", json!("titanic")).with("/hits/1/parts/keyword", json!(0.0)).with("/hits/9/parts/keyword", json!(0.0)).with("/plan", Value::Null),
        by(json!({})).with("/hits/0/id", json!("titanic")),
        by(json!({"fusion": "ADAPTIVE", "k": null, "weights": null, "depth": null})).with("/hits/0/id", json!("titanic")),
        by(json!({"fusion": "rrf", "k": 0, "weights": {"semantic": 0}})).with("/hits/0/id", json!("titanic")).with("/hits/0/score", json!(1.0)).with("/hits/1/score", json!(0.0)),
        by(json!({"fusion": "rrf", "weights": {"semantic": 0, "keyword": 61}})).with("/hits/0/score", json!(1.0)),
        by(json!({"fusion": "weighted", "weights": {"semantic": 0, "keyword": 3}})).with("/hits/0/score", json!(1.0)).with("/hits/1/score", json!(0.0)),
        by(json!({"fusion": "weighted", "weights": {"keyword": 0}})).with("/hits/0/score", json!(1.0)),
        by(json!({"depth": 10_000})).with("/hits/0/id", json!("titanic")),
        works(Search, FILMS, json!({"text": "iceberg", "mode": "hybrid", "limit": 2, "offset": 3, "hybrid": {"depth": 5}})).with("/hits/2", Value::Null),
        works(Search, FILMS, json!({"text": "iceberg", "mode": "hybrid", "hybrid": {"depth": 2}})).with("/hits/2", Value::Null),
        works(Search, FILMS, json!({"text": "iceberg", "mode": "hybrid", "min_parts": {"keyword": 0.01}, "include": []})).with("/hits/0/id", json!("titanic")).with("/hits/1", Value::Null),
        works(Search, FILMS, json!({"text": "iceberg", "mode": "hybrid", "min_parts": {"semantic": 1.5, "keyword": null}})).with("/hits", json!([])),
        works(Search, FILMS, json!({"text": "iceberg -ship", "mode": "hybrid", "min_parts": {"keyword": 0.01}})).with("/hits", json!([])),
        works(Search, FILMS, json!({"text": "meets", "mode": "hybrid", "filter": {"$id": {"$in": [2, "2"]}}})).with("/hits/0/id", json!(2)).with("/hits/1/parts/keyword", json!(0.0)).with("/hits/2", Value::Null),
        works(Search, FILMS, json!({"text": "iceberg", "vector": [1, 2, 3, 4, 5, 6, 7, 8.5], "mode": "hybrid", "hybrid": {"fusion": "weighted", "weights": {"keyword": 0}}})).with("/hits/0/id", json!("vector and text")),
        works(Search, FILMS, json!({"text": "iceberg", "mode": "hybrid", "params": {"exact": true}, "explain": true})).with("/plan/strategy", json!("scan")).with("/plan/candidates", json!(12)).with("/plan/vectors", json!(12)).with("/plan/keyword_ms", json!(true)),
        works(Search, POINTS, json!({"text": "iceberg", "vector": [1, 0, 0], "mode": "hybrid", "limit": 1})).with("/hits/0/id", json!(i64::MIN)).with("/hits/0/parts", json!({"semantic": 1.0, "keyword": 0.0})),
        works(SearchBatch, FILMS, json!({"searches": [{"text": "iceberg"}, {"text": "iceberg", "mode": "keyword"}, {"text": "iceberg", "mode": "hybrid"}]}))
            .with("/results/0/hits/0/parts", Value::Null).with("/results/1/hits/1", Value::Null).with("/results/2/hits/1/parts/keyword", json!(0.0)),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong() -> Vec<Case> {
    let vectors = "is for searches that compare vectors, this one is by words alone";
    let number = "must be a number from 0 to 1e9";
    let missing = "text: is missing, a hybrid search is by text, which may have a vector beside it";
    let wrong = [
        (json!({"text": "a", "hybrid": {"depth": 50}}), InvalidArgument, "hybrid: is for searches of the mode hybrid, the mode of this one is semantic".to_owned()),
        (json!({"text": "a", "mode": "keyword", "hybrid": {"fusion": "rrf"}}), InvalidArgument, "hybrid: is for searches of the mode hybrid, the mode of this one is keyword".to_owned()),
        (json!({"text": "a", "mode": "semantic", "min_parts": {"semantic": 0.5}}), InvalidArgument, "min_parts: is for searches of the mode hybrid, the mode of this one is semantic; set min_score".to_owned()),
        (json!({"vector": [1, 2, 3, 4, 5, 6, 7, 8], "mode": "keyword", "text": "a"}), InvalidArgument, format!("vector: {vectors}")),
        (json!({"id": "titanic", "mode": "keyword"}), InvalidArgument, "text: is missing, a search by words is by text (and 1 more)".to_owned()),
        (json!({"text": "a", "field": "title", "params": {"ef": 5}, "mode": "keyword"}), InvalidArgument, format!("field: {vectors} (and 1 more)")),
        (json!({"text": "a", "params": {"rescore": true}, "mode": "keyword"}), InvalidArgument, format!("params: {vectors}")),
        (json!({"text": "", "mode": "keyword"}), InvalidText, "text: is empty or blank, or no token of it remains".to_owned()),
        (json!({"text": "a", "mode": "keyword", "min_score": NAN}), InvalidArgument, "min_score: is not a finite 32-bit float".to_owned()),
        (json!({"text": "a", "mode": "keyword", "limit": 10_000, "offset": 1}), LimitExceeded, "limit plus offset: is 10001, allowed are at most 10000 (result_window)".to_owned()),
        (json!({"mode": "hybrid"}), InvalidArgument, missing.to_owned()),
        (json!({"mode": "hybrid", "vector": [1, 2, 3, 4, 5, 6, 7, 8]}), InvalidArgument, missing.to_owned()),
        (json!({"text": "a", "mode": "hybrid", "min_score": 0.5}), InvalidArgument, "min_score: says nothing in a hybrid search".to_owned()),
        (json!({"text": "a", "mode": "hybrid", "min_parts": {"keyword": NAN}}), InvalidArgument, "min_parts.keyword: is not a finite 32-bit float".to_owned()),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"k": 60}}), InvalidArgument, "hybrid.k: is for the fusion rrf, this one is adaptive".to_owned()),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"fusion": "rrf", "k": -1}}), InvalidArgument, format!("hybrid.k: {number}")),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"fusion": "rrf", "k": NAN}}), InvalidArgument, format!("hybrid.k: {number}")),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"weights": {"keyword": 2}}}), InvalidArgument, "hybrid.weights: are for the fusions rrf and weighted".to_owned()),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"fusion": "weighted", "weights": {"keyword": -2}}}), InvalidArgument, format!("hybrid.weights.keyword: {number}")),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"fusion": "weighted", "weights": {"semantic": NAN}}}), InvalidArgument, format!("hybrid.weights.semantic: {number}")),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"fusion": "rrf", "weights": {"semantic": 0, "keyword": 0}}}), InvalidArgument, "hybrid.weights: are both 0, nothing counts then".to_owned()),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"depth": 0}}), InvalidArgument, "hybrid.depth: must be at least 1".to_owned()),
        (json!({"text": "a", "mode": "hybrid", "hybrid": {"depth": 10_001}}), LimitExceeded, "hybrid.depth: is 10001, allowed are at most 10000 (result_window)".to_owned()),
        (json!({"text": "a", "mode": "hybrid", "limit": 60, "offset": 41}), InvalidArgument, "limit plus offset: is 101, allowed are at most the 100 candidates of hybrid.depth, which may be up to 10000".to_owned()),
        (json!({"text": "a", "vector": [1, 2], "mode": "hybrid"}), akidb_core::ErrorCode::DimensionMismatch, "vector: has 2 values".to_owned()),
    ];
    let mut cases = Vec::new();
    for (search, code, says) in wrong {
        cases.push(refused(Search, FILMS, search.clone(), code, says.clone()));
        let batch = json!({"searches": [{"text": "a"}, search]});
        cases.push(refused(SearchBatch, FILMS, batch, code, format!("searches[1].{says}")));
    }
    let alone = "exactly one of text, vector and id must be given; a text with a vector beside it is for the mode hybrid";
    cases.push(refused(Search, FILMS, json!({"text": "a", "vector": [1, 2, 3, 4, 5, 6, 7, 8]}), InvalidArgument, alone));
    cases.push(refused(Search, POINTS, json!({"text": "a", "mode": "hybrid"}), ModelMismatch, "the collection has no model"));
    cases.push(refused(Search, FILMS, json!({"text": "a", "mode": "both"}), InvalidArgument, "mode: ").in_own_words());
    cases.push(refused(Search, FILMS, json!({"text": "a", "mode": "hybrid", "hybrid": {"fusion": "dbsf"}}), InvalidArgument, "hybrid.fusion: ").in_own_words());
    cases
}
