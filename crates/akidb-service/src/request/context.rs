//! Where a request came from, and how long it has.

use std::time::Instant;

use crate::{RequestSpan, RequestTimes};

/// The door through which a request came, a label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The REST listener.
    Rest,
    /// The gRPC listener.
    Grpc,
}

/// What every request carries besides its own fields.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Where it came in.
    pub door: Door,
    /// When its answer is no longer wanted.
    pub deadline: Instant,
    /// Where its time goes.
    pub times: RequestTimes,
    /// What its tasks run in.
    pub span: RequestSpan,
}

impl RequestContext {
    /// The context of a request that begins.
    #[must_use]
    pub fn new(door: Door, deadline: Instant) -> Self {
        Self { door, deadline, times: RequestTimes::default(), span: RequestSpan::none() }
    }

    /// The same within the span of a request.
    #[must_use]
    pub fn within(self, span: RequestSpan) -> Self {
        Self { span, ..self }
    }
}
