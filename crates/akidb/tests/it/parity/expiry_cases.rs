//! Cases of documents that expire.

use akidb_core::ErrorCode::DocumentNotFound;
use serde_json::{Value, json};

use super::{
    cases::{Case, refused, works},
    request::Operation::{
        Count, CreateCollection, DeleteCollection, DeleteDocument, DescribeCollection, GetDocument,
        PatchMetadata, PutCollection, Search, UpdateCollection, Upsert,
    },
};

const SESSIONS: &str = "sessions";

/// Moments that are far away, or over.
#[rustfmt::skip] // A case is a line.
pub(crate) fn all() -> Vec<Case> {
    let vector = json!([1, 2]);
    let documents = json!([
        {"id": 1, "vector": vector, "expires_at": "2999-12-31 01:00:00.5+01:00"},
        {"id": 2, "vector": vector, "expires_at": "never"},
        {"id": 4, "vector": vector},
        {"id": 5, "vector": vector, "expires_at": null},
    ]);
    vec![
        works(CreateCollection, "", json!({"name": SESSIONS, "dimension": 2, "ttl_seconds": 3_155_760_000_u64})).with("/ttl_seconds", json!(3_155_760_000_u64)),
        works(PutCollection, SESSIONS, json!({"dimension": 2, "ttl_seconds": 3_155_760_000_u64})).with("/created", json!(false)),
        works(PutCollection, SESSIONS, json!({"dimension": 2})).with("/created", json!(false)),
        works(Upsert, SESSIONS, json!({"documents": documents})).with("/results/2/status", json!("created")),
        works(Count, SESSIONS, json!({"filter": {"$expires_at": null}})).with("/count", json!(2)),
        works(Count, SESSIONS, json!({"filter": {"$expires_at": {"$gt": "2999-01-01"}}})).with("/count", json!(1)).with("/unknown_fields", Value::Null),
        works(GetDocument, SESSIONS, json!({"id": 1})).with("/expires_at", json!("2999-12-31T00:00:00.500Z")),
        works(GetDocument, SESSIONS, json!({"id": 1, "include": ["text"]})).with("/expires_at", Value::Null),
        works(GetDocument, SESSIONS, json!({"id": 5})).with("/expires_at", Value::Null),
        works(PatchMetadata, SESSIONS, json!({"id": 2, "metadata": {"a": 1}})).with("/expires_at", Value::Null),
        works(PatchMetadata, SESSIONS, json!({"id": 2, "expires_at": "2999-12-31T00:00:00"})).with("/expires_at", json!("2999-12-31T00:00:00Z")),
        works(PatchMetadata, SESSIONS, json!({"id": 2, "metadata": {"a": 2}})).with("/expires_at", json!("2999-12-31T00:00:00Z")),
        works(PatchMetadata, SESSIONS, json!({"id": 2, "expires_at": null})).with("/expires_at", Value::Null),
        works(UpdateCollection, SESSIONS, json!({"description": "of users"})).with("/ttl_seconds", json!(3_155_760_000_u64)),
        works(UpdateCollection, SESSIONS, json!({"ttl_seconds": 60})).with("/ttl_seconds", json!(60)),
        works(UpdateCollection, SESSIONS, json!({"ttl_seconds": null})).with("/ttl_seconds", Value::Null),
        works(UpdateCollection, SESSIONS, json!({"ttl_seconds": 0})).with("/ttl_seconds", Value::Null),
        works(Upsert, SESSIONS, json!({"documents": [{"id": 3, "vector": vector, "expires_at": "2001-01-01"}]})).with("/results/0/status", json!("created")),
        works(Count, SESSIONS, json!({})).with("/count", json!(4)),
        // Its row goes at a time of its own, under a sequence number.
        works(DescribeCollection, SESSIONS, json!({})).with("/last_seq", json!(10)).with("/index/vector_count", json!(4)).by_itself(),
        refused(GetDocument, SESSIONS, json!({"id": 3}), DocumentNotFound, "no document has the id 3"),
        refused(DeleteDocument, SESSIONS, json!({"id": 3}), DocumentNotFound, "3"),
        refused(PatchMetadata, SESSIONS, json!({"id": 3, "metadata": {"a": 1}}), DocumentNotFound, "3"),
        works(Search, SESSIONS, json!({"vector": vector, "filter": {"$id": {"$in": [1, 3]}}})).with("/hits/0/expires_at", json!("2999-12-31T00:00:00.500Z")).with("/hits/1", Value::Null),
        works(DeleteCollection, SESSIONS, json!({})),
    ]
}
