//! Documents in the order in which they answer a query, by the re-ranker that counts words.

use akidb_core::ErrorCode::*;
use serde_json::{Value, json};

use super::{
    cases::{Case, FILMS, refused, works},
    request::Operation::*,
};

const MODEL: &str = "hash-reranker";

/// The body of a request.
fn body(query: &str, documents: Value, more: Value) -> Value {
    let mut body = json!({"model": MODEL, "query": query, "documents": documents});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn ranked(query: &str, documents: Value, more: Value) -> Case {
    works(Rerank, "", body(query, documents, more))
}

/// Documents are ranked, as texts and in objects.
#[rustfmt::skip] // A case is a line.
pub(crate) fn documents() -> Vec<Case> {
    vec![
        ranked("red boat", json!(["a hat", "the red boat", "a boat"]), json!({}))
            .with("/results/0", json!({"index": 1, "relevance_score": 0.880_797, "logit": 2.0})).with("/results/1/index", json!(2)).with("/results/1/relevance_score", json!(0.5)).with("/results/2/logit", json!(-2.0)).with("/model", json!(MODEL)).with("/usage/total_tokens", json!(13)).with("/truncated", json!([])),
        ranked("red boat", json!([{"text": "a boat"}, "the red boat", {"text": "snow"}]), json!({"top_n": 2, "return_documents": true}))
            .with("/results/0/document/text", json!("the red boat")).with("/results/1/document/text", json!("a boat")).with("/results/2", Value::Null),
        ranked("red", json!(["a", "b", "a"]), json!({"top_n": 99, "return_documents": false})).with("/results/0/index", json!(0)).with("/results/2/index", json!(2)).with("/results/0/document", Value::Null),
        ranked("red", json!(["a"]), json!({"top_n": null, "return_documents": null})).with("/results/0/index", json!(0)),
        ranked("Океан 🌊", json!(["океан", "שלום עולם", "[SEP] </s>", "👩‍👩‍👧‍👦"]), json!({})).with("/results/0/index", json!(0)),
        ranked("red", json!(["\u{2060}", "red"]), json!({})).with("/results/0/index", json!(1)).with("/results/1/logit", json!(-2.0)),
        ranked("red", json!(["a", "word ".repeat(1 << 16)]), json!({})).with("/truncated", json!([1])).with("/usage/total_tokens", json!(514)),
        ranked("word", json!(vec!["word"; 1_000]), json!({"top_n": 1})).with("/usage/total_tokens", json!(2_000)),
    ]
}

/// What is wrong with one.
#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_documents() -> Vec<Case> {
    let wrong = |query: &str, documents: Value, more: Value, code, says: &str| refused(Rerank, "", body(query, documents, more), code, says);
    vec![
        wrong("red", json!([]), json!({}), InvalidArgument, "documents: must have at least one document"),
        wrong("red", json!(vec!["a"; 1_001]), json!({}), LimitExceeded, "documents: is 1001, allowed are at most 1000 (rerank_documents)"),
        wrong("red", json!(["a"]), json!({"top_n": 0}), InvalidArgument, "top_n: is 0, the least is 1"),
        wrong("", json!(["a"]), json!({}), InvalidText, "query: is empty or blank, or no token of it remains"),
        wrong("\u{2060}", json!(["a"]), json!({}), InvalidText, "query: is empty or blank, or no token of it remains"),
        wrong("red", json!(["a", " ", "\0"]), json!({}), InvalidText, "documents[1]: is empty or blank, or no token of it remains (and 1 more)"),
        wrong("a\0", json!(["a"]), json!({}), InvalidText, "query: has a NUL character at byte 1"),
        wrong("red", json!(["x".repeat((1 << 20) + 1)]), json!({}), InvalidText, "documents[0]: has 1048577 bytes, allowed are at most 1048576"),
        wrong("red", json!(["a"]), json!({"model": null}), InvalidArgument, "model: is missing; it names a re-ranker of the node's configuration"),
        wrong("red", json!(["a"]), json!({"model": "nope"}), ModelNotFound, "no model named \"nope\""),
        wrong("red", json!(["a"]), json!({"model": "hash"}), InvalidArgument, "model: the model hash makes vectors of texts and re-ranks nothing"),
        refused(Embed, "", json!({"texts": ["a"], "model": MODEL}), InvalidArgument, "the model hash-reranker re-ranks documents and makes no vectors"),
        refused(CreateCollection, "", json!({"name": "reranked", "model": MODEL}), InvalidArgument, "the model hash-reranker re-ranks documents and makes no vectors"),
    ]
}

/// The hits of a search, in the order that the re-ranker gives them.
#[rustfmt::skip] // A case is a line.
pub(crate) fn searches() -> Vec<Case> {
    let by = |more: Value| {
        let mut body = json!({"text": "ship iceberg", "rerank": {"model": MODEL}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    vec![
        works(Upsert, FILMS, json!({"documents": [{"id": "rr-1", "text": "an iceberg"}, {"id": "rr-2", "text": "a ship and an iceberg"}, {"id": "rr-3", "vector": vec![0.5; 8]}]})),
        works(Search, FILMS, by(json!({}))).with("/hits/0/id", json!("rr-2")).with("/hits/0/parts/semantic", Value::Null).with("/hits/0/parts/keyword", Value::Null),
        works(Search, FILMS, by(json!({"mode": "keyword", "include": []}))).with("/hits/0/id", json!("rr-2")).with("/hits/0/parts/rerank", json!(0.880_797)).with("/hits/0/text", Value::Null),
        works(Search, FILMS, by(json!({"mode": "hybrid", "limit": 3, "rerank": {"model": MODEL, "top": 20}}))).with("/hits/0/id", json!("rr-2")).with("/hits/0/parts/rerank", json!(0.880_797)),
        works(Search, FILMS, by(json!({"rerank": {"model": MODEL, "top": 2}}))).with("/hits/2", Value::Null),
        works(Search, FILMS, by(json!({"rerank": null}))).with("/hits/0/parts", Value::Null),
        works(SearchBatch, FILMS, json!({"searches": [by(json!({"limit": 1})), {"text": "ship", "limit": 1}]})).with("/results/0/hits/0/id", json!("rr-2")),
        works(DeleteDocuments, FILMS, json!({"ids": ["rr-1", "rr-2", "rr-3"]})).with("/deleted", json!(3)),
    ]
}

/// What is wrong with one.
#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_searches() -> Vec<Case> {
    let wrong = |rerank: Value, more: Value, code, says: &str| {
        let mut body = json!({"text": "ship", "rerank": rerank});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(Search, FILMS, body, code, says)
    };
    let by = || json!({"model": MODEL});
    vec![
        wrong(json!({}), json!({}), InvalidArgument, "rerank.model: is missing"),
        wrong(json!({"model": "hash"}), json!({}), InvalidArgument, "rerank.model: the model hash makes vectors of texts and re-ranks nothing"),
        wrong(json!({"model": "nope"}), json!({}), ModelNotFound, "no model named \"nope\""),
        wrong(json!({"model": MODEL, "top": 0}), json!({}), InvalidArgument, "rerank.top: must be at least 1"),
        wrong(json!({"model": MODEL, "top": 1_001}), json!({}), LimitExceeded, "rerank.top: is 1001, allowed are at most 1000 (rerank_documents)"),
        wrong(json!({"model": MODEL, "top": 9}), json!({"limit": 10}), InvalidArgument, "limit plus offset: is 10, allowed are at most the 9 hits of rerank.top, which may be up to 1000"),
        wrong(by(), json!({"limit": 51}), InvalidArgument, "limit plus offset: is 51, allowed are at most the 50 hits of rerank.top"),
        wrong(json!({"model": MODEL, "top": 101}), json!({"mode": "hybrid"}), InvalidArgument, "rerank.top: is 101, allowed are at most the 100 candidates of hybrid.depth"),
        wrong(by(), json!({"text": null, "id": "titanic"}), InvalidArgument, "rerank: is by the text of the query, and this search has none"),
        refused(SearchBatch, FILMS, json!({"searches": [{"text": "a"}, {"text": "a", "rerank": {}}]}), InvalidArgument, "searches[1].rerank.model: is missing"),
    ]
}
