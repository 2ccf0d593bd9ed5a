//! Messages in, replies out in the same order, several under way at once and no more.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use prost::Message;
use tokio::{sync::mpsc, time::sleep_until};
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

/// How long replies may wait for the client when the node stops.
const TAKEN_WHEN_STOPPING: Duration = Duration::from_secs(1);

/// Why replies end, where it is neither the messages' end nor a fault of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutShort {
    /// The client does not take them.
    NotTaken,
    /// The node stops: no further message is read.
    Stopping,
}

/// Answers `messages` into `replies`, in their order, until the first fault or until `stopping`.
///
/// A client that does not take replies is read no further, and given up at the time that `take_by`
/// says when the wait for it begins. When it has gone, what is under way is dropped.
pub(crate) async fn run<M: Message, R>(
    messages: impl Stream<Item = Result<M, Status>> + Unpin,
    answer: impl FnMut(Result<M, Status>) -> BoxFuture<'static, Reply<R>>,
    limits: UnderWay,
    take_by: impl Fn() -> Instant,
    stopping: impl Future<Output = ()>,
    replies: mpsc::Sender<Reply<R>>,
) -> Option<CutShort> {
    let pipeline = Pipeline {
        messages,
        answer,
        limits,
        running: FuturesOrdered::new(),
        finished: VecDeque::new(),
        bytes: VecDeque::new(),
        input_ended: false,
    };
    pipeline.run(take_by, stopping, replies).await
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
    async fn run(
        mut self,
        take_by: impl Fn() -> Instant,
        stopping: impl Future<Output = ()>,
        replies: mpsc::Sender<Reply<R>>,
    ) -> Option<CutShort> {
        let mut stopping = std::pin::pin!(stopping);
        let mut cut_short = None;
        let take_by = |cut_short: Option<CutShort>| match cut_short {
            Some(_) => Instant::now() + TAKEN_WHEN_STOPPING,
            None => take_by(),
        };
        // Of the oldest reply that waits for the client.
        let mut taken_until = take_by(cut_short);
        while !self.is_done() {
            tokio::select! {
                biased;
                () = replies.closed() => return None,
                () = &mut stopping, if cut_short.is_none() => {
                    cut_short = Some(CutShort::Stopping);
                    self.input_ended = true;
                    taken_until = take_by(cut_short);
                }
                Ok(place) = replies.reserve(), if !self.finished.is_empty() => {
                    let Some(reply) = self.finished.pop_front() else { continue };
                    self.bytes.pop_front();
                    let is_last = reply.is_err();
                    place.send(reply);
                    if is_last {
                        return None;
                    }
                    taken_until = take_by(cut_short);
                }
                () = sleep_until(taken_until.into()), if !self.finished.is_empty() => {
                    return cut_short.or(Some(CutShort::NotTaken));
                }
                Some(reply) = self.running.next(), if !self.running.is_empty() => {
                    if self.finished.is_empty() {
                        taken_until = take_by(cut_short);
                    }
                    self.finished.push_back(reply);
                }
                message = self.messages.next(), if self.reads_on() => self.take(message),
            }
        }
        cut_short
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
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use futures::{FutureExt, future::pending, stream};
    use tokio::{sync::oneshot, task::yield_now};

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

    /// Runs with a client that has time and a node that does not stop.
    async fn run<R>(
        messages: impl Stream<Item = Result<Vec<u8>, Status>> + Unpin,
        answer: impl FnMut(Result<Vec<u8>, Status>) -> BoxFuture<'static, Reply<R>>,
        limits: UnderWay,
        replies: mpsc::Sender<Reply<R>>,
    ) -> Option<CutShort> {
        super::run(messages, answer, limits, in_an_hour, pending(), replies).await
    }

    fn in_an_hour() -> Instant {
        Instant::now() + Duration::from_secs(3_600)
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

    #[tokio::test]
    async fn a_client_that_does_not_take_replies_is_given_up() {
        let (sender, mut receiver) = mpsc::channel(1);
        let is_late = Arc::new(AtomicBool::new(false));
        let late = is_late.clone();
        let take_by =
            move || if late.load(Ordering::Relaxed) { Instant::now() } else { in_an_hour() };
        let (messages, _) = messages(10, 7);
        let running =
            tokio::spawn(super::run(messages, answer, LIMITS, take_by, pending(), sender));
        assert_eq!(receiver.recv().await.unwrap().unwrap(), 0);
        let_it_run().await;
        assert!(!running.is_finished());
        // Time begins anew with each reply that is taken.
        is_late.store(true, Ordering::Relaxed);
        assert_eq!(receiver.recv().await.unwrap().unwrap(), 1);
        assert_eq!(running.await.unwrap(), Some(CutShort::NotTaken));
    }

    #[tokio::test]
    async fn a_node_that_stops_reads_no_further_and_waits_no_more_than_a_moment() {
        for takes in [true, false] {
            let (sender, mut receiver) = mpsc::channel(1);
            let (stop, stopped) = oneshot::channel::<()>();
            let stopping = async { stopped.await.unwrap_or_default() };
            let (messages, read) = messages(10, 7);
            let replies = super::run(messages, answer, LIMITS, in_an_hour, stopping, sender);
            let running = tokio::spawn(replies);
            let_it_run().await;
            assert_eq!(read.load(Ordering::Relaxed), 1 + 4);
            stop.send(()).unwrap();
            let mut taken = 0;
            while takes && receiver.recv().await.is_some() {
                taken += 1;
            }
            let end = tokio::time::timeout(Duration::from_secs(600), running).await;
            assert_eq!(end.unwrap().unwrap(), Some(CutShort::Stopping));
            assert_eq!((taken, read.load(Ordering::Relaxed)), (if takes { 5 } else { 0 }, 5));
        }
    }
}
