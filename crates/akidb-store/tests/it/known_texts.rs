//! Texts that were embedded once: found by their hash, never by a vector of the user's own, and
//! never from a damaged row.

use akidb_core::Seq;
use akidb_engine::{EmbeddedText, KnownText, NewRow, PassageVector, RowVectors, TextHash, Write};

use crate::{damage::tamper, id, open, row, upsert, vector, write};

/// A row whose vector the node embedded from `text`.
fn embedded(name: &str, text: &str, value: f32) -> NewRow {
    let embedded = EmbeddedText {
        hash: TextHash::of(text),
        tokens: 7,
        truncated: true,
        unknown_tokens: Some(2),
    };
    let passages = vec![PassageVector { bytes: None, vector: vector(value) }];
    NewRow {
        text: Some(text.into()),
        vectors: Some(RowVectors::Embedded(KnownText { passages, embedded })),
        ..row(id(name), value)
    }
}

fn known(row: &NewRow) -> KnownText {
    let Some(RowVectors::Embedded(known)) = &row.vectors else { panic!("{row:?}") };
    known.clone()
}

#[tokio::test]
async fn an_embedded_text_is_known_after_reopening_and_as_long_as_a_row_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let (a, b) = (embedded("a", "one", f32::NAN), embedded("b", "two", 2.0));
    let rows = vec![a, b.clone(), embedded("c", "two", 2.0), row(id("own"), 4.0)];
    upsert(&store, rows).await;
    store.close().await;

    let (store, _changes) = open(folder.path()).await;
    let hashes = ["one", "two", "three", "text 4"].map(TextHash::of);
    let found = store.known_texts(0, &hashes).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[&hashes[0]].passages[0].vector[0].to_bits(), f32::NAN.to_bits());
    assert_eq!(found[&hashes[1]], known(&b));
    write(&store, Write::DeleteIds(vec![id("c"), id("a")])).await.unwrap();
    let found = store.known_texts(0, &hashes).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&hashes[1]]);
}

#[tokio::test]
async fn a_patch_keeps_what_is_known_and_an_own_vector_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open(folder.path()).await;
    let first = embedded("a", "one", 1.0);
    let hash = TextHash::of("one");
    upsert(&store, vec![first.clone()]).await;
    let patch = crate::patch_of(id("a"), serde_json::json!({"seen": true}));
    write(&store, Write::Patch(patch)).await.unwrap();
    assert_eq!(store.last_seq(), Seq(2));
    assert_eq!(store.known_texts(0, &[hash]).await.unwrap()[&hash], known(&first));
    let own = NewRow { vectors: Some(RowVectors::Given(vector(1.0))), ..first };
    upsert(&store, vec![own]).await;
    assert!(store.known_texts(0, &[hash]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_damaged_row_is_not_used_again_and_a_newer_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let good = embedded("a", "one", 1.0);
    let (store, _changes) = open(folder.path()).await;
    upsert(&store, vec![good.clone()]).await;
    store.close().await;
    let hash = TextHash::of("one");
    let other = TextHash::of("two");
    for sql in [
        "UPDATE vectors SET tokens = 8",
        "UPDATE vectors SET tokens = 7, truncated = 0",
        "UPDATE vectors SET truncated = 1, vector = zeroblob(12)",
        // What the hash of another text would give.
        "UPDATE vectors SET text_hash = x'3fc4ccfe745870e2c0d99f71f30ff065'",
    ] {
        tamper(folder.path(), sql).await;
        let (store, _changes) = open(folder.path()).await;
        assert!(store.known_texts(0, &[hash, other]).await.unwrap().is_empty(), "{sql}");
        store.close().await;
    }
    tamper(folder.path(), "UPDATE vectors SET text_hash = x'7692c3ad3540bb803c020b3aee66cd88'")
        .await;
    let (store, _changes) = open(folder.path()).await;
    assert!(store.known_texts(0, &[hash]).await.unwrap().is_empty());
    let newer = NewRow { id: id("b"), ..good };
    upsert(&store, vec![newer.clone()]).await;
    assert_eq!(store.known_texts(0, &[hash]).await.unwrap()[&hash], known(&newer));
}
