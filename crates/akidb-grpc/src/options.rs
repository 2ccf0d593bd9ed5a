//! The settings of the gRPC listener, resolved by the caller.

use std::time::Duration;

/// How long and how much the listener allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcOptions {
    /// The time of a call without `grpc-timeout`; of each message, for calls that stream.
    pub default_timeout: Duration,
    /// The most time that `grpc-timeout` can ask for; of each message, for calls that stream.
    pub max_timeout: Duration,
    /// Connections open at once; more wait in the listener's backlog.
    pub max_connections: usize,
    /// Calls at once on one connection; the client holds back more.
    pub max_streams_per_connection: u32,
    /// Bytes of requests that are being received or answered at once, over all connections; more
    /// are refused as overloaded.
    pub body_budget_bytes: usize,
    /// How long a new connection may take to start speaking HTTP/2.
    pub handshake_timeout: Duration,
    /// The time between pings that find dead connections.
    pub keepalive_interval: Duration,
    /// How long the answer to a ping may take before the connection is closed.
    pub keepalive_timeout: Duration,
    /// How long calls in flight may go on after the stop; then their connections are closed.
    pub drain_timeout: Duration,
}

impl Default for GrpcOptions {
    fn default() -> Self {
        Self {
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(600),
            max_connections: 1_024,
            max_streams_per_connection: 128,
            body_budget_bytes: 256 << 20,
            handshake_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
