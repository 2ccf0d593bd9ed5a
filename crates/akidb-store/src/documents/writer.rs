//! The one task that writes a collection: it groups what waits into one commit.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use akidb_core::{
    Seq,
    torture::{PlantedFault, has_fault},
};
use akidb_engine::{Applied, NewRow, Write};
use parking_lot::RwLock;
use sqlx::{Connection, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    CommittedChange, Position, Totals,
    field::Fields,
    orders::Order,
    tidy::{Tidy, truncate_log},
    transaction::Transaction,
};
use crate::{FailStop, StoreError, StoreMetrics, high_water::HighWater};

/// Rows after which a group takes no further write.
const GROUP_ROWS_MAX: usize = 4_096;

/// A write and where its result goes.
pub(super) struct Job {
    write: Write,
    deadline: Instant,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Applied, StoreError>>;

impl Job {
    pub(super) fn new(
        write: Write,
        deadline: Instant,
    ) -> (Self, oneshot::Receiver<Result<Applied, StoreError>>) {
        let (reply, receiver) = oneshot::channel();
        (Self { write, deadline, reply }, receiver)
    }

    fn rows(&self) -> usize {
        match &self.write {
            Write::Upsert(rows, _) => rows.iter().map(NewRow::vector_count).sum(),
            Write::DeleteIds(ids) => ids.len(),
            Write::DeleteVersions(versions) => versions.len(),
            Write::PatchVersions(patch) => patch.versions.len(),
            Write::Patch(_) | Write::DeleteOne(_) => 1,
        }
    }
}

/// What the task owns.
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    pub(super) high_water: HighWater,
    pub(super) totals: Arc<Totals>,
    /// The last sequence number that the indexes have.
    pub(super) published: watch::Sender<Seq>,
    /// Where the database was when it was opened.
    pub(super) opened_at: Position,
    /// Shared with those who read.
    pub(super) fields: Arc<RwLock<Fields>>,
    pub(super) metrics: StoreMetrics,
    /// Whether a page is known that can not be read: a write that meets it fails alone.
    pub(super) has_damage: bool,
    pub(super) tidy: Tidy,
    /// What is wanted beside writes, and waited for.
    pub(super) orders: mpsc::Receiver<Order>,
    /// Why no write is taken, where the database is too damaged for that.
    pub(super) unwritable: Option<String>,
    pub(super) fail_stop: FailStop,
    pub(super) committed: Box<dyn FnMut(CommittedChange) + Send>,
}

impl Writer {
    /// Runs until every sender is gone, then checkpoints and closes.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let _on_panic = self.fail_stop.on_panic("the writer of a collection");
        while let Some(first) = self.next(&mut jobs).await {
            if let Some(reason) = &self.unwritable {
                self.metrics.queue_depth.dec();
                send(first.reply, Err(StoreError::DamagedPage { reason: reason.clone() }));
                continue;
            }
            let group = self.collect(first, &mut jobs);
            if let Err(reason) = self.commit(group).await {
                // Reads that met it wait for no index.
                self.published.send_replace(Seq(u64::MAX));
                // Whoever waited for it may be gone.
                self.fail_stop.stop(&format!("a commit of documents: {reason}"));
                return self.refuse_all(jobs).await;
            }
        }
        if let Err(error) = self.high_water.sync() {
            tracing::warn!(%error, "the high-water mark could not be synced");
        }
        // SQLite does so itself only where this connection is the last to close, and readers that are
        // on their way out may be later.
        if let Err(error) = truncate_log(&mut self.connection).await {
            tracing::warn!(%error, "the log of a collection was not emptied");
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing a collection failed");
        }
    }

    /// Waits for a write, and tidies up meanwhile.
    async fn next(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        loop {
            let due = self.tidy.due();
            let is_due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                job = jobs.recv() => {
                    // Where a step is due, one is taken between any two groups.
                    if job.is_some() && due.is_some_and(|due| due <= Instant::now()) {
                        self.tidy.step(&mut self.connection).await;
                    }
                    return job;
                }
                Some(order) = self.orders.recv() => self.carry_out(order).await,
                () = is_due => self.tidy.step(&mut self.connection).await,
            }
        }
    }

    /// A log that can not be emptied now is emptied later.
    pub(super) async fn empty_log(&mut self) {
        if self.unwritable.is_some() {
            return;
        }
        if let Err(error) = truncate_log(&mut self.connection).await {
            tracing::debug!(%error, "the log of a collection stays as it is");
        }
    }

    /// Takes what waits already, without waiting for more.
    fn collect(&self, first: Job, jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
        let now = Instant::now();
        let mut rows = 0;
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            self.metrics.queue_depth.dec();
            if job.deadline <= now {
                send(job.reply, Err(StoreError::Expired));
            } else {
                rows += job.rows();
                group.push(job);
            }
            let full = rows >= GROUP_ROWS_MAX || (self.has_damage && !group.is_empty());
            next = if full { None } else { jobs.try_recv().ok() };
        }
        group
    }

    /// Commits a group and answers it. An error means that the commit itself failed.
    async fn commit(&mut self, group: Vec<Job>) -> Result<(), String> {
        if group.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let (writes, replies): (Vec<_>, Vec<_>) =
            group.into_iter().map(|job| (job.write, job.reply)).unzip();
        match self.write_group(writes).await {
            Ok((results, change)) => {
                self.publish(change, started.elapsed());
                replies.into_iter().zip(results).for_each(|(reply, result)| send(reply, result));
                Ok(())
            }
            Err(failure) => {
                if failure.is_damaged_page() {
                    self.has_damage = true;
                    self.tidy.met_damage();
                }
                // A full disk is a state of its own, and nothing is damaged by it.
                if !matches!(failure, GroupFailure::RolledBack(StoreError::Full)) {
                    self.metrics.commit_errors.inc();
                }
                for reply in replies {
                    send(reply, Err(failure.for_each_write()));
                }
                match failure {
                    GroupFailure::RolledBack(_) => Ok(()),
                    GroupFailure::Unknown(reason) => Err(reason),
                }
            }
        }
    }

    async fn write_group(&mut self, writes: Vec<Write>) -> Result<GroupResult, GroupFailure> {
        let acknowledges_early = has_fault(PlantedFault::AcknowledgeBeforeCommit);
        if acknowledges_early {
            // The group before this one was answered with its transaction open.
            let _ = self.execute("COMMIT").await;
        }
        self.execute("BEGIN IMMEDIATE").await.map_err(GroupFailure::RolledBack)?;
        let (applied, last_seq) = match self.apply_all(writes).await {
            Ok(applied) => applied,
            Err(error) => return Err(self.roll_back(error).await),
        };
        let committed = match acknowledges_early {
            true => Ok(()),
            false => self.execute("COMMIT").await,
        };
        match committed {
            Ok(()) => {}
            Err(StoreError::Full) => return Err(self.roll_back(StoreError::Full).await),
            Err(error) => return Err(GroupFailure::Unknown(error.to_string())),
        }
        self.tidy.committed(!applied.1.removed.is_empty());
        self.totals.last_seq.store(last_seq.0, Ordering::Release);
        if let Err(error) = self.high_water.write(Position { seq: last_seq, ..self.opened_at }) {
            tracing::warn!(%error, "the high-water mark could not be written");
        }
        Ok(applied)
    }

    /// Everything between BEGIN and COMMIT.
    async fn apply_all(&mut self, writes: Vec<Write>) -> Result<(GroupResult, Seq), StoreError> {
        let last_seq = Seq(self.totals.last_seq.load(Ordering::Acquire));
        let fields = self.fields.read().clone();
        let mut transaction = Transaction {
            connection: &mut self.connection,
            begun_at: Position { seq: last_seq, ..self.opened_at },
            last_seq,
            change: CommittedChange::default(),
            fields: &fields,
            metrics: &self.metrics,
        };
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            results.push(match transaction.apply(write).await {
                Err(error) if breaks_transaction(&error) => return Err(error),
                result => result,
            });
        }
        transaction.finish().await?;
        Ok(((results, transaction.change), transaction.last_seq))
    }

    /// After some errors, a full disk among them, SQLite has rolled back by itself. A transaction
    /// object of the driver does not know that, so the statements are our own.
    async fn roll_back(&mut self, error: StoreError) -> GroupFailure {
        if let Err(error) = self.execute("ROLLBACK").await {
            tracing::debug!(%error, "there was nothing left to roll back");
        }
        GroupFailure::RolledBack(error)
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::query(sql).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Makes a commit visible: counts first, then the indexes, and the replies after that,
    /// also those of reads that met it already.
    fn publish(&mut self, change: CommittedChange, took: Duration) {
        let without_vector = change.added_without_vector.len();
        let added = (change.added_documents.len() + without_vector) as u64;
        let removed = change.removed.len() as u64;
        self.totals.documents.fetch_add(added, Ordering::AcqRel);
        self.totals.documents.fetch_sub(removed, Ordering::AcqRel);
        self.metrics.commit_seconds.observe(took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a group has a few thousand rows")]
        self.metrics.commit_rows.observe((added + removed) as f64);
        let last_seq = change.last_seq;
        (self.committed)(change);
        self.published.send_replace(last_seq);
    }

    async fn refuse_all(self, mut jobs: mpsc::Receiver<Job>) {
        // Nobody is to wait for a log that is never emptied.
        mem::drop(self.orders);
        while let Some(job) = jobs.recv().await {
            self.metrics.queue_depth.dec();
            send(job.reply, Err(StoreError::Poisoned));
        }
    }
}

/// One result a write, and the change of all of them.
type GroupResult = (Vec<Result<Applied, StoreError>>, CommittedChange);

enum GroupFailure {
    RolledBack(StoreError),
    Unknown(String),
}

impl GroupFailure {
    fn is_damaged_page(&self) -> bool {
        matches!(self, Self::RolledBack(error) if error.is_damaged_page())
    }

    /// The error, once for each write of the group.
    fn for_each_write(&self) -> StoreError {
        match self {
            Self::RolledBack(StoreError::Full) => StoreError::Full,
            Self::RolledBack(StoreError::DamagedPage { reason }) => {
                StoreError::DamagedPage { reason: reason.clone() }
            }
            Self::RolledBack(StoreError::Sqlite(failure)) => StoreError::Sqlite(failure.clone()),
            Self::RolledBack(error) => {
                StoreError::Malformed { what: "row", reason: error.to_string() }
            }
            Self::Unknown(reason) => StoreError::CommitUnknown { reason: reason.clone() },
        }
    }
}

/// Errors after which a statement may be half done.
fn breaks_transaction(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Metadata(_)
            | StoreError::Damaged { .. }
            | StoreError::FieldDropped { .. }
            | StoreError::Conflict(_)
            | StoreError::Conflicts(_)
    )
}

/// A client that no longer waits is no failure.
fn send(reply: Reply, result: Result<Applied, StoreError>) {
    mem::drop(reply.send(result));
}
