//! The body of one answer: followed to its end, where the status is.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use akidb_service::{DoorMetrics, RequestSpan};
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Code, Status, body::Body};

const GRPC_STATUS: &str = "grpc-status";

/// What is noted of an answer when it ends.
pub(crate) struct Answered {
    pub(crate) metrics: DoorMetrics,
    /// The method, where it is served.
    pub(crate) method: Option<String>,
    pub(crate) span: RequestSpan,
    pub(crate) started: Instant,
}

/// A body that is counted when it ends, or when its client does not wait for the end.
pub(crate) struct AnswerBody {
    body: Body,
    answered: Answered,
    /// Absent until the headers or the trailers say it.
    code: Option<Code>,
}

impl AnswerBody {
    pub(crate) fn new(body: Body, headers: &HeaderMap, answered: Answered) -> Self {
        Self { body, answered, code: code_of(headers) }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { body, answered, code } = &mut *self;
        let polled = answered.span.inside(|| Pin::new(body).poll_frame(context));
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            *code = code.or_else(|| code_of(trailers));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        let Answered { metrics, method, span, started } = &self.answered;
        let code = self.code.unwrap_or(Code::Cancelled);
        span.answered(i64::from(code as i32), is_of_the_node(code));
        metrics.grpc_answered(method.as_deref(), code as i32, started.elapsed());
    }
}

fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get(GRPC_STATUS).map(|status| Code::from_bytes(status.as_bytes()))
}

/// Whether a status says that the node failed, and not the client (OpenTelemetry, "Semantic
/// conventions for gRPC", server spans).
const fn is_of_the_node(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
