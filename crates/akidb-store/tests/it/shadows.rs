//! What stands beside a vector field: filled while documents are written, shown in its place, dropped.

use akidb_core::{DocumentField, FieldName, Seq};
use akidb_engine::{
    Applied, EmbeddedText, FieldRow, Fill, InShadow, KnownText, NewRow, PassageVector, RowVectors,
    TextHash, UpsertRules, Write,
};
use akidb_store::{
    CommittedChange, DocumentStore, StoreError, StoreOptions, StoredField, VectorsPerDocument,
    repair, survey,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{id, open_with, options, row, upsert, vector, write};

const UNNAMED: u32 = 4;
const TITLE: u32 = 5;

fn field(number: u32, name: &str, vectors_per_document: VectorsPerDocument) -> StoredField {
    StoredField { number, name: FieldName::new(name).unwrap(), vectors_per_document }
}

fn unnamed(number: u32) -> StoredField {
    field(number, "", VectorsPerDocument::One)
}

fn title(number: u32) -> StoredField {
    field(number, "title", VectorsPerDocument::Several)
}

/// The unnamed field, and `title`, whose texts are cut.
fn before() -> StoreOptions {
    StoreOptions { fields: vec![title(1)], ..options() }
}

fn text(passages: &[f32]) -> KnownText {
    let embedded = EmbeddedText {
        hash: TextHash::of("abcd"),
        tokens: 2,
        truncated: false,
        unknown_tokens: Some(0),
    };
    let passages = passages.iter().enumerate();
    let passages =
        passages.map(|(i, value)| PassageVector { bytes: Some(i..i + 1), vector: vec![*value; 3] });
    KnownText { passages: passages.collect(), embedded }
}

fn whole(value: f32) -> KnownText {
    let KnownText { embedded, .. } = text(&[]);
    KnownText { passages: vec![PassageVector { bytes: None, vector: vec![value; 3] }], embedded }
}

/// A document with a text in both fields, the title in one passage.
fn document(name: &str, value: f32) -> NewRow {
    let vectors = RowVectors::Embedded(text(&[value]));
    let title = FieldRow { field: 1, text: Some("abcd".to_owned()), vectors };
    NewRow { fields: vec![title], ..row(id(name), value) }
}

async fn opened() -> (DocumentStore, mpsc::UnboundedReceiver<CommittedChange>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (store, changes) = open_with(folder.path(), before()).await;
    (store, changes, folder)
}

async fn lacking(store: &DocumentStore, shadow: u32) -> Vec<u64> {
    let wanted = InShadow { has_vectors: false, after: Seq(0), limit: 10 };
    let found = store.in_shadow(shadow, wanted).await.unwrap();
    assert_eq!(found.last, found.documents.last().map(|document| document.seq));
    found.documents.iter().map(|document| document.seq.0).collect()
}

async fn fill(store: &DocumentStore, shadow: u32, rows: Vec<(Seq, KnownText)>) -> u64 {
    match write(store, Write::Fill(Fill { shadow, rows })).await.unwrap() {
        Applied::Filled(filled) => filled,
        other => panic!("{other:?}"),
    }
}

async fn parts(store: &DocumentStore, name: &str) -> (Seq, Option<Vec<f32>>, Vec<DocumentField>) {
    let mut rows = store.by_ids(&[id(name)], true).await.unwrap();
    assert!(rows.damaged.is_empty(), "{rows:?}");
    let document = rows.documents.remove(0);
    (document.seq, document.vector, document.fields)
}

#[tokio::test]
async fn a_shadow_is_filled_in_place_and_takes_over_between_two_commits() {
    let (store, mut changes, folder) = opened().await;
    upsert(&store, vec![document("a", 1.0), document("b", 2.0), row(id("c"), 3.0)]).await;
    store.add_shadow(unnamed(UNNAMED), 0).await.unwrap();
    store.add_shadow(title(TITLE), 1).await.unwrap();
    assert_eq!(lacking(&store, UNNAMED).await, [1, 2, 3]);
    assert_eq!(lacking(&store, TITLE).await, [1, 2]);
    let rows = vec![(Seq(1), whole(10.0)), (Seq(3), whole(30.0)), (Seq(99), whole(0.0))];
    assert_eq!(fill(&store, UNNAMED, rows.clone()).await, 2);
    assert_eq!(fill(&store, UNNAMED, rows).await, 0);
    assert_eq!(lacking(&store, UNNAMED).await, [2]);
    // Versions stay, and what is read is what was there.
    assert_eq!(parts(&store, "a").await.0, Seq(1));
    assert_eq!(parts(&store, "a").await.1, Some(vector(1.0)));
    assert_eq!(parts(&store, "a").await.2.len(), 1);
    assert_eq!(fill(&store, TITLE, vec![(Seq(1), text(&[11.0]))]).await, 1);
    // It has taken one number, so with two passages it is written anew.
    assert_eq!(fill(&store, TITLE, vec![(Seq(2), text(&[21.0, 22.0]))]).await, 1);
    let (version, _, fields) = parts(&store, "b").await;
    assert!(version > Seq(3) && fields[0].text.as_deref() == Some("abcd"));
    assert_eq!(fill(&store, UNNAMED, vec![(version, whole(20.0))]).await, 1);
    assert!(store.is_filled(UNNAMED).await.unwrap() && store.is_filled(TITLE).await.unwrap());

    // A document that changes takes what it has beside its fields along.
    let patch = super::patch_of(id("a"), serde_json::json!({"year": 1}));
    write(&store, Write::Patch(patch)).await.unwrap();
    assert!(store.is_filled(UNNAMED).await.unwrap() && store.is_filled(TITLE).await.unwrap());
    while changes.try_recv().is_ok() {}
    store.show(UNNAMED).await.unwrap();
    store.show(TITLE).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().shown, Some(UNNAMED));
    assert_eq!(parts(&store, "a").await.1, Some(vec![10.0; 3]));
    assert_eq!(parts(&store, "b").await.1, Some(vec![20.0; 3]));
    assert_eq!(parts(&store, "b").await.2[0].passages[1].vector, vec![22.0; 3]);
    // Who still writes the one of before alone would be found by nothing.
    let stale = Write::Upsert(vec![row(id("d"), 4.0)], UpsertRules::default());
    let stale = write(&store, stale).await;
    assert!(matches!(stale, Err(StoreError::FieldDropped { .. })), "{stale:?}");
    let beside = FieldRow { field: UNNAMED, text: None, vectors: RowVectors::Embedded(whole(4.0)) };
    let new = NewRow { vectors: None, fields: vec![beside], ..row(id("d"), 4.0) };
    upsert(&store, vec![new]).await;
    while changes.try_recv().is_ok_and(|change| change.added.is_empty()) {}
    assert_eq!(store.known_texts(UNNAMED, &[TextHash::of("abcd")]).await.unwrap().len(), 1);
    store.close().await;

    let after = StoreOptions {
        fields: vec![unnamed(UNNAMED), title(TITLE)],
        shadows: vec![unnamed(0), title(1)],
        ..options()
    };
    assert_eq!(survey(folder.path()).await.unwrap().faults, []);
    repair(folder.path()).await.unwrap();
    let (store, _changes) = open_with(folder.path(), after).await;
    assert_eq!(parts(&store, "c").await.1, Some(vec![30.0; 3]));
    assert_eq!(parts(&store, "d").await.1, Some(vec![4.0; 3]));
    assert_eq!(parts(&store, "a").await.2[0].passages[0].vector, vec![11.0; 3]);
    assert_eq!(lacking(&store, 0).await.len(), 1);
    for number in [0, 1] {
        store.drop_field(number).await.unwrap();
    }
    assert_eq!(parts(&store, "a").await.2[0].text.as_deref(), Some("abcd"));
    store.close().await;
    assert_eq!(survey(folder.path()).await.unwrap().faults, []);
    let after = StoreOptions { fields: vec![unnamed(UNNAMED), title(TITLE)], ..options() };
    let (store, _changes) = open_with(folder.path(), after).await;
    assert_eq!(parts(&store, "b").await.1, Some(vec![20.0; 3]));
    // The texts of a place go with its last field.
    store.drop_field(TITLE).await.unwrap();
    assert_eq!(store.field_numbers().await.unwrap(), [UNNAMED]);
    assert_eq!(parts(&store, "b").await.2, []);
    store.close().await;
}
