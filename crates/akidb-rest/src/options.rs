//! What the configuration says about the REST door.

use std::time::Duration;

use akidb_listener::ListenerOptions;

/// Settings of the REST door, resolved by the configuration.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// Connections, timers, the memory for bodies, and who may speak.
    pub listener: ListenerOptions,
    /// How long an import waits for its client to send or to read.
    pub import_idle_timeout: Duration,
}

impl Default for RestOptions {
    fn default() -> Self {
        Self { listener: ListenerOptions::default(), import_idle_timeout: Duration::from_secs(300) }
    }
}
