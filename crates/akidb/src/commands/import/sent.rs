//! Documents that are read and not acknowledged: where they end in the input, and what they are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use akidb_rest::Framed;
use bytes::BytesMut;

use crate::failure::Failure;

/// What is on its way; clones share it. It is bounded by what the node reads ahead.
#[derive(Clone)]
pub(super) struct Sent {
    keeps: bool,
    state: Arc<Mutex<Unacknowledged>>,
}

#[derive(Default)]
struct Unacknowledged {
    documents: VecDeque<Document>,
    /// The first of all, which is the header of CSV.
    first: Option<BytesMut>,
    acknowledged_bytes: u64,
    failure: Option<Failure>,
}

struct Document {
    number: u64,
    /// Bytes of the input up to the piece that it ends in.
    bytes: u64,
    content: Option<BytesMut>,
}

impl Sent {
    /// Nothing yet. What documents are is only kept where it is wanted.
    pub(super) fn new(keeps: bool) -> Self {
        Self { keeps, state: Arc::default() }
    }

    /// Adds a document that ends in a piece up to which so many bytes were read.
    pub(super) fn add(&self, framed: Framed, bytes: u64) {
        let mut state = self.lock();
        let content = framed.content.filter(|_| self.keeps);
        if state.first.is_none() {
            state.first.clone_from(&content);
        }
        state.documents.push_back(Document { number: framed.number, bytes, content });
    }

    /// Takes up that the node has answered a document, and answers what it is.
    pub(super) fn acknowledge(&self, number: u64) -> Option<BytesMut> {
        let mut state = self.lock();
        while let Some(document) = state.documents.pop_front() {
            if document.number > number {
                state.documents.push_front(document);
                break;
            }
            state.acknowledged_bytes = document.bytes;
            if document.number == number {
                return document.content;
            }
        }
        None
    }

    /// Bytes of the input that are done.
    pub(super) fn acknowledged_bytes(&self) -> u64 {
        self.lock().acknowledged_bytes
    }

    /// The first document of the input.
    pub(super) fn first(&self) -> Option<BytesMut> {
        self.lock().first.clone()
    }

    pub(super) fn fail(&self, failure: Failure) {
        self.lock().failure = Some(failure);
    }

    /// Why the input could not be read to its end.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.lock().failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, Unacknowledged> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(number: u64, content: &str) -> Framed {
        Framed { number, bytes: content.len(), content: Some(content.into()) }
    }

    #[test]
    fn documents_are_kept_until_they_are_answered() {
        let sent = Sent::new(true);
        for (number, content, bytes) in [(1, "one", 10), (3, "three", 10), (4, "four", 20)] {
            sent.add(framed(number, content), bytes);
        }
        assert_eq!(sent.acknowledge(3).unwrap(), "three");
        assert_eq!(sent.acknowledged_bytes(), 10);
        assert_eq!(sent.acknowledge(3), None);
        assert_eq!(sent.acknowledge(4).unwrap(), "four");
        assert_eq!((sent.acknowledged_bytes(), sent.first().unwrap()), (20, "one".into()));
        let sent = Sent::new(false);
        sent.add(framed(1, "one"), 3);
        assert_eq!((sent.acknowledge(1), sent.acknowledged_bytes()), (None, 3));
    }
}
