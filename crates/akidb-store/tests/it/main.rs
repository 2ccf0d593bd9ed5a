//! The store against real SQLite files: what is acknowledged is there, what is damaged is named.
#![expect(clippy::unwrap_used, reason = "a test whose world is not as it must be fails")]

mod catalogue;
mod commits;
mod conditions;
mod damage;
mod documents;
mod fields;
mod grouping;
mod known_texts;
mod left_open;
mod pages;
mod passages;
mod shadows;

use std::{path::Path, time::Duration};

use akidb_core::{DocumentId, Limits, Metadata, Seq};
use akidb_engine::{Applied, NewRow, OneDocument, Patch, RowVectors, UpsertRules, Write};
use akidb_store::{
    CommitGate, CommittedChange, DocumentStore, FailStop, StoreError, StoreMetrics, StoreOptions,
    VectorKey, VectorsPerDocument,
};
use tokio::{sync::mpsc, time::Instant};

fn options() -> StoreOptions {
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    StoreOptions {
        clock: akidb_engine::Clock::System,
        readers_max: 2,
        vectors_per_document: VectorsPerDocument::One,
        fields: Vec::new(),
        shadows: Vec::new(),
        metrics,
        fail_stop: FailStop::default(),
        commits: CommitGate::default(),
    }
}

/// Opens a store and gives the changes that it announces.
async fn open(folder: &Path) -> (DocumentStore, mpsc::UnboundedReceiver<CommittedChange>) {
    open_with(folder, options()).await
}

async fn open_with(
    folder: &Path,
    options: StoreOptions,
) -> (DocumentStore, mpsc::UnboundedReceiver<CommittedChange>) {
    let (sender, changes) = mpsc::unbounded_channel();
    let loader = DocumentStore::open(folder, options).await.unwrap();
    let store = loader.start(move |change| sender.send(change).unwrap_or_default());
    (store, changes)
}

/// The names of the only vectors of documents.
fn keys(documents: &[u64]) -> Vec<VectorKey> {
    documents.iter().map(|&seq| VectorKey { document: Seq(seq), passage: 0 }).collect()
}

async fn write(store: &DocumentStore, write: Write) -> Result<Applied, StoreError> {
    store.write(write, Instant::now() + Duration::from_secs(600)).await
}

async fn upsert(store: &DocumentStore, rows: Vec<NewRow>) -> Vec<bool> {
    match write(store, Write::Upsert(rows, UpsertRules::default())).await.unwrap() {
        Applied::Upserted(written) => written.into_iter().map(|row| row.unwrap().created).collect(),
        other => panic!("{other:?}"),
    }
}

fn id(id: &str) -> DocumentId {
    DocumentId::from_text(id.to_owned()).unwrap()
}

fn metadata(json: serde_json::Value) -> Metadata {
    Metadata::new(json.as_object().unwrap().clone(), &Limits::default()).unwrap()
}

fn vector(value: f32) -> Vec<f32> {
    vec![value, -0.0, f32::MIN_POSITIVE]
}

fn row(id: impl Into<DocumentId>, value: f32) -> NewRow {
    NewRow {
        expiry: akidb_core::Expiry::Unsaid,
        id: id.into(),
        text: Some(format!("text {value}")),
        metadata: metadata(serde_json::json!({"value": value})),
        vectors: Some(RowVectors::Given(vector(value))),
        fields: Vec::new(),
        if_seq: None,
    }
}

/// A change of a document's metadata.
fn patch_of(id: impl Into<DocumentId>, merge: serde_json::Value) -> Patch {
    Patch {
        expiry: akidb_core::Expiry::Unsaid,
        document: OneDocument { ids: vec![id.into()], if_seq: None },
        text: None,
        vectors: None,
        fields: Vec::new(),
        merge: merge.as_object().unwrap().clone(),
        limits: Limits::default().into(),
    }
}
