//! The cases: what is asked, and what both doors answer.
//!
//! A line adds a case. They run in order, and later ones see what earlier ones wrote.

use akidb_core::ErrorCode::{self, *};
use serde_json::{Value, json};

use super::request::{
    CURSOR, MADE_ID,
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
pub(super) const BOOKS: &str = "books";
/// Vectors of two values by the Euclidean distance.
pub(super) const FLAT: &str = "flat";
/// Named vector fields alone.
const FIELDS: &str = "fields";

/// A request, and what it must come to.
pub(crate) struct Case {
    pub(crate) request: Request,
    pub(crate) expect: Expect,
    /// The doors refuse it with the same code, but speak of it each in the terms of its wire.
    pub(crate) in_own_words: bool,
    /// Whether it is asked for until it is so.
    pub(crate) by_itself: bool,
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

    /// The answer comes to be so by what a node does at a time of its own: it is asked for until it is.
    pub(super) fn by_itself(self) -> Self {
        Self { by_itself: true, ..self }
    }

    pub(super) fn in_own_words(self) -> Self {
        Self { in_own_words: true, ..self }
    }
}

pub(super) fn works(operation: Operation, collection: &str, body: Value) -> Case {
    let request = Request::new(operation, collection, body);
    Case { request, expect: Expect::Answer(Vec::new()), in_own_words: false, by_itself: false }
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
        works(UpdateCollection, FIELDS, json!({"fields": {"title": {"index": {"ef": 120}}, "own": {"index": {"engine": "exact"}}}})).with("/fields/title/index/ef", json!(120)).with("/fields/cut/index/ef", json!(100)),
        refused(UpdateCollection, FIELDS, json!({"fields": {"nope": {"index": {"ef": 120}}}}), FieldNotFound, "no vector field is named \"nope\", there are cut, own, title"),
        refused(UpdateCollection, FIELDS, json!({"fields": {"": {"index": {"ef": 120}}}}), InvalidName, "fields: \"\" is no name"),
        refused(UpdateCollection, FIELDS, json!({"description": "x", "fields": {"own": {"index": {"m": 8}}}}), InvalidArgument, "fields.own.index.m: the engine exact has no graph"),
        refused(UpdateCollection, FIELDS, json!({"index": {"ef": 120}}), FieldNotFound, "there is no unnamed vector field"),
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
        works(ListBackups, "", json!({})).with("/backups", json!([])),
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
pub(crate) fn passages() -> Vec<Case> {
    let mut all = cut_texts();
    all.extend(super::shown_cases::of_cut_texts());
    all.extend(fewer_cut_texts());
    all
}

/// Texts are cut and found by their passages.
#[rustfmt::skip] // A case is a line.
fn cut_texts() -> Vec<Case> {
    let long = format!("{}Океан думает 🌊 о нас.", "The road is long and dull today. ".repeat(4));
    let chunking = json!({"tokens": 9, "overlap": 2});
    vec![
        works(CreateCollection, "", json!({"name": BOOKS, "chunking": chunking})).with("/chunking", chunking),
        works(CreateCollection, "", json!({"name": "windows", "chunking": {}})).with("/chunking", json!({"tokens": 512, "overlap": 0})),
        works(CreateCollection, "", json!({"name": "truncated", "chunking": null})).with("/chunking", Value::Null),
        works(CreateCollection, "", json!({"name": "german", "dimension": 2, "language": "DE", "keyword": {"weights": {"title": 3}}})).with("/language", json!("de")).with("/keyword/weights", json!({"text": 1, "title": 3})),
        works(PutCollection, "german", json!({"dimension": 2, "language": "de", "keyword": {"weights": {"title": 3, "text": 1}}})).with("/created", json!(false)),
        works(ListCollections, "", json!({})).with("/collections/0/chunking/tokens", json!(9)).with("/collections/0/language", json!("auto")).with("/collections/0/keyword/weights", json!({"text": 1})),
        works(DeleteCollection, "german", json!({})),
        works(Upsert, BOOKS, json!({"documents": [{"id": 1, "text": long, "metadata": {"a": 1}}, {"id": 2, "text": "a ship"}, {"id": 3, "text": long, "vector": [1, 2, 3, 4, 5, 6, 7, 8]}]}))
            .with("/results/0/passages", json!(5)).with("/results/0/truncated", json!(false)).with("/results/1/passages", json!(1)).with("/results/2/passages", Value::Null),
        works(Upsert, BOOKS, json!({"documents": [{"id": 4, "text": long}]})).with("/results/0/passages", json!(5)).with("/results/0/status", json!("created")),
        works(Count, BOOKS, json!({})).with("/count", json!(4)),
        works(DescribeCollection, BOOKS, json!({})).with("/document_count", json!(4)).with("/index/vector_count", json!(12)).with("/chunking/overlap", json!(2)),
        works(Search, BOOKS, json!({"text": "Океан думает 🌊 о нас", "limit": 1})).with("/hits/0/passage", json!({"start": 132, "end": 153, "text": "Океан думает 🌊 о нас."})),
        works(Search, BOOKS, json!({"text": "a ship", "include": []})).with("/hits/0/passage/text", json!("a ship")).with("/hits/3/passage/start", Value::Null).with("/hits/4", Value::Null),
        works(Search, BOOKS, json!({"id": 1, "include": ["vector"]})).with("/hits/0/id", json!(4)).with("/hits/0/passages/4/end", json!(153)).with("/hits/3", Value::Null).with("/hits/0/vector", Value::Null),
        works(Search, BOOKS, json!({"text": "думает", "mode": "keyword", "limit": 1, "include": []})).with("/hits/0/id", json!(1)).with("/hits/0/passage", json!({"start": 132, "end": 153, "text": "Океан думает 🌊 о нас."})),
        works(Search, BOOKS, json!({"text": "думает", "mode": "hybrid", "limit": 1, "include": []})).with("/hits/0/passage/start", json!(132)),
        works(GetDocument, BOOKS, json!({"id": 1, "include": ["vector"]})).with("/passages/1/start", json!(33)).with("/passages/5", Value::Null).with("/vector", Value::Null),
        works(GetDocument, BOOKS, json!({"id": 3, "include": ["vector"]})).with("/vector/7", json!(8.0)).with("/passages", Value::Null),
        works(GetDocument, BOOKS, json!({"id": 1})).with("/passages", Value::Null),
    ]
}

/// Texts that were cut are changed, and go.
#[rustfmt::skip] // A case is a line.
fn fewer_cut_texts() -> Vec<Case> {
    vec![
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
