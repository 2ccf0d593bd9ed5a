//! What an open collection holds: its store, and the projection that searches see.

use std::{path::Path, sync::Arc};

use akidb_core::{Dimension, Error, ErrorCode, IndexSettings, Result};
use akidb_store::{
    CollectionRow, CommittedChange, DocumentStore, StoreOptions, VectorKey, VectorsPerDocument,
};

use parking_lot::RwLock;

use crate::{
    StorageConfig,
    failure::from_store,
    index_memory::{IndexMemory, MemoryShare, held_bytes},
    metrics::Metrics,
    projection::Projection,
};

/// Vectors handed to the index at once while a collection opens.
const LOAD_ROWS: usize = 1_024;

/// An open collection.
pub(crate) struct OpenCollection {
    pub(crate) row: CollectionRow,
    pub(crate) store: DocumentStore,
    pub(crate) projection: Projection,
    /// Those of the catalogue; `row` has those of when it was opened.
    index: Arc<RwLock<IndexSettings>>,
}

impl OpenCollection {
    /// Opens the store and builds the projection from it.
    pub(super) async fn open(
        row: &CollectionRow,
        folder: &Path,
        config: &StorageConfig,
        memory: &Arc<IndexMemory>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self> {
        let options = StoreOptions {
            readers_max: config.readers_per_collection,
            vectors_per_document: match row.chunking {
                None => VectorsPerDocument::One,
                Some(_) => VectorsPerDocument::Several,
            },
            metrics: metrics.store.clone(),
        };
        let mut loader = DocumentStore::open(folder, options).await.map_err(from_store)?;
        let projection = Projection::new(row.dimension, row.metric);
        let mut load = Load { projection: &projection, pending: CommittedChange::default() };
        let mut wrong_dimension = None;
        let visited = loader.vectors(|stored| {
            if stored.vector.len() == row.dimension.get() {
                load.add(stored.key, &stored.vector);
            } else {
                wrong_dimension = Some(stored.key.seq());
            }
        });
        visited.await.map_err(from_store)?;
        load.flush();
        if let Some(seq) = wrong_dimension {
            let message = format!("the stored vector {seq} of {} has another dimension", row.name);
            return Err(Error::new(ErrorCode::StorageFailed, message));
        }
        let index = Arc::new(RwLock::new(row.index));
        let held = Held {
            share: memory.share(),
            projection: projection.clone(),
            dimension: row.dimension,
            index: Arc::clone(&index),
        };
        held.count();
        let store = loader.start(follow(projection.clone(), held, Arc::clone(metrics)));
        Ok(Self { row: row.clone(), store, projection, index })
    }

    /// The settings of the index, as the catalogue has them.
    pub(crate) fn index(&self) -> IndexSettings {
        *self.index.read()
    }

    /// Takes other settings of the index.
    pub(crate) fn set_index(&self, index: IndexSettings) {
        *self.index.write() = index;
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// The memory that the index of one collection holds, as all know it.
struct Held {
    share: MemoryShare,
    projection: Projection,
    dimension: Dimension,
    index: Arc<RwLock<IndexSettings>>,
}

impl Held {
    fn count(&self) {
        let settings = *self.index.read();
        self.share.set(held_bytes(&self.projection.status(), self.dimension, &settings));
    }
}

/// What the writer calls after each commit.
fn follow(
    projection: Projection,
    held: Held,
    metrics: Arc<Metrics>,
) -> impl FnMut(CommittedChange) + Send + 'static {
    move |change| {
        let timer = metrics.index_append_seconds.start_timer();
        projection.apply(&change);
        timer.observe_duration();
        if projection.compact_if_sparse() {
            metrics.index_compactions.inc();
        }
        held.count();
    }
}

/// Gathers stored vectors into appends of some size.
struct Load<'p> {
    projection: &'p Projection,
    pending: CommittedChange,
}

impl Load<'_> {
    fn add(&mut self, key: VectorKey, vector: &[f32]) {
        self.pending.added.push(key);
        self.pending.added_vectors.extend_from_slice(vector);
        if self.pending.added.len() == LOAD_ROWS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.projection.apply(&self.pending);
        self.pending.added.clear();
        self.pending.added_vectors.clear();
    }
}
