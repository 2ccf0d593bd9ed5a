//! One call, from its headers to its reply: what the door knows and handlers need.

use std::{error::Error as _, sync::Arc};

use akidb_core::{Error, ErrorCode, Result};
use akidb_listener::{BodyShare, Deadlines, RequestId};
use akidb_service::{Caller, Door, RequestContext, RequestSpan, Service};
use prost::Message;
use tonic::{Request, Response, Status};

use crate::{
    below_services,
    method::Method,
    status::{status_of, status_with},
};

/// What clients take unless they are told otherwise.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// Travels with a request as an extension.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) span: RequestSpan,
    pub(crate) method: Method,
    pub(crate) deadlines: Deadlines,
    /// Who sent it.
    pub(crate) caller: Caller,
    /// The memory of the request; held until the handler is done.
    pub(crate) share: Arc<BodyShare>,
    /// The limit `grpc_message_bytes`.
    pub(crate) message_bytes_max: usize,
    pub(crate) service: Service,
}

impl Call {
    /// Splits a request into the call and the message.
    pub(crate) fn open<T>(request: Request<T>) -> Result<(Self, T), Status> {
        let (_, mut extensions, message) = request.into_parts();
        let call = extensions.remove::<Self>();
        call.map(|call| (call, message)).ok_or_else(|| Status::unknown("no call was opened"))
    }

    /// The context of what starts now: the call, or one message of it.
    pub(crate) fn context(&self) -> RequestContext {
        let context = RequestContext::new(Door::Grpc, self.deadlines.message());
        context.within(self.span.clone()).of(self.caller.clone())
    }

    /// What was decoded; a fault is counted, since the service never sees it.
    pub(crate) fn decoded<T>(&self, decoded: Result<T>) -> Result<T, Status> {
        decoded.map_err(|error| self.refuse(&error))
    }

    /// The status of a request that never reached the service.
    pub(crate) fn refuse(&self, error: &Error) -> Status {
        self.count(error);
        self.status(error)
    }

    /// Counts a fault of a request that the service never sees.
    pub(crate) fn count(&self, error: &Error) {
        self.service.count_refused(Door::Grpc, self.method.operation, error);
    }

    pub(crate) fn status(&self, error: &Error) -> Status {
        status_of(error, &self.id)
    }

    pub(crate) fn status_with<const N: usize>(
        &self,
        error: &Error,
        metadata: [(&str, String); N],
    ) -> Status {
        status_with(error, &self.id, metadata)
    }

    /// The error behind a status that reading the next message of a stream returned.
    pub(crate) fn error_of(&self, status: &Status) -> Error {
        // The body's own errors come back inside those of the layers between.
        let mut source = status.source();
        while let Some(error) = source {
            if let Some(own) = error.downcast_ref::<Error>() {
                return own.clone();
            }
            source = error.source();
        }
        let error = below_services::error_of(status, &self.method, self.message_bytes_max)
            .unwrap_or_else(|| Error::new(ErrorCode::MalformedRequest, status.message()));
        self.count(&error);
        error
    }

    /// The reply of a unary call. One that is too large for a message is an error of its own.
    pub(crate) fn reply<M: Message>(&self, reply: Result<M>) -> Result<Response<M>, Status> {
        let checked = reply.and_then(|message| match message.encoded_len() {
            bytes if bytes > self.message_bytes_max => Err(self.too_large(bytes)),
            _ => Ok(message),
        });
        checked.map(Response::new).map_err(|error| self.status(&error))
    }

    /// The bytes of one message of a page, which may be continued.
    pub(crate) fn page_bytes_max(&self) -> usize {
        self.message_bytes_max.min(PAGE_BYTES_MAX)
    }

    /// The error of a reply of `bytes` bytes.
    pub(crate) fn too_large(&self, bytes: usize) -> Error {
        let bytes_max = self.message_bytes_max;
        let message = format!(
            "the reply has {bytes} bytes, the limit is grpc_message_bytes = {bytes_max}, hint: ask for fewer documents or fewer parts of them"
        );
        let error = Error::new(ErrorCode::LimitExceeded, message);
        error.with_outcome(self.method.outcome_unless_told())
    }
}
