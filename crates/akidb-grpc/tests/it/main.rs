//! The listener over a real service and real sockets.
//!
//! That gRPC and REST answer alike is tested with the whole node, not here.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod bounds;
mod documents;
mod faults;
mod golden;
mod health;
mod left_streams;
mod node;
mod streams;
