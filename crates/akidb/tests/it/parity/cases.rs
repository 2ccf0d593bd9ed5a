//! The cases: what is asked, and what both doors answer.
//!
//! A line adds a case. They run in order, and later ones see what earlier ones wrote.

use akidb_core::ErrorCode::{self, *};
use serde_json::{Value, json};

use super::request::{
    CURSOR, MADE_ID, NAN,
    Operation::{self, *},
    Request,
};

/// Texts, embedded by the node's model.
pub(super) const FILMS: &str = "films";
/// Vectors of three values by cosine.
pub(super) const POINTS: &str = "points";
/// Vectors of three values by the inner product.
pub(super) const DOTS: &str = "dots";
/// Texts, cut into passages.
const BOOKS: &str = "books";
/// Vectors of two values by the Euclidean distance.
const FLAT: &str = "flat";
/// Named vector fields alone.
const FIELDS: &str = "fields";

/// A request, and what it must come to.
pub(crate) struct Case {
    pub(crate) request: Request,
    pub(crate) expect: Expect,
    /// The doors refuse it with the same code, but speak of it each in the terms of its wire.
    pub(crate) in_own_words: bool,
}

/// What a request comes to, through either door.
pub(crate) enum Expect {
    /// An answer with these values at these JSON pointers.
    Answer(Vec<(&'static str, Value)>),
    /// A fault of this code whose message has these words; nothing is changed.
    Refusal(ErrorCode, String),
}

impl Case {
    /// The answer also has this value at this JSON pointer.
    pub(super) fn with(mut self, pointer: &'static str, value: Value) -> Self {
        if let Expect::Answer(parts) = &mut self.expect {
            parts.push((pointer, value));
        }
        self
    }

    fn in_own_words(self) -> Self {
        Self { in_own_words: true, ..self }
    }
}

pub(super) fn works(operation: Operation, collection: &str, body: Value) -> Case {
    let request = Request::new(operation, collection, body);
    Case { request, expect: Expect::Answer(Vec::new()), in_own_words: false }
}

pub(super) fn refused(
    operation: Operation,
    collection: &str,
    body: Value,
    code: ErrorCode,
    says: impl Into<String>,
) -> Case {
    let expect = Expect::Refusal(code, says.into());
    Case { expect, ..works(operation, collection, body) }
}

/// Vector fields are made, filled, searched and dropped; what is wrong with one is refused.
#[rustfmt::skip] // A case is a line.
pub(crate) fn fields() -> Vec<Case> {
    vec![
        works(CreateCollection, "", json!({"name": FIELDS, "fields": {"title": {"model": "hash"}, "own": {"dimension": 2, "metric": "dot", "index": {"engine": "exact"}}}}))
            .with("/fields/title/model/name", json!("hash")).with("/fields/own/metric", json!("dot")).with("/fields/own/index/vector_count", json!(0)).with("/dimension", Value::Null).with("/index", Value::Null),
        works(PutField, FIELDS, json!({"field": "cut", "chunking": {"tokens": 16}})).with("/created", json!(true)).with("/fields/cut/chunking/tokens", json!(16)),
        works(PutField, FIELDS, json!({"field": "own", "dimension": 2, "metric": "dot"})).with("/created", json!(false)),
        works(Upsert, FIELDS, json!({"documents": [{"id": 1, "texts": {"title": "A boat on a lake"}, "vectors": {"own": [1, 2]}, "metadata": {"a": 1}}, {"id": 2, "vectors": {"own": [2, 1]}}, {"id": 3, "texts": {"cut": "one two three four"}}, {"id": 4}]})),
        works(GetDocuments, FIELDS, json!({"ids": [1, 2, 3, 4], "include": ["text", "metadata", "vector"]})).with("/documents/0/texts/title", json!("A boat on a lake")).with("/documents/1/vectors/own", json!([2.0, 1.0])).with("/documents/3/vectors", Value::Null),
        works(Search, FIELDS, json!({"field": "own", "vector": [1, 0]})).with("/hits/0/id", json!(2)).with("/hits/1/texts/title", json!("A boat on a lake")),
        works(Search, FIELDS, json!({"field": "title", "text": "A boat on a lake", "include": ["vector"]})).with("/hits/0/id", json!(1)),
        works(Search, FIELDS, json!({"field": "cut", "text": "one two"})).with("/hits/0/id", json!(3)).with("/hits/0/passage/start", json!(0)),
        works(Search, FIELDS, json!({"field": "own", "id": 1})).with("/hits/0/id", json!(2)),
        works(Count, FIELDS, json!({})).with("/count", json!(4)),
        works(Count, FIELDS, json!({"filter": {"a": {"$exists": false}}})).with("/count", json!(3)),
        works(PatchMetadata, FIELDS, json!({"id": 1, "texts": {"title": "Rain"}, "vectors": {"own": null}})).with("/texts/title", json!("Rain")),
        works(Search, FIELDS, json!({"field": "own", "vector": [1, 0]})).with("/hits/1", Value::Null),
        refused(Search, FIELDS, json!({"field": "nope", "vector": [1, 0]}), FieldNotFound, "no vector field is named \"nope\", there are cut, own, title"),
        refused(Search, FIELDS, json!({"vector": [1, 0]}), FieldNotFound, "there is no unnamed vector field, name one of cut, own, title"),
        refused(Search, FIELDS, json!({"field": "own", "text": "a"}), ModelMismatch, "the vector field own has no model"),
        refused(Search, FIELDS, json!({"field": "own", "id": 4}), InvalidArgument, "id: is of a document without a vector"),
        refused(Search, FIELDS, json!({"field": "a/b", "vector": [1, 0]}), InvalidName, "field: \"a/b\" is not"),
        refused(Upsert, FIELDS, json!({"documents": [{"id": 5, "vector": [1, 2]}]}), FieldNotFound, "there is no unnamed vector field"),
        refused(Upsert, FIELDS, json!({"documents": [{"id": 5, "texts": {"own": "a"}}]}), ModelMismatch, "documents[0].texts.own: the vector field own has no model"),
        refused(Upsert, FIELDS, json!({"documents": [{"id": 5, "vectors": {"own": [1]}}]}), DimensionMismatch, "documents[0].vectors.own: has 1 values"),
        refused(Upsert, FIELDS, json!({"documents": [{"id": 5, "texts": {"nope": "a"}}]}), FieldNotFound, "documents[0].texts.nope: no vector field"),
        refused(PutField, FIELDS, json!({"field": "own", "dimension": 3, "metric": "dot"}), FieldExists, "\"own\" exists already, with another dimension"),
        refused(PutField, FIELDS, json!({"field": "a.b", "dimension": 3}), InvalidName, "field: \"a.b\" is not"),
        works(DropField, FIELDS, json!({"field": "cut"})),
        refused(DropField, FIELDS, json!({"field": "cut"}), FieldNotFound, "no vector field is named \"cut\", there are own, title"),
        works(Count, FIELDS, json!({})).with("/count", json!(4)),
        works(DropField, FIELDS, json!({"field": "own"})),
        refused(DropField, FIELDS, json!({"field": "title"}), InvalidArgument, "the only vector field"),
        works(DeleteCollection, FIELDS, json!({})),
    ]
}

/// Collections are made, listed, described and changed.
#[rustfmt::skip] // A case is a line.
pub(crate) fn collections() -> Vec<Case> {
    vec![
        works(ListCollections, "", json!({})).with("/collections", json!([])),
        works(ListTasks, "", json!({})).with("/tasks", json!([])),
        works(CreateCollection, "", json!({"name": FILMS})).with("/model/name", json!("hash")).with("/index/engine", json!("hnsw")).with("/index/ef", json!(100)).with("/index/vector_count", json!(0)),
        works(CreateCollection, "", json!({"name": POINTS, "dimension": 3}))
            .with("/metric", json!("cosine")),
        works(CreateCollection, "", json!({"name": DOTS, "dimension": 3, "metric": "DotProduct", "index": {"engine": "exact"}}))
            .with("/metric", json!("dot")),
        works(CreateCollection, "", json!({"name": FLAT, "dimension": 2, "metric": "Euclidean", "description": "ünïcode 🗺"}))
            .with("/description", json!("ünïcode 🗺")),
        works(CreateCollection, "", json!({"name": "0-_Z", "model": "hash", "dimension": 8, "index": {}, "description": ""})),
        works(CreateCollection, "", json!({"name": "x".repeat(64), "dimension": 16384, "model": null})),
        works(UpdateCollection, FILMS, json!({"description": "films up to 2024"}))
            .with("/description", json!("films up to 2024")),
        works(UpdateCollection, FILMS, json!({})).with("/description", json!("films up to 2024")),
        works(UpdateCollection, FILMS, json!({"description": ""})).with("/description", Value::Null),
        works(UpdateCollection, FLAT, json!({"description": null})).with("/description", Value::Null),
        works(DescribeCollection, FILMS, json!({})).with("/document_count", json!(0)),
        works(PutCollection, "put", json!({"dimension": 3, "index": {"ef": 50}})).with("/created", json!(true)).with("/index/ef", json!(50)),
        works(PutCollection, "put", json!({"dimension": 3})).with("/created", json!(false)).with("/index/ef", json!(50)),
        works(PutCollection, "put", json!({"dimension": 3, "metric": "COSINE", "index": {"m": 16, "ef": 50}, "description": ""})).with("/created", json!(false)),
        works(PutCollection, FILMS, json!({"model": "hash"})).with("/created", json!(false)),
        works(PutCollection, FILMS, json!({})).with("/created", json!(false)),
        works(UpdateCollection, "put", json!({"name": "renamed", "description": "once put"})).with("/name", json!("renamed")).with("/description", json!("once put")),
        works(UpdateCollection, "renamed", json!({"name": "renamed"})).with("/name", json!("renamed")),
        works(PutCollection, "put", json!({"dimension": 2})).with("/created", json!(true)),
        works(DeleteCollection, "put", json!({})),
        works(DeleteCollection, "renamed", json!({})),
        works(DeleteCollection, &"x".repeat(64), json!({})),
        works(ChangeAliases, "", json!({"actions": [{"create": {"alias": "cinema", "collection": FILMS}}, {"set": {"alias": "a", "collection": "cinema"}}, {"set": {"alias": "b", "collection": POINTS}}]}))
            .with("/aliases", json!([{"alias": "a", "collection": FILMS}, {"alias": "b", "collection": POINTS}, {"alias": "cinema", "collection": FILMS}])),
        works(DescribeCollection, "cinema", json!({})).with("/name", json!(FILMS)).with("/aliases", json!(["a", "cinema"])),
        works(ListAliases, "a", json!({})).with("/aliases/1/alias", json!("cinema")),
        works(UpdateCollection, "a", json!({"name": "films-2"})).with("/name", json!("films-2")).with("/aliases/0", json!("a")),
        works(ListAliases, "", json!({})).with("/aliases/2/collection", json!("films-2")),
        works(UpdateCollection, "films-2", json!({"name": FILMS})),
        works(PutCollection, "cinema", json!({"model": "hash"})).with("/created", json!(false)).with("/name", json!(FILMS)),
        works(ChangeAliases, "", json!({"actions": [{"delete": {"alias": "a"}}, {"create": {"alias": "a", "collection": POINTS}}, {"set": {"alias": "b", "collection": "cinema"}}, {"delete": {"alias": "cinema"}}, {"set": {"alias": "b", "collection": "b"}}]}))
            .with("/aliases", json!([{"alias": "a", "collection": POINTS}, {"alias": "b", "collection": FILMS}])),
        works(ChangeAliases, "", json!({"actions": []})).with("/aliases/0/alias", json!("a")),
        works(ChangeAliases, "", json!({"actions": [{"delete": {"alias": "a"}}, {"delete": {"alias": "b"}}]})).with("/aliases", json!([])),
        works(DeleteCollection, "0-_Z", json!({})).with("/deleted", json!(true)),
        works(ListCollections, "", json!({})).with("/collections/0/name", json!(DOTS)),
    ]
}

/// Documents are written, read and changed.
#[rustfmt::skip] // A case is a line.
pub(crate) fn documents() -> Vec<Case> {
    let numbers = json!({
        "i64_min": i64::MIN, "i64_max": i64::MAX, "u64_max": u64::MAX, "beyond_f64": 9_007_199_254_740_993_i64,
        "float": 0.1, "whole_float": 1.0, "tiny": 5e-324, "huge": -1.7976931348623157e308, "zero": 0,
    });
    let nested = json!({"a": {"b": [{"c": [1, 2.5, null, true, "x"]}, [], {}]}, "dotted.key": 1, "ключ": "значение", "🗝": "🚪"});
    vec![
        works(Upsert, FILMS, json!({"documents": [
            {"id": "titanic", "text": "a ship meets an iceberg", "metadata": {"year": 1997, "lang": "en", "genres": ["drama", "romance"]}},
            {"id": 2, "text": "a shark meets a small town", "metadata": {"year": 1975, "lang": "en"}},
            {"id": "2", "text": "two robots clean a planet", "metadata": {"year": 2008, "rating": 8.4}},
            {"id": "солярис", "text": "Океан думает 🌊 о нас", "metadata": {"year": 1972, "lang": "ru", "released": "1972-03-20"}},
        ]})).with("/results/1/status", json!("created")).with("/results/1/tokens", json!(6)),
        works(Upsert, FILMS, json!({"documents": [{"id": 2, "text": "a shark meets a bigger boat", "metadata": {"year": 1975}}]}))
            .with("/results/0/status", json!("updated")),
        works(Upsert, FILMS, json!({"documents": [{"id": "vector and text", "text": "both", "vector": [1, 2, 3, 4, 5, 6, 7, 8.5]}]})),
        works(Upsert, FILMS, json!({"documents": [{"id": "vector alone", "vector": [0.1, 0, 0, 0, 0, 0, 0, -1e-3], "metadata": {}}]})),
        works(Upsert, FILMS, json!({"documents": [{"id": "long", "text": "word ".repeat(600)}]}))
            .with("/results/0/truncated", json!(true)),
        works(Upsert, FILMS, json!({"documents": [{"id": "no words", "text": "?! \u{200b}"}, {"id": null, "text": "made"}]}))
            .with("/results/1/id", json!("a UUIDv7")),
        works(GetDocument, FILMS, json!({"id": MADE_ID})).with("/text", json!("made")),
        works(Upsert, FILMS, json!({"documents": [{"text": "once"}, {"text": "once"}], "idempotency_key": "batch-1"}))
            .with("/results/0/id", json!("a UUIDv8")).with("/results/1/status", json!("created")),
        works(Upsert, FILMS, json!({"documents": [{"text": "once"}, {"text": "once"}], "idempotency_key": "batch-1"}))
            .with("/results/0/status", json!("updated")).with("/results/1/status", json!("updated")),
        works(Upsert, FILMS, json!({"documents": [{"text": "once"}], "idempotency_key": "!".repeat(255)}))
            .with("/results/0/status", json!("created")),
        works(Upsert, POINTS, json!({"documents": [
            {"id": i64::MIN, "vector": [1, 0, 0], "metadata": numbers},
            {"id": i64::MAX, "vector": [0, 1, 0], "metadata": nested},
            {"id": 9_007_199_254_740_993_i64, "vector": [0, 0, 1]},
            {"id": "9007199254740993", "vector": [1e38, 1e38, 1e38]},
            {"id": "a/b?c=d&e#f %25+;", "vector": [0.6, 0.8, 0]},
            {"id": "x".repeat(512), "vector": [1e-30, 0, 1e-30]},
        ]})),
        works(Upsert, DOTS, json!({"documents": [{"id": 0, "vector": [0, 0, 0]}, {"id": -1, "vector": [-1, 2, 3.25]}, {"id": 7, "vector": [1, 1, 1]}]})),
        works(Upsert, FLAT, json!({"documents": [{"id": 1, "vector": [0, 0]}, {"id": 2, "vector": [3, 4]}, {"id": 3, "vector": [-0.0, 1]}]})),
        works(GetDocument, POINTS, json!({"id": i64::MIN})).with("/metadata/u64_max", json!(u64::MAX)).with("/metadata/whole_float", json!(1.0)),
        works(GetDocument, POINTS, json!({"id": i64::MAX})).with("/metadata/a/b/0/c/1", json!(2.5)),
        works(GetDocument, POINTS, json!({"id": "a/b?c=d&e#f %25+;", "include": ["vector"]})).with("/vector/0", json!(0.6)),
        works(GetDocument, POINTS, json!({"id": 9_007_199_254_740_993_i64})).with("/metadata", json!({})),
        works(GetDocument, FILMS, json!({"id": "солярис", "include": []})).with("/id", json!("солярис")).with("/text", Value::Null),
        works(GetDocument, FILMS, json!({"id": "2", "include": ["text", "metadata", "vector"]})).with("/metadata/year", json!(2008)),
        works(GetDocument, FILMS, json!({"id": 2})).with("/text", json!("a shark meets a bigger boat")),
        works(GetDocuments, FILMS, json!({"ids": ["2", 2, "nothing", 99, "titanic", 2]})).with("/documents/1/id", json!(2)).with("/documents/3", Value::Null),
        works(GetDocuments, FILMS, json!({"ids": []})).with("/documents", json!([])),
        works(GetDocuments, FILMS, json!({"filter": {"year": {"$gte": 1997}}, "include": ["metadata"]})).with("/documents/1/id", json!("2")),
        works(GetDocuments, FILMS, json!({"filter": {}, "ids": null})).with("/documents/0/id", json!("titanic")),
        works(PatchMetadata, FILMS, json!({"id": 2, "metadata": {"year": null, "crew": {"director": "Spielberg"}}})).with("/metadata", json!({"crew": {"director": "Spielberg"}})),
        works(PatchMetadata, FILMS, json!({"id": 2, "metadata": {"crew": {"writer": "Benchley"}, "n": u64::MAX}})).with("/metadata/crew/director", json!("Spielberg")),
        works(PatchMetadata, FILMS, json!({"id": 2, "metadata": {}})).with("/metadata/n", json!(u64::MAX)),
        works(PatchMetadata, POINTS, json!({"id": "a/b?c=d&e#f %25+;", "metadata": {"k": [1]}})).with("/metadata/k", json!([1])),
        works(GetDocument, FLAT, json!({"id": {"either": "1"}})).with("/id", json!(1)),
        works(GetDocument, FILMS, json!({"id": {"either": "2"}})).with("/id", json!("2")),
        works(PatchMetadata, FLAT, json!({"id": {"either": "2"}, "metadata": {"k": 1}})).with("/id", json!(2)).with("/seq", json!(4)),
        works(PatchMetadata, FLAT, json!({"id": 2, "metadata": {"k": null}, "if_seq": 4})).with("/seq", json!(5)).with("/metadata", json!({})),
        works(PatchMetadata, FLAT, json!({"id": 2, "vector": [3, 4], "text": "far"})).with("/text", json!("far")),
        works(PatchMetadata, FILMS, json!({"id": "long", "text": "short", "metadata": {"was": "long"}})).with("/text", json!("short")).with("/metadata/was", json!("long")),
        works(UpdateDocuments, FILMS, json!({"filter": {"was": "long", "nope": null}, "metadata": {"was": null}})).with("/updated", json!(1)).with("/unknown_fields", json!(["nope"])),
        works(UpdateDocuments, FLAT, json!({"all": true, "metadata": {}})).with("/updated", json!(0)),
        works(Upsert, FLAT, json!({"documents": [{"id": 9, "vector": [1, 1]}], "mode": "create"})).with("/results/0/seq", json!(7)),
        works(Upsert, FLAT, json!({"documents": [{"id": 9, "vector": [1, 2], "if_seq": 7}], "mode": "update"})).with("/results/0/status", json!("updated")),
        works(DeleteDocument, FLAT, json!({"id": {"either": "9"}, "if_seq": 8})),
        works(Count, FILMS, json!({})).with("/count", json!(12)),
        works(Count, FILMS, json!({"filter": null})).with("/count", json!(12)),
        works(Count, FILMS, json!({"filter": {}})).with("/count", json!(12)),
        works(Count, FILMS, json!({"filter": {"genres": "drama"}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"genres": {"$contains": ["drama", "romance"]}}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"$or": [{"lang": "ru"}, {"year": {"$in": [1997, 1998]}}]}})).with("/count", json!(2)),
        works(Count, FILMS, json!({"filter": {"$not": {"year": {"$exists": true}}}})).with("/count", json!(9)),
        works(Count, FILMS, json!({"filter": {"released": {"$lt": "1972-03-20T01:00:00Z"}}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"year": {"$gt": 1971.5, "$lt": 1997.0}}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"lang": {"$nin": ["en"]}, "rating": null}})).with("/count", json!(10)),
        works(Count, FILMS, json!({"filter": {"n": u64::MAX}})).with("/count", json!(1)),
        works(Count, POINTS, json!({"filter": {"beyond_f64": 9_007_199_254_740_993_i64}})).with("/count", json!(1)),
        works(Count, POINTS, json!({"filter": {"beyond_f64": 9_007_199_254_740_992_i64}})).with("/count", json!(0)),
        works(Count, POINTS, json!({"filter": {"a.b.c": 2.5, "ключ": "значение"}})).with("/count", json!(1)),
        works(Scroll, FILMS, json!({"limit": 5})).with("/documents/0/id", json!("titanic")).with("/next_cursor", json!(true)),
        works(Scroll, FILMS, json!({"limit": 5, "cursor": CURSOR, "include": ["vector"]})).with("/next_cursor", json!(true)),
        works(Scroll, FILMS, json!({"limit": 5, "cursor": CURSOR, "include": []})).with("/documents/2", Value::Null).with("/next_cursor", Value::Null),
        works(Scroll, FILMS, json!({"filter": {"year": {"$lt": 2000}}})).with("/documents/0/id", json!("titanic")).with("/next_cursor", Value::Null),
        works(Scroll, FLAT, json!({"limit": 10_000})).with("/documents/2/seq", json!(3)),
        works(Scroll, FLAT, json!({"filter": {"no": "match"}, "limit": 1})).with("/documents", json!([])).with("/unknown_fields", json!(["no"])),
        works(GetDocuments, FLAT, json!({"filter": {}, "limit": 2})).with("/documents/1/id", json!(2)).with("/next_cursor", json!(true)),
        works(GetDocuments, FLAT, json!({"filter": {}, "limit": 2, "cursor": CURSOR})).with("/documents/0/id", json!(3)).with("/next_cursor", Value::Null),
        works(GetDocuments, FILMS, json!({"filter": {"yaer": 1997, "year": 1}})).with("/unknown_fields", json!(["yaer"])),
        works(Count, FILMS, json!({"filter": {"$id": "2"}})).with("/count", json!(1)).with("/unknown_fields", Value::Null),
        works(Count, FILMS, json!({"filter": {"$id": {"$in": [2, "2", "nothing", "солярис"]}}})).with("/count", json!(3)),
        works(Count, FILMS, json!({"filter": {"$id": {"$prefix": "vector"}}})).with("/count", json!(2)),
        works(Count, FILMS, json!({"filter": {"$id": {"$icontains": "СОЛЯ"}}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"genres": {"$prefix": "dr"}, "lang": {"$icontains": "EN"}}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"released": {"$gte": "1972-03-20 00:00:00", "$lt": "1972-03-20T00:00:00.0000000001"}}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"genres": {"$eq": ["drama", "romance"]}}})).with("/count", json!(1)),
        works(Count, FILMS, json!({"filter": {"must": 1, "and": null}})).with("/count", json!(0)).with("/unknown_fields", json!(["must", "and"])),
    ]
}

/// Searches by every kind of query, and their options.
#[rustfmt::skip] // A case is a line.
pub(crate) fn searches() -> Vec<Case> {
    vec![
        works(Search, FILMS, json!({"text": "two robots clean a planet", "limit": 1})).with("/hits/0/id", json!("2")).with("/hits/1", Value::Null),
        works(Search, FILMS, json!({"text": "Океан"})).with("/hits/10", Value::Null),
        works(Search, FILMS, json!({"text": "?!"})),
        works(Search, FILMS, json!({"text": "ship", "filter": {"year": {"$lt": 1980}}, "include": ["metadata"]})).with("/hits/0/metadata/year", json!(1972)),
        works(Search, FILMS, json!({"text": "ship", "filter": {"year": 1}})).with("/hits", json!([])),
        works(Search, FILMS, json!({"text": "ship iceberg", "mode": "semantic", "limit": 2, "offset": 1, "params": {"exact": true}})).with("/hits/2", Value::Null),
        works(Search, FILMS, json!({"text": "ship", "limit": 1, "offset": 9_999})).with("/hits", json!([])),
        works(Search, FILMS, json!({"text": "ship", "limit": 10_000, "offset": 0, "params": {}})).with("/hits/12", Value::Null),
        works(Search, FILMS, json!({"vector": [1, 2, 3, 4, 5, 6, 7, 8.5], "limit": 1, "include": ["vector", "text"]})).with("/hits/0/id", json!("vector and text")),
        works(Search, FILMS, json!({"id": "vector and text", "limit": 3})).with("/hits/3", Value::Null),
        works(Search, FILMS, json!({"id": 2, "limit": 10_000})).with("/hits/11", Value::Null),
        works(Search, FILMS, json!({"text": null, "id": "titanic", "vector": null, "filter": null, "limit": null, "include": null, "params": null, "min_score": null, "mode": null, "offset": null})),
        works(Search, POINTS, json!({"vector": [1, 0, 0], "min_score": 0.59, "include": []})).with("/hits/0/id", json!(i64::MIN)).with("/hits/0/score", json!(1.0)),
        works(Search, POINTS, json!({"vector": [1, 0, 0], "min_score": 1.5})).with("/hits", json!([])),
        works(Search, POINTS, json!({"vector": [3e38, 3e38, 3e38], "limit": 2})).with("/hits/0/id", json!("9007199254740993")),
        works(Search, POINTS, json!({"vector": [1e-40, 0, 1e-40], "limit": 2})),
        works(Search, POINTS, json!({"id": "9007199254740993"})),
        works(Search, DOTS, json!({"vector": [0, 0, 0]})).with("/hits/0/score", json!(0.0)),
        works(Search, DOTS, json!({"vector": [1, 0.5, -2], "min_score": -1e30})).with("/hits/2/id", json!(-1)),
        works(Search, FLAT, json!({"vector": [0, 0]})).with("/hits/2/score", json!(-5.0)),
        works(Search, FLAT, json!({"id": 2, "min_score": -5})).with("/hits/0/id", json!(3)),
        works(SearchBatch, FLAT, json!({"searches": [{"id": 1}, {"vector": [9, 9], "limit": 1, "include": ["vector"]}, {"id": 3, "filter": {"a": 1}}]}))
            .with("/results/1/hits/0/vector", json!([3.0, 4.0])).with("/results/2/hits", json!([])),
        works(SearchBatch, FILMS, json!({"searches": vec![json!({"text": "meets an iceberg a ship", "limit": 1}); 100]})).with("/results/99/hits/0/text", json!("a ship meets an iceberg")),
    ]
}

/// Long texts are cut into passages, and found by them.
#[rustfmt::skip] // A case is a line.
pub(crate) fn passages() -> Vec<Case> {
    let long = format!("{}Океан думает 🌊 о нас.", "The road is long and dull today. ".repeat(4));
    let chunking = json!({"tokens": 9, "overlap": 2});
    vec![
        works(CreateCollection, "", json!({"name": BOOKS, "chunking": chunking})).with("/chunking", chunking),
        works(CreateCollection, "", json!({"name": "windows", "chunking": {}})).with("/chunking", json!({"tokens": 512, "overlap": 0})),
        works(CreateCollection, "", json!({"name": "truncated", "chunking": null})).with("/chunking", Value::Null),
        works(ListCollections, "", json!({})).with("/collections/0/chunking/tokens", json!(9)),
        works(Upsert, BOOKS, json!({"documents": [{"id": 1, "text": long, "metadata": {"a": 1}}, {"id": 2, "text": "a ship"}, {"id": 3, "text": long, "vector": [1, 2, 3, 4, 5, 6, 7, 8]}]}))
            .with("/results/0/passages", json!(5)).with("/results/0/truncated", json!(false)).with("/results/1/passages", json!(1)).with("/results/2/passages", Value::Null),
        works(Upsert, BOOKS, json!({"documents": [{"id": 4, "text": long}]})).with("/results/0/passages", json!(5)).with("/results/0/status", json!("created")),
        works(Count, BOOKS, json!({})).with("/count", json!(4)),
        works(DescribeCollection, BOOKS, json!({})).with("/document_count", json!(4)).with("/index/vector_count", json!(12)).with("/chunking/overlap", json!(2)),
        works(Search, BOOKS, json!({"text": "Океан думает 🌊 о нас", "limit": 1})).with("/hits/0/passage", json!({"start": 132, "end": 153, "text": "Океан думает 🌊 о нас."})),
        works(Search, BOOKS, json!({"text": "a ship", "include": []})).with("/hits/0/passage/text", json!("a ship")).with("/hits/3/passage/start", Value::Null).with("/hits/4", Value::Null),
        works(Search, BOOKS, json!({"id": 1, "include": ["vector"]})).with("/hits/0/id", json!(4)).with("/hits/0/passages/4/end", json!(153)).with("/hits/3", Value::Null).with("/hits/0/vector", Value::Null),
        works(GetDocument, BOOKS, json!({"id": 1, "include": ["vector"]})).with("/passages/1/start", json!(33)).with("/passages/5", Value::Null).with("/vector", Value::Null),
        works(GetDocument, BOOKS, json!({"id": 3, "include": ["vector"]})).with("/vector/7", json!(8.0)).with("/passages", Value::Null),
        works(GetDocument, BOOKS, json!({"id": 1})).with("/passages", Value::Null),
        works(PatchMetadata, BOOKS, json!({"id": 1, "metadata": {"a": 2}})).with("/metadata/a", json!(2)),
        works(Search, BOOKS, json!({"text": "Океан думает 🌊 о нас", "filter": {"a": 2}})).with("/hits/0/passage/start", json!(132)).with("/hits/1", Value::Null),
        works(Scroll, BOOKS, json!({"include": ["vector"]})).with("/documents/3/passages/0/start", json!(0)).with("/documents/4", Value::Null),
        works(DeleteDocuments, BOOKS, json!({"ids": [1, 3]})).with("/deleted", json!(2)),
        works(DescribeCollection, BOOKS, json!({})).with("/document_count", json!(2)).with("/index/vector_count", json!(6)),
        works(DeleteCollection, BOOKS, json!({})),
        works(DeleteCollection, "windows", json!({})),
        works(DeleteCollection, "truncated", json!({})),
    ]
}

/// Texts become vectors.
#[rustfmt::skip] // A case is a line.
pub(crate) fn embedding() -> Vec<Case> {
    vec![
        works(Embed, "", json!({"texts": ["a ship", "Океан 🌊", "?"]})).with("/dimension", json!(8)).with("/usage/total_tokens", json!(4)),
        works(Embed, "", json!({"texts": ["a", "word ".repeat(513)]})).with("/truncated", json!([1])),
        works(Embed, "", json!({"texts": vec!["x"; 32], "model": "hash"})).with("/model", json!("hash")),
        works(Embed, "", json!({"texts": ["a ship"], "pooling": "mean", "normalize": false, "input_type": "query"})),
        works(Embed, "", json!({"texts": ["a ship"], "pooling": "CLS", "normalize": true, "input_type": "Document"})),
        works(Embed, "", json!({"texts": ["a ship"], "pooling": "max", "normalize": null, "input_type": null})),
        works(Embed, "", json!({"texts": ["a ship"], "pooling": "LastToken"})),
        works(Embed, "", json!({"texts": ["y".repeat(1 << 20)]})).with("/usage/total_tokens", json!(1)),
        works(Embed, "", json!({"texts": ["y ".repeat(1 << 19)]})).with("/truncated", json!([0])).with("/usage/total_tokens", json!(512)),
        works(Embed, "", json!({"texts": ["שלום עולם", "\u{202e}a", "[CLS] </s> <|endoftext|>", "👩‍👩‍👧‍👦"]})),
        works(Embed, "", json!({"texts": ["a ship"], "dimensions": 3})).with("/dimension", json!(3)),
        works(Embed, "", json!({"texts": ["a ship"], "dimensions": 8, "normalize": false})).with("/dimension", json!(8)),
        works(Embed, "", json!({"texts": ["a ship"], "dimensions": null, "truncate": null})).with("/dimension", json!(8)),
        works(Embed, "", json!({"texts": ["a", "word ".repeat(513)], "truncate": "Start"})).with("/truncated", json!([1])),
        works(Embed, "", json!({"texts": ["a", "word ".repeat(513)], "truncate": "end"})).with("/usage/total_tokens", json!(513)),
        works(Embed, "", json!({"texts": ["word ".repeat(512)], "truncate": "none"})).with("/truncated", json!([])),
    ]
}

/// Documents go, one by one and by choice.
#[rustfmt::skip] // A case is a line.
pub(crate) fn deletions() -> Vec<Case> {
    vec![
        works(DeleteDocument, FILMS, json!({"id": 2})).with("/deleted", json!(1)),
        works(Count, FILMS, json!({})).with("/count", json!(11)),
        works(GetDocument, FILMS, json!({"id": "2"})),
        works(DeleteDocuments, FILMS, json!({"ids": ["2", 2, "nothing", "titanic", "titanic"]})).with("/deleted", json!(2)),
        works(DeleteDocuments, FILMS, json!({"ids": []})).with("/deleted", json!(0)),
        works(DeleteDocuments, FILMS, json!({"filter": {"lang": "ru"}})).with("/deleted", json!(1)),
        works(Search, FILMS, json!({"text": "Океан думает 🌊 о нас", "limit": 1})),
        works(DeleteDocument, POINTS, json!({"id": "a/b?c=d&e#f %25+;"})),
        works(DeleteDocuments, FILMS, json!({"filter": {"no": 1}})).with("/deleted", json!(0)).with("/unknown_fields", json!(["no"])),
        works(DeleteDocuments, FILMS, json!({"filter": {}, "all": true})).with("/deleted", json!(8)),
        works(DeleteDocuments, FILMS, json!({"all": true})).with("/deleted", json!(0)),
        works(Count, FILMS, json!({})).with("/count", json!(0)),
        works(Search, FILMS, json!({"text": "anything"})).with("/hits", json!([])),
        works(Upsert, FILMS, json!({"documents": [{"id": 2, "text": "again"}]})).with("/results/0/status", json!("created")),
        works(DescribeCollection, FILMS, json!({})).with("/document_count", json!(1)).with("/index/vector_count", json!(1)),
        works(DeleteCollection, FILMS, json!({})),
        works(CreateCollection, "", json!({"name": FILMS, "dimension": 1})).with("/document_count", json!(0)),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_collections() -> Vec<Case> {
    let mut cases = vec![
        refused(CreateCollection, "", json!({"name": FILMS}), CollectionExists, "\"films\" exists"),
        refused(CreateCollection, "", json!({"name": "a", "model": "nope"}), ModelNotFound, "no model named \"nope\""),
        refused(CreateCollection, "", json!({"name": "a", "model": ""}), ModelNotFound, "no model named \"\""),
        refused(CreateCollection, "", json!({"name": "a", "model": "hash", "dimension": 9}), DimensionMismatch, "dimension: is 9, the model hash has 8"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 0}), InvalidArgument, "dimension: 0 is not a dimension, allowed are 1 to 16384"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 16385}), InvalidArgument, "dimension: 16385"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": u64::MAX}), InvalidArgument, "dimension: 18446744073709551615"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "metric": "manhattan"}), InvalidArgument, "metric: ").in_own_words(),
        refused(CreateCollection, "", json!({"name": "a", "description": "x".repeat(1_025)}), InvalidArgument, "description: must be at most 1024 bytes"),
        refused(CreateCollection, "", json!({"name": "a", "description": "a\0"}), InvalidArgument, "description: "),
        refused(CreateCollection, "", json!({"name": "a", "chunking": {"tokens": 7}}), InvalidArgument, "chunking.tokens: must be 8 to 512, the model's `max_tokens`"),
        refused(CreateCollection, "", json!({"name": "a", "chunking": {"tokens": 513}}), InvalidArgument, "chunking.tokens: "),
        refused(CreateCollection, "", json!({"name": "a", "chunking": {"tokens": u64::MAX}}), InvalidArgument, "chunking.tokens: "),
        refused(CreateCollection, "", json!({"name": "a", "chunking": {"tokens": 100, "overlap": 51}}), InvalidArgument, "chunking.overlap: must be at most 50"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "chunking": {}}), InvalidArgument, "chunking: the collection has no model"),
        refused(PutCollection, FILMS, json!({"dimension": 3}), CollectionDiffers, "model: is none, the collection has hash"),
        refused(PutCollection, POINTS, json!({"dimension": 4, "metric": "l2", "description": "a"}), CollectionDiffers, "dimension: is 4, the collection has 3 (and 2 more)"),
        refused(PutCollection, POINTS, json!({"dimension": 3, "index": {"m": 8, "quantization": "none"}}), CollectionDiffers, "index.m: is 8, the collection has 16 (and 1 more)"),
        refused(PutCollection, DOTS, json!({"dimension": 3, "metric": "dot", "index": {"m": 16}}), CollectionDiffers, "index.engine: is hnsw, the collection has exact"),
        refused(PutCollection, FILMS, json!({"chunking": {"tokens": 100}}), CollectionDiffers, "chunking: is passages of 100 tokens, 0 of them shared, the collection has none"),
        refused(PutCollection, FILMS, json!({"model": "nope"}), ModelNotFound, "no model named \"nope\""),
        refused(PutCollection, FILMS, json!({"model": "hash", "dimension": 9}), DimensionMismatch, "dimension: is 9"),
        refused(UpdateCollection, FILMS, json!({"name": POINTS}), CollectionExists, "\"points\" exists"),
        refused(UpdateCollection, FILMS, json!({"name": POINTS, "description": "not applied"}), CollectionExists, "\"points\" exists"),
        refused(UpdateCollection, FILMS, json!({"name": "a/b"}), InvalidName, "name: \"a/b\" is not"),
        refused(UpdateCollection, FILMS, json!({"name": ""}), InvalidName, "name: \"\" is not"),
        works(ChangeAliases, "", json!({"actions": [{"create": {"alias": "cinema", "collection": FILMS}}]})),
        refused(CreateCollection, "", json!({"name": "cinema", "dimension": 3}), AliasExists, "\"cinema\" is an alias already, of \"films\""),
        refused(UpdateCollection, POINTS, json!({"name": "cinema"}), AliasExists, "\"cinema\" is an alias already"),
        refused(UpdateCollection, FILMS, json!({"name": "cinema"}), AliasExists, "\"cinema\" is an alias already"),
        refused(DeleteCollection, "cinema", json!({}), CollectionAliased, "\"cinema\" is an alias of the collection \"films\", which has to be named"),
        refused(DeleteCollection, FILMS, json!({}), CollectionAliased, "has the alias \"cinema\", which has to be deleted"),
        refused(ChangeAliases, "", json!({"actions": [{"delete": {"alias": "cinema"}}, {"create": {"alias": "a", "collection": "cinema"}}]}), CollectionNotFound, "actions[1].create.collection: no collection is named \"cinema\""),
        refused(ChangeAliases, "", json!({"actions": [{"set": {"alias": "a", "collection": "a"}}]}), CollectionNotFound, "actions[0].set.collection: no collection is named \"a\""),
        refused(ChangeAliases, "", json!({"actions": [{"set": {"alias": "a", "collection": "b"}}, {"set": {"alias": "b", "collection": "a"}}]}), CollectionNotFound, "actions[0].set.collection: "),
        refused(ChangeAliases, "", json!({"actions": [{"create": {"alias": "cinema", "collection": POINTS}}]}), AliasExists, "actions[0].create.alias: \"cinema\" is an alias already, of \"films\""),
        refused(ChangeAliases, "", json!({"actions": [{"create": {"alias": "a", "collection": POINTS}}, {"set": {"alias": DOTS, "collection": POINTS}}]}), CollectionExists, "actions[1].set.alias: a collection named \"dots\" exists"),
        refused(ChangeAliases, "", json!({"actions": [{"set": {"alias": FILMS, "collection": FILMS}}]}), CollectionExists, "actions[0].set.alias: "),
        refused(ChangeAliases, "", json!({"actions": [{"delete": {"alias": "a"}}]}), AliasNotFound, "actions[0].delete.alias: no alias is named \"a\""),
        refused(ChangeAliases, "", json!({"actions": [{"delete": {"alias": FILMS}}]}), AliasNotFound, "actions[0].delete.alias: "),
        refused(ChangeAliases, "", json!({"actions": [{"create": {"alias": "a/b", "collection": FILMS}}]}), InvalidName, "actions[0].create.alias: \"a/b\" is not"),
        refused(ChangeAliases, "", json!({"actions": [{"create": {"alias": "a", "collection": ""}}]}), InvalidName, "actions[0].create.collection: \"\" is not"),
        refused(ChangeAliases, "", json!({"actions": [{}]}), InvalidArgument, "actions[0]: exactly one of create, set and delete must be given"),
        refused(ChangeAliases, "", json!({"actions": vec![json!({"delete": {"alias": "a"}}); 101]}), LimitExceeded, "actions: is 101, allowed are at most 100 (batch_aliases)"),
        refused(CopyCollection, FILMS, json!({"to": FILMS}), InvalidArgument, "to: is the collection itself"),
        refused(CopyCollection, "cinema", json!({"to": FILMS}), InvalidArgument, "to: is the collection itself"),
        refused(CopyCollection, FILMS, json!({"to": "cinema"}), AliasExists, "to: \"cinema\" is an alias already, of \"films\""),
        refused(CopyCollection, FILMS, json!({"to": POINTS}), CollectionExists, "to: a collection named \"points\" exists"),
        refused(CopyCollection, FILMS, json!({"to": "a/b"}), InvalidName, "to: \"a/b\" is not"),
        refused(CopyCollection, "nothing", json!({"to": "a"}), CollectionNotFound, "\"nothing\""),
        refused(GetTask, "", json!({"id": "nothing"}), TaskNotFound, "no task has the id \"nothing\""),
        refused(CancelTask, "", json!({"id": "index:films"}), TaskNotFound, "no task has the id \"index:films\""),
        refused(ListAliases, "nothing", json!({}), CollectionNotFound, "\"nothing\""),
        works(ChangeAliases, "", json!({"actions": [{"delete": {"alias": "cinema"}}]})),
        refused(UpdateCollection, FILMS, json!({"description": "\0"}), InvalidArgument, "description: "),
        refused(UpdateCollection, FILMS, json!({"description": "é".repeat(513)}), InvalidArgument, "has 1026 bytes"),
    ];
    let wrong_names = ["../x", "..", ".", "a/b", "a\\b", "a b", "a\0", "films\0", "é", "🗺", "a.b", "%2e", "~", "-\n", &"x".repeat(65), &"x".repeat(4_000)];
    for name in wrong_names {
        cases.push(refused(CreateCollection, "", json!({"name": name}), InvalidName, "allowed are 1 to 64 of A-Z a-z 0-9 _ -"));
    }
    cases.push(refused(CreateCollection, "", json!({"name": ""}), InvalidName, "name: \"\" is not"));
    // A URL can not have `.` and `..` as a part: clients take them as steps.
    let in_paths = wrong_names.into_iter().filter(|name| !matches!(*name, "." | ".."));
    let named = in_paths.map(|name| (name, InvalidName)).chain([("nothing", CollectionNotFound), ("FILMS", CollectionNotFound)]);
    for name in wrong_names.into_iter().filter(|name| !matches!(*name, "." | "..")) {
        cases.push(refused(PutCollection, name, json!({"dimension": 3}), InvalidName, "name: "));
    }
    for (name, code) in named {
        let requests = [
            (DescribeCollection, json!({})),
            (DeleteCollection, json!({})),
            (UpdateCollection, json!({"description": "a"})),
            (Upsert, json!({"documents": [{"vector": [1, 2, 3]}]})),
            (GetDocument, json!({"id": 1})),
            (GetDocuments, json!({"ids": [1]})),
            (PatchMetadata, json!({"id": 1, "metadata": {}})),
            (DeleteDocument, json!({"id": 1})),
            (DeleteDocuments, json!({"all": true})),
            (Count, json!({})),
            (Scroll, json!({})),
            (Search, json!({"vector": [1, 2, 3]})),
            (SearchBatch, json!({"searches": [{"vector": [1, 2, 3]}]})),
        ];
        cases.extend(requests.map(|(operation, body)| refused(operation, name, body, code, "")));
    }
    cases
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_documents() -> Vec<Case> {
    let upsert = |documents: Value, code, says: &str| refused(Upsert, FILMS, json!({"documents": documents}), code, says);
    let after_good = |wrong: Value, code, says: &str| upsert(json!([{"id": "good", "text": "good"}, wrong]), code, says);
    let levels = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    vec![
        upsert(json!([]), InvalidArgument, "documents: must have at least one document"),
        after_good(json!({}), InvalidArgument, "documents[1]: has neither a text nor a vector"),
        after_good(json!({"id": 1, "metadata": {"a": 1}}), InvalidArgument, "documents[1]: has neither"),
        after_good(json!({"text": ""}), InvalidText, "documents[1].text: is empty or blank, or no token of it remains"),
        after_good(json!({"text": " \t\n\u{3000}\u{2003}"}), InvalidText, "documents[1].text: is empty or blank, or no token of it remains"),
        // What no one sees and no tokenizer keeps.
        after_good(json!({"text": "\u{200b}\u{7}\u{feff}"}), InvalidText, "documents[1].text: is empty or blank, or no token of it remains"),
        upsert(json!([{"text": "\u{1}"}, {"text": "good"}, {"text": "\u{200b}"}]), InvalidText, "documents[0].text: is empty or blank, or no token of it remains (and 1 more)"),
        after_good(json!({"text": "", "vector": [1, 2, 3, 4, 5, 6, 7, 8]}), InvalidText, "documents[1].text: "),
        after_good(json!({"text": "a\0b"}), InvalidText, "documents[1].text: has a NUL character at byte 1"),
        after_good(json!({"text": "é".repeat((1 << 19) + 1)}), InvalidText, "documents[1].text: has 1048578 bytes, allowed are at most 1048576"),
        after_good(json!({"id": "good", "text": "a"}), DuplicateId, "documents[1].id: is the id of documents[0] too"),
        upsert(json!([{"id": 5, "text": "a"}, {"id": "5", "text": "a"}, {"id": 5, "text": "a"}]), DuplicateId, "documents[2].id: is the id of documents[0] too"),
        after_good(json!({"id": "", "text": "a"}), InvalidId, "documents[1].id: is empty, allowed are strings of 1 to 512 bytes"),
        after_good(json!({"id": "x".repeat(513), "text": "a"}), InvalidId, "documents[1].id: has 513 bytes, allowed are at most 512"),
        after_good(json!({"id": "é".repeat(257), "text": "a"}), InvalidId, "documents[1].id: has 514 bytes"),
        after_good(json!({"id": "ab\0", "text": "a"}), InvalidId, "documents[1].id: has a NUL character at byte 2"),
        after_good(json!({"text": "a", "metadata": {"": 1}}), InvalidMetadata, "documents[1].metadata: has the key \"\""),
        after_good(json!({"text": "a", "metadata": {"$where": 1}}), InvalidMetadata, "documents[1].metadata: has the key \"$where\""),
        after_good(json!({"text": "a", "metadata": {"a": [{"$b": 1}]}}), InvalidMetadata, "has the key \"$b\""),
        after_good(json!({"text": "a", "metadata": {"a\0": 1}}), InvalidMetadata, "has the key \"a\\0\""),
        after_good(json!({"text": "a", "metadata": {"a": {"b": "x\0"}}}), InvalidMetadata, "has a NUL character in the value of \"a\""),
        after_good(json!({"text": "a", "metadata": levels(17)}), InvalidMetadata, "documents[1].metadata: is nested deeper than 16 levels"),
        after_good(json!({"text": "a", "metadata": {"a": "x".repeat(65_536)}}), InvalidMetadata, "documents[1].metadata: has 65544 bytes of JSON, allowed are at most 65536"),
        after_good(json!({"text": "a", "metadata": {"a": vec![0; 40_000]}}), InvalidMetadata, "documents[1].metadata: has 80007 bytes"),
        upsert(json!([{"text": ""}, {"text": "a"}, {"id": "", "text": "a"}, {"text": "\0"}]), InvalidText, "documents[0].text: is empty or blank, or no token of it remains (and 2 more)"),
        upsert(vec![json!({"text": ""}); 100].into(), InvalidText, "(and 99 more)"),
        upsert(vec![json!({"text": "a", "metadata": {"\0".repeat(500): 1}}); 20].into(), InvalidMetadata, "(and 19 more)"),
        refused(Upsert, POINTS, json!({"documents": [{"vector": [1, 2, 3]}, {"text": "a"}]}), ModelMismatch, "documents[1].text: the collection has no model"),
        refused(Upsert, FILMS, json!({"documents": [{"text": "a"}], "idempotency_key": "x".repeat(256)}), InvalidArgument, "must be 1 to 255 visible ASCII characters"),
        refused(Upsert, FILMS, json!({"documents": [{"text": "a"}], "idempotency_key": "a b"}), InvalidArgument, "must be 1 to 255"),
        refused(Upsert, FILMS, json!({"documents": [{"text": "a"}], "idempotency_key": ""}), InvalidArgument, "must be 1 to 255"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "metadata": {"a": {"$b": 1}}}), InvalidMetadata, "metadata: has the key \"$b\""),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "metadata": {"a": "\0"}}), InvalidMetadata, "metadata: has a NUL"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "metadata": levels(17)}), InvalidMetadata, "metadata: is nested deeper than 16"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "metadata": {"b": "x".repeat(65_500)}}), InvalidMetadata, "allowed are at most 65536"),
        refused(PatchMetadata, FILMS, json!({"id": "nothing", "metadata": {"a": 1}}), DocumentNotFound, "nothing"),
        refused(PatchMetadata, FILMS, json!({"id": 99, "metadata": {"$a": 1}}), DocumentNotFound, "99"),
        refused(PatchMetadata, FILMS, json!({"id": "\0", "metadata": {}}), InvalidId, "id: has a NUL"),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_vectors() -> Vec<Case> {
    // The vector, in what, and what is said of it at its place.
    let wrong = [
        (POINTS, json!([1, NAN, 0]), InvalidVector, "vector[1]: is not a finite 32-bit float"),
        (POINTS, json!([1e39, 0, 0]), InvalidVector, "vector[0]: is not a finite"),
        (POINTS, json!([0, 0, -1e39]), InvalidVector, "vector[2]: is not a finite"),
        (POINTS, json!([1, 1.7976931348623157e308, NAN]), InvalidVector, "vector[1]: is not a finite"),
        (POINTS, json!([3.4028236e38, 0, 0]), InvalidVector, "vector[0]: is not a finite"),
        (POINTS, json!([0, 0.0, -0.0]), InvalidVector, "vector: is all zeros"),
        (POINTS, json!([1e-46, 0, -1e-60]), InvalidVector, "vector: is all zeros"),
        (POINTS, json!([]), DimensionMismatch, "vector: has 0 values, the collection's dimension is 3"),
        (POINTS, json!([1, 2]), DimensionMismatch, "vector: has 2 values, the collection's dimension is 3"),
        (POINTS, json!([1, 2, 3, NAN]), DimensionMismatch, "vector: has 4 values"),
        (FILMS, json!(vec![1; 384]), DimensionMismatch, "vector: has 384 values, the collection's dimension is 8"),
        (FILMS, json!(vec![0; 100_000]), DimensionMismatch, "vector: has 100000 values"),
        (DOTS, json!([3e38, 0, 0]), InvalidVector, "vector: is too long: its squared length is above"),
        (DOTS, json!([1, NAN, 0]), InvalidVector, "vector[1]: is not a finite"),
        (FLAT, json!([-3e38, 3e38]), InvalidVector, "vector: is too long"),
        (FLAT, json!([0, NAN]), InvalidVector, "vector[1]: is not a finite"),
    ];
    let mut cases = Vec::new();
    for (collection, vector, code, says) in wrong {
        let good = match collection {
            FILMS => json!({"text": "good"}),
            FLAT => json!({"vector": [1, 2]}),
            _ => json!({"vector": [1, 2, 3]}),
        };
        let documents = json!([good, good, {"id": 7, "vector": vector, "text": "a text beside it"}]);
        cases.push(refused(Upsert, collection, json!({"documents": documents}), code, format!("documents[2].{says}")));
        cases.push(refused(Search, collection, json!({"vector": vector}), code, says));
        let searches = json!([good, {"vector": vector}]);
        cases.push(refused(SearchBatch, collection, json!({"searches": searches}), code, format!("searches[1].{says}")));
    }
    cases
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_selections() -> Vec<Case> {
    let neither = "exactly one of ids and filter must be given";
    vec![
        refused(GetDocument, FILMS, json!({"id": "nothing"}), DocumentNotFound, "no document has the id nothing"),
        refused(GetDocument, FILMS, json!({"id": i64::MIN}), DocumentNotFound, "-9223372036854775808"),
        refused(GetDocument, POINTS, json!({"id": "9007199254740992"}), DocumentNotFound, "9007199254740992"),
        refused(GetDocument, FILMS, json!({"id": "x".repeat(513)}), InvalidId, "id: has 513 bytes, allowed are at most 512"),
        refused(GetDocument, FILMS, json!({"id": "a\0b"}), InvalidId, "id: has a NUL character at byte 1"),
        refused(DeleteDocument, FILMS, json!({"id": "nothing"}), DocumentNotFound, "nothing"),
        refused(DeleteDocument, FILMS, json!({"id": 3}), DocumentNotFound, "3"),
        refused(DeleteDocument, FILMS, json!({"id": "\0"}), InvalidId, "id: has a NUL"),
        refused(GetDocument, FILMS, json!({"id": {"either": "3"}}), DocumentNotFound, "no document has the id 3"),
        refused(DeleteDocument, FILMS, json!({"id": "titanic", "if_seq": 99}), ConditionFailed, "if_seq: is 99, the document has the seq 1 by now"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "metadata": {"a": 1}, "if_seq": 99}), ConditionFailed, "if_seq: is 99"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic"}), InvalidArgument, "at least one of text, vector and metadata must be given"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "text": " "}), InvalidText, "text: is empty or blank"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "vector": [1]}), DimensionMismatch, "vector: "),
        refused(UpdateDocuments, FILMS, json!({"filter": {}, "metadata": {"a": 1}}), InvalidArgument, "filter: is empty"),
        refused(UpdateDocuments, FILMS, json!({"metadata": {"a": 1}}), InvalidArgument, "exactly one of"),
        refused(UpdateDocuments, FILMS, json!({"all": true, "metadata": {"$a": 1}}), InvalidMetadata, "metadata: has the key"),
        refused(Upsert, FILMS, json!({"documents": [{"id": "new", "text": "a"}, {"id": "titanic", "text": "a"}], "mode": "create"}), DocumentExists, "documents[1].id: is the id of a document already"),
        refused(Upsert, FILMS, json!({"documents": [{"id": "new", "text": "a"}], "mode": "update"}), DocumentNotFound, "documents[0].id: is the id of no document"),
        refused(Upsert, FILMS, json!({"documents": [{"id": "titanic", "text": "a", "if_seq": 99}]}), ConditionFailed, "documents[0].if_seq: is 99"),
        refused(Upsert, FILMS, json!({"documents": [{"id": "new", "text": "a", "if_seq": 1}], "mode": "create"}), InvalidArgument, "documents[0].if_seq: contradicts the mode create"),
        refused(Upsert, FILMS, json!({"documents": [{"text": "a"}], "mode": "update"}), InvalidId, "documents[0].id: is missing"),
        refused(Upsert, FILMS, json!({"documents": [{"text": "a"}], "mode": "insert"}), InvalidArgument, "mode: ").in_own_words(),
        refused(GetDocuments, FILMS, json!({}), InvalidArgument, neither),
        refused(GetDocuments, FILMS, json!({"ids": null, "filter": null}), InvalidArgument, neither),
        refused(GetDocuments, FILMS, json!({"ids": [1, "", "a\0"]}), InvalidId, "ids[1]: is empty"),
        refused(GetDocuments, FILMS, json!({"ids": [1], "limit": 5}), InvalidArgument, "limit: is of pages by a filter"),
        refused(GetDocuments, FILMS, json!({"filter": {}, "limit": 10_001}), LimitExceeded, "limit: is 10001"),
        refused(GetDocuments, FILMS, json!({"filter": {}, "cursor": "x"}), InvalidCursor, "cursor: is not a cursor"),
        refused(DeleteDocuments, FILMS, json!({}), InvalidArgument, "exactly one of ids, filter and all must be given"),
        refused(DeleteDocuments, FILMS, json!({"ids": [1], "all": true}), InvalidArgument, "exactly one of ids, filter and all"),
        refused(DeleteDocuments, FILMS, json!({"filter": {}}), InvalidArgument, "filter: is empty and lets every document through; say \"all\": true"),
        refused(DeleteDocuments, FILMS, json!({"filter": {"$and": [{}]}, "all": false}), InvalidArgument, "filter: is empty"),
        refused(DeleteDocuments, FILMS, json!({"filter": {"year": 1}, "all": true}), InvalidArgument, "all: contradicts the filter"),
        refused(DeleteDocuments, FILMS, json!({"ids": ["titanic", "x".repeat(513)]}), InvalidId, "ids[1]: has 513 bytes"),
        refused(Scroll, FILMS, json!({"limit": 0}), InvalidArgument, "limit: must be at least 1"),
        refused(Scroll, FILMS, json!({"limit": 10_001}), LimitExceeded, "limit: is 10001, allowed are at most 10000 (result_window)"),
        refused(Scroll, FILMS, json!({"limit": u64::MAX}), LimitExceeded, "limit: is 18446744073709551615, allowed are at most 10000"),
        refused(Scroll, FILMS, json!({"cursor": ""}), InvalidCursor, "cursor: is not a cursor"),
        refused(Scroll, FILMS, json!({"cursor": "\0"}), InvalidCursor, "cursor: "),
        refused(Scroll, FILMS, json!({"cursor": "é".repeat(16)}), InvalidCursor, "cursor: "),
        refused(Scroll, FILMS, json!({"cursor": "f".repeat(32)}), InvalidCursor, "cursor: "),
        refused(Scroll, FILMS, json!({"cursor": "x".repeat(100_000)}), InvalidCursor, "cursor: "),
        // Of another collection.
        works(Scroll, FLAT, json!({"limit": 1})).with("/next_cursor", json!(true)),
        refused(Scroll, FILMS, json!({"cursor": CURSOR}), InvalidCursor, "cursor: is not a cursor that a scroll of this collection returned"),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_filters() -> Vec<Case> {
    let levels = |levels: usize| (1..levels).fold(json!({"a": 1}), |inner, _| json!({"$not": inner}));
    let wrong = [
        (json!({"$nor": [{"a": 1}]}), "filter.$nor: is not an operator here, write {\"$not\": {\"$or\": [..]}}"),
        (json!({"a": {"$regex": "x"}}), "filter.a.$regex: is not an operator here, write {\"$prefix\": \"..\"}"),
        (json!({"a": {"$above": 1}}), "filter.a.$above: is not an operator, allowed on a field are $eq"),
        (json!({"year": {"gte": 1990}}), "filter.year: has operators without their dollar, write {\"year\":{\"$gte\":1990}}"),
        (json!({"must": [{"year": 1990}]}), "filter.must: is a word of another filter language, here it is {\"$and\": [..]}"),
        (json!({"and": [{"year": 1990}]}), "filter.and: is a word of another filter language"),
        (json!({"where": {"year": 1990}}), "filter.where: is a word of another filter language"),
        (json!({"genres": ["drama"]}), "filter.genres: is a bare list, write {\"genres\":{\"$in\":[\"drama\"]}}"),
        (json!({"year": {}}), "filter.year: is an empty object"),
        (json!({"$id": 1.5}), "filter.$id: must be a string or a 64-bit signed integer"),
        (json!({"a": {"$gte": "2020-01-01", "$lt": "soon"}}), "filter.a.$lt: is no date, and \"2020-01-01\" beside it is one"),
        (json!({"a": {"$gt": 1, "b": 2}}), "filter.a.b: is not an operator"),
        (json!({"$or": [{"a": 1}, {"b": {"$lt": {}}}]}), "filter.$or[1].b.$lt: must be a number, a string or a date"),
        (json!({"a": {"$gt": null}}), "filter.a.$gt: must be a number, a string or a date, is null"),
        (json!({"a": {"$gte": [1]}}), "filter.a.$gte: "),
        (json!({"a": {"$lte": true}}), "is a boolean"),
        (json!({"a": {"$in": 5}}), "filter.a.$in: must be a list of values, is a number"),
        (json!({"a": {"$nin": {"$eq": 1}}}), "filter.a.$nin: "),
        (json!({"a": {"$exists": 1}}), "filter.a.$exists: must be true or false"),
        (json!({"a": {"$not": 1}}), "filter.a.$not: must be an object"),
        (json!({"a": {"$not": {"b": 1}}}), "filter.a.$not.b: is not an operator"),
        (json!({"$and": []}), "filter.$and: must be a list of at least one filter"),
        (json!({"$and": {"a": 1}}), "filter.$and: must be a list"),
        (json!({"$or": [1]}), "filter.$or[0]: must be an object of conditions, is a number"),
        (json!({"$not": [{"a": 1}]}), "filter.$not: must be an object"),
        (json!({"$not": null}), "filter.$not: must be an object of conditions, is null"),
        (json!({"": 1}), "the name of a field must not be empty"),
        (json!({"$": 1}), "filter.$: is not an operator"),
        (json!({"\0$a\n": {"$é": 1}}), "is not an operator"),
        (json!({"x".repeat(5_000): {"$nope": 1}}), "is not an operator"),
        (levels(17), "is nested deeper than 16 levels"),
        (json!({"a": {"$eq": (1..17).fold(json!([]), |inner, _| json!([inner]))}}), "is nested deeper than 16 levels"),
        (json!({"$or": vec![json!({"a": 1}); 512]}), "the filter has more than 1024 nodes"),
        (json!({"a": {"$in": vec![0; 1_023]}}), "the filter has more than 1024 nodes"),
        (json!({"a": {"$in": vec![0; 50_000]}}), "the filter has more than 1024 nodes"),
    ];
    let mut cases = Vec::new();
    for (filter, says) in wrong {
        let with = |operation, body: Value| {
            let mut body = body;
            body["filter"] = filter.clone();
            refused(operation, FILMS, body, InvalidFilter, says)
        };
        cases.push(with(Count, json!({})));
        cases.push(with(Search, json!({"text": "a"})));
        cases.push(with(Scroll, json!({})));
        cases.push(with(GetDocuments, json!({})));
        cases.push(with(DeleteDocuments, json!({})));
        let searches = json!([{"text": "a"}, {"text": "a", "filter": filter}]);
        let at_search = says.strip_prefix("filter").map_or(says.to_owned(), |says| format!("searches[1].filter{says}"));
        cases.push(refused(SearchBatch, FILMS, json!({"searches": searches}), InvalidFilter, at_search));
    }
    cases.push(works(Count, FILMS, json!({"filter": levels(15)})));
    cases.push(works(Count, FILMS, json!({"filter": {"a": {"$in": vec![0; 1_022]}}})));
    cases
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_searches() -> Vec<Case> {
    let none = "exactly one of text, vector and id must be given";
    let wrong = [
        (json!({}), InvalidArgument, none),
        (json!({"limit": 5, "text": null}), InvalidArgument, none),
        (json!({"text": ""}), InvalidText, "text: is empty or blank, or no token of it remains"),
        (json!({"text": "\u{a0}\n"}), InvalidText, "text: is empty or blank, or no token of it remains"),
        (json!({"text": "\u{ad}\u{1f}"}), InvalidText, "text: is empty or blank, or no token of it remains"),
        (json!({"text": "a\0"}), InvalidText, "text: has a NUL character at byte 1"),
        (json!({"text": "x".repeat((1 << 20) + 1)}), InvalidText, "text: has 1048577 bytes, allowed are at most 1048576"),
        (json!({"id": "nothing"}), DocumentNotFound, "no document has the id nothing"),
        (json!({"id": ""}), InvalidId, "id: is empty"),
        (json!({"id": "a\0"}), InvalidId, "id: has a NUL"),
        (json!({"id": "x".repeat(600)}), InvalidId, "id: has 600 bytes"),
        (json!({"text": "a", "limit": 0}), InvalidArgument, "limit: must be at least 1"),
        (json!({"text": "a", "limit": 10_001}), LimitExceeded, "limit: is 10001, allowed are at most 10000 (result_window)"),
        (json!({"text": "a", "limit": u64::MAX}), LimitExceeded, "limit: is 18446744073709551615, allowed are at most 10000"),
        (json!({"text": "a", "limit": 1, "offset": 10_000}), LimitExceeded, "limit plus offset: is 10001, allowed are at most 10000 (result_window)"),
        (json!({"text": "a", "offset": u64::MAX}), LimitExceeded, "limit plus offset: is 18446744073709551615"),
        (json!({"text": "a", "offset": i64::MAX, "limit": 10_000}), LimitExceeded, "limit plus offset: is 9223372036854785807"),
        (json!({"text": "a", "min_score": NAN}), InvalidArgument, "min_score: is not a finite 32-bit float"),
        (json!({"text": "a", "min_score": -1e39}), InvalidArgument, "min_score: is not a finite 32-bit float"),
        (json!({"text": "a", "min_score": 1e308}), InvalidArgument, "min_score: is not a finite 32-bit float"),
    ];
    let mut cases = Vec::new();
    for (search, code, says) in wrong {
        cases.push(refused(Search, FILMS, search.clone(), code, says));
        let batch = json!({"searches": [{"text": "a"}, {"id": "titanic"}, search]});
        let places = ["text: ", "id: ", "limit: ", "limit plus offset: ", "min_score: "];
        let is_at_place = places.iter().any(|place| says.starts_with(place));
        let at = if is_at_place { "searches[2]." } else { "searches[2]: " };
        cases.push(refused(SearchBatch, FILMS, batch, code, format!("{at}{says}")));
    }
    cases.push(refused(Search, POINTS, json!({"text": "a"}), ModelMismatch, "the collection has no model"));
    cases.push(refused(SearchBatch, FILMS, json!({"searches": []}), InvalidArgument, "searches: must have at least one search"));
    cases.push(refused(SearchBatch, FILMS, json!({"searches": vec![json!({"text": "a"}); 101]}), LimitExceeded, "searches: is 101, allowed are at most 100 (batch_searches)"));
    cases
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_embeddings() -> Vec<Case> {
    vec![
        refused(Embed, "", json!({"texts": []}), InvalidArgument, "texts: must have at least one text"),
        refused(Embed, "", json!({"texts": vec!["a"; 33]}), LimitExceeded, "texts: is 33, allowed are at most 32 (embed_texts)"),
        refused(Embed, "", json!({"texts": ["a", ""]}), InvalidText, "texts[1]: is empty or blank, or no token of it remains"),
        refused(Embed, "", json!({"texts": ["a", "\n", "\0"]}), InvalidText, "texts[1]: is empty or blank, or no token of it remains (and 1 more)"),
        refused(Embed, "", json!({"texts": ["\u{2060}", "a", "\u{1}"]}), InvalidText, "texts[0]: is empty or blank, or no token of it remains (and 1 more)"),
        refused(Embed, "", json!({"texts": ["a", "b", "c\0"]}), InvalidText, "texts[2]: has a NUL character at byte 1"),
        refused(Embed, "", json!({"texts": ["x".repeat((1 << 20) + 1)]}), InvalidText, "texts[0]: has 1048577 bytes, allowed are at most 1048576"),
        refused(Embed, "", json!({"texts": ["a"], "model": "nope"}), ModelNotFound, "no model named \"nope\""),
        refused(Embed, "", json!({"texts": ["a"], "model": "../x\0"}), ModelNotFound, "no model named \"../x\\0\""),
        refused(Embed, "", json!({"texts": ["a"], "pooling": "median"}), InvalidArgument, "pooling: ").in_own_words(),
        refused(Embed, "", json!({"texts": ["a"], "input_type": "image"}), InvalidArgument, "input_type: ").in_own_words(),
        refused(Embed, "", json!({"texts": ["a"], "truncate": "middle"}), InvalidArgument, "truncate: ").in_own_words(),
        refused(Embed, "", json!({"texts": ["a", "word ".repeat(513)], "truncate": "none"}), LimitExceeded, "texts[1]: has 513 tokens, prompt and special ones included, the model reads at most 512"),
        refused(Embed, "", json!({"texts": ["w ".repeat(513), "w ".repeat(514)], "truncate": "none"}), LimitExceeded, "texts[0]: has 513 tokens"),
        refused(Embed, "", json!({"texts": ["a"], "dimensions": 0}), InvalidArgument, "dimensions: is 0, the least is 1"),
        refused(Embed, "", json!({"texts": ["a"], "dimensions": 9}), LimitExceeded, "dimensions: is 9, allowed are at most the 8 of the model's vectors"),
        refused(Embed, "", json!({"texts": ["a"], "dimensions": u64::MAX}), LimitExceeded, "dimensions: is 18446744073709551615"),
        refused(Embed, "", json!({"texts": vec!["same"; 10_000]}), LimitExceeded, "texts: is 10000, allowed are at most 32 (embed_texts)"),
    ]
}

/// Lists and bodies beyond their limits.
#[rustfmt::skip] // A case is a line.
pub(crate) fn too_much() -> Vec<Case> {
    let ids: Vec<u32> = (0..10_001).collect();
    let documents: Vec<_> = ids.iter().map(|id| json!({"id": id, "vector": [1, 2]})).collect();
    // Above the limits of both doors, 8 and 32 MiB.
    let body = json!({"documents": [{"id": "large", "text": "x".repeat(33 << 20)}]});
    vec![
        refused(Upsert, FLAT, json!({"documents": documents}), LimitExceeded, "documents: is 10001, allowed are at most 10000 (batch_documents)"),
        refused(GetDocuments, FLAT, json!({"ids": ids}), LimitExceeded, "ids: is 10001, allowed are at most 10000 (batch_ids)"),
        refused(DeleteDocuments, FLAT, json!({"ids": ids}), LimitExceeded, "ids: is 10001, allowed are at most 10000 (batch_ids)"),
        refused(Upsert, FILMS, body, BodyTooLarge, "").in_own_words(),
        refused(Embed, "", json!({"texts": ["x".repeat(33 << 20)]}), BodyTooLarge, "").in_own_words(),
    ]
}
