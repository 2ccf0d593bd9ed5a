//! What is asked of one collection. It is opened for as long as that takes.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{DocumentId, Error, ErrorCode, Filter, Result};
use akidb_engine::{
    Applied, Collection, CollectionRecord, CollectionStatus, Count, FacetQuery, Facets, Found,
    InShadow, IndexState, IndexStatus, KnownText, LostWrites, Matching, Progress, Query, Rows,
    ScrollPage, ScrollRequest, ShadowPage, TextHash, Write,
};
use async_trait::async_trait;

use crate::{
    collections::{Collections, Entry, OpenCollection},
    facets::facets,
    matching,
    scroll::scroll,
    search::search,
    write::write,
};

/// An index is built where but one in so many of its vectors is linked.
const BUILT_BUT_ONE_IN: u64 = 50;

/// How often it is looked how far an index is that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A collection of this node, open or not.
pub(crate) struct LocalCollection {
    collections: Arc<Collections>,
    entry: Arc<Entry>,
}

impl fmt::Debug for LocalCollection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalCollection").field(&self.entry.record().name).finish()
    }
}

impl LocalCollection {
    pub(crate) const fn new(collections: Arc<Collections>, entry: Arc<Entry>) -> Self {
        Self { collections, entry }
    }

    async fn opened(&self) -> Result<Arc<OpenCollection>> {
        self.collections.open_entry(&self.entry).await
    }

    async fn write_once(&self, wanted: Write, deadline: Instant) -> Result<Applied> {
        let open = self.opened().await?;
        write(&open, &self.entry.record(), &self.collections.indexing, wanted, deadline).await
    }
}

/// How many documents match, of all where there is no filter.
async fn count(open: &OpenCollection, filter: Option<&Filter>) -> Result<u64> {
    match open.asked(filter) {
        None => Ok(open.store.document_count()),
        Some(filter) => matching::count(open, &filter).await,
    }
}

#[async_trait]
impl Collection for LocalCollection {
    fn record(&self) -> Arc<CollectionRecord> {
        self.entry.record()
    }

    async fn write(&self, wanted: Write, deadline: Instant) -> Result<Applied> {
        if wanted.frees_space() {
            let write = || self.write_once(wanted.clone(), deadline);
            return self.collections.making_room(write).await;
        }
        self.write_once(wanted, deadline).await
    }

    async fn by_ids(&self, ids: &[DocumentId], with_vector: bool) -> Result<Rows> {
        let open = self.opened().await?;
        let mut rows = open.store.by_ids(ids, with_vector).await?;
        // Whether any is due says nothing of these rows: they may have been deleted since they were read.
        let now = open.expiries.now();
        rows.documents.retain(|document| document.expires_at.is_none_or(|moment| moment > now));
        Ok(rows)
    }

    async fn scroll(&self, request: ScrollRequest<'_>) -> Result<ScrollPage> {
        scroll(&*self.opened().await?, request).await
    }

    async fn count(&self, filter: Option<&Filter>) -> Result<Count> {
        let open = self.opened().await?;
        let filter = filter.filter(|filter| !filter.is_always_true());
        let count = count(&open, filter).await?;
        let unknown_fields = open.projections.unknown_fields(filter);
        Ok(Count { count, unknown_fields })
    }

    async fn facets(&self, query: FacetQuery) -> Result<Facets> {
        facets(&*self.opened().await?, query).await
    }

    async fn matching(&self, filter: &Filter) -> Result<Matching> {
        let open = self.opened().await?;
        let alive = open.asked(Some(filter));
        let found = matching::versions(&open, alive.as_deref().unwrap_or(filter)).await?;
        let unknown_fields = open.projections.unknown_fields(Some(filter));
        Ok(Matching { versions: found.versions, unknown_fields })
    }

    async fn known_texts(
        &self,
        field: u32,
        hashes: &[TextHash],
    ) -> Result<HashMap<TextHash, KnownText>> {
        Ok(self.opened().await?.store.known_texts(field, hashes).await?)
    }

    async fn in_shadow(&self, shadow: u32, wanted: InShadow) -> Result<ShadowPage> {
        Ok(self.opened().await?.store.in_shadow(shadow, wanted).await?)
    }

    async fn build_shadow(&self, shadow: u32, progress: &Progress) -> Result<()> {
        let open = self.opened().await?;
        let record = self.entry.record();
        let field = record.shadows.iter().map(|shadow| &shadow.field);
        let field = field.into_iter().find(|field| field.number == shadow);
        let dropped = || Error::new(ErrorCode::FieldNotFound, "the vector field was dropped");
        let field = field.ok_or_else(dropped)?;
        let projection = open.projections.build(&record, field, &open.store).await?;
        while !progress.is_stopped() {
            let IndexStatus { state, vector_count, pending_count, .. } = projection.status();
            // Under steady writes something always waits to be linked.
            if state == IndexState::Ready || pending_count <= vector_count / BUILT_BUT_ONE_IN {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn search(&self, query: Query) -> Result<Found> {
        let open = self.opened().await?;
        search(open, query, &self.collections.indexing.metrics).await
    }

    async fn status(&self) -> Result<CollectionStatus> {
        let open = self.opened().await?;
        let lost = open.store.lost().iter();
        let indexes = open.projections.statuses().into_iter().map(|(field, status)| {
            let disk_bytes = self.entry.index_disk_bytes(field);
            (field, IndexStatus { disk_bytes, ..status })
        });
        Ok(CollectionStatus {
            document_count: count(&open, None).await?,
            last_seq: open.store.last_seq(),
            disk_bytes: self.entry.disk_bytes(),
            indexes: indexes.collect(),
            lost_writes: lost
                .map(|range| LostWrites { first_seq: range.first.0, last_seq: range.last.0 })
                .collect(),
        })
    }

    async fn disagreements(&self) -> Result<Vec<String>> {
        let unusable = &self.collections.indexing.metrics.indexes.snapshots_unusable;
        let before = unusable.get();
        let mut found = self.opened().await?.disagreements().await?;
        if unusable.get() > before {
            found.push("the files of its index can not be used, it is built again".to_owned());
        }
        Ok(found)
    }
}
