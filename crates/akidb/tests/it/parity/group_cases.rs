//! Cases of hits in groups, and in the order of a field.

use akidb_core::ErrorCode::{InvalidArgument, LimitExceeded};
use serde_json::{Value, json};

use super::{
    cases::{Case, FILMS, POINTS, refused, works},
    request::Operation::{Search, SearchBatch},
};

#[rustfmt::skip] // A case is a line.
pub(crate) fn good() -> Vec<Case> {
    let with = |key: &str, value: Value, more: Value| {
        let mut search = json!({"text": "meets", key: value});
        search.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        works(Search, FILMS, search)
    };
    let group = |value: Value, more: Value| with("group_by", value, more);
    let order = |value: Value, more: Value| with("order_by", value, more);
    let words = json!({"mode": "keyword"});
    let both = json!({"mode": "hybrid"});
    vec![
        // Two films have the word, one of them has a year.
        group(json!({"field": "year"}), words.clone()).with("/hits", json!([])).with("/groups/2", Value::Null).with("/groups/1/hits/1", Value::Null),
        group(json!({"field": "lang", "size": 1}), json!({"mode": "keyword", "filter": {"lang": "en"}})).with("/groups/0/value", json!("en")).with("/groups/0/hits/0/id", json!("titanic")).with("/groups/1", Value::Null),
        group(json!({"field": "genres"}), json!({"filter": {"year": 1997}})).with("/groups/0/value", json!("drama")).with("/groups/1", Value::Null),
        group(json!({"field": "crew"}), words.clone()).with("/groups/0/value", Value::Null).with("/groups/0/hits/2", Value::Null).with("/groups/1", Value::Null).with("/unknown_fields", Value::Null),
        group(json!({"field": "yaer", "size": null}), words).with("/groups/0/value", Value::Null).with("/unknown_fields", json!(["yaer"])),
        group(json!({"field": "year", "size": 10_000}), json!({"limit": 1})).with("/groups/1", Value::Null),
        group(json!({"field": "year", "size": 2}), json!({"limit": 4, "include": []})).with("/groups/3/hits/2", Value::Null).with("/groups/4", Value::Null),
        group(json!({"field": "year", "size": 2}), json!({"limit": 10, "offset": 3, "explain": true})).with("/groups/1", Value::Null),
        group(json!({"field": "year", "size": 2}), both.clone()).with("/groups/3/hits/2", Value::Null).with("/groups/4", Value::Null),
        group(json!({"field": "year"}), json!({"filter": {"year": 1}})).with("/groups", json!([])).with("/hits", json!([])),
        works(Search, POINTS, json!({"vector": [1, 0, 0], "group_by": {"field": "zero", "size": 1}})).with("/groups/0/value", json!(0)).with("/groups/1/value", Value::Null).with("/groups/2", Value::Null),
        works(SearchBatch, FILMS, json!({"searches": [{"text": "meets"}, {"text": "meets", "group_by": {"field": "year"}, "limit": 1}]})).with("/results/0/groups", Value::Null).with("/results/1/hits", json!([])),
        order(json!({"field": "year"}), json!({"limit": 3})).with("/hits/0/id", json!("солярис")).with("/hits/2/id", json!("2")).with("/groups", Value::Null),
        order(json!({"field": "year", "direction": "desc", "candidates": 12}), json!({"limit": 2, "offset": 1, "include": []})).with("/hits/0/id", json!("titanic")).with("/hits/0/metadata", Value::Null).with("/hits/1/id", json!("солярис")),
        order(json!({"field": "year", "candidates": 10}), json!({"mode": "keyword"})).with("/hits/0/id", json!("titanic")).with("/hits/1/id", json!(2)),
        order(json!({"field": "year"}), both).with("/hits/0/id", json!("солярис")),
        order(json!({"field": "yaer", "candidates": 1}), json!({"limit": 1})).with("/hits/1", Value::Null).with("/unknown_fields", json!(["yaer"])),
        order(Value::Null, json!({"group_by": null})).with("/groups", Value::Null),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong() -> Vec<Case> {
    let wrong = [
        (json!({"group_by": {"field": ""}}), InvalidArgument, "group_by.field: must name a field of the metadata, and is empty"),
        (json!({"group_by": {"field": "$id"}}), InvalidArgument, "group_by.field: must name a field of the metadata, none of which begins with a dollar"),
        (json!({"group_by": {"field": "year", "size": 0}}), InvalidArgument, "group_by.size: must be at least 1"),
        (json!({"group_by": {"field": "year", "size": 10_001}}), LimitExceeded, "group_by.size: is 10001, allowed are at most 10000 (result_window)"),
        (json!({"group_by": {"field": "year", "size": 1_001}}), LimitExceeded, "group_by.size: makes 10010 hits of 10 groups, allowed are at most 10000 (result_window)"),
        (json!({"group_by": {"field": "year", "size": u64::MAX}}), LimitExceeded, "group_by.size: is 18446744073709551615"),
        (json!({"group_by": {"field": "year"}, "order_by": {"field": "year"}}), InvalidArgument, "order_by: stands beside group_by"),
        (json!({"group_by": {"field": "year"}, "rerank": {"model": "any"}}), InvalidArgument, "group_by: stands beside rerank"),
        (json!({"order_by": {"field": "year"}, "rerank": {"model": "any"}}), InvalidArgument, "order_by: stands beside rerank"),
        (json!({"order_by": {"field": "$"}}), InvalidArgument, "order_by.field: must name a field"),
        (json!({"order_by": {"field": "year", "candidates": 0}}), InvalidArgument, "order_by.candidates: must be at least 1"),
        (json!({"order_by": {"field": "year", "candidates": 10_001}}), LimitExceeded, "order_by.candidates: is 10001, allowed are at most 10000 (result_window)"),
        (json!({"order_by": {"field": "year"}, "limit": 60, "offset": 41}), InvalidArgument, "limit plus offset: is 101, allowed are at most the 100 candidates of order_by.candidates, which may be up to 10000"),
    ];
    let mut cases = Vec::new();
    for (more, code, says) in wrong {
        let mut search = json!({"text": "a"});
        search.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cases.push(refused(Search, FILMS, search.clone(), code, says));
        let batch = json!({"searches": [{"text": "a"}, search]});
        cases.push(refused(SearchBatch, FILMS, batch, code, format!("searches[1].{says}")));
    }
    let direction = json!({"text": "a", "order_by": {"field": "year", "direction": "up"}});
    cases.push(refused(Search, FILMS, direction, InvalidArgument, "order_by.direction: ").in_own_words());
    cases
}
