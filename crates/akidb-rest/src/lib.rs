//! The REST door: an axum router that decodes, calls one method of the service, and encodes.
//!
//! What lives here: the wire shapes, the table of routes, the OpenAPI description made from it,
//! the one shape of errors, and the accept loop. What does not: rules, limits on values, metrics
//! and status codes, which are the service's and the error table's.

mod body;
mod call;
mod decode;
mod docs_page;
mod envelope;
mod failure;
mod fallback;
mod handlers;
mod import;
mod json;
mod openapi;
mod options;
mod route;
mod routes;
mod server;
mod state;
mod wire;

pub use openapi::openapi;
pub use options::RestOptions;
pub use routes::router;
pub use server::serve;
