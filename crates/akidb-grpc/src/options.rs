//! The settings of the gRPC door, resolved by the caller.

use std::time::Duration;

use akidb_listener::ListenerOptions;

/// How long and how much the door allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcOptions {
    /// Connections, their timers, and who may speak.
    pub listener: ListenerOptions,
    /// The time of a call without `grpc-timeout`; of each message, for calls that stream.
    pub default_timeout: Duration,
    /// The most time that `grpc-timeout` can ask for; of each message, for calls that stream.
    pub max_timeout: Duration,
    /// Bytes of requests that are being received or answered at once, over all connections; more
    /// are refused as overloaded.
    pub body_budget_bytes: usize,
}

impl Default for GrpcOptions {
    fn default() -> Self {
        Self {
            listener: ListenerOptions { head_bytes_max: 16 << 10, ..ListenerOptions::default() },
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(600),
            body_budget_bytes: 256 << 20,
        }
    }
}
