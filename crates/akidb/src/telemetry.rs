//! The log: lines on stderr, as text for people or JSON for programs.
//!
//! What does not live here: metrics, which the service keeps.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::settings::{LogFormat, LogSettings};

/// What a command that opens data itself says beside its answer.
const QUIET_LEVEL: &str = "warn";

/// Starts the log of a node.
pub(crate) fn start(settings: &LogSettings) {
    let registry = tracing_subscriber::registry().with(EnvFilter::new(&settings.level));
    // Fails only where a log is running already, which is then as good.
    let _ = match settings.format {
        LogFormat::Text => {
            let colours = io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(colours).with_writer(io::stderr)).try_init()
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(io::stderr)).try_init(),
    };
}

/// Starts the log of a command: warnings and errors only.
pub(crate) fn start_quiet() {
    start(&LogSettings { format: LogFormat::Text, level: QUIET_LEVEL.to_owned() });
}
