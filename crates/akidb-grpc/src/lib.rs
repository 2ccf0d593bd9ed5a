//! The gRPC door: decodes a message, calls one method of the service, encodes its answer, and
//! translates errors to `google.rpc.Status`.
//!
//! A request passes the listener (sockets, who may speak), `door` (deadlines, bounds of its body,
//! faults below the services), tonic (framing and protobuf), and then one handler of
//! `collection_service`, `embedding_service` or `admin_service`; its answer leaves as an `answer_body`. `scrape`
//! answers what is not gRPC.

mod admin_service;
mod answer_body;
mod below_services;
mod call;
mod collection_service;
mod decode;
mod door;
mod embed_stream;
mod embedding_service;
mod encode;
mod facets;
mod grpc_timeout;
mod health;
mod method;
mod ordered_replies;
mod scrape;
mod scroll;
mod server;
mod shown;
mod status;
mod stream_upsert;
mod value;

pub use health::HealthHandle;
pub use method::operation_of;
pub use server::GrpcServer;
