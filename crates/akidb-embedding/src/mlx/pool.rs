//! The workers of one model: who of them runs which part of a batch.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    Availability, BatchTimes,
    launch::Launch,
    protocol::{Failed, FailureKind, VectorsHead},
    supervisor::{self, OnChange, Slot},
    worker::{CallFailure, Worker},
};
use crate::{embedder::EncoderInput, error::EncodeError, metrics::WorkerMetrics};

/// What a client is told to wait besides the pause before the next start.
const STARTS_WITHIN: Duration = Duration::from_secs(1);
/// A worker whose Python failed so often, one time after the other, is replaced.
const MOST_RAISED: u32 = 3;

/// Workers and the threads that keep them running. They end when it is dropped.
#[derive(Debug)]
pub(super) struct Pool {
    slots: Arc<Vec<Arc<Slot>>>,
    is_closed: Arc<AtomicBool>,
    availability: Availability,
    metrics: WorkerMetrics,
    batch_deadline: Duration,
}

/// A part of a batch that was sent to a worker.
struct Part<'a> {
    slot: &'a Slot,
    worker: Box<Worker>,
    texts: usize,
    sent: Result<u64, CallFailure>,
}

impl Pool {
    /// Starts so many workers and waits until each is there or could not be started.
    pub(super) fn start(
        workers: usize,
        launch: Launch,
        metrics: WorkerMetrics,
    ) -> io::Result<Self> {
        let (sender, reason) = watch::channel(Some(Arc::from("the MLX worker is starting")));
        let is_closed = Arc::clone(&launch.is_closed);
        let slots = Arc::new_cyclic(|slots: &std::sync::Weak<Vec<Arc<Slot>>>| {
            let sender = Arc::new(sender);
            let slot = |_| {
                let publish = Publish { slots: slots.clone(), sender: Arc::clone(&sender) };
                Arc::new(Slot::new(Arc::clone(&is_closed), Box::new(publish)))
            };
            (0..workers.max(1)).map(slot).collect()
        });
        let pool = Self {
            slots: Arc::clone(&slots),
            is_closed,
            availability: Availability::new(reason),
            metrics: metrics.clone(),
            batch_deadline: launch.settings.batch_deadline,
        };
        for slot in slots.iter() {
            supervisor::start(Arc::clone(slot), launch.clone(), metrics.clone())?;
        }
        for slot in slots.iter() {
            slot.wait_for_first();
        }
        Ok(pool)
    }

    pub(super) fn availability(&self) -> Availability {
        self.availability.clone()
    }

    /// Encodes texts into `vectors`, a row of `dimension` values for each.
    pub(super) fn encode(
        &self,
        texts: &[EncoderInput<'_>],
        dimension: usize,
        vectors: &mut [f32],
    ) -> Result<BatchTimes, EncodeError> {
        let started_at = Instant::now();
        let deadline = Instant::now() + self.batch_deadline;
        let parts = self.send(texts, deadline);
        if parts.is_empty() {
            return Err(self.unavailable());
        }
        let (mut rest, mut failure, mut times) = (vectors, None, BatchTimes::default());
        for part in parts {
            let (rows, after) = rest.split_at_mut(part.texts * dimension);
            rest = after;
            match self.receive(part, rows, deadline) {
                Ok(BatchTimes { gil_wait, in_module }) => {
                    times.gil_wait = times.gil_wait.max(gil_wait);
                    times.in_module = times.in_module.max(in_module);
                }
                // The first is told; the others are received all the same.
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        let outside = started_at.elapsed().saturating_sub(times.in_module);
        self.metrics.overhead_seconds.observe(outside.as_secs_f64());
        Ok(times)
    }

    /// Sends each worker that is there a part of the texts.
    fn send<'a>(&'a self, texts: &[EncoderInput<'_>], deadline: Instant) -> Vec<Part<'a>> {
        let mut free = Vec::new();
        for slot in self.slots.iter().take(texts.len()) {
            free.extend(slot.take().map(|worker| (slot, worker)));
        }
        let shares = share(texts, free.len());
        let parts = free.into_iter().zip(shares).map(|((slot, mut worker), texts)| {
            let sent = worker.send_batch(texts, deadline);
            Part { slot, worker, texts: texts.len(), sent }
        });
        parts.collect()
    }

    fn receive(
        &self,
        part: Part<'_>,
        rows: &mut [f32],
        deadline: Instant,
    ) -> Result<BatchTimes, EncodeError> {
        let Part { slot, mut worker, texts, sent } = part;
        let received = sent.and_then(|request| worker.receive_vectors(request, rows, deadline));
        match received {
            Ok(VectorsHead { gil_wait_ns, module_ns }) => {
                self.metrics.gil_wait_seconds.observe(gil_wait_ns as f64 / 1e9);
                worker.raised_in_a_row = 0;
                slot.give_back(worker, true);
                Ok(BatchTimes {
                    gil_wait: Duration::from_nanos(gil_wait_ns),
                    in_module: Duration::from_nanos(module_ns),
                })
            }
            Err(CallFailure::Answered(failed)) if is_survived(&failed, &mut worker) => {
                slot.give_back(worker, false);
                Err(explain(failed, texts))
            }
            Err(failure) => {
                let error = self.lost(&failure);
                slot.give_up(worker, failure, Arc::from(error.to_string()));
                Err(error)
            }
        }
    }

    /// What the texts of a worker that is given up are told.
    fn lost(&self, failure: &CallFailure) -> EncodeError {
        let reason = match failure {
            CallFailure::OutOfTime => {
                return EncodeError::OutOfTime { limit: self.batch_deadline };
            }
            CallFailure::Answered(Failed { message, .. })
            | CallFailure::Gone(Some(Failed { message, .. })) => message.clone(),
            CallFailure::Silent => "the MLX worker gave no sign of life".to_owned(),
            CallFailure::Gone(None) => "the MLX worker ended while it ran the batch".to_owned(),
            CallFailure::Broken(error) => format!("the MLX worker cannot be trusted: {error}"),
            CallFailure::Closed => "the model is being unloaded".to_owned(),
        };
        EncodeError::Unavailable { reason, retry_after: STARTS_WITHIN }
    }

    fn unavailable(&self) -> EncodeError {
        let down = self.slots.iter().filter_map(|slot| slot.down()).min_by_key(|(_, left)| *left);
        let (reason, left) =
            down.unwrap_or_else(|| ("the MLX worker is busy".into(), Duration::ZERO));
        EncodeError::Unavailable { reason: reason.to_string(), retry_after: left + STARTS_WITHIN }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.slots.iter().for_each(|slot| slot.wake());
    }
}

/// Whether a worker goes on after this answer.
fn is_survived(failed: &Failed, worker: &mut Worker) -> bool {
    match failed.kind {
        FailureKind::Refused => true,
        FailureKind::Raised | FailureKind::Expired | FailureKind::ModuleMissing => {
            worker.raised_in_a_row += 1;
            worker.raised_in_a_row < MOST_RAISED
        }
        FailureKind::Contract | FailureKind::Python | FailureKind::Memory => false,
    }
}

/// What texts are told that a worker which is well did not encode.
fn explain(failed: Failed, texts: usize) -> EncodeError {
    let Failed { kind, message } = failed;
    match kind {
        // Of several texts one may be the reason: they are tried singly.
        FailureKind::Refused => EncodeError::Backend { reason: message },
        _ if texts > 1 => EncodeError::Backend { reason: message },
        _ => EncodeError::Unavailable {
            reason: format!("MLX failed: {message}"),
            retry_after: STARTS_WITHIN,
        },
    }
}

/// Cuts texts into at most `workers` runs of about as many tokens each, none of them empty.
fn share<'a, 'b>(texts: &'a [EncoderInput<'b>], workers: usize) -> Vec<&'a [EncoderInput<'b>]> {
    let mut left: usize = texts.iter().map(|text| text.token_ids.len()).sum();
    let (mut rest, mut shares) = (texts, Vec::with_capacity(workers));
    for others in (0..workers).rev() {
        let (most, mut end, mut tokens) = (rest.len().saturating_sub(others), 0, 0);
        let wanted = left.div_ceil(others + 1);
        while end < most && (end == 0 || tokens < wanted || others == 0) {
            tokens += rest[end].token_ids.len();
            end += 1;
        }
        let (share, after) = rest.split_at(end);
        shares.extend((!share.is_empty()).then_some(share));
        (rest, left) = (after, left - tokens);
    }
    shares
}

/// Tells the availability of all slots together.
#[derive(Debug)]
struct Publish {
    slots: std::sync::Weak<Vec<Arc<Slot>>>,
    sender: Arc<watch::Sender<Option<Arc<str>>>>,
}

impl OnChange for Publish {
    fn changed(&self) {
        let Some(slots) = self.slots.upgrade() else { return };
        let down: Option<Vec<_>> = slots.iter().map(|slot| slot.down()).collect();
        let reason = down.and_then(|down| Some(down.into_iter().next()?.0));
        self.sender.send_if_modified(|known| {
            let is_new = *known != reason;
            *known = reason;
            is_new
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Pooling;

    proptest! {
        #[test]
        fn every_text_goes_to_one_worker_and_none_has_much_more_than_its_share(
            lengths in prop::collection::vec(1_usize..50, 1..40),
            workers in 1_usize..6,
        ) {
            let token_ids: Vec<Vec<u32>> = lengths.iter().map(|length| vec![0; *length]).collect();
            let text = |token_ids| EncoderInput {
                token_ids, pooling: Pooling::Mean, normalize: true,
                document_start: None,
            };
            let texts: Vec<EncoderInput<'_>> = token_ids.iter().map(|ids| text(ids)).collect();
            let shares = share(&texts, workers);
            prop_assert_eq!(shares.len(), workers.min(texts.len()));
            let tokens = |share: &[EncoderInput<'_>]| -> usize {
                share.iter().map(|text| text.token_ids.len()).sum()
            };
            let (all, longest) = (tokens(&texts), lengths.iter().max().unwrap());
            prop_assert_eq!(shares.iter().map(|share| share.len()).sum::<usize>(), texts.len());
            for share in shares {
                prop_assert!(!share.is_empty());
                prop_assert!(tokens(share) <= all.div_ceil(workers) + workers * longest);
            }
        }
    }
}
