//! What a listener found about a request before its door read it.

use std::net::IpAddr;

use akidb_core::Error;
use http::HeaderValue;

/// Travels with a request as an extension; the door answers what it says.
#[derive(Clone, Debug)]
pub struct Arrival {
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
    /// Why the request is not answered by a route, be it a health route or not.
    #[must_use]
    pub fn refusal(&self, is_health: bool) -> Option<&Error> {
        self.malformed.as_ref().or_else(|| self.refused.as_ref().filter(|_| !is_health))
    }
}
