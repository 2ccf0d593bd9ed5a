//! What the doors report: connections, and answers as they go over the wire.
//!
//! Labels take routes, methods and status codes of this program. What a client makes up, an unknown
//! path or verb, is one value for all of them.

use std::time::Duration;

use prometheus::{IntGauge, Registry};

use super::{REQUEST_SECONDS, TlsFailure};
use crate::Door;

akidb_core::metrics! {
    /// The metrics of both doors.
    pub struct DoorMetrics {
        connections: IntCounterVec by ["door"],
            "akidb_connections_total",
            "Connections accepted, by door.";
        connections_open: IntGaugeVec by ["door"],
            "akidb_connections_open",
            "Connections open now, by door.";
        handshake_failures: IntCounterVec by ["door", "reason"],
            "akidb_tls_handshake_failures_total",
            "Connections that ended before TLS was set up, by door and reason.";
        certificate_expires: IntGauge,
            "akidb_tls_certificate_expires_timestamp_seconds",
            "Until when the certificate that is shown is valid, in Unix time; 0 without TLS.";
        certificate_reloads: IntCounterVec by ["outcome"],
            "akidb_tls_certificate_reloads_total",
            "Changed files of the certificate: ok where they are shown, failed where those of before are.";
        http_responses: IntCounterVec by ["method", "route", "status"],
            "akidb_http_responses_total",
            "Answers of REST by method, template of the route and class of the status.";
        http_seconds: HistogramVec by ["route"] within REQUEST_SECONDS,
            "akidb_http_request_duration_seconds",
            "Time from the head of a REST request to the head of its answer, by route.";
        grpc_responses: IntCounterVec by ["method", "code"],
            "akidb_grpc_responses_total",
            "Answers of gRPC by method and status code.";
        grpc_seconds: HistogramVec by ["method"] within REQUEST_SECONDS,
            "akidb_grpc_request_duration_seconds",
            "Time from the head of a gRPC request to the end of its answer, by method.";
    }
}

impl DoorMetrics {
    /// Metrics that nobody scrapes.
    ///
    /// # Errors
    /// When one of them is not sound, which is a fault of the program.
    pub fn new() -> prometheus::Result<Self> {
        Self::register(&Registry::new())
    }

    /// So that every metric is there from the start, at zero.
    pub(super) fn make_first_series(&self) {
        for door in [Door::Rest, Door::Grpc] {
            self.connections.with_label_values(&[door.as_str()]);
            self.connections_open.with_label_values(&[door.as_str()]);
            for reason in TlsFailure::ALL {
                self.handshake_failures.with_label_values(&[door.as_str(), reason.as_str()]);
            }
        }
        for outcome in ["ok", "failed"] {
            self.certificate_reloads.with_label_values(&[outcome]);
        }
        self.http_responses.with_label_values(&["GET", "/metrics", "2xx"]);
        self.http_seconds.with_label_values(&["/metrics"]);
        self.grpc_responses.with_label_values(&["grpc.health.v1.Health/Check", "OK"]);
        self.grpc_seconds.with_label_values(&["grpc.health.v1.Health/Check"]);
    }

    /// Counts a connection, which is open until what is returned is dropped.
    #[must_use]
    pub fn connection(&self, door: Door) -> OpenConnection {
        self.connections.with_label_values(&[door.as_str()]).inc();
        let open = self.connections_open.with_label_values(&[door.as_str()]);
        open.inc();
        OpenConnection { open }
    }

    /// Counts a connection that ended before TLS was set up.
    pub fn handshake_failed(&self, door: Door, reason: TlsFailure) {
        self.handshake_failures.with_label_values(&[door.as_str(), reason.as_str()]).inc();
    }

    pub(crate) fn certificate_expires(&self, unix_s: i64) {
        self.certificate_expires.set(unix_s);
    }

    /// Counts changed files of the certificate.
    pub(crate) fn certificate_changed(&self, is_shown: bool) {
        let outcome = if is_shown { "ok" } else { "failed" };
        self.certificate_reloads.with_label_values(&[outcome]).inc();
    }

    /// Counts an answer of REST. `route` is the template of a route, and absent where none matched.
    pub fn http_answered(&self, method: &str, route: Option<&str>, status: u16, took: Duration) {
        let route = route.unwrap_or("none");
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.http_responses.with_label_values(&[known_method(method), route, class]).inc();
        self.http_seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// Counts an answer of gRPC. `method` is one that is served, as `package.Service/Method`, and
    /// absent for others; `code` is the number of a status of gRPC.
    pub fn grpc_answered(&self, method: Option<&str>, code: i32, took: Duration) {
        let method = method.unwrap_or("none");
        self.grpc_responses.with_label_values(&[method, grpc_code(code)]).inc();
        self.grpc_seconds.with_label_values(&[method]).observe(took.as_secs_f64());
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub struct OpenConnection {
    open: IntGauge,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// The method, where HTTP itself knows it.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}

/// The name of a status, as `google.rpc.Code` spells it.
fn grpc_code(code: i32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    usize::try_from(code).ok().and_then(|code| NAMES.get(code)).unwrap_or(&"UNKNOWN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_make_up_is_no_label() {
        let metrics = DoorMetrics::new().unwrap();
        for method in ["BREW", "PROPFIND", "GET"] {
            metrics.http_answered(method, None, 404, Duration::ZERO);
        }
        let count =
            |method| metrics.http_responses.with_label_values(&[method, "none", "4xx"]).get();
        assert_eq!((count("other"), count("GET")), (2, 1));
        assert_eq!(
            [0, 5, 16, 17, -1].map(grpc_code),
            ["OK", "NOT_FOUND", "UNAUTHENTICATED", "UNKNOWN", "UNKNOWN"]
        );
    }

    #[test]
    fn a_connection_is_open_until_it_is_dropped() {
        let metrics = DoorMetrics::new().unwrap();
        let open = || metrics.connections_open.with_label_values(&["grpc"]).get();
        let connection = metrics.connection(Door::Grpc);
        assert_eq!(open(), 1);
        drop(connection);
        assert_eq!(open(), 0);
    }
}
