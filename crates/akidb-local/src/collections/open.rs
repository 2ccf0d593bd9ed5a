//! What an open collection holds: its store, and the projection that searches see.

use std::{path::Path, sync::Arc};

use akidb_core::Result;
use akidb_engine::CollectionRecord;
use akidb_store::{Catalogue, CommittedChange, DocumentStore, StoreOptions, VectorsPerDocument};

use crate::{
    StorageConfig,
    agreement::AT_OPENING_MAX,
    metrics::Metrics,
    projection::{Context, Indexing, Kept, Projection, load},
};

/// The folder of an index's files, in that of its collection.
pub(super) const INDEX_FOLDER: &str = "vectors";

/// An open collection.
pub(crate) struct OpenCollection {
    pub(crate) record: Arc<CollectionRecord>,
    pub(crate) store: DocumentStore,
    pub(crate) projection: Projection,
}

impl OpenCollection {
    /// Opens the store and what searches run over.
    pub(super) async fn open(
        record: Arc<CollectionRecord>,
        folder: &Path,
        catalogue: &Catalogue,
        config: &StorageConfig,
        indexing: &Indexing,
    ) -> Result<Self> {
        let field = record.unnamed_field()?;
        let options = StoreOptions {
            readers_max: config.readers_per_collection,
            vectors_per_document: match field.chunking {
                None => VectorsPerDocument::One,
                Some(_) => VectorsPerDocument::Several,
            },
            metrics: indexing.metrics.store.clone(),
            fail_stop: indexing.fail_stop.clone(),
        };
        let opened = DocumentStore::open(folder, options).await;
        let mut loader = opened.map_err(|error| indexing.space.explain(error))?;
        catalogue.stamp(record.uuid, loader.position());
        let context = Context {
            collection: record.uuid,
            folder: folder.join(INDEX_FOLDER),
            dimension: field.dimension,
            metric: field.metric,
            settings: field.index,
            position: loader.position(),
            indexing: indexing.clone(),
        };
        let projection = load(context, &mut loader).await?;
        // An index that has more than the database has raised its epoch.
        catalogue.stamp(record.uuid, loader.position());
        let has_damage = loader.has_damage();
        let store = loader.start(follow(projection.clone(), Arc::clone(&indexing.metrics)));
        let open = Self { record, store, projection };
        if has_damage {
            // On the heap, as every request that may open a collection holds its future.
            Box::pin(open.look_whether_answers_agree()).await?;
        }
        Ok(open)
    }

    /// What was found damaged must not hide what is not: each way to ask has to give the same. A
    /// large collection is left to `akidb verify`.
    async fn look_whether_answers_agree(&self) -> Result<()> {
        if self.store.document_count() > AT_OPENING_MAX {
            return Ok(());
        }
        for disagreement in self.disagreements().await? {
            tracing::error!(collection = %self.record.name, disagreement, "answers do not agree");
        }
        Ok(())
    }

    /// Closes the store, and keeps what is searched as files where the collection is to be opened
    /// again.
    pub(super) async fn close(self, kept: Kept) {
        self.store.close().await;
        let closing = tokio::task::spawn_blocking(move || self.projection.close(kept));
        if let Err(error) = closing.await {
            tracing::error!(%error, "an index did not close in order");
        }
    }
}

/// What the writer calls after each commit.
fn follow(
    projection: Projection,
    metrics: Arc<Metrics>,
) -> impl FnMut(CommittedChange) + Send + 'static {
    move |change| {
        let timer = metrics.indexes.append_seconds.start_timer();
        projection.apply(&change);
        timer.observe_duration();
    }
}
