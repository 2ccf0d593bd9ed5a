//! Why connections end before TLS is set up.

/// A reason, as a label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// The client went away, or the network did.
    Closed,
    /// No version, cipher or protocol is known to both.
    Incompatible,
    /// It asked in plain HTTP.
    PlainHttp,
    /// What it sent is no TLS.
    Protocol,
    /// It does not take the certificate, as the alert of most clients says.
    RefusedByClient,
    /// It took too long.
    TimedOut,
}

impl TlsFailure {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Closed,
        Self::Incompatible,
        Self::PlainHttp,
        Self::Protocol,
        Self::RefusedByClient,
        Self::TimedOut,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Incompatible => "incompatible",
            Self::PlainHttp => "plain_http",
            Self::Protocol => "protocol",
            Self::RefusedByClient => "refused_by_client",
            Self::TimedOut => "timed_out",
        }
    }
}
