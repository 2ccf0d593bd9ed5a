//! Where a request came from, and how long it has.

use std::time::Instant;

use akidb_embedding::{EmbedOptions, Sender};

use crate::{Caller, Principal, RequestSpan, RequestTimes};

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
    /// Who sent it.
    pub caller: Caller,
}

impl RequestContext {
    /// The context of a request that begins, of nobody. Where keys are required, nobody may do anything.
    #[must_use]
    pub fn new(door: Door, deadline: Instant) -> Self {
        Self {
            door,
            deadline,
            times: RequestTimes::default(),
            span: RequestSpan::none(),
            caller: Caller::default(),
        }
    }

    /// The same of this caller.
    #[must_use]
    pub fn of(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    /// The same of the node itself.
    #[must_use]
    pub(crate) fn of_node(self) -> Self {
        self.of(Caller { principal: Principal::NODE, ..Caller::default() })
    }

    /// How texts are embedded for it, as far as it says.
    #[must_use]
    pub(crate) fn embed_options(&self) -> EmbedOptions {
        EmbedOptions {
            sender: self.caller.principal.key().map_or_else(Sender::default, Sender::named),
            deadline: Some(self.deadline),
            times: self.times.embedding(),
            ..EmbedOptions::default()
        }
    }

    /// The same within the span of a request.
    #[must_use]
    pub fn within(self, span: RequestSpan) -> Self {
        Self { span, ..self }
    }
}
