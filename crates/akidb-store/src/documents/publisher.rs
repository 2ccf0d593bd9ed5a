//! What follows a commit: the indexes take up what it has changed, and whoever waits for it gets his
//! answer. Meanwhile the next group is committed, one group ahead at most.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use akidb_core::Seq;
use akidb_engine::Applied;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{CommittedChange, Totals};
use crate::{FailStop, StoreError, StoreMetrics};

/// Components of vectors from which on the indexes take about a millisecond, in which a thread for that
/// is worth the way to it.
const LONG_VALUES: usize = 64 << 10;

/// Where the result of a write goes.
pub(super) type Reply = oneshot::Sender<Result<Applied, StoreError>>;

/// Called with each commit, in their order.
pub(super) type Committed = Box<dyn FnMut(CommittedChange) + Send>;

/// A commit that nobody knows of yet.
pub(super) struct Publication {
    pub(super) change: CommittedChange,
    pub(super) began: Instant,
    pub(super) answers: Vec<(Reply, Result<Applied, StoreError>)>,
}

/// What the task owns.
pub(super) struct Publisher {
    pub(super) totals: Arc<Totals>,
    /// The last sequence number that the indexes have.
    pub(super) published: watch::Sender<Seq>,
    pub(super) metrics: StoreMetrics,
    pub(super) fail_stop: FailStop,
    /// Absent while a thread has it.
    pub(super) committed: Option<Committed>,
}

enum Step {
    Publish(Box<Publication>),
    Tell(oneshot::Sender<()>),
}

/// The task, to whoever gives it commits.
pub(super) struct Publishing {
    steps: mpsc::Sender<Step>,
    task: JoinHandle<()>,
}

/// The task has ended before its time.
pub(super) struct Ended;

impl Publisher {
    pub(super) fn start(self) -> Publishing {
        let (steps, receiver) = mpsc::channel(1);
        Publishing { steps, task: tokio::spawn(self.run(receiver)) }
    }

    async fn run(mut self, mut steps: mpsc::Receiver<Step>) {
        let _on_panic = self.fail_stop.on_panic("the indexes of a collection");
        while let Some(step) = steps.recv().await {
            match step {
                Step::Publish(publication) => self.publish(*publication).await,
                Step::Tell(done) => mem::drop(done.send(())),
            }
        }
    }

    /// Makes a commit visible: counts first, then the indexes, and the replies after that,
    /// also those of reads that met it already.
    async fn publish(&mut self, publication: Publication) {
        let Publication { change, began, answers } = publication;
        let without_vector = change.added_without_vector.len();
        let added = (change.added_documents.len() + without_vector) as u64;
        let removed = change.removed.len() as u64;
        self.totals.documents.fetch_add(added, Ordering::AcqRel);
        self.totals.documents.fetch_sub(removed, Ordering::AcqRel);
        self.metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a group has a few thousand rows")]
        self.metrics.commit_rows.observe((added + removed) as f64);
        let last_seq = change.last_seq;
        self.index(change).await;
        self.published.send_if_modified(|published| {
            let is_later = *published < last_seq;
            *published = last_seq.max(*published);
            is_later
        });
        // A client that no longer waits is no failure.
        answers.into_iter().for_each(|(reply, result)| mem::drop(reply.send(result)));
        // They go first: no other thread takes the task that this one was the last to wake.
        tokio::task::yield_now().await;
    }

    async fn index(&mut self, change: CommittedChange) {
        let named = change.fields.values().map(|field| field.added_vectors.len());
        let values = change.added_vectors.len() + named.sum::<usize>();
        let Some(mut committed) = self.committed.take() else { return };
        if values < LONG_VALUES {
            committed(change);
            self.committed = Some(committed);
            return;
        }
        let indexing = tokio::task::spawn_blocking(move || {
            committed(change);
            committed
        });
        match indexing.await {
            Ok(committed) => self.committed = Some(committed),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
                // The runtime is on its way out, and nobody is answered any more.
            }
        }
    }
}

impl Publishing {
    /// Hands a commit over, when the one before is being published.
    pub(super) async fn publish(&self, publication: Publication) -> Result<(), Ended> {
        self.steps.send(Step::Publish(Box::new(publication))).await.map_err(|_| Ended)
    }

    /// Returns when all commits are published.
    pub(super) async fn settled(&self) {
        let (done, told) = oneshot::channel();
        if self.steps.send(Step::Tell(done)).await.is_ok() {
            let _ = told.await;
        }
    }

    /// Publishes all commits, and ends.
    pub(super) async fn finish(self) {
        mem::drop(self.steps);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the indexes of a collection did not end in order");
        }
    }
}
