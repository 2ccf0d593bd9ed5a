//! What surrounds a request from the door on: its id in every line of the log, and the first span
//! of its trace, which continues the trace of the client.

use akidb_core::TRACE_TARGET;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::{Instrument, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::Door;

/// The spans of one request.
#[derive(Clone, Debug)]
pub struct RequestSpan {
    /// Is there at every level of the log, for the sake of the id.
    log: Span,
    /// Is there only where traces are collected.
    trace: Span,
}

impl RequestSpan {
    /// The span of a request that came through no door.
    #[must_use]
    pub const fn none() -> Self {
        Self { log: Span::none(), trace: Span::none() }
    }

    /// Begins a request. `name` is what it is called in traces, without anything that a client
    /// chooses; `header` is how the door finds a header of the request.
    pub fn begin<'h>(
        door: Door,
        request_id: &str,
        name: impl FnOnce() -> String,
        header: impl Fn(&'static str) -> Option<&'h str>,
    ) -> Self {
        let log =
            tracing::error_span!("request", door = door.as_str(), request_id, trace_id = Empty);
        let trace = tracing::debug_span!(
            target: TRACE_TARGET,
            parent: &log,
            "request",
            otel.name = name(),
            otel.kind = "server",
            otel.status_code = Empty,
            door = door.as_str(),
            request_id,
            status = Empty,
        );
        if !trace.is_disabled() {
            if let Some(parent) = remote_parent(header("traceparent"), header("tracestate")) {
                // Fails only where nothing collects traces.
                let _ = trace.set_parent(Context::new().with_remote_span_context(parent));
            }
            let trace_id = trace.context().span().span_context().trace_id();
            log.record("trace_id", tracing::field::display(trace_id));
        }
        Self { log, trace }
    }

    /// Runs a part of the request, also in a task of its own: the current span alone would not do
    /// there, since the log and the trace look for different ones.
    pub async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        work.instrument(self.trace.clone()).instrument(self.log.clone()).await
    }

    /// Does something short of the request.
    pub fn inside<T>(&self, act: impl FnOnce() -> T) -> T {
        self.log.in_scope(|| self.trace.in_scope(act))
    }

    /// Notes what was answered, as the door writes it, and whether the node is at fault.
    pub fn answered(&self, status: i64, node_failed: bool) {
        if self.trace.is_disabled() {
            return;
        }
        self.trace.record("status", status);
        if node_failed {
            self.trace.record("otel.status_code", "ERROR");
        }
    }
}

/// The client's own span, by the header `traceparent` (W3C Trace Context, level 1, section 3.2).
fn remote_parent(traceparent: Option<&str>, tracestate: Option<&str>) -> Option<SpanContext> {
    let mut parts = traceparent?.trim().split('-');
    let [version, trace_id, span_id, flags] = std::array::from_fn(|_| parts.next());
    let version = hexadecimal(version?, 2)?;
    // Later versions may add parts; this one and its successors begin alike.
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let trace_id = TraceId::from_hex(hexadecimal(trace_id?, 32)?).ok()?;
    let span_id = SpanId::from_hex(hexadecimal(span_id?, 16)?).ok()?;
    let flags = u8::from_str_radix(hexadecimal(flags?, 2)?, 16).ok()?;
    let state: Option<TraceState> = tracestate.and_then(|state| state.parse().ok());
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let parent = SpanContext::new(trace_id, span_id, flags, true, state.unwrap_or_default());
    parent.is_valid().then_some(parent)
}

fn hexadecimal(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_trace_parents_are_taken() {
        let parent = |text: &str| remote_parent(Some(text), None);
        let whole = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let found = parent(whole).unwrap();
        assert_eq!(found.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(found.span_id().to_string(), "00f067aa0ba902b7");
        assert!(found.is_sampled() && found.is_remote());
        assert!(!parent(&whole.replace("-01", "-00")).unwrap().is_sampled());
        assert!(parent(&format!("cc{}-later", &whole[2..])).is_some());
        for bad in [
            "",
            "00",
            &format!("{whole}-more"),
            &format!("ff{}", &whole[2..]),
            &whole.to_uppercase(),
            &whole.replace("00f067aa0ba902b7", "0000000000000000"),
            &whole.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        ] {
            assert!(parent(bad).is_none(), "{bad}");
        }
        assert!(remote_parent(None, None).is_none());
    }
}
