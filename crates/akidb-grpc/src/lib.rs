//! The gRPC door.
//!
//! What lives here: the server ([`GrpcServer`]), decoding, one call of a service
//! method, encoding, and the translation of errors to `google.rpc.Status`. What does not: any rule,
//! limit or status code; the service and `akidb-core` have them. Sockets are the listener's.
//!
//! A request passes the listener (sockets, who may speak), `front` (deadline, panics, faults below
//! the services), `request_body` (time and memory), tonic (framing and protobuf), and then one
//! handler of `collection_service` or `embedding_service`; its answer leaves as an `answer_body`.
//! `scrape` answers what is not gRPC.

mod answer_body;
mod call;
mod collection_service;
mod decode;
mod embed_stream;
mod embedding_service;
mod encode;
mod fault;
mod front;
mod health;
mod memory;
mod method;
mod options;
mod ordered_replies;
mod panics;
mod request_body;
mod scrape;
mod scroll;
mod server;
mod status;
mod stream_upsert;
mod timing;
mod value;

pub use health::HealthHandle;
pub use options::GrpcOptions;
pub use server::GrpcServer;
