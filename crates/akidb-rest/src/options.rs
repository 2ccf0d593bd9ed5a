//! What the configuration says about the REST listener.

use std::time::Duration;

/// Settings of the REST listener, resolved by the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestOptions {
    /// How long a request may take that does not say so itself.
    pub default_timeout: Duration,
    /// The longest time that a request may ask for with `x-request-timeout-ms`.
    pub max_timeout: Duration,
    /// Connections open at once; more wait in the listener's backlog.
    pub max_connections: usize,
    /// Requests that one HTTP/2 connection may have open at once.
    pub max_streams_per_connection: u32,
    /// How long a client may take to send the head of a request, and how long an HTTP/1
    /// connection may be idle.
    pub header_read_timeout: Duration,
    /// How long an import waits for its client to send or to read.
    pub import_idle_timeout: Duration,
    /// How long a stop waits for requests in flight.
    pub drain_timeout: Duration,
    /// Bytes of bodies that are being received or decoded at once, over all connections.
    pub body_budget_bytes: usize,
}

impl Default for RestOptions {
    fn default() -> Self {
        Self {
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(600),
            max_connections: 1_024,
            max_streams_per_connection: 128,
            header_read_timeout: Duration::from_secs(10),
            import_idle_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(30),
            body_budget_bytes: 256 << 20,
        }
    }
}
