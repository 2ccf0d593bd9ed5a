//! What marks the spans of traces.

/// The target of the spans that are collected as traces, and of nothing else.
pub const TRACE_TARGET: &str = "akidb_trace";
