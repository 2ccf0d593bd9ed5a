//! The settings of a listener, resolved by the configuration.

use std::time::Duration;

use crate::{HostName, Network, Origin, Tls};

/// How much and how long a listener and the door behind it allow, and whom.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// What the listener shows to clients; absent where it speaks HTTP without TLS.
    pub tls: Option<Tls>,
    /// Connections open at once. Some more are taken, of which only health routes are answered.
    pub max_connections: usize,
    /// Connections of one address open at once: of an IPv4 address, or of a /64 of IPv6.
    pub connections_per_ip: usize,
    /// Proxies whose connections count for the clients that they name in `x-forwarded-for`.
    pub trusted_proxies: Vec<Network>,
    /// Requests that one HTTP/2 connection may have open at once.
    pub max_streams_per_connection: u32,
    /// Bytes of the head of a request.
    pub head_bytes_max: usize,
    /// The time for the head of a request, and between requests of an HTTP/1 connection.
    pub header_read_timeout: Duration,
    /// The time after which an HTTP/2 connection without requests is asked to end.
    pub idle_timeout: Duration,
    /// How long a request may take that does not say so itself; of a stream, each message.
    pub default_timeout: Duration,
    /// The longest time that a request may ask for; of a stream, for each message.
    pub max_timeout: Duration,
    /// The time in which a body must bring 1,024 bytes, or end.
    pub body_idle_timeout: Duration,
    /// Bytes of bodies that are being received or decoded at once, over all connections; more are
    /// refused as overloaded.
    pub body_budget_bytes: usize,
    /// The time that a client may take nothing of a reply.
    pub reply_idle_timeout: Duration,
    /// The time between pings that find dead HTTP/2 connections.
    pub keepalive_interval: Duration,
    /// The time for the answer to a ping.
    pub keepalive_timeout: Duration,
    /// The time that a stop waits for requests in flight.
    pub drain_timeout: Duration,
    /// Names under which the node is reached, besides IP addresses and `localhost`.
    pub hosts: Vec<HostName>,
    /// Origins whose pages may use the node from a browser.
    pub cors_origins: Vec<Origin>,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            tls: None,
            max_connections: 1_024,
            connections_per_ip: 128,
            trusted_proxies: Vec::new(),
            max_streams_per_connection: 128,
            head_bytes_max: 64 << 10,
            header_read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(600),
            body_idle_timeout: Duration::from_secs(10),
            body_budget_bytes: 256 << 20,
            reply_idle_timeout: Duration::from_secs(30),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(30),
            hosts: Vec::new(),
            cors_origins: Vec::new(),
        }
    }
}
