//! The cases of what is refused, by area. Nothing is changed by any of them.

use akidb_core::ErrorCode::*;
use serde_json::{Value, json};

use super::{
    cases::{Case, DOTS, FILMS, FLAT, POINTS, refused, works},
    request::{CURSOR, NAN, Operation::*},
};

#[rustfmt::skip] // A case is a line.
pub(crate) fn collections() -> Vec<Case> {
    let mut cases = vec![
        refused(CreateCollection, "", json!({"name": FILMS}), CollectionExists, "\"films\" exists"),
        refused(CreateCollection, "", json!({"name": "a", "model": "nope"}), ModelNotFound, "no model named \"nope\""),
        refused(CreateCollection, "", json!({"name": "a", "model": ""}), ModelNotFound, "no model named \"\""),
        refused(CreateCollection, "", json!({"name": "a", "model": "hash", "dimension": 9}), DimensionMismatch, "dimension: is 9, the model hash has 8"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 2, "language": "klingon"}), InvalidArgument, "language: \"klingon\" is no language that is known, allowed are auto, none, ar,"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 2, "keyword": {"weights": {"title": 0}}}), InvalidArgument, "keyword.weights.title: is 0, allowed are 1 to 100"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 2, "keyword": {"weights": {"text": 0}}}), InvalidArgument, "keyword.weights: leaves nothing that has words"),
        refused(CreateCollection, "", json!({"name": "a", "dimension": 2, "keyword": {"weights": {"$id": 1}}}), InvalidArgument, "keyword.weights.$id: is no path into metadata"),
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
        refused(Reembed, FILMS, json!({"model": "hash"}), InvalidArgument, "model: is the model that the field has"),
        refused(Reembed, FILMS, json!({"model": "nope"}), ModelNotFound, "nope"),
        refused(Reembed, FILMS, json!({"model": "hash", "field": "title"}), FieldNotFound, "no vector field is named \"title\""),
        refused(Reembed, FILMS, json!({"model": "hash", "field": "a/b"}), InvalidName, "field: \"a/b\" is not"),
        refused(Reembed, POINTS, json!({"model": "hash"}), ModelMismatch, "has no model"),
        refused(Reembed, "nothing", json!({"model": "hash"}), CollectionNotFound, "\"nothing\""),
        refused(DropPrevious, FILMS, json!({}), FieldNotFound, "no other vectors are kept beside the unnamed vector field"),
        refused(DropPrevious, FILMS, json!({"field": "title"}), FieldNotFound, "no vector field is named \"title\""),
        refused(CopyCollection, "nothing", json!({"to": "a"}), CollectionNotFound, "\"nothing\""),
        refused(GetTask, "", json!({"id": "nothing"}), TaskNotFound, "no task has the id \"nothing\""),
        refused(GetBackup, "", json!({"id": "nothing"}), BackupNotFound, "no backup has the id \"nothing\""),
        refused(DeleteBackup, "", json!({"id": "01A22A8C-0C33-7335-B376-17D5BE95297F"}), BackupNotFound, "no backup has the id"),
        refused(DeleteBackup, "", json!({"id": "01a22a8c-0c33-7335-b376-17d5be95297f"}), BackupNotFound, "no backup has the id"),
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
            (Facets, json!({"facets": [{"field": "year"}]})),
            (Scroll, json!({})),
            (Search, json!({"vector": [1, 2, 3]})),
            (SearchBatch, json!({"searches": [{"vector": [1, 2, 3]}]})),
        ];
        cases.extend(requests.map(|(operation, body)| refused(operation, name, body, code, "")));
    }
    cases
}

#[rustfmt::skip] // A case is a line.
pub(crate) fn documents() -> Vec<Case> {
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
pub(crate) fn vectors() -> Vec<Case> {
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
pub(crate) fn selections() -> Vec<Case> {
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
        refused(PatchMetadata, FILMS, json!({"id": "titanic"}), InvalidArgument, "at least one of text, vector, metadata and expires_at must be given"),
        refused(PatchMetadata, FILMS, json!({"id": "titanic", "expires_at": "tomorrow"}), InvalidArgument, "expires_at: is no moment in time, which is written as 2030-01-31"),
        refused(Upsert, FILMS, json!({"documents": [{"id": "new", "text": "a"}, {"id": "newer", "text": "a", "expires_at": "2030-02-30"}]}), InvalidArgument, "documents[1].expires_at: is no moment in time"),
        refused(Count, FILMS, json!({"filter": {"$expires_at": {"$lt": "soon"}}}), InvalidFilter, "filter.$expires_at.$lt: is no moment in time"),
        refused(CreateCollection, "", json!({"name": "brief", "dimension": 2, "ttl_seconds": 0}), InvalidArgument, "ttl_seconds: must be 1 to 3155760000 seconds, is 0"),
        refused(UpdateCollection, FILMS, json!({"ttl_seconds": 3_155_760_001_u64}), InvalidArgument, "ttl_seconds: must be 1 to 3155760000 seconds"),
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
pub(crate) fn filters() -> Vec<Case> {
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
        cases.push(with(Facets, json!({"facets": [{"field": "year"}]})));
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
pub(crate) fn searches() -> Vec<Case> {
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
pub(crate) fn embeddings() -> Vec<Case> {
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
