//! What a node tells of itself: logs, traces and metrics.

mod collector;
mod logs;
mod metrics_page;
mod prometheus;
mod traces;

use akidb_proto::collection::v1::collection_service_client::CollectionServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::node::Node;

/// A gRPC client of a node.
async fn grpc(node: &Node) -> CollectionServiceClient<Channel> {
    let endpoint = Endpoint::try_from(format!("http://{}", node.grpc)).unwrap();
    CollectionServiceClient::new(endpoint.connect().await.unwrap())
}
