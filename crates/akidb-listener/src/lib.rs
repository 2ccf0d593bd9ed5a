//! What every door stands on.
//!
//! A connection passes `slots` (how many there may be), `tls` (where it is spoken), `connection` (its
//! timers) and hyper. A request of it passes `heads` (the parts of HTTP/1 that hyper does not look at)
//! and `guard` (Host, Origin), and reaches the door, a [`Handler`], with an [`Arrival`] that says what
//! was found: the door answers it in its own form. What a door decodes of the request, it bounds by [`Deadlines`],
//! [`BodyBudget`] and [`BoundedBody`], and runs in [`caught`], whatever its wire.

mod activity;
mod arrival;
mod body;
mod body_budget;
mod body_rate;
mod bounded_body;
mod connection;
mod credential;
mod deadlines;
mod guard;
mod heads;
mod network;
mod options;
mod panics;
mod request_id;
mod server;
mod slots;
mod socket;
mod tls;
mod wire;

pub use self::{
    arrival::Arrival,
    body::{ReplyPatience, RequestBody},
    body_budget::{BodyBudget, BodyShare},
    bounded_body::{BodyError, BoundedBody},
    deadlines::Deadlines,
    guard::{HostName, Origin},
    network::Network,
    options::ListenerOptions,
    panics::caught,
    request_id::{REQUEST_ID, RequestId},
    server::{Handler, serve},
    tls::{Look, Tls, TlsError, TlsFiles},
};
