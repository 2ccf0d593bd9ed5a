//! What every door stands on: the accept loop with its caps and timers, who may speak to a node, and
//! the ids of requests.
//!
//! A connection passes `slots` (how many there may be), `connection` (its timers) and hyper. A
//! request of it passes `heads` (the parts of HTTP/1 that hyper does not look at) and `guard` (Host,
//! Origin), and reaches the door, a [`Handler`], with an [`Arrival`] that says what was found: the
//! door answers it in its own form. What does not live here: routes, bodies' contents, errors' shapes.

mod activity;
mod arrival;
mod body;
mod connection;
mod guard;
mod heads;
mod network;
mod options;
mod pace;
mod request_id;
mod server;
mod slots;
mod socket;

pub use self::{
    arrival::Arrival,
    body::{ReplyPatience, RequestBody},
    guard::{HostName, Origin},
    network::Network,
    options::ListenerOptions,
    pace::Pace,
    request_id::{REQUEST_ID, RequestId},
    server::{Handler, serve},
};
