//! Gathers the answers to one request's texts.
//!
//! What does not live here: the order in which the texts run.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::Embedding;
use crate::error::EmbedError;

type Answer = Result<Vec<Embedding>, EmbedError>;

/// A request of which some texts are not embedded yet.
#[derive(Debug)]
pub(super) struct PendingRequest {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    embeddings: Vec<Option<Embedding>>,
    missing: usize,
    /// Taken when the request is answered, be it with an error.
    reply: Option<oneshot::Sender<Answer>>,
}

impl PendingRequest {
    /// A request of `texts` texts and where its answer will arrive.
    pub(super) fn new(texts: usize) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let embeddings = (0..texts).map(|_| None).collect();
        let state = State { embeddings, missing: texts, reply: Some(reply) };
        (Self { state: Mutex::new(state) }, answer)
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
                && let Some(reply) = state.reply.take()
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
            if let Some(reply) = state.reply.take() {
                let _ = reply.send(Err(error));
            }
        });
    }

    fn with_state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
