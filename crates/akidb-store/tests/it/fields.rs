//! Named vector fields: each with tables of its own, added and dropped while others write.

use akidb_core::{Document, DocumentField, FieldName, Passage, Seq};
use akidb_engine::{
    EmbeddedText, FieldPatch, FieldRow, KnownText, NewRow, PassageVector, RowVectors, TextHash,
    Write,
};
use akidb_store::{
    AddedDocument, CommittedChange, DocumentStore, Placed, StoreError, StoreOptions, StoredField,
    VectorsPerDocument, repair, survey,
};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{id, keys, metadata, open_with, options, patch_of, row, upsert, vector, write};

const TITLE: &str = "aé cd";

fn field(number: u32, name: &str, vectors_per_document: VectorsPerDocument) -> StoredField {
    StoredField { number, name: FieldName::new(name).unwrap(), vectors_per_document }
}

/// A collection with the unnamed field, `own`, and `title`, whose texts are cut.
fn fields() -> StoreOptions {
    let fields = vec![
        field(1, "own", VectorsPerDocument::One),
        field(3, "title", VectorsPerDocument::Several),
    ];
    StoreOptions { fields, ..options() }
}

async fn opened() -> (DocumentStore, mpsc::UnboundedReceiver<CommittedChange>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (store, changes) = open_with(folder.path(), fields()).await;
    (store, changes, folder)
}

fn own(value: f32) -> FieldRow {
    FieldRow { field: 1, text: None, vectors: RowVectors::Given(vec![value]) }
}

fn known(value: f32) -> KnownText {
    let embedded = EmbeddedText {
        hash: TextHash::of(TITLE),
        tokens: 2,
        truncated: false,
        unknown_tokens: Some(0),
    };
    let passage = |bytes, value| PassageVector { bytes: Some(bytes), vector: vec![value, 1.0] };
    KnownText { passages: vec![passage(0..4, value), passage(4..6, value + 1.0)], embedded }
}

/// A title in two passages.
fn title(value: f32) -> FieldRow {
    let vectors = RowVectors::Embedded(known(value));
    FieldRow { field: 3, text: Some(TITLE.to_owned()), vectors }
}

fn with(fields: Vec<FieldRow>, row: NewRow) -> NewRow {
    NewRow { fields, ..row }
}

async fn get(store: &DocumentStore, name: &str) -> Document {
    let mut rows = store.by_ids(&[id(name)], true).await.unwrap();
    assert!(rows.damaged.is_empty(), "{rows:?}");
    rows.documents.remove(0)
}

async fn scalar(folder: &TempDir, sql: &'static str) -> i64 {
    let url = format!("sqlite://{}", folder.path().join("documents.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let found = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    found
}

async fn tamper(folder: &TempDir, sql: &'static str) {
    let url = format!("sqlite://{}", folder.path().join("documents.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn named(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

#[tokio::test]
async fn a_document_has_in_each_field_what_was_written_there() {
    let (store, mut changes, _folder) = opened().await;
    let all = with(vec![own(5.0), title(7.0)], row(id("all"), 1.0));
    let nowhere = NewRow { vectors: None, ..row(id("nowhere"), 2.0) };
    let named_alone = with(vec![own(6.0)], NewRow { vectors: None, ..row(id("named"), 3.0) });
    upsert(&store, vec![all, nowhere, named_alone, row(id("plain"), 4.0)]).await;

    let found = get(&store, "all").await;
    let passages = vec![
        Passage { characters: 0..3, vector: vec![7.0, 1.0] },
        Passage { characters: 3..5, vector: vec![8.0, 1.0] },
    ];
    let own_part =
        DocumentField { name: named("own"), text: None, vector: Some(vec![5.0]), passages: vec![] };
    let text = Some(TITLE.to_owned());
    let title_part = DocumentField { name: named("title"), text, vector: None, passages };
    assert_eq!(found.vector, Some(vector(1.0)));
    assert_eq!(found.fields, [own_part, title_part.clone()]);
    // The second passage of its title has the number after that of the document.
    assert_eq!(get(&store, "nowhere").await.seq, Seq(3));
    assert_eq!(
        (get(&store, "nowhere").await.vector, get(&store, "named").await.vector),
        (None, None)
    );
    assert_eq!(get(&store, "named").await.fields.len(), 1);
    assert!(get(&store, "plain").await.fields.is_empty());
    let without_vectors = store.by_ids(&[id("all")], false).await.unwrap().documents.remove(0);
    assert_eq!(without_vectors.fields, [DocumentField { passages: vec![], ..title_part }]);
    let hash = TextHash::of(TITLE);
    assert_eq!(store.known_texts(3, &[hash]).await.unwrap()[&hash], known(7.0));
    assert!(store.known_texts(0, &[hash]).await.unwrap().is_empty());
    let spans = store.passage_spans_here(3, &[Seq(2)]).unwrap();
    assert_eq!(spans.sound[&Seq(2)], Some(4..6));

    let change = changes.recv().await.unwrap();
    assert_eq!(change.added, keys(&[1, 5]));
    let documents =
        |documents: &[AddedDocument]| documents.iter().map(|it| it.seq.0).collect::<Vec<_>>();
    assert_eq!(documents(&change.added_documents), [1, 5]);
    assert_eq!(documents(&change.added_without_vector), [3, 4]);
    assert_eq!(documents(&change.fields[&1].added_documents), [1, 4]);
    assert_eq!(change.fields[&1].added_vectors, [5.0, 6.0]);
    assert_eq!(change.fields[&3].added.len(), 2);
    assert_eq!(store.document_count(), 4);
}

#[tokio::test]
async fn changes_and_deletions_reach_every_field() {
    let (store, _changes, folder) = opened().await;
    let all = with(vec![own(5.0), title(7.0)], row(id("all"), 1.0));
    upsert(&store, vec![all.clone(), row(id("plain"), 4.0)]).await;
    let before = get(&store, "all").await;
    write(&store, Write::Patch(patch_of(id("all"), serde_json::json!({"value": 9}))))
        .await
        .unwrap();
    let after = get(&store, "all").await;
    assert!(after.seq > before.seq);
    assert_eq!(after.metadata, metadata(serde_json::json!({"value": 9})));
    assert_eq!((after.vector, after.fields), (before.vector, before.fields));

    let mut patch = patch_of(id("all"), serde_json::json!({}));
    let vectors = RowVectors::Given(vec![0.5, 0.5]);
    patch.fields = vec![(1, FieldPatch::Remove), (3, FieldPatch::Change { text: None, vectors })];
    write(&store, Write::Patch(patch.clone())).await.unwrap();
    let patched = get(&store, "all").await;
    assert_eq!(patched.fields.len(), 1);
    assert_eq!(patched.fields[0].text.as_deref(), Some(TITLE));
    assert_eq!(patched.fields[0].vector, Some(vec![0.5, 0.5]));
    // The same once more changes nothing.
    write(&store, Write::Patch(patch)).await.unwrap();
    assert_eq!(get(&store, "all").await, patched);

    upsert(&store, vec![all, with(vec![own(1.0)], row(id("plain"), 4.0))]).await;
    write(&store, Write::DeleteIds(vec![id("all")])).await.unwrap();
    store.close().await;
    let rows = "SELECT (SELECT count(*) FROM vectors_1) * 100 \
        + (SELECT count(*) FROM vectors_3) * 10 + (SELECT count(*) FROM texts_3)";
    assert_eq!(scalar(&folder, rows).await, 100);
}

#[tokio::test]
async fn an_opening_gives_the_documents_of_each_field() {
    let (store, _changes, folder) = opened().await;
    let rows = vec![
        with(vec![title(1.0)], row(id("a"), 1.0)),
        NewRow { vectors: None, ..row(id("b"), 2.0) },
        with(vec![own(3.0)], NewRow { vectors: None, ..row(id("c"), 3.0) }),
        row(id("d"), 4.0),
    ];
    upsert(&store, rows).await;
    store.close().await;
    let mut loader = DocumentStore::open(folder.path(), fields()).await.unwrap();
    let mut documents = Vec::new();
    for placed in [Placed::In(0), Placed::In(1), Placed::In(3), Placed::NotInUnnamed] {
        let found = loader.rows().documents(placed).await.unwrap();
        let mut with_metadata = Vec::new();
        let visit = |document: AddedDocument| with_metadata.push(document.seq);
        assert_eq!(loader.rows().contents((placed, true), Seq(0), visit).await.unwrap(), []);
        assert_eq!(found, with_metadata);
        documents.push(found.into_iter().map(|seq| seq.0).collect::<Vec<_>>());
    }
    assert_eq!(documents, [vec![1, 5], vec![4], vec![1], vec![3, 4]]);
    for (number, vectors) in [(0, 2), (1, 1), (3, 2)] {
        let mut found = 0;
        assert_eq!(loader.rows().vectors(number, Seq(0), |_| found += 1).await.unwrap(), []);
        assert_eq!(found, vectors, "field {number}");
    }
    assert!(!loader.has_damage());
}

#[tokio::test]
async fn fields_come_and_go_while_the_collection_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _changes) = open_with(folder.path(), options()).await;
    upsert(&store, vec![row(id("plain"), 1.0)]).await;
    let refused = write(
        &store,
        Write::Upsert(vec![with(vec![own(1.0)], row(id("a"), 1.0))], Default::default()),
    );
    assert!(matches!(refused.await, Err(StoreError::FieldDropped { number: 1 })));
    store.add_field(field(1, "own", VectorsPerDocument::One)).await.unwrap();
    assert_eq!(store.field_numbers().await.unwrap(), [1]);
    // More than are removed in one step.
    let rows = (0..2_500).map(|at| with(vec![own(1.0)], NewRow { vectors: None, ..row(at, 1.0) }));
    upsert(&store, rows.collect()).await;
    // What nobody knows stays.
    tamper(&folder, "CREATE TABLE vectors_9 (seq INTEGER PRIMARY KEY)").await;

    store.drop_field(1).await.unwrap();
    assert_eq!(store.field_numbers().await.unwrap(), [9]);
    let dropped =
        "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%dropped%' OR name LIKE '%texts_%'";
    assert_eq!(scalar(&folder, dropped).await, 0);
    assert_eq!(store.document_count(), 2_501);
    assert!(matches!(store.known_texts(1, &[]).await, Err(StoreError::FieldDropped { .. })));
    let mut patch = patch_of(7, serde_json::json!({}));
    patch.fields = vec![(1, FieldPatch::Remove)];
    let refused = write(&store, Write::Patch(patch)).await;
    assert!(matches!(refused, Err(StoreError::FieldDropped { number: 1 })));
    // Its documents are there, and can be changed.
    write(&store, Write::Patch(patch_of(7, serde_json::json!({"value": 2})))).await.unwrap();
    let document = store.by_ids(&[7.into()], true).await.unwrap().documents.remove(0);
    assert_eq!((document.vector, document.fields.len()), (None, 0));
    store.drop_field(1).await.unwrap();
}

#[tokio::test]
async fn damage_of_a_field_is_found_and_the_rest_is_saved() {
    for (sql, kind) in [
        ("UPDATE vectors_3 SET vector = x'00000000' WHERE seq = 2", "vector"),
        ("DELETE FROM vectors_3 WHERE seq = 1", "vector"),
        ("DELETE FROM vectors_1 WHERE seq = 1", "vector"),
        ("UPDATE texts_3 SET text = 'other'", "vector"),
        ("DELETE FROM texts_3", "vector"),
        ("UPDATE documents SET fields = '0,1' WHERE seq = 1", "document"),
    ] {
        let (store, _changes, folder) = opened().await;
        let all = with(vec![own(5.0), title(7.0)], row(id("all"), 1.0));
        let other = with(vec![own(6.0)], NewRow { vectors: None, ..row(id("other"), 3.0) });
        upsert(&store, vec![all, other, row(id("plain"), 4.0)]).await;
        store.close().await;
        let sound = survey(folder.path()).await.unwrap();
        assert_eq!((sound.faults.len(), sound.sound_count()), (0, 3), "{:?}", sound.faults);

        tamper(&folder, sql).await;
        let (store, _changes) = open_with(folder.path(), fields()).await;
        let rows = store.by_ids(&[id("all")], true).await.unwrap();
        assert_eq!((rows.documents.len(), rows.damaged.len()), (0, 1), "{sql}");
        store.close().await;
        let found = survey(folder.path()).await.unwrap();
        assert_eq!(found.sound_count(), 2, "{sql}");
        assert_eq!(found.faults.iter().map(|fault| fault.kind).next_back(), Some(kind), "{sql}");
        assert_eq!(repair(folder.path()).await.unwrap().saved, 2);
        let (store, _changes) = open_with(folder.path(), fields()).await;
        assert_eq!(get(&store, "other").await.fields[0].vector, Some(vec![6.0]));
        store.close().await;
        assert_eq!(survey(folder.path()).await.unwrap().faults, [], "{sql}");
    }
}
