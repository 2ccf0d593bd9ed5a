//! Documents of several vectors: whole or not at all, whatever is done to them.

use std::path::Path;

use akidb_core::{Document, Passage, Seq};
use akidb_engine::{
    Applied, EmbeddedText, KnownText, NewRow, PassageVector, RowVectors, TextHash, Write,
};
use akidb_store::{
    CommittedChange, DocumentStore, PageRequest, StoreOptions, VectorKey, VectorsPerDocument,
};
use tokio::sync::mpsc;

use crate::{
    damage::{damaged, tamper},
    id, open_with, options, row, upsert, vector, write,
};

/// Its three passages begin with these bytes: 0, 4 and, with a character shared, 7.
const TEXT: &str = "aé cd éf ghi";

fn several() -> StoreOptions {
    StoreOptions { vectors_per_document: VectorsPerDocument::Several, ..options() }
}

async fn open(folder: &Path) -> (DocumentStore, mpsc::UnboundedReceiver<CommittedChange>) {
    open_with(folder, several()).await
}

fn known(value: f32) -> KnownText {
    let embedded = EmbeddedText {
        hash: TextHash::of(TEXT),
        tokens: 12,
        truncated: false,
        unknown_tokens: Some(1),
    };
    let passages = [0..4, 4..9, 7..14].into_iter().zip([value, value + 1.0, value + 2.0]);
    let passages = passages
        .map(|(bytes, value)| PassageVector { bytes: Some(bytes), vector: vector(value) })
        .collect();
    KnownText { passages, embedded }
}

/// A row of three passages, whose vectors begin with `value`, the next number and the next.
fn cut(name: &str, value: f32) -> NewRow {
    NewRow {
        text: Some(TEXT.into()),
        vectors: Some(RowVectors::Embedded(known(value))),
        ..row(id(name), value)
    }
}

fn passages(value: f32) -> Vec<Passage> {
    let characters = [0..3, 3..7, 6..12].into_iter().zip([value, value + 1.0, value + 2.0]);
    characters.map(|(characters, value)| Passage { characters, vector: vector(value) }).collect()
}

async fn get(store: &DocumentStore, name: &str) -> Document {
    let mut rows = store.by_ids(&[id(name)], true).await.unwrap();
    assert!(rows.damaged.is_empty(), "{rows:?}");
    rows.documents.pop().unwrap()
}

/// The documents of which a vector was left out, and the vectors that were not.
async fn loaded(folder: &Path) -> (Vec<Seq>, Vec<(VectorKey, f32)>) {
    let mut loader = DocumentStore::open(folder, several()).await.unwrap();
    let mut found = Vec::new();
    let visit = |stored: akidb_store::StoredVector| found.push((stored.key, stored.vector[0]));
    let damaged = loader.rows().vectors(0, Seq(0), visit).await.unwrap();
    loader.start(|_| {}).close().await;
    (damaged, found)
}

fn key(document: u64, passage: u32) -> VectorKey {
    VectorKey { document: Seq(document), passage }
}

#[tokio::test]
async fn passages_come_back_in_order_beside_own_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut changes) = open(folder.path()).await;
    upsert(&store, vec![cut("a", 10.0), row(id("own"), 1.0), cut("b", 20.0)]).await;
    let change = changes.recv().await.unwrap();
    let keys = [key(1, 0), key(1, 1), key(1, 2), key(4, 0), key(5, 0), key(5, 1), key(5, 2)];
    assert_eq!(change.added, keys);
    assert_eq!(change.added_vectors[6..7], [12.0]);
    let documents: Vec<_> = change.added_documents.iter().map(|it| it.seq).collect();
    assert_eq!(documents, [Seq(1), Seq(4), Seq(5)]);
    assert_eq!((store.document_count(), store.last_seq()), (3, Seq(7)));
    store.close().await;

    let values = [10.0, 11.0, 12.0, 1.0, 20.0, 21.0, 22.0];
    assert_eq!(loaded(folder.path()).await, (vec![], keys.into_iter().zip(values).collect()));
    let (store, _changes) = open(folder.path()).await;
    let a = get(&store, "a").await;
    assert_eq!((a.vector, a.passages), (None, passages(10.0)));
    let own = get(&store, "own").await;
    assert_eq!((own.vector, own.passages), (Some(vector(1.0)), vec![]));
    let page =
        PageRequest { after: Seq(1), through: Seq(7), limit: 2, matching: None, with_vector: true };
    let scrolled = store.page(page).await.unwrap().rows.documents;
    assert_eq!(scrolled[1].passages, passages(20.0));
    let without = store.by_seqs(&[Seq(1)], false).await.unwrap().documents.remove(0);
    assert_eq!((without.vector, without.passages), (None, vec![]));
    let spans = store.passage_spans_here(0, &[Seq(2), Seq(4), Seq(99)]).unwrap();
    assert_eq!(spans.sound.len(), 2);
    assert_eq!((&spans.sound[&Seq(2)], &spans.sound[&Seq(4)]), (&Some(4..9), &None));
}

#[tokio::test]
async fn updates_patches_and_deletes_take_all_passages_along() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut changes) = open(folder.path()).await;
    upsert(&store, vec![cut("a", 10.0), cut("b", 20.0), cut("c", 30.0)]).await;
    upsert(&store, vec![row(id("b"), 1.0)]).await;
    let patch = crate::patch_of(id("c"), serde_json::json!({"seen": true}));
    let patched = write(&store, Write::Patch(patch)).await.unwrap();
    let Applied::Patched(Some(patched)) = patched else { panic!("{patched:?}") };
    assert_eq!(patched.seq, Seq(11));
    assert_eq!(get(&store, "c").await.passages, passages(30.0));
    assert_eq!(get(&store, "b").await.vector, Some(vector(1.0)));
    write(&store, Write::DeleteIds(vec![id("a")])).await.unwrap();
    assert_eq!(store.document_count(), 2);
    let mut removed = Vec::new();
    while let Ok(change) = changes.try_recv() {
        removed.extend(change.removed);
    }
    assert_eq!(removed, [Seq(4), Seq(7), Seq(1)]);
    store.close().await;
    let left = [(key(10, 0), 1.0), (key(11, 0), 30.0), (key(11, 1), 31.0), (key(11, 2), 32.0)];
    assert_eq!(loaded(folder.path()).await, (vec![], left.to_vec()));
}

#[tokio::test]
async fn a_text_is_known_with_all_of_its_passages_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let hash = TextHash::of(TEXT);
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![row(id("own"), 1.0), cut("a", 10.0)]).await;
    assert_eq!(store.known_texts(0, &[hash]).await.unwrap()[&hash], known(10.0));
    store.close().await;
    for sql in [
        "UPDATE vectors SET start_byte = 5 WHERE seq = 3",
        "UPDATE vectors SET start_byte = 4, end_byte = 10 WHERE seq = 3",
        "UPDATE vectors SET end_byte = 9, document_seq = 1 WHERE seq = 3",
        "UPDATE vectors SET document_seq = 2, vector = zeroblob(12) WHERE seq = 4",
        "DELETE FROM vectors WHERE seq = 4",
        "UPDATE vectors SET passages = 2 WHERE seq = 2",
    ] {
        tamper(folder.path(), sql).await;
        let (store, _changes) = open(folder.path()).await;
        assert!(store.known_texts(0, &[hash]).await.unwrap().is_empty(), "{sql}");
        let rows = store.by_ids(&[id("a"), id("own")], true).await.unwrap();
        assert_eq!((rows.documents.len(), rows.damaged), (1, vec![damaged("a", 2)]), "{sql}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_damaged_passage_is_left_out_alone_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![cut("a", 10.0)]).await;
    store.close().await;
    tamper(folder.path(), "UPDATE vectors SET tokens = 13 WHERE seq = 1").await;
    let expected = vec![(key(1, 1), 11.0), (key(1, 2), 12.0)];
    assert_eq!(loaded(folder.path()).await, (vec![Seq(1)], expected));
    let (store, _changes) = open(folder.path()).await;
    let spans = store.passage_spans_here(0, &[Seq(1), Seq(2)]).unwrap();
    assert_eq!((spans.damaged, &spans.sound[&Seq(2)]), (vec![Seq(1)], &Some(4..9)));
    let patch = crate::patch_of(id("a"), serde_json::json!({}));
    assert!(write(&store, Write::Patch(patch)).await.is_err());
    write(&store, Write::DeleteIds(vec![id("a")])).await.unwrap();
    store.close().await;
    assert_eq!(loaded(folder.path()).await, (vec![], vec![]));
}
