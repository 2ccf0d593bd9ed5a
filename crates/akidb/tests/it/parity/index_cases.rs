//! Cases of the index: its settings, what searches ask of it, and how they say what they did.

use akidb_core::ErrorCode::{InvalidArgument, LimitExceeded};
use serde_json::{Value, json};

use super::{
    cases::{Case, DOTS, FILMS, POINTS, refused, works},
    request::Operation::{
        CreateCollection, DeleteCollection, DescribeCollection, ListCollections, Search,
        SearchBatch, UpdateCollection,
    },
};

/// An index is described, and changed setting by setting.
#[rustfmt::skip] // A case is a line.
pub(crate) fn settings() -> Vec<Case> {
    vec![
        works(DescribeCollection, DOTS, json!({})).with("/index/engine", json!("exact")).with("/index/m", Value::Null).with("/index/state", json!(true)).with("/index/progress", json!(true)),
        works(CreateCollection, "", json!({"name": "graphs", "dimension": 1024, "index": {"engine": "hnsw", "m": 64, "ef_construction": 2000, "ef": 10_000, "quantization": "binary"}}))
            .with("/index/m", json!(64)).with("/index/ef_construction", json!(2000)).with("/index/ef", json!(10_000)).with("/index/quantization", json!("binary")).with("/index/linked_count", json!(true)),
        works(UpdateCollection, "graphs", json!({"index": {"m": 4, "ef_construction": 8, "ef": 1, "quantization": null}, "description": "small"})).with("/index/m", json!(4)).with("/index/quantization", json!("binary")),
        works(UpdateCollection, "graphs", json!({"index": {"engine": "hnsw_rs"}})).with("/index/ef", json!(1)).with("/index/quantization", json!("none")).with("/description", json!("small")),
        works(UpdateCollection, "graphs", json!({"index": {"engine": "exact"}})).with("/index/ef", Value::Null).with("/index/quantization", Value::Null),
        works(UpdateCollection, "graphs", json!({"index": {"engine": "hnsw", "ef": 100}})).with("/index/m", json!(4)).with("/index/quantization", json!("int8")),
        works(UpdateCollection, "graphs", json!({"index": {}})).with("/index/m", json!(4)),
        works(UpdateCollection, "graphs", json!({"index": null})).with("/index/m", json!(4)),
        works(ListCollections, "", json!({})).with("/collections/3/index/ef_construction", json!(8)),
        works(DeleteCollection, "graphs", json!({})),
    ]
}

/// Searches with parameters, and their plans.
#[rustfmt::skip] // A case is a line.
pub(crate) fn searches() -> Vec<Case> {
    vec![
        works(Search, POINTS, json!({"vector": [1, 0, 0], "params": {"ef": 1, "exact": false, "rescore": false}})).with("/plan", Value::Null).with("/degraded", Value::Null),
        works(Search, POINTS, json!({"vector": [1, 0, 0], "params": {"ef": 10_000, "exact": null}, "explain": false})).with("/plan", Value::Null),
        works(Search, POINTS, json!({"vector": [1, 0, 0], "explain": true, "limit": 1})).with("/plan/strategy", json!("scan")).with("/plan/vectors", json!(6)).with("/plan/compared", json!(6)).with("/plan/matching", Value::Null).with("/plan/index_ms", json!(true)),
        works(Search, FILMS, json!({"text": "ship", "filter": {"lang": "en"}, "params": {"exact": true}, "explain": true})).with("/plan/matching", json!(1)).with("/plan/vectors", json!(12)).with("/plan/hops", json!(0)).with("/plan/ef", Value::Null),
        works(SearchBatch, POINTS, json!({"searches": [{"vector": [1, 0, 0], "explain": true}, {"vector": [1, 0, 0]}]})).with("/results/0/plan/rescored", json!(0)).with("/results/1/plan", Value::Null),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_settings() -> Vec<Case> {
    vec![
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"engine": "ivf"}}), InvalidArgument, "index.engine: unknown index engine \"ivf\", allowed are hnsw, exact and hnsw_rs"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"engine": "HNSW"}}), InvalidArgument, "index.engine: unknown index engine"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"m": 3}}), InvalidArgument, "index.m: must be 4 to 64, is 3"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"m": 65, "ef": 0}}), InvalidArgument, "index.m: must be 4 to 64, is 65 (and 1 more)"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"m": u64::MAX}}), InvalidArgument, "index.m: must be 4 to 64, is 18446744073709551615"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"ef_construction": 2_001}}), InvalidArgument, "index.ef_construction: must be 8 to 2000, is 2001"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"m": 32, "ef_construction": 31}}), InvalidArgument, "index.ef_construction: is 31, must be at least `m`, which is 32"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"ef": 10_001}}), LimitExceeded, "index.ef: is 10001, allowed are at most 10000 (result_window)"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"quantization": "pq"}}), InvalidArgument, "index.quantization: unknown quantization \"pq\", allowed are int8, none and binary"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 1023, "index": {"quantization": "binary"}}), InvalidArgument, "index.quantization: binary needs at least 1024 dimensions, the collection has 1023"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"engine": "hnsw_rs", "quantization": "int8"}}), InvalidArgument, "index.quantization: is int8, the engine hnsw_rs knows full vectors: none"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 3, "index": {"engine": "exact", "m": 16}}), InvalidArgument, "index.m: the engine exact has no graph"),
        refused(UpdateCollection, FILMS, json!({"index": {"ef": 0}, "description": "lost"}), InvalidArgument, "index.ef: must be at least 1"),
        refused(UpdateCollection, FILMS, json!({"index": {"engine": "hnsw", "quantization": "binary"}}), InvalidArgument, "index.quantization: binary needs at least 1024 dimensions, the collection has 8"),
        refused(UpdateCollection, DOTS, json!({"index": {"ef": 50}}), InvalidArgument, "index.ef: the engine exact has no graph"),
        refused(UpdateCollection, FILMS, json!({"index": {"m": 64}, "description": "\0"}), InvalidArgument, "description: "),
    ]
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn wrong_searches() -> Vec<Case> {
    let wrong = [
        (0, InvalidArgument, "params.ef: must be at least 1"),
        (10_001, LimitExceeded, "params.ef: is 10001, allowed are at most 10000 (result_window)"),
        (u64::MAX, LimitExceeded, "params.ef: is 18446744073709551615"),
    ];
    let mut cases = Vec::new();
    for (ef, code, says) in wrong {
        let search = json!({"vector": [1, 0, 0], "params": {"ef": ef}});
        cases.push(refused(Search, POINTS, search.clone(), code, says));
        let searches = json!({"searches": [{"vector": [1, 0, 0]}, search]});
        cases.push(refused(SearchBatch, POINTS, searches, code, format!("searches[1].{says}")));
    }
    cases
}
