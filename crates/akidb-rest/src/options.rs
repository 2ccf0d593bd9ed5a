//! What the configuration says about the REST door.

use std::time::Duration;

use akidb_listener::ListenerOptions;

/// Settings of the REST door, resolved by the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestOptions {
    /// Connections, their timers, and who may speak.
    pub listener: ListenerOptions,
    /// How long a request may take that does not say so itself.
    pub default_timeout: Duration,
    /// The longest time that a request may ask for with `x-request-timeout-ms`.
    pub max_timeout: Duration,
    /// How long an import waits for its client to send or to read.
    pub import_idle_timeout: Duration,
    /// Bytes of bodies that are being received or decoded at once, over all connections.
    pub body_budget_bytes: usize,
}

impl Default for RestOptions {
    fn default() -> Self {
        Self {
            listener: ListenerOptions::default(),
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(600),
            import_idle_timeout: Duration::from_secs(300),
            body_budget_bytes: 256 << 20,
        }
    }
}
