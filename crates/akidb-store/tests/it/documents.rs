//! Writes, reads and reopening.

use akidb_core::{DocumentId, Filter, Limits, Metadata, Seq};
use akidb_engine::{Applied, Patch, RowVectors, Write};
use akidb_store::{AddedDocument, DocumentStore, Matching, Page, PageRequest, Placed};
use serde_json::json;

use crate::{id, keys, metadata, open, options, row, upsert, vector, write};

#[tokio::test]
async fn documents_come_back_as_given_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let mut rows = vec![row(5, 1.0), row(id("5"), 2.0), row(i64::MIN, 3.0)];
    rows[0].text = None;
    rows[1].text = Some("naïve 🦀 \u{202e}rtl".into());
    rows[2].metadata = metadata(json!({"big": 9_007_199_254_740_993_i64, "list": [1, [2.5]]}));
    assert_eq!(upsert(&store, rows.clone()).await, [true; 3]);
    store.close().await;

    let (store, _changes) = open(folder.path()).await;
    assert_eq!((store.document_count(), store.last_seq()), (3, Seq(3)));
    let ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
    let found = store.by_ids(&ids, true).await.unwrap();
    assert!(found.damaged.is_empty());
    for given in rows {
        let stored = found.documents.iter().find(|document| document.id == given.id).unwrap();
        assert_eq!(stored.text, given.text);
        assert_eq!(stored.metadata, given.metadata);
        assert_eq!(stored.vector.clone().map(RowVectors::Given), given.vectors);
    }
    assert!(store.by_ids(&[id("6")], false).await.unwrap().documents.is_empty());
}

fn added(seq: u64, id: i64, value: u8, metadata: Metadata) -> AddedDocument {
    AddedDocument {
        expires_at: None,
        seq: Seq(seq),
        id: id.into(),
        metadata,
        text: Some(format!("text {value}")),
    }
}

#[tokio::test]
async fn an_update_is_a_new_version_and_the_old_one_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 1.0), row(2, 2.0)]).await;
    assert_eq!(upsert(&store, vec![row(2, 20.0), row(3, 3.0)]).await, [false, true]);
    let first = changes.recv().await.unwrap();
    assert_eq!((first.added, first.removed), (keys(&[1, 2]), vec![]));
    let second = changes.recv().await.unwrap();
    assert_eq!((second.added, second.removed), (keys(&[3, 4]), vec![Seq(2)]));
    assert_eq!(second.added_vectors[..3], [20.0, -0.0, f32::MIN_POSITIVE]);
    let value = |value| metadata(json!({"value": value}));
    let added = [added(3, 2, 20, value(20.0)), added(4, 3, 3, value(3.0))];
    assert_eq!(second.added_documents, added);
    assert!(store.by_seqs(&[Seq(2)], false).await.unwrap().documents.is_empty());
    assert_eq!(store.document_count(), 3);
}

#[tokio::test]
async fn deletes_are_by_id_or_by_version_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, (0..100_i16).map(|i| row(i64::from(i), f32::from(i))).collect()).await;
    let filter = Filter::parse(&json!({"value": {"$gte": 90}}), &Limits::default()).unwrap();
    assert_eq!(store.matching(&filter).await.unwrap().len(), 10);
    let by_version = Write::DeleteVersions(store.matching(&filter).await.unwrap());
    assert_eq!(write(&store, by_version.clone()).await.unwrap(), Applied::Deleted(10));
    assert_eq!(write(&store, by_version).await.unwrap(), Applied::Deleted(0));
    let by_id = Write::DeleteIds(vec![0.into(), 95.into(), id("1")]);
    assert_eq!(write(&store, by_id.clone()).await.unwrap(), Applied::Deleted(1));
    assert_eq!(write(&store, by_id).await.unwrap(), Applied::Deleted(0));
    assert_eq!(store.document_count(), 89);
    assert!(store.matching(&filter).await.unwrap().is_empty());
}

#[tokio::test]
async fn sequence_numbers_are_not_used_again_after_deleting_the_last_row() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 1.0), row(2, 2.0)]).await;
    write(&store, Write::DeleteIds(vec![2.into()])).await.unwrap();
    store.close().await;
    let (store, _changes) = open(folder.path()).await;
    // The delete has used one up itself.
    upsert(&store, vec![row(3, 3.0)]).await;
    assert_eq!(store.last_seq(), Seq(4));
}

#[tokio::test]
async fn a_patch_keeps_text_and_vector_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 1.0)]).await;
    changes.recv().await.unwrap();
    let patch = |merge: serde_json::Value, limits: Limits| {
        Write::Patch(Patch { limits: limits.into(), ..crate::patch_of(1, merge) })
    };
    let good = patch(json!({"value": null, "seen": true}), Limits::default());
    let Applied::Patched(Some(patched)) = write(&store, good).await.unwrap() else { panic!() };
    assert_eq!(patched.metadata, metadata(json!({"seen": true})));
    let small = Limits { metadata_bytes: 20, ..Limits::default() };
    assert!(write(&store, patch(json!({"long": "x".repeat(20)}), small)).await.is_err());
    let stored = store.by_ids(&[1.into()], true).await.unwrap().documents.remove(0);
    assert_eq!(stored.metadata, patched.metadata);
    let change = changes.recv().await.unwrap();
    assert_eq!(change.added_documents, [added(2, 1, 1, patched.metadata)]);
    assert_eq!((stored.seq, patched.seq), (Seq(2), Seq(2)));
    assert_eq!(stored.text.as_deref(), Some("text 1"));
    assert_eq!(stored.vector, Some(vector(1.0)));
}

#[tokio::test]
async fn pages_follow_the_order_of_creation_and_the_filter() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, (0..10_i16).map(|i| row(i64::from(i), f32::from(i))).collect()).await;
    let filter = Filter::parse(&json!({"value": {"$lt": 8}}), &Limits::default()).unwrap();
    let versions = store.matching(&filter).await.unwrap();
    let page = |after, limit| {
        let matching =
            Some(Matching { filter: &filter, value: None, versions: &versions, as_of: Seq(10) });
        let (after, through) = (Seq(after), Seq(10));
        store.page(PageRequest { after, through, limit, matching, with_vector: false })
    };
    let seqs = |page: &Page| -> Vec<u64> {
        page.rows.documents.iter().map(|document| document.seq.0).collect()
    };
    let found = page(3, 3).await.unwrap();
    assert_eq!((seqs(&found), found.next), (vec![4, 5, 6], Some(Seq(6))));
    let found = page(7, 3).await.unwrap();
    assert_eq!((seqs(&found), found.next), (vec![8], None));
    assert_eq!(page(5, 3).await.unwrap().next, None, "the filter lets no more through");
    // New versions keep their place, new documents come behind the end; those that were replaced since
    // the versions were asked for are looked at.
    upsert(&store, vec![row(4, 4.5), row(11, 1.0), row(6, 99.0)]).await;
    let found = page(3, 3).await.unwrap();
    assert_eq!((seqs(&found), found.next), (vec![4, 11, 6], Some(Seq(6))));
    assert_eq!(seqs(&page(6, 99).await.unwrap()), [8]);
}

/// A few of many documents are looked up, many are found among all: the pages are the same.
#[tokio::test]
async fn pages_of_few_and_of_many_that_match_are_those_of_their_rows() {
    const COUNT: i16 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, (0..COUNT).map(|i| row(i64::from(i), f32::from(i))).collect()).await;
    upsert(&store, (0..COUNT).step_by(7).map(|i| row(i64::from(i), f32::from(i))).collect()).await;
    for modulus in [2, 3, 100, 2_999, 5_000] {
        let wanted: Vec<i16> = (0..COUNT).filter(|i| i % modulus == 1).collect();
        let filter = json!({"value": {"$in": wanted}});
        let limits = Limits { filter_nodes: 10_000, ..Limits::default() };
        let filter = Filter::parse(&filter, &limits).unwrap();
        let versions = store.matching(&filter).await.unwrap();
        assert_eq!(versions.len(), wanted.len());
        let as_of = store.last_seq();
        let matching = Some(Matching { filter: &filter, value: None, versions: &versions, as_of });
        let (mut after, mut ids) = (Seq(0), Vec::new());
        loop {
            let through = store.last_seq();
            let request = PageRequest { after, through, limit: 70, matching, with_vector: false };
            let page = store.page(request).await.unwrap();
            ids.extend(page.rows.documents.into_iter().map(|document| document.id));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let wanted: Vec<DocumentId> = wanted.into_iter().map(|i| i64::from(i).into()).collect();
        assert_eq!(ids, wanted, "every {modulus}th");
    }
}

#[tokio::test]
async fn a_patch_that_changes_nothing_makes_no_version() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut changes) = open(folder.path()).await;
    upsert(&store, vec![row(1, 1.0)]).await;
    changes.recv().await.unwrap();
    let patch = crate::patch_of(1, json!({"value": 1.0, "absent": null}));
    let patched = write(&store, Write::Patch(patch)).await.unwrap();
    let Applied::Patched(Some(document)) = patched else { panic!("{patched:?}") };
    assert_eq!((document.seq, store.last_seq()), (Seq(1), Seq(1)));
    assert_eq!(document.metadata, metadata(json!({"value": 1.0})));
    assert_eq!(changes.recv().await.unwrap().added, []);
}

#[tokio::test]
async fn every_vector_is_given_to_the_index_when_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, (0..300_i16).map(|i| row(i64::from(i), f32::from(i))).collect()).await;
    write(&store, Write::DeleteIds(vec![7.into()])).await.unwrap();
    store.close().await;
    let mut loader = DocumentStore::open(folder.path(), options()).await.unwrap();
    let mut loaded = Vec::new();
    assert_eq!(loader.rows().vectors(0, Seq(0), |stored| loaded.push(stored)).await.unwrap(), []);
    assert_eq!(loaded.len(), 299);
    assert!(loaded.is_sorted_by_key(|stored| stored.key));
    assert_eq!(loaded[10].vector, vector(11.0));

    assert_eq!((loader.last_seq(), loader.document_count()), (Seq(301), 299));
    assert!(!loader.has_damage());
    let documents = loader.rows().documents(Placed::In(0)).await.unwrap();
    assert!(documents.iter().eq(loaded.iter().map(|stored| &stored.key.document)));
    let mut later = Vec::new();
    loader.rows().vectors(0, Seq(298), |stored| later.push(stored.key.document)).await.unwrap();
    assert_eq!(later, [Seq(299), Seq(300)]);
    let mut values = Vec::new();
    loader
        .rows()
        .contents((Placed::In(0), false), Seq(298), |it| values.push((it.seq, it.metadata)))
        .await
        .unwrap();
    let value = |value| metadata(json!({"value": value}));
    assert_eq!(values, [(Seq(299), value(298.0)), (Seq(300), value(299.0))]);
}
