//! The store against real SQLite files: what is acknowledged is there, what is damaged is named.
#![expect(clippy::unwrap_used, reason = "a test whose world is not as it must be fails")]

mod catalogue;
mod damage;
mod documents;
mod grouping;
mod known_texts;

use std::{path::Path, time::Duration};

use akidb_core::{DocumentId, Limits, Metadata};
use akidb_store::{
    Applied, CommittedChange, DocumentStore, NewRow, StoreError, StoreMetrics, StoreOptions, Write,
};
use tokio::{sync::mpsc, time::Instant};

fn options() -> StoreOptions {
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    StoreOptions { readers_max: 2, metrics }
}

/// Opens a store and gives the changes that it announces.
async fn open(folder: &Path) -> (DocumentStore, mpsc::UnboundedReceiver<CommittedChange>) {
    let (sender, changes) = mpsc::unbounded_channel();
    let loader = DocumentStore::open(folder, options()).await.unwrap();
    let store = loader.start(move |change| sender.send(change).unwrap_or_default());
    (store, changes)
}

async fn write(store: &DocumentStore, write: Write) -> Result<Applied, StoreError> {
    store.write(write, Instant::now() + Duration::from_secs(20)).await
}

async fn upsert(store: &DocumentStore, rows: Vec<NewRow>) -> Vec<bool> {
    match write(store, Write::Upsert(rows)).await.unwrap() {
        Applied::Upserted(created) => created,
        other => panic!("{other:?}"),
    }
}

fn id(id: &str) -> DocumentId {
    DocumentId::from_text(id.to_owned()).unwrap()
}

fn metadata(json: serde_json::Value) -> Metadata {
    Metadata::new(json.as_object().unwrap().clone(), &Limits::default()).unwrap()
}

fn row(id: impl Into<DocumentId>, value: f32) -> NewRow {
    NewRow {
        id: id.into(),
        text: Some(format!("text {value}")),
        metadata: metadata(serde_json::json!({"value": value})),
        vector: vec![value, -0.0, f32::MIN_POSITIVE],
        embedded: None,
    }
}
