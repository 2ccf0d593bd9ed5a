//! Bodies of requests, bounded in time and memory while they arrive.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use akidb_core::{Error, ErrorCode};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};

use crate::{BodyShare, Deadlines, body_rate::BodyRate};

/// A body that fails where it comes too late, too slowly, or beyond the memory for bodies.
#[derive(Debug)]
pub struct BoundedBody<B> {
    body: B,
    deadlines: Deadlines,
    rate: Option<BodyRate>,
    share: Arc<BodyShare>,
    /// Runs only while a frame is awaited, so that the time of the handler between two messages does
    /// not count.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// Why a body ends early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError<E> {
    /// It is beyond a bound: `deadline_exceeded`, or `overloaded`.
    #[error("{0}")]
    Refused(Error),
    /// It could not be read.
    #[error("{0}")]
    Broken(E),
}

impl<B> BoundedBody<B> {
    /// Bounds a body that is awaited from now on. What comes of it counts in `share`.
    #[must_use]
    pub fn new(body: B, deadlines: Deadlines, share: Arc<BodyShare>) -> Self {
        let rate = deadlines.body_idle_timeout.map(BodyRate::starting_now);
        Self { body, deadlines, rate, share, waiting: None }
    }

    /// The body without its bounds.
    pub fn into_inner(self) -> B {
        self.body
    }

    fn received<E>(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError<E>> {
        self.waiting = None;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        if let Some(rate) = &mut self.rate {
            rate.received(bytes);
        }
        self.share.take(bytes).map(|()| frame).map_err(BodyError::Refused)
    }

    fn poll_timeout(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        let slowest = self.rate.as_ref().map(BodyRate::deadline);
        let waiting = self.waiting.get_or_insert_with(|| {
            let deadline = self.deadlines.message();
            let deadline = slowest.map_or(deadline, |slowest| slowest.min(deadline));
            Box::pin(sleep_until(deadline.into()))
        });
        ready!(waiting.as_mut().poll(context));
        let message = if slowest.is_some_and(|slowest| slowest <= Instant::now()) {
            format!(
                "the body brought less than {} bytes in the time that server.body_idle_timeout_ms allows",
                BodyRate::BYTES_MIN
            )
        } else {
            "the body did not arrive within the time of the request".to_owned()
        };
        Poll::Ready(Error::new(ErrorCode::DeadlineExceeded, message))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for BoundedBody<B> {
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.received(frame))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::Broken(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                self.poll_timeout(context).map(|error| Some(Err(BodyError::Refused(error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::{BodyBudget, ListenerOptions};

    /// Far away: it comes to an end for another reason.
    const LONG: Duration = Duration::from_secs(3_600);

    /// Sends `chunks` and then nothing more, without an end.
    async fn collect(
        chunks: &'static [&'static str],
        options: ListenerOptions,
        deadlines: fn(Option<Duration>, &ListenerOptions) -> Deadlines,
    ) -> Error {
        let sent = stream::iter(chunks).map(|chunk| Ok::<_, String>(Frame::data((*chunk).into())));
        let body = StreamBody::new(sent.chain(stream::pending()));
        let share = Arc::new(BodyBudget::new(&options).share(usize::MAX));
        let body = BoundedBody::new(body, deadlines(None, &options), share);
        match body.collect().await.unwrap_err() {
            BodyError::Refused(error) => error,
            BodyError::Broken(fault) => panic!("{fault}"),
        }
    }

    #[tokio::test]
    async fn a_body_is_bounded_in_time_and_memory() {
        let late = ListenerOptions {
            default_timeout: Duration::from_millis(1),
            body_idle_timeout: LONG,
            ..ListenerOptions::default()
        };
        for of in [Deadlines::of_request, Deadlines::of_stream] {
            let error = collect(&["ab"], late.clone(), of).await;
            assert_eq!(error.code, ErrorCode::DeadlineExceeded);
            assert!(error.message.contains("within the time of the request"), "{error}");
        }
        let slow = ListenerOptions {
            default_timeout: LONG,
            body_idle_timeout: Duration::from_millis(1),
            ..ListenerOptions::default()
        };
        let error = collect(&["ab"], slow, Deadlines::of_request).await;
        assert_eq!(error.code, ErrorCode::DeadlineExceeded);
        assert!(error.message.contains("server.body_idle_timeout_ms"), "{error}");
        let large = ListenerOptions { body_budget_bytes: 3, ..ListenerOptions::default() };
        let error = collect(&["ab", "cd"], large, Deadlines::of_request).await;
        assert_eq!(error.code, ErrorCode::Overloaded);
        assert!(error.message.contains("server.body_budget_bytes"), "{error}");
    }
}
