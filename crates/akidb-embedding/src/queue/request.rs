//! Gathers the answers to one request's texts.
//!
//! Out of scope: the order in which the texts run.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tracing::Span;

use super::{
    Embedding,
    request_times::{EmbedTimes, Stage, StageTimer},
};
use crate::error::EmbedError;

type Answer = Result<Vec<Embedding>, EmbedError>;

/// A request of which some texts are not embedded yet.
#[derive(Debug)]
pub(super) struct PendingRequest {
    state: Mutex<Answers>,
    times: Arc<EmbedTimes>,
}

#[derive(Debug)]
struct Answers {
    embeddings: Vec<Option<Embedding>>,
    missing: usize,
    /// Taken when the request is answered, be it with an error.
    reply: Option<oneshot::Sender<Answer>>,
    /// Batches that run now and have texts of the request.
    batches: usize,
    /// What the request does now; nothing once it is answered.
    stage: Option<StageTimer>,
    /// The span that the request was made in, which ends with it.
    span: Span,
}

impl Answers {
    /// Takes the way to answer, with which the request is over.
    fn settle(&mut self) -> Option<oneshot::Sender<Answer>> {
        self.stage = None;
        self.span = Span::none();
        self.reply.take()
    }
}

impl PendingRequest {
    /// A request of `texts` texts and where its answer will arrive.
    pub(super) fn new(texts: usize, times: Arc<EmbedTimes>) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let span = Span::current();
        let state = Answers {
            embeddings: (0..texts).map(|_| None).collect(),
            missing: texts,
            reply: Some(reply),
            batches: 0,
            stage: Some(StageTimer::begin(Stage::Queue, &times, &span)),
            span,
        };
        (Self { state: Mutex::new(state), times }, answer)
    }

    /// Notes that a batch with texts of the request begins.
    pub(super) fn batch_begins(&self) {
        self.with_state(|state| {
            state.batches += 1;
            if state.batches == 1 {
                self.enter(state, Stage::Inference);
            }
        });
    }

    /// Notes that it has ended; texts of the request that still wait are in no other one, perhaps.
    pub(super) fn batch_ends(&self) {
        self.with_state(|state| {
            state.batches -= 1;
            if state.batches == 0 {
                self.enter(state, Stage::Queue);
            }
        });
    }

    /// Nobody waits for the answer any more.
    pub(super) fn abandon(&self) {
        self.with_state(|state| drop(state.settle()));
    }

    fn enter(&self, state: &mut Answers, stage: Stage) {
        // The stage before ends first, so that none of the time counts twice.
        state.stage = None;
        if state.reply.is_some() {
            state.stage = Some(StageTimer::begin(stage, &self.times, &state.span));
        }
    }

    /// Whether nobody waits for the answer, or it was given already.
    pub(super) fn is_settled(&self) -> bool {
        self.with_state(|state| state.reply.as_ref().is_none_or(oneshot::Sender::is_closed))
    }

    /// Adds the vector of one text; the last one answers the request.
    pub(super) fn complete(&self, index: usize, embedding: Embedding) {
        self.with_state(|state| {
            if let Some(place @ None) = state.embeddings.get_mut(index) {
                *place = Some(embedding);
                state.missing -= 1;
            }
            if state.missing == 0
                && let Some(reply) = state.settle()
            {
                let embeddings = state.embeddings.drain(..).flatten().collect();
                // The receiver may be gone; then nobody wants the answer.
                let _ = reply.send(Ok(embeddings));
            }
        });
    }

    /// Answers the request with an error, unless it is answered already.
    pub(super) fn fail(&self, error: EmbedError) {
        self.with_state(|state| {
            if let Some(reply) = state.settle() {
                let _ = reply.send(Err(error));
            }
        });
    }

    fn with_state<T>(&self, act: impl FnOnce(&mut Answers) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
