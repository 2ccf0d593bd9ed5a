//! The one task that writes a collection: it groups what waits into one commit.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
};

use akidb_core::Seq;
use akidb_engine::{Applied, Clock, NewRow, Write};
use parking_lot::RwLock;
use sqlx::{Connection, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    Position, Totals,
    field::Fields,
    log_debt::LogDebt,
    orders::Order,
    publisher::{Publication, Publishing, Reply},
    row_writer::{CommittedGroup, Group, GroupFailure, RowWriter},
    tidy::{Step, Tidy, truncate_log},
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
            Write::Fill(fill) => fill.rows.iter().map(|(_, text)| text.passages.len()).sum(),
            Write::Patch(_) | Write::DeleteOne(_) => 1,
        }
    }
}

/// What the task owns.
pub(super) struct Writer {
    /// For what is done beside writes.
    pub(super) connection: SqliteConnection,
    /// For rows; absent while a thread has it.
    pub(super) rows: Option<RowWriter>,
    pub(super) log_debt: LogDebt,
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
    pub(super) clock: Clock,
    pub(super) publishing: Publishing,
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
        self.publishing.finish().await;
        if let Err(error) = self.high_water.sync() {
            tracing::warn!(%error, "the high-water mark could not be synced");
        }
        // Before the other is to empty the log.
        self.rows = None;
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
                // They are few, and must not wait for a pause of the writes.
                Some(order) = self.orders.recv() => {
                    // Of fields that come and go, every commit of before is to be known.
                    self.publishing.settled().await;
                    self.carry_out(order).await;
                }
                job = jobs.recv() => {
                    // Where a step is due, one is taken between any two groups.
                    if job.is_some() && due.is_some_and(|due| due <= Instant::now()) {
                        self.tidy_up().await;
                    }
                    return job;
                }
                () = is_due => self.tidy_up().await,
            }
        }
    }

    async fn tidy_up(&mut self) {
        if self.tidy.step(&mut self.connection).await {
            self.log_debt.set_pages(0);
        }
    }

    /// The number of the last commit.
    pub(super) fn last_seq(&self) -> Seq {
        Seq(self.totals.last_seq.load(Ordering::Acquire))
    }

    /// A log that can not be emptied now is emptied later.
    pub(super) async fn empty_log(&mut self) {
        if self.unwritable.is_some() {
            return;
        }
        match truncate_log(&mut self.connection).await {
            Ok(Step::Done) => self.log_debt.set_pages(0),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the log of a collection stays as it is"),
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
        let began = std::time::Instant::now();
        let (writes, replies): (Vec<_>, Vec<_>) =
            group.into_iter().map(|job| (job.write, job.reply)).unzip();
        match self.write_group(writes).await {
            Ok(CommittedGroup { results, change, times, .. }) => {
                times.report(&self.metrics);
                let answers = replies.into_iter().zip(results).collect();
                let published = self.publishing.publish(Publication { change, began, answers });
                if published.await.is_err() {
                    return Err("the indexes have stopped".to_owned());
                }
                self.keep_log_short().await;
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

    /// Writes a group on a thread that may wait for the disk.
    async fn write_group(&mut self, writes: Vec<Write>) -> Result<CommittedGroup, GroupFailure> {
        let seq = self.last_seq();
        let group = Group {
            writes,
            begun_at: Position { seq, ..self.opened_at },
            fields: self.fields.read().clone(),
            now: self.clock.now(),
            metrics: self.metrics.clone(),
        };
        let written = self.with_rows(move |rows| rows.write(group)).await;
        let committed = written.unwrap_or(Err(GroupFailure::RolledBack(StoreError::Closed)))?;
        let last_seq = committed.last_seq;
        self.log_debt.set_pages(self.rows.as_ref().map_or(0, RowWriter::log_pages));
        self.tidy.committed(!committed.change.removed.is_empty());
        self.totals.last_seq.store(last_seq.0, Ordering::Release);
        if let Err(error) = self.high_water.write(Position { seq: last_seq, ..self.opened_at }) {
            tracing::warn!(%error, "the high-water mark could not be written");
        }
        Ok(committed)
    }

    /// Copies the log into the database where it is long, when those who wait have their answers.
    async fn keep_log_short(&mut self) {
        if !self.rows.as_ref().is_some_and(RowWriter::log_is_long) {
            return;
        }
        let began = Instant::now();
        match self.with_rows(RowWriter::checkpoint).await {
            Some(Ok(pages_left)) => self.log_debt.set_pages(pages_left),
            Some(Err(error)) => tracing::debug!(%error, "the log of a collection stays as it is"),
            None => {}
        }
        let took = began.elapsed().as_secs_f64();
        self.metrics.commit_part_seconds.with_label_values(&["checkpoint"]).observe(took);
    }

    /// Lends the connection that writes rows to a thread; `None` where the runtime is on its way out.
    async fn with_rows<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut RowWriter) -> T + Send + 'static,
    ) -> Option<T> {
        let mut rows = self.rows.take()?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut rows);
            (rows, done)
        });
        match working.await {
            Ok((rows, done)) => {
                self.rows = Some(rows);
                Some(done)
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        }
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

/// A client that no longer waits is no failure.
fn send(reply: Reply, result: Result<Applied, StoreError>) {
    mem::drop(reply.send(result));
}
