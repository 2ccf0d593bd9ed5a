//! The REST door: an axum router that decodes, calls one method of the service, and encodes.
//!
//! A request passes the listener (sockets, who may speak), `envelope` (its span, the one shape of
//! errors), `arrival` (what the listener found, CORS), `call` (deadlines, path, query and headers,
//! held against the table of `routes`), and then one of the `handlers`, whose shapes are in `wire`.
//! `openapi` describes the same table.

mod arrival;
mod body;
mod call;
mod decode;
mod docs_page;
mod encoding;
mod envelope;
mod failure;
mod fallback;
mod handlers;
mod import;
mod json;
mod media;
mod openapi;
mod options;
mod route;
mod routes;
mod server;
mod state;
mod wire;

pub use import::{FrameFault, Framed, Framer, ImportFormat};
pub use openapi::openapi;
pub use options::RestOptions;
pub use routes::{operations, router};
pub use server::serve;
