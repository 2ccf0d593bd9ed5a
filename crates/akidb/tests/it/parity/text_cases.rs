//! Cases of filters on texts: a part of the text, and words.

use akidb_core::ErrorCode::InvalidFilter;
use serde_json::{Value, json};

use super::{
    cases::{Case, FILMS, POINTS, refused, works},
    request::Operation::{Count, DeleteDocuments, Facets, GetDocuments, Scroll, Search},
};

/// Answered alike, whatever asks for the documents.
#[rustfmt::skip] // A case is a line.
pub(crate) fn good() -> Vec<Case> {
    let count = |text: Value, count: u64| works(Count, FILMS, json!({"filter": {"$text": text}})).with("/count", json!(count)).with("/unknown_fields", Value::Null);
    vec![
        count(json!({"$contains": "iceberg"}), 1),
        count(json!({"$contains": "ICEBERG"}), 0),
        count(json!({"$contains": "s a bigger b"}), 1),
        count(json!({"$contains": "думает 🌊 о"}), 1),
        count(json!({"$contains": "?!"}), 1),
        count(json!({"$match": "ICEBERGS planet"}), 2),
        count(json!({"$match": "\"bigger boat\""}), 1),
        count(json!({"$match": "\"boat bigger\""}), 0),
        count(json!({"$match": "meets -shark"}), 1),
        count(json!({"$match": "-shark"}), 0),
        count(json!({"$match": "ice*"}), 1),
        count(json!({"$match": "?!"}), 0),
        count(json!({"$not": {"$match": "meets"}}), 10),
        count(json!({"$match": "meets", "$contains": "boat", "$not": {"$contains": "iceberg"}}), 1),
        works(Count, FILMS, json!({"filter": {"$or": [{"year": 2008}, {"$text": {"$match": "iceberg"}}]}})).with("/count", json!(2)),
        works(Count, FILMS, json!({"filter": {"$not": {"$text": {"$contains": "e"}}, "year": {"$exists": true}}})).with("/count", json!(1)),
        works(Search, FILMS, json!({"text": "a", "filter": {"$text": {"$match": "iceberg"}}})).with("/hits/0/id", json!("titanic")).with("/hits/1", Value::Null),
        works(Search, FILMS, json!({"text": "meets", "mode": "keyword", "filter": {"$text": {"$contains": "bigger"}}})).with("/hits/0/id", json!(2)).with("/hits/1", Value::Null),
        works(Search, FILMS, json!({"text": "a", "mode": "hybrid", "filter": {"$text": {"$contains": "boat"}}})).with("/hits/0/id", json!(2)).with("/hits/1", Value::Null),
        works(Search, FILMS, json!({"text": "a", "group_by": {"field": "year"}, "filter": {"$text": {"$match": "meets"}}})).with("/groups/2", Value::Null),
        works(Scroll, FILMS, json!({"filter": {"$text": {"$contains": "planet"}}})).with("/documents/0/id", json!("2")).with("/documents/1", Value::Null),
        works(Scroll, FILMS, json!({"filter": {"$text": {"$match": "meets"}}, "order_by": {"field": "year", "direction": "asc"}})).with("/documents/0/id", json!("titanic")).with("/documents/1/id", json!(2)).with("/documents/2", Value::Null),
        works(GetDocuments, FILMS, json!({"filter": {"$text": {"$match": "Океан"}}})).with("/documents/0/id", json!("солярис")).with("/documents/1", Value::Null),
        works(Facets, FILMS, json!({"filter": {"$text": {"$match": "meets"}}, "facets": [{"field": "lang"}]})).with("/count", json!(2)),
        works(DeleteDocuments, FILMS, json!({"filter": {"$text": {"$match": "submarine"}}})).with("/deleted", json!(0)),
        works(Count, POINTS, json!({"filter": {"$text": {"$contains": "a"}}})).with("/count", json!(0)),
    ]
}

/// Refused at their place.
#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong() -> Vec<Case> {
    let of = |filter: Value, says: &str| refused(Count, FILMS, json!({"filter": filter}), InvalidFilter, says);
    vec![
        of(json!({"$text": "ship"}), "filter.$text: must have operators, write {\"$text\": {\"$contains\": \"..\"}}"),
        of(json!({"$text": {}}), "filter.$text: must have operators"),
        of(json!({"$text": {"$contains": ""}}), "filter.$text.$contains: is empty"),
        of(json!({"$text": {"$match": 5}}), "filter.$text.$match: must be a string, is a number"),
        of(json!({"$text": {"$contains": ["a"]}}), "filter.$text.$contains: must be a string, is a list"),
        of(json!({"$text": {"$search": "a"}}), "filter.$text.$search: is not an operator here, write {\"$text\": {\"$match\": \"..\"}}"),
        of(json!({"$text": {"$eq": "a"}}), "filter.$text.$eq: is not an operator, allowed on the text are $contains $match $not"),
        of(json!({"$text": {"$not": {"$prefix": "a"}}}), "filter.$text.$not.$prefix: is not an operator"),
        of(json!({"$contains": "a"}), "filter.$contains: is an operator of a field or of the text, write {\"$text\": {\"$contains\": \"..\"}}"),
        of(json!({"$text": {"$contains": "x".repeat((1 << 20) + 1)}}), "filter.$text.$contains: has 1048577 bytes, allowed are at most 1048576"),
    ]
}
