//! Good requests with one part replaced by something else, in every place and by many things.
//!
//! Nothing is expected but that both doors come to the same, wherever gRPC can say it, and that
//! no door takes the fault on itself.

use serde_json::{Value, json};

use super::{
    cases,
    doors::{Doors, compared},
    request::{Operation, Request},
};

/// What a part is replaced by.
fn replacements() -> Vec<Value> {
    let deep = (0..18).fold(json!(1), |inner, _| json!({"a": inner}));
    let deep_list = (0..18).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e39),
        json!(-1e308),
        json!(""),
        json!(" "),
        json!("\0"),
        json!("../x"),
        json!("é🗝\u{202e}"),
        json!("y".repeat(600)),
        json!([]),
        json!([1]),
        json!(["a", "a"]),
        json!({}),
        json!({"a": 1}),
        json!({"$gt": 1}),
        json!({"$nope": [1]}),
        json!({"": {"\0": "\0"}}),
        deep,
        deep_list,
    ]
}

/// Requests that work.
#[rustfmt::skip] // A request is a line.
fn good() -> Vec<Request> {
    vec![
        Request::new(Operation::CreateCollection, "", json!({"name": "new", "dimension": 8, "model": "hash", "metric": "dot", "index": {"engine": "hnsw", "m": 8, "ef_construction": 100, "ef": 50, "quantization": "none"}, "description": "d"})),
        Request::new(Operation::ChangeAliases, "", json!({"actions": [{"set": {"alias": "a", "collection": "films"}}, {"delete": {"alias": "a"}}]})),
        Request::new(Operation::PutCollection, "films", json!({"model": "hash", "index": {"engine": "hnsw"}})),
        Request::new(Operation::UpdateCollection, "films", json!({"description": "d", "index": {"engine": "hnsw_rs", "ef": 50}})),
        Request::new(Operation::Upsert, "films", json!({"idempotency_key": "k", "documents": [{"id": "m", "text": "a", "metadata": {"k": "v"}}, {"vector": [1, 2, 3, 4, 5, 6, 7, 8]}]})),
        Request::new(Operation::Upsert, "points", json!({"documents": [{"id": 4, "vector": [1, 2, 3], "metadata": {"k": [1, {"n": null}]}}]})),
        Request::new(Operation::Upsert, "flat", json!({"documents": [{"id": 4, "vector": [1, 2]}]})),
        Request::new(Operation::GetDocuments, "films", json!({"ids": ["titanic", 2], "include": ["text"]})),
        Request::new(Operation::GetDocuments, "films", json!({"filter": {"$or": [{"year": {"$in": [1997]}}, {"lang": "en"}]}})),
        Request::new(Operation::PatchMetadata, "films", json!({"id": 2, "metadata": {"k": {"n": null}}})),
        Request::new(Operation::Count, "films", json!({"filter": {"$and": [{"year": {"$gt": 1, "$lte": 2_000}}, {"$not": {"lang": {"$exists": true}}}]}})),
        Request::new(Operation::Count, "films", json!({"filter": {"$text": {"$contains": "a", "$match": "b", "$not": {"$match": "c"}}}})),
        Request::new(Operation::Facets, "films", json!({"filter": {"year": 1}, "facets": [{"field": "year", "limit": 2}, {"field": "year", "borders": [1, 2.5]}, {"field": "released", "interval": "day"}]})),
        Request::new(Operation::Scroll, "films", json!({"filter": {"year": {"$ne": 1}}, "limit": 2, "include": ["vector"], "order_by": {"field": "year", "direction": "desc"}})),
        Request::new(Operation::Search, "films", json!({"text": "a", "limit": 2, "offset": 1, "filter": {"year": {"$nin": [1]}}, "min_score": -1, "include": ["text"], "params": {"exact": true, "ef": 20, "rescore": false}, "explain": true})),
        Request::new(Operation::Search, "films", json!({"text": "a", "order_by": {"field": "year", "direction": "asc", "candidates": 20}})),
        Request::new(Operation::Search, "films", json!({"text": "a", "mode": "keyword", "group_by": {"field": "year", "size": 2}})),
        Request::new(Operation::Search, "films", json!({"text": "a", "limit": 2, "include": ["passages"], "passages_per_document": 2, "passage_context": 1, "highlight": {"ranges": 5, "snippet_sentences": 2}})),
        Request::new(Operation::Search, "points", json!({"vector": [1, 2, 3], "limit": 2, "include": ["metadata"]})),
        Request::new(Operation::Search, "dots", json!({"id": 7, "min_score": 0.5})),
        Request::new(Operation::SearchBatch, "flat", json!({"searches": [{"id": 1}, {"vector": [1, 2], "limit": 1}]})),
        Request::new(Operation::Rerank, "", json!({"model": "hash-reranker", "query": "a", "documents": ["a", "b"], "top_n": 1, "return_documents": true})),
        Request::new(Operation::Embed, "", json!({"texts": ["a", "b"], "model": "hash", "pooling": "max", "normalize": false, "input_type": "query", "dimensions": 4, "truncate": "start"})),
        Request::new(Operation::DeleteDocuments, "films", json!({"ids": ["m", 99]})),
        Request::new(Operation::DeleteDocuments, "dots", json!({"filter": {"gone": {"$contains": "x"}}})),
    ]
}

/// JSON pointers to every part of a value but itself.
fn places(value: &Value, pointer: &str, places: &mut Vec<String>) {
    let mut visit = |step: &str, part: &Value| {
        let pointer = format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"));
        self::places(part, &pointer, places);
        places.push(pointer);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| visit(&index.to_string(), item));
        }
        Value::Object(members) => members.iter().for_each(|(key, member)| visit(key, member)),
        _ => {}
    }
}

/// The parts that stand in REST's path, query and headers are spelled there, not replaced.
fn is_in_the_body(request: &Request, pointer: &str) -> bool {
    let is_in_the_path = request.operation == Operation::PatchMetadata && pointer == "/id";
    !is_in_the_path && pointer != "/idempotency_key"
}

#[tokio::test]
async fn one_wrong_part_comes_to_the_same_through_both_doors() {
    let mut doors = Doors::start().await;
    doors.run(cases::collections()).await;
    doors.run(cases::documents()).await;
    let (mut complaints, mut asked, mut compared_count) = (Vec::new(), 0, 0);
    for request in good() {
        let mut pointers = Vec::new();
        places(&request.body, "", &mut pointers);
        for pointer in pointers.iter().filter(|pointer| is_in_the_body(&request, pointer)) {
            for replacement in replacements() {
                let mut wrong = request.clone();
                *wrong.body.pointer_mut(pointer).unwrap() = replacement;
                asked += 1;
                let (rest, grpc) = doors.ask_each(&wrong).await;
                let Some(grpc) = grpc else {
                    // REST alone was asked: what it did would set the nodes apart.
                    if let Ok(answer) = rest {
                        complaints.push(format!("{wrong}\n    only REST takes it: {answer}"));
                    }
                    continue;
                };
                compared_count += 1;
                let in_own_words = matches!(
                    pointer.rsplit('/').next(),
                    Some(
                        "metric"
                            | "mode"
                            | "pooling"
                            | "input_type"
                            | "truncate"
                            | "interval"
                            | "direction"
                    )
                );
                if let Err(complaint) = compared(rest, grpc, in_own_words) {
                    complaints.push(format!("{wrong}\n    {complaint}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
    assert!(asked > 2_000 && compared_count > asked / 4, "{compared_count} of {asked} compared");
    doors.state().await.unwrap();
}
