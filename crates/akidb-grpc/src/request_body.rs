//! The body of one request, bounded in time and memory while it arrives.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use akidb_core::{Error, ErrorCode};
use akidb_listener::{self as listener, Pace};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

use crate::{GrpcOptions, call::Call};

/// An incoming body that gives up on a client which stops sending.
pub(crate) struct RequestBody {
    incoming: listener::RequestBody,
    call: Call,
    /// Absent in calls that stream, whose clients may be silent between messages.
    pace: Option<Pace>,
    /// Runs only while the next frame is awaited, so that the time of the handler between two
    /// messages does not count.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    pub(crate) fn new(incoming: listener::RequestBody, call: Call, options: &GrpcOptions) -> Self {
        let idle_timeout = options.listener.body_idle_timeout;
        let pace = (!call.method.streams).then(|| Pace::starting_now(idle_timeout));
        Self { incoming, call, pace, waiting: None }
    }

    fn received(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Status> {
        self.waiting = None;
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        if let Some(pace) = &mut self.pace {
            pace.received(bytes);
        }
        if self.call.share.take(bytes) {
            return Ok(frame);
        }
        let message = "requests hold all of the memory that body_budget_bytes allows them";
        let error = Error::new(ErrorCode::Overloaded, message);
        Err(self.call.refuse(&error.with_retry_after(std::time::Duration::from_secs(1))))
    }

    fn poll_timeout(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        let deadline = self.call.timing.deadline();
        let slowest = self.pace.as_ref().map(Pace::deadline);
        let deadline = slowest.map_or(deadline, |slowest| slowest.min(deadline));
        let waiting =
            self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        ready!(waiting.as_mut().poll(context));
        let message = match slowest.is_some_and(|slowest| slowest <= Instant::now()) {
            true => "the message came slower than server.body_idle_timeout_ms allows",
            false => "the deadline passed before the whole message was received",
        };
        Poll::Ready(self.call.refuse(&Error::new(ErrorCode::DeadlineExceeded, message)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.received(frame))),
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(Status::from_error(Box::new(error)))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_timeout(context).map(|status| Some(Err(status))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
