//! The REST door: an axum router that decodes, calls one method of the service, and encodes.
//!
//! What lives here: the wire shapes, the table of routes, the OpenAPI description made from it, the one
//! shape of errors, CORS, and the types and codings of bodies. What does not: sockets and who may
//! speak, which are the listener's; rules, limits on values, metrics
//! and status codes, which are the service's and the error table's.

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
pub use routes::router;
pub use server::serve;
