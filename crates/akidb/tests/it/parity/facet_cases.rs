//! Cases of facets: how many documents have which values.

use akidb_core::ErrorCode::{InvalidArgument, InvalidFilter, LimitExceeded};
use serde_json::{Value, json};

use super::{
    cases::{Case, FILMS, POINTS, refused, works},
    request::Operation::Facets,
};

/// One facet, counted alone.
fn one(collection: &str, facet: Value) -> Case {
    works(Facets, collection, json!({"facets": [facet]}))
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn good() -> Vec<Case> {
    let year = json!({"field": "year"});
    let none = json!([]);
    vec![
        one(FILMS, year.clone()).with("/count", json!(12)).with("/facets/0", json!({"field": "year", "values": [{"value": 1972, "count": 1}, {"value": 1997, "count": 1}, {"value": 2008, "count": 1}], "distinct": 3, "other": 0, "truncated": false, "missing": 9})).with("/unknown_fields", Value::Null),
        one(FILMS, json!({"field": "year", "limit": 1})).with("/facets/0/values", json!([{"value": 1972, "count": 1}])).with("/facets/0/other", json!(2)).with("/facets/0/truncated", json!(true)),
        one(FILMS, json!({"field": "year", "limit": 10_000, "borders": null, "interval": null})).with("/facets/0/distinct", json!(3)),
        one(FILMS, json!({"field": "genres"})).with("/facets/0/values", json!([{"value": "drama", "count": 1}, {"value": "romance", "count": 1}])).with("/facets/0/missing", json!(11)),
        one(FILMS, json!({"field": "released"})).with("/facets/0/values", json!([{"value": "1972-03-20", "count": 1}])),
        one(FILMS, json!({"field": "n"})).with("/facets/0/values", json!([{"value": u64::MAX, "count": 1}])),
        one(FILMS, json!({"field": "rating"})).with("/facets/0/values/0/value", json!(8.4)),
        one(FILMS, json!({"field": "crew"})).with("/facets/0/values", none.clone()).with("/facets/0/missing", json!(12)).with("/unknown_fields", Value::Null),
        one(FILMS, json!({"field": "crew.director"})).with("/facets/0/values/0/value", json!("Spielberg")),
        one(POINTS, json!({"field": "a.b.c"})).with("/facets/0/values", json!([{"value": true, "count": 1}, {"value": 1, "count": 1}, {"value": 2.5, "count": 1}, {"value": "x", "count": 1}])),
        one(POINTS, json!({"field": "whole_float"})).with("/facets/0/values", json!([{"value": 1, "count": 1}])),
        one(FILMS, json!({"field": "year", "borders": [1972.5, 2008]})).with("/facets/0", json!({"field": "year", "ranges": [{"to": 1972.5, "count": 1}, {"from": 1972.5, "to": 2008, "count": 1}, {"from": 2008, "count": 1}], "distinct": 3, "other": 0, "truncated": false, "missing": 9})),
        one(FILMS, json!({"field": "released", "borders": ["1972-03-20T00:00:00Z"]})).with("/facets/0/ranges", json!([{"to": "1972-03-20T00:00:00Z", "count": 0}, {"from": "1972-03-20T00:00:00Z", "count": 1}])),
        one(FILMS, json!({"field": "released", "borders": [1972]})).with("/facets/0/missing", json!(12)),
        one(FILMS, json!({"field": "released", "interval": "month"})).with("/facets/0", json!({"field": "released", "ranges": [{"from": "1972-03-01T00:00:00Z", "to": "1972-04-01T00:00:00Z", "count": 1}], "distinct": 1, "other": 0, "truncated": false, "missing": 11})),
        one(FILMS, json!({"field": "released", "interval": "YEAR", "limit": 1})).with("/facets/0/ranges/0/from", json!("1972-01-01T00:00:00Z")),
        one(FILMS, json!({"field": "released", "interval": "day"})).with("/facets/0/ranges/0/to", json!("1972-03-21T00:00:00Z")),
        one(FILMS, json!({"field": "released", "interval": "hour"})).with("/facets/0/ranges/0/to", json!("1972-03-20T01:00:00Z")),
        one(FILMS, json!({"field": "year", "interval": "hour"})).with("/facets/0/ranges", none.clone()).with("/facets/0/missing", json!(12)),
        one(FILMS, json!({"field": "yaer"})).with("/facets/0/values", none.clone()).with("/unknown_fields", json!(["yaer"])),
        works(Facets, FILMS, json!({"filter": {"lang": "en", "nope": null}, "facets": [year, {"field": "yaer"}, {"field": "year", "borders": [2000]}]}))
            .with("/count", json!(1)).with("/facets/0/values", json!([{"value": 1997, "count": 1}])).with("/facets/2/ranges/1/count", json!(0)).with("/unknown_fields", json!(["nope", "yaer"])),
        works(Facets, FILMS, json!({"filter": {"lang": "xx"}, "facets": [year]})).with("/count", json!(0)).with("/facets/0/values", none).with("/facets/0/missing", json!(0)),
        works(Facets, FILMS, json!({"filter": null, "facets": vec![year; 20]})).with("/facets/19/distinct", json!(3)),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong() -> Vec<Case> {
    let year = json!({"field": "year"});
    let wrong = [
        (json!({"field": ""}), InvalidArgument, "field: must name a field of the metadata, and is empty".to_owned()),
        (json!({"field": "$id"}), InvalidArgument, "field: must name a field of the metadata, none of which begins with a dollar".to_owned()),
        (json!({"field": "x".repeat(257)}), InvalidArgument, "field: has 257 bytes, allowed are at most 256".to_owned()),
        (json!({"field": "year", "limit": 0}), InvalidArgument, "limit: must be at least 1".to_owned()),
        (json!({"field": "year", "limit": 10_001}), LimitExceeded, "limit: is 10001, allowed are at most 10000 (result_window)".to_owned()),
        (json!({"field": "year", "limit": u64::MAX}), LimitExceeded, "(result_window)".to_owned()),
        (json!({"field": "year", "limit": 5, "borders": [1]}), InvalidArgument, "limit: says nothing beside borders".to_owned()),
        (json!({"field": "year", "interval": "day", "borders": [1]}), InvalidArgument, "interval: stands beside borders, a facet has one of both".to_owned()),
        (json!({"field": "year", "borders": []}), InvalidArgument, "borders: must have at least one border".to_owned()),
        (json!({"field": "year", "borders": [1, null]}), InvalidArgument, "borders[1]: must be a number, or a date as a string".to_owned()),
        (json!({"field": "year", "borders": ["b"]}), InvalidArgument, "borders[0]: must be a number, or a date as a string".to_owned()),
        (json!({"field": "year", "borders": [[1]]}), InvalidArgument, "borders[0]: must be a number".to_owned()),
        (json!({"field": "year", "borders": [1, "2020-01-01"]}), InvalidArgument, "borders[1]: must be of the kind of the first border".to_owned()),
        (json!({"field": "year", "borders": [1, 1.0]}), InvalidArgument, "borders[1]: must be above the border before it".to_owned()),
        (json!({"field": "year", "borders": (0..10_001).collect::<Vec<_>>()}), LimitExceeded, "borders: is 10001, allowed are at most 10000 (result_window)".to_owned()),
    ];
    let mut cases: Vec<Case> = Vec::new();
    for (facet, code, says) in wrong {
        let says = if says.starts_with('(') { says } else { format!("facets[1].{says}") };
        cases.push(refused(Facets, FILMS, json!({"facets": [year, facet]}), code, says));
    }
    cases.extend([
        refused(Facets, FILMS, json!({"facets": []}), InvalidArgument, "facets: must have at least one"),
        refused(Facets, FILMS, json!({"facets": vec![year.clone(); 21]}), LimitExceeded, "facets: is 21, allowed are at most 20 (batch_facets)"),
        refused(Facets, FILMS, json!({"facets": [{"field": ""}, {"field": "$"}]}), InvalidArgument, "facets[0].field: must name a field of the metadata, and is empty (and 1 more)"),
        refused(Facets, FILMS, json!({"facets": [year], "filter": {"$nope": 1}}), InvalidFilter, "filter.$nope"),
        refused(Facets, FILMS, json!({"facets": [{"field": "year", "interval": "week"}]}), InvalidArgument, "facets[0].interval: ").in_own_words(),
    ]);
    cases
}
