//! One collection's `documents.db`: opened by a loader, then written by one task and read by a
//! small pool.

mod create;
mod history;
mod identity;
mod known;
mod load;
mod page;
mod passages;
mod read;
mod repair;
mod row;
mod survey;
mod tidy;
mod transaction;
mod vectors;
mod walk;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use akidb_core::{DocumentId, Metadata, Seq};
use akidb_engine::{Applied, Write};
use sqlx::SqlitePool;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{FailStop, StoreError, StoreMetrics};
pub use history::Position;
pub use load::Loader;
pub use page::{Matching, Page, PageRequest};
pub use passages::PassageSpans;
pub use repair::{Repair, compact, repair};
pub use row::StoredVector;
pub use survey::{DatabaseFault, Survey, survey};
pub(crate) use vectors::PassageColumns;
pub use vectors::{VectorKey, VectorsPerDocument};
use writer::Job;

/// Writes that may wait for the writer; more wait for a place.
const QUEUE_WRITES_MAX: usize = 256;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Connections that read at once.
    pub readers_max: u32,
    /// Whether documents may have several vectors. Fixed for the life of a collection.
    pub vectors_per_document: VectorsPerDocument,
    /// Where it reports.
    pub metrics: StoreMetrics,
    /// Told of commits whose outcome is unknown.
    pub fail_stop: FailStop,
}

/// What one commit changed, for the indexes: first add, then remove.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommittedChange {
    /// The vectors of new row versions, ascending.
    pub added: Vec<VectorKey>,
    /// Their values, row-major.
    pub added_vectors: Vec<f32>,
    /// The new row versions and what filters ask of them, their ids and their metadata; ascending.
    pub added_documents: Vec<(Seq, DocumentId, Metadata)>,
    /// Row versions that are gone, among them some of `added` where one commit wrote an id twice.
    pub removed: Vec<Seq>,
    /// The last sequence number in use after it. Deletes use numbers up as well, so that no two
    /// states of a database have the same.
    pub last_seq: Seq,
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
    readers: SqlitePool,
    queue: mpsc::Sender<Job>,
    /// Asks the writer to empty the log.
    emptying: mpsc::Sender<oneshot::Sender<()>>,
    writer: JoinHandle<()>,
    totals: Arc<Totals>,
    /// The last sequence number that the indexes have, which may be behind the database.
    published: watch::Receiver<Seq>,
    opened_at: Position,
    lost: Vec<LostRange>,
    vectors_per_document: VectorsPerDocument,
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

    /// Copies the write-ahead log into the database and gives its disk back, as far as nobody reads
    /// what is in it. The log is emptied by itself too, once no write has come for a moment; this is
    /// for a disk that is full now.
    pub async fn empty_log(&self) {
        let (done, emptied) = oneshot::channel();
        // A writer that has ended has emptied its log.
        if self.emptying.send(done).await.is_ok() {
            let _ = emptied.await;
        }
    }

    /// Waits until the indexes have a row version that was read. A commit can be read a moment before
    /// it is indexed: whoever was shown it then could miss it in the search or the scroll that he
    /// asks for next.
    async fn shown(&self, seq: Option<Seq>) {
        let Some(seq) = seq.filter(|seq| *seq > *self.published.borrow()) else { return };
        // The writer that has ended publishes nothing more.
        let _ = self.published.clone().wait_for(|published| *published >= seq).await;
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
        if let Err(error) = self.writer.await {
            tracing::error!(%error, "the writer of a collection did not end in order");
        }
    }
}
