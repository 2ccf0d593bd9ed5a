//! What an open collection holds: its store, and the projection that searches see.

use std::{borrow::Cow, path::Path, sync::Arc};

use akidb_core::{Filter, Result};
use akidb_engine::CollectionRecord;
use akidb_store::{
    Catalogue, CommittedChange, DocumentStore, StoreOptions, StoredField, stored_fields,
};

use crate::{
    StorageConfig,
    agreement::AT_OPENING_MAX,
    expiries::Expiries,
    metrics::Metrics,
    projection::{Indexing, Kept, Projections},
};

/// An open collection.
pub(crate) struct OpenCollection {
    /// As it was when the collection was opened.
    record: Arc<CollectionRecord>,
    pub(crate) store: DocumentStore,
    pub(crate) projections: Arc<Projections>,
    pub(crate) expiries: Arc<Expiries>,
}

impl OpenCollection {
    /// What documents have to match that match a filter, or none, and have not expired; with somebody to say which of them
    /// have its words.
    pub(crate) fn asked<'f>(&self, filter: Option<&'f Filter>) -> Option<Cow<'f, Filter>> {
        let alive = self.expiries.alive(filter)?;
        Some(self.projections.judged(&alive).map_or(alive, Cow::Owned))
    }

    /// Opens the store and what searches run over.
    pub(super) async fn open(
        record: Arc<CollectionRecord>,
        folder: &Path,
        catalogue: &Catalogue,
        config: &StorageConfig,
        indexing: &Indexing,
    ) -> Result<Self> {
        let (vectors_per_document, fields) = stored_fields(&record);
        let shadows = record.shadows.iter().map(|shadow| StoredField::of(&shadow.field));
        let options = StoreOptions {
            readers_max: config.readers_per_collection,
            vectors_per_document,
            fields,
            shadows: shadows.collect(),
            metrics: indexing.metrics.store.clone(),
            fail_stop: indexing.fail_stop.clone(),
            clock: indexing.clock.clone(),
            commits: indexing.commits.clone(),
        };
        let opened = DocumentStore::open(folder, options).await;
        let mut loader = opened.map_err(|error| indexing.space.explain(error))?;
        catalogue.stamp(record.uuid, loader.position());
        let projections = Projections::open(&record, folder, &mut loader, indexing).await?;
        // An index that has more than the database has raised its epoch.
        catalogue.stamp(record.uuid, loader.position());
        let has_damage = loader.has_damage();
        let projections = Arc::new(projections);
        let expiries = Expiries::new(indexing.clock.clone(), loader.next_expiry().await);
        let expiries = Arc::new(expiries);
        let followed = (Arc::clone(&projections), Arc::clone(&expiries));
        let store = loader.start(follow(followed, Arc::clone(&indexing.metrics)));
        let open = Self { record, store, projections, expiries };
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
        let closing = tokio::task::spawn_blocking(move || self.projections.close(kept));
        if let Err(error) = closing.await {
            tracing::error!(%error, "an index did not close in order");
        }
    }
}

/// What the writer calls after each commit.
fn follow(
    (projections, expiries): (Arc<Projections>, Arc<Expiries>),
    metrics: Arc<Metrics>,
) -> impl FnMut(CommittedChange) + Send + 'static {
    move |change| {
        let timer = metrics.indexes.append_seconds.start_timer();
        expiries.note(&change);
        projections.apply(change);
        timer.observe_duration();
    }
}
