//! One collection's `documents.db`: opened by a loader, then written by one task and read by a
//! small pool.

mod copy;
mod create;
mod expiry;
mod field;
mod field_rows;
mod history;
mod identity;
mod known;
mod load;
mod log_debt;
mod lookups;
mod orders;
mod page;
mod passages;
mod placement;
mod publisher;
mod read;
mod repair;
mod row;
mod row_writer;
mod salvage;
mod shadow;
mod source;
mod survey;
mod tidy;
mod transaction;
mod vectors;
mod walk;
mod write_times;
mod writer;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use akidb_core::{DocumentId, Filtered, Metadata, Seq, Timestamp};
use akidb_engine::{Applied, Clock, Write};
use parking_lot::RwLock;
use sqlx::SqlitePool;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{CommitGate, FailStop, StoreError, StoreMetrics};
pub use copy::CopyWatch;
pub(crate) use copy::copy;
pub use expiry::ClosedCount;
use field::Fields;
pub use field::{StoredField, stored_fields};
pub use history::Position;
pub(crate) use history::{position_of, raise_epoch};
pub(crate) use load::FILE_NAME;
pub use load::{Loader, Placed, StoredRows};
use lookups::Lookups;
use orders::Order;
pub use page::{Matching, OfValue, Page, PageRequest};
pub use passages::PassageSpans;
pub use repair::{Repair, compact, repair};
pub use row::StoredVector;
pub use shadow::Snapshot;
pub use survey::{DatabaseFault, Survey, survey};
pub(crate) use vectors::PassageColumns;
pub use vectors::{VectorKey, VectorsPerDocument};
use writer::Job;

/// Writes that may wait for the writer; more wait for a place.
const QUEUE_WRITES_MAX: usize = 256;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Connections that read rows by their keys at once; half as many more do what reads long.
    pub readers_max: u32,
    /// Whether documents may have several vectors in the unnamed field. Fixed for the life of a
    /// collection.
    pub vectors_per_document: VectorsPerDocument,
    /// The named fields, and the unnamed one where its number is not 0. Tables that are not there are
    /// made.
    pub fields: Vec<StoredField>,
    /// What stands beside fields.
    pub shadows: Vec<StoredField>,
    /// Where it reports.
    pub metrics: StoreMetrics,
    /// Told of commits whose outcome is unknown.
    pub fail_stop: FailStop,
    /// Says which documents have expired.
    pub clock: Clock,
    /// Holds commits up where a backup takes its moment.
    pub commits: CommitGate,
}

#[cfg(test)]
impl StoreOptions {
    /// Those of a collection with the unnamed field alone.
    fn plain(metrics: StoreMetrics) -> Self {
        Self {
            readers_max: 1,
            vectors_per_document: VectorsPerDocument::One,
            fields: Vec::new(),
            shadows: Vec::new(),
            metrics,
            fail_stop: FailStop::default(),
            clock: Clock::System,
            commits: CommitGate::default(),
        }
    }
}

/// What one commit changed, for the indexes: first add, then remove.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommittedChange {
    /// The vectors of new row versions in the unnamed field, ascending.
    pub added: Vec<VectorKey>,
    /// Their values, row-major.
    pub added_vectors: Vec<f32>,
    /// The new row versions that have vectors there, ascending.
    pub added_documents: Vec<AddedDocument>,
    /// Those that have none there, ascending.
    pub added_without_vector: Vec<AddedDocument>,
    /// What came to other fields and shadows, by their numbers.
    pub fields: BTreeMap<u32, AddedToField>,
    /// The number of a shadow that takes the place of the field that it stands beside.
    pub shown: Option<u32>,
    /// Row versions that are gone, among them some of `added` where one commit wrote an id twice.
    pub removed: Vec<Seq>,
    /// The last sequence number in use after it. Deletes use numbers up as well, so that no two
    /// states of a database have the same.
    pub last_seq: Seq,
}

/// What one commit added to a named field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddedToField {
    /// The vectors of new row versions, ascending.
    pub added: Vec<VectorKey>,
    /// Their values, row-major.
    pub added_vectors: Vec<f32>,
    /// The new row versions that have any, ascending.
    pub added_documents: Vec<AddedDocument>,
}

/// A new row version, and what searches ask of it beside its vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedDocument {
    /// The row version.
    pub seq: Seq,
    /// Which document it is of.
    pub id: DocumentId,
    /// What filters ask for.
    pub metadata: Metadata,
    /// Its text, as far as that is in no named field.
    pub text: Option<String>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

impl<'d> From<&'d AddedDocument> for Filtered<'d> {
    fn from(document: &'d AddedDocument) -> Self {
        let AddedDocument { id, metadata, expires_at, text, .. } = document;
        Self { id, metadata, expires_at: *expires_at, text: text.as_deref() }
    }
}

impl CommittedChange {
    fn of_field(&mut self, number: u32) -> &mut AddedToField {
        self.fields.entry(number).or_default()
    }
}

/// Acknowledged writes that are missing, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// The first lost sequence number.
    pub first: Seq,
    /// The last one.
    pub last: Seq,
}

/// Counts kept in step with the commits.
#[derive(Debug, Default)]
struct Totals {
    documents: AtomicU64,
    last_seq: AtomicU64,
}

/// An open collection.
#[derive(Debug)]
pub struct DocumentStore {
    /// For what reads long.
    readers: SqlitePool,
    /// For rows by their keys.
    lookups: Arc<Lookups>,
    queue: mpsc::Sender<Job>,
    /// What the writer is to do beside writes.
    orders: mpsc::Sender<Order>,
    writer: JoinHandle<()>,
    totals: Arc<Totals>,
    /// The last sequence number that the indexes have, which may be behind the database.
    published: watch::Receiver<Seq>,
    opened_at: Position,
    lost: Vec<LostRange>,
    /// Where the database is.
    path: PathBuf,
    fields: Arc<RwLock<Fields>>,
    metrics: StoreMetrics,
}

impl DocumentStore {
    /// Hands a write to the writer, and waits until it is committed, synced and indexed.
    ///
    /// # Errors
    /// Whatever the write met; [`StoreError::CommitUnknown`] is the only one after which it may
    /// have been applied.
    pub async fn write(&self, write: Write, deadline: Instant) -> Result<Applied, StoreError> {
        let (job, reply) = Job::new(write, deadline);
        let queued = tokio::time::timeout_at(deadline, self.queue.send(job)).await;
        queued.map_err(|_| StoreError::Expired)?.map_err(|_| StoreError::Closed)?;
        self.metrics.queue_depth.inc();
        reply.await.unwrap_or_else(|_| {
            Err(StoreError::CommitUnknown { reason: "the writer has stopped".into() })
        })
    }

    /// Waits until the indexes have a row version that was read. A commit can be read a moment before
    /// it is indexed: whoever was shown it then could miss it in the search or the scroll that he
    /// asks for next.
    async fn shown(&self, seq: Option<Seq>) {
        let Some(seq) = seq.filter(|seq| *seq > *self.published.borrow()) else { return };
        // The writer that has ended publishes nothing more.
        let _ = self.published.clone().wait_for(|published| *published >= seq).await;
    }

    /// The last commit that the indexes have.
    #[must_use]
    pub fn indexed_seq(&self) -> Seq {
        *self.published.borrow()
    }

    /// Waits until the indexes have a later commit.
    pub async fn indexed_after(&self, seq: Seq) {
        // The writer that has ended publishes nothing more.
        let _ = self.published.clone().wait_for(|published| *published > seq).await;
    }

    /// Documents stored now.
    #[must_use]
    pub fn document_count(&self) -> u64 {
        self.totals.documents.load(Ordering::Acquire)
    }

    /// The sequence number of the last commit, 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.totals.last_seq.load(Ordering::Acquire))
    }

    /// Which database it is, in which epoch, and the number of the last commit.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { seq: self.last_seq(), ..self.opened_at }
    }

    /// Writes that were acknowledged once and are missing.
    #[must_use]
    pub fn lost(&self) -> &[LostRange] {
        &self.lost
    }

    /// Finishes the queued writes, checkpoints and closes every connection.
    pub async fn close(self) {
        drop(self.queue);
        self.readers.close().await;
        let lookups = self.lookups;
        if let Err(error) = tokio::task::spawn_blocking(move || lookups.close()).await {
            tracing::error!(%error, "the reads of a collection did not end in order");
        }
        if let Err(error) = self.writer.await {
            tracing::error!(%error, "the writer of a collection did not end in order");
        }
    }
}
