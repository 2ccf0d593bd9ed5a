//! Messages in, replies out in the same order, several under way at once and no more.
//!
//! What does not live here: what a reply is made of.

use std::collections::VecDeque;

use futures::{Stream, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use prost::Message;
use tokio::sync::mpsc;
use tonic::Status;

/// A reply, or the end of the stream.
pub(crate) type Reply<R> = Result<R, Status>;

/// How much of a stream is under way, from the message that is read to the reply that is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay {
    pub(crate) messages_max: usize,
    /// No message is read while those under way have so many bytes.
    pub(crate) bytes_max: usize,
}

/// Answers `messages` into `replies`, in their order, until the first fault.
///
/// A client that does not take replies is read no further. When it has gone, what is under way is
/// dropped.
pub(crate) async fn run<M: Message, R>(
    messages: impl Stream<Item = Result<M, Status>> + Unpin,
    answer: impl FnMut(Result<M, Status>) -> BoxFuture<'static, Reply<R>>,
    limits: UnderWay,
    replies: mpsc::Sender<Reply<R>>,
) {
    let pipeline = Pipeline {
        messages,
        answer,
        limits,
        running: FuturesOrdered::new(),
        finished: VecDeque::new(),
        bytes: VecDeque::new(),
        input_ended: false,
    };
    pipeline.run(replies).await;
}

struct Pipeline<S, A, R> {
    messages: S,
    answer: A,
    limits: UnderWay,
    running: FuturesOrdered<BoxFuture<'static, Reply<R>>>,
    /// Replies that are not taken yet.
    finished: VecDeque<Reply<R>>,
    /// The bytes of each message under way.
    bytes: VecDeque<usize>,
    input_ended: bool,
}

impl<S, A, R, M> Pipeline<S, A, R>
where
    S: Stream<Item = Result<M, Status>> + Unpin,
    A: FnMut(Result<M, Status>) -> BoxFuture<'static, Reply<R>>,
    M: Message,
{
    async fn run(mut self, replies: mpsc::Sender<Reply<R>>) {
        while !self.is_done() {
            tokio::select! {
                biased;
                () = replies.closed() => return,
                Ok(place) = replies.reserve(), if !self.finished.is_empty() => {
                    let Some(reply) = self.finished.pop_front() else { continue };
                    self.bytes.pop_front();
                    let is_last = reply.is_err();
                    place.send(reply);
                    if is_last {
                        return;
                    }
                }
                Some(reply) = self.running.next(), if !self.running.is_empty() => {
                    self.finished.push_back(reply);
                }
                message = self.messages.next(), if self.reads_on() => self.take(message),
            }
        }
    }

    fn is_done(&self) -> bool {
        self.input_ended && self.bytes.is_empty()
    }

    fn reads_on(&self) -> bool {
        let has_room = self.bytes.len() < self.limits.messages_max;
        has_room && !self.input_ended && self.bytes.iter().sum::<usize>() < self.limits.bytes_max
    }

    fn take(&mut self, message: Option<Result<M, Status>>) {
        let Some(message) = message else {
            self.input_ended = true;
            return;
        };
        // Nothing can be read behind a message that could not be.
        self.input_ended = message.is_err();
        self.bytes.push_back(message.as_ref().map_or(0, Message::encoded_len));
        self.running.push_back((self.answer)(message));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::{FutureExt, stream};
    use tokio::task::yield_now;

    use super::*;

    const LIMITS: UnderWay = UnderWay { messages_max: 4, bytes_max: 100 };

    /// Messages of so many bytes, and how many of them were read.
    fn messages(
        bytes: usize,
        count: usize,
    ) -> (impl Stream<Item = Result<Vec<u8>, Status>> + Unpin, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = read.clone();
        let messages = (0..count).map(move |i| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(vec![u8::try_from(i).unwrap(); bytes])
        });
        (stream::iter(messages), read)
    }

    /// Answers a message with its first byte; the sooner, the later it came.
    fn answer(message: Result<Vec<u8>, Status>) -> BoxFuture<'static, Reply<u8>> {
        async move {
            let first = message?[0];
            for _ in 0..(8 - first % 8) {
                yield_now().await;
            }
            if first == 7 { Err(Status::unavailable("seven")) } else { Ok(first) }
        }
        .boxed()
    }

    async fn let_it_run() {
        for _ in 0..1_000 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn replies_come_in_order_and_the_first_fault_is_the_last() {
        let (sender, mut receiver) = mpsc::channel(1);
        let (messages, _) = messages(10, 20);
        tokio::spawn(run(messages, answer, LIMITS, sender));
        for expected in 0..7 {
            assert_eq!(receiver.recv().await.unwrap().unwrap(), expected);
        }
        assert_eq!(receiver.recv().await.unwrap().unwrap_err().message(), "seven");
        assert!(receiver.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_client_that_takes_no_replies_is_read_no_further() {
        // One reply waits in the channel, the others under way.
        for (bytes, read_at_most) in [(10, 1 + 4), (45, 1 + 3), (100, 1 + 1)] {
            let (sender, mut receiver) = mpsc::channel(1);
            let (messages, read) = messages(bytes, 7);
            tokio::spawn(run(messages, answer, LIMITS, sender));
            let_it_run().await;
            assert_eq!(read.load(Ordering::Relaxed), read_at_most, "{bytes}");
            for expected in 0..7 {
                assert_eq!(receiver.recv().await.unwrap().unwrap(), expected);
            }
            assert!(receiver.recv().await.is_none());
        }
    }

    #[tokio::test]
    async fn what_is_under_way_is_dropped_when_the_client_has_gone() {
        let (sender, receiver) = mpsc::channel::<Reply<u8>>(1);
        let alive = Arc::new(());
        let held = alive.clone();
        let forever = move |_| {
            let held = held.clone();
            async move {
                let _held = held;
                futures::future::pending().await
            }
            .boxed()
        };
        let (messages, read) = messages(10, 7);
        let running = tokio::spawn(run(messages, forever, LIMITS, sender));
        let_it_run().await;
        assert_eq!(read.load(Ordering::Relaxed), 4);
        drop(receiver);
        running.await.unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
