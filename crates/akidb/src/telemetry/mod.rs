//! The log, lines on stderr as text for people or JSON for programs; and traces, where they are
//! asked for.
//!
//! Out of scope: metrics, which the service keeps; spans, which the service opens, in the doors'
//! name too.

mod traces;

use std::io::{self, IsTerminal};

use akidb_core::TRACE_TARGET;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, prelude::*};

use self::traces::Traces;
use crate::{
    failure::Result,
    settings::{LogFormat, LogSettings, TracingSettings},
};

/// What a command that opens data itself says beside its answer.
const QUIET_LEVEL: &str = "warn";

/// What collects log lines or traces.
type Collector = Box<dyn Layer<Registry> + Send + Sync>;

/// The telemetry of a node, from its start to [`Self::finish`].
#[derive(Default)]
pub(crate) struct Telemetry {
    traces: Option<Traces>,
}

impl Telemetry {
    /// Starts the log of a node, and its traces where an endpoint is given. Must be called in the
    /// runtime.
    ///
    /// # Errors
    /// When what exports traces can not be made.
    pub(crate) fn start(log: &LogSettings, tracing: &TracingSettings) -> Result<Self> {
        let traces = Traces::start(tracing)?;
        let mut collectors = vec![log_lines(log.format, &log.level)];
        collectors.extend(traces.as_ref().map(Traces::layer));
        // Fails only where a log is running already, which is then as good.
        let _ = tracing_subscriber::registry().with(collectors).try_init();
        Ok(Self { traces })
    }

    /// Sends the spans that have ended; gives up after a while.
    pub(crate) async fn finish(self) {
        if let Some(traces) = self.traces {
            traces.finish().await;
        }
    }
}

/// Starts the log of a command: warnings and errors only.
pub(crate) fn start_quiet() {
    let collectors = vec![log_lines(LogFormat::Text, QUIET_LEVEL)];
    // Fails only where a log is running already, which is then as good.
    let _ = tracing_subscriber::registry().with(collectors).try_init();
}

fn log_lines(format: LogFormat, level: &str) -> Collector {
    // The spans of traces say nothing that the lines do not say.
    let filter = EnvFilter::new(format!("{level},{TRACE_TARGET}=off"));
    match format {
        LogFormat::Text => {
            let colors = io::stderr().is_terminal();
            let lines = fmt::layer().with_ansi(colors).with_writer(io::stderr);
            lines.with_filter(filter).boxed()
        }
        LogFormat::Json => {
            let lines = fmt::layer().json().with_span_list(false).with_writer(io::stderr);
            lines.with_filter(filter).boxed()
        }
    }
}
