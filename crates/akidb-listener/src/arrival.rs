//! What a listener found about a request before its door read it.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use akidb_core::Error;
use akidb_service::{Caller, Door, Operation, RequestSpan, Service};
use http::{HeaderMap, HeaderValue};

use crate::{RequestId, credential::shown_key};

/// Comes with a request to its door, which answers what it says.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The name of the request in logs, errors and the reply, whose head the listener puts it in.
    pub id: RequestId,
    /// When the head of the request had come.
    pub at: Instant,
    /// Who sent it: the other end of the connection, or whom a trusted proxy names.
    pub client: IpAddr,
    /// Why it is no request that anybody should answer. The connection ends after the reply.
    pub malformed: Option<Error>,
    /// Why only a health route may answer it.
    pub refused: Option<Error>,
    /// The origin of a page that may read the reply.
    pub allowed_origin: Option<HeaderValue>,
}

impl Arrival {
    /// The arrival of a request that came through no listener, of nobody: nothing stands against it.
    #[must_use]
    pub fn without_listener(headers: &HeaderMap) -> Self {
        Self {
            id: RequestId::of(headers),
            at: Instant::now(),
            client: Ipv4Addr::UNSPECIFIED.into(),
            malformed: None,
            refused: None,
            allowed_origin: None,
        }
    }

    /// Why the request is not answered by a route, be it a health route or not.
    #[must_use]
    pub fn refusal(&self, is_health: bool) -> Option<&Error> {
        self.malformed.as_ref().or_else(|| self.refused.as_ref().filter(|_| !is_health))
    }

    /// Who sent the request, where they may ask for an operation as far as its body does not say more.
    ///
    /// # Errors
    /// `unauthenticated`, `permission_denied`.
    pub fn caller(
        &self,
        (service, door): (&Service, Door),
        headers: &HeaderMap,
        operation: Operation,
    ) -> Result<Caller, Error> {
        let stranger = Caller {
            request_id: self.id.as_str().into(),
            address: Some(self.client).filter(|address| !address.is_unspecified()),
            ..Caller::default()
        };
        service.identify(door, stranger, shown_key(headers), operation)
    }

    /// Begins the span of the request, which continues the trace that its headers name.
    #[must_use]
    pub fn begin_span(
        &self,
        door: Door,
        headers: &HeaderMap,
        name: impl FnOnce() -> String,
    ) -> RequestSpan {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        RequestSpan::begin(door, self.id.as_str(), name, header)
    }
}
