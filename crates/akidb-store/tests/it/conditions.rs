//! Writes that require something of the documents that they meet.

use akidb_core::{Conflict, Filter, Limits, Seq, WriteMode};
use akidb_engine::{
    Applied, ConflictsStop, NewRow, OneDocument, Patch, PatchVersions, RowVectors, UpsertRules,
    Write, Written,
};
use akidb_store::StoreError;
use serde_json::json;

use crate::{id, metadata, open, patch_of, row, upsert, vector, write};

const CREATE: UpsertRules = UpsertRules { mode: WriteMode::Create, conflicts: ConflictsStop::All };
const UPDATE: UpsertRules =
    UpsertRules { mode: WriteMode::Update, conflicts: ConflictsStop::Themselves };

fn conflicts(written: Result<Applied, StoreError>) -> Vec<(usize, Conflict)> {
    match written {
        Err(StoreError::Conflicts(conflicts)) => conflicts,
        other => panic!("{other:?}"),
    }
}

/// A later write won over one that it had not seen.
#[tokio::test]
async fn a_write_that_expects_another_version_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 1.0), row(2, 2.0)]).await;
    let expects = |id: i64, seq| NewRow { if_seq: Some(Seq(seq)), ..row(id, 9.0) };
    let rows = vec![expects(1, 1), expects(2, 7), expects(3, 1)];
    let refused = write(&store, Write::Upsert(rows, UpsertRules::default())).await;
    let other = |expected, found| Conflict::OtherVersion { expected: Seq(expected), found };
    assert_eq!(conflicts(refused), [(1, other(7, Some(Seq(2)))), (2, other(1, None))]);
    let refused = write(&store, Write::Upsert(vec![row(5, 5.0), row(2, 5.0)], CREATE)).await;
    assert_eq!(conflicts(refused), [(1, Conflict::Exists { seq: Seq(2) })]);
    assert_eq!((store.document_count(), store.last_seq()), (2, Seq(2)));

    let one = |if_seq| OneDocument { ids: vec![1.into()], if_seq: Some(Seq(if_seq)) };
    let patch = Patch { document: one(5), ..patch_of(1, json!({"seen": true})) };
    let refused = write(&store, Write::Patch(patch)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert!(write(&store, Write::DeleteOne(one(2))).await.is_err());
    assert_eq!(write(&store, Write::DeleteOne(one(1))).await.unwrap(), Applied::Deleted(1));
    assert_eq!(write(&store, Write::DeleteOne(one(1))).await.unwrap(), Applied::Deleted(0));
}

#[tokio::test]
async fn a_conflict_stops_its_row_alone_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 1.0), row(2, 2.0)]).await;
    changes.recv().await.unwrap();
    let rows = vec![row(3, 3.0), row(2, 20.0), row(4, 4.0), row(1, 10.0)];
    let written = write(&store, Write::Upsert(rows, UPDATE)).await.unwrap();
    let replaced = |seq| Ok(Written { created: false, seq: Seq(seq) });
    let absent = Err(Conflict::Absent);
    assert_eq!(written, Applied::Upserted(vec![absent, replaced(3), absent, replaced(4)]));
    let change = changes.recv().await.unwrap();
    let ids: Vec<_> = change.added_documents.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids, [2.into(), 1.into()]);
    assert_eq!(store.document_count(), 2);
}

/// Of writers that read the same version, each of which adds to it, all but one are told.
#[tokio::test]
async fn no_write_slips_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 0.0)]).await;
    let store = std::sync::Arc::new(store);
    let add = async |store: std::sync::Arc<akidb_store::DocumentStore>| {
        loop {
            let document = store.by_ids(&[1.into()], false).await.unwrap().documents.remove(0);
            let count = document.metadata.as_object()["value"].as_f64().unwrap();
            let document = OneDocument { ids: vec![1.into()], if_seq: Some(document.seq) };
            let patch = Patch { document, ..patch_of(1, json!({"value": count + 1.0})) };
            match write(&store, Write::Patch(patch)).await {
                Ok(_) => return,
                Err(StoreError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let writers = (0..20).map(|_| add(std::sync::Arc::clone(&store)));
    futures::future::join_all(writers).await;
    let stored = store.by_ids(&[1.into()], false).await.unwrap().documents.remove(0);
    assert_eq!(stored.metadata, metadata(json!({"value": 20.0})));
}

#[tokio::test]
async fn a_patch_changes_text_and_vector_and_finds_its_document() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 1.0), row(id("2"), 2.0), row(2, 3.0)]).await;
    let either = |text: &str, integer: i64| OneDocument {
        ids: vec![id(text), integer.into()],
        if_seq: None,
    };
    let patch = Patch {
        document: either("1", 1),
        text: Some("another".to_owned()),
        vectors: Some(RowVectors::Given(vector(7.0))),
        ..patch_of(1, json!({}))
    };
    write(&store, Write::Patch(patch)).await.unwrap();
    let stored = store.by_ids(&[1.into()], true).await.unwrap().documents.remove(0);
    assert_eq!((stored.text.as_deref(), stored.vector), (Some("another"), Some(vector(7.0))));
    assert_eq!(stored.metadata, metadata(json!({"value": 1.0})));
    // The text where there is one of it, the integer where not.
    write(&store, Write::DeleteOne(either("2", 2))).await.unwrap();
    assert!(store.by_ids(&[id("2")], false).await.unwrap().documents.is_empty());
    assert_eq!(store.by_ids(&[2.into()], false).await.unwrap().documents.len(), 1);
}

#[tokio::test]
async fn several_documents_are_changed_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, (0..100_i16).map(|i| row(i64::from(i), f32::from(i))).collect()).await;
    let filter = Filter::parse(&json!({"value": {"$lt": 80}}), &Limits::default()).unwrap();
    let change = async |merge: serde_json::Value, limits: Limits| {
        let versions = store.matching(&filter).await.unwrap();
        let merge = merge.as_object().unwrap().clone();
        write(
            &store,
            Write::PatchVersions(PatchVersions { versions, merge, limits: limits.into() }),
        )
        .await
    };
    let seen = json!({"seen": true});
    let small = Limits { metadata_bytes: 20, ..Limits::default() };
    assert!(change(json!({"s": 12}), small).await.is_err());
    assert_eq!(store.last_seq(), Seq(100));
    let all = change(seen.clone(), Limits::default()).await.unwrap();
    assert_eq!(all, Applied::Updated(80));
    let again = change(seen, Limits::default()).await.unwrap();
    assert_eq!(again, Applied::Updated(0));
    let stored = store.by_ids(&[79.into()], true).await.unwrap().documents.remove(0);
    assert_eq!(stored.metadata, metadata(json!({"value": 79.0, "seen": true})));
    assert_eq!(stored.vector, Some(vector(79.0)));
    assert_eq!(store.document_count(), 100);
}
