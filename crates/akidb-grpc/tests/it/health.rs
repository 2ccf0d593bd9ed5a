//! Health and reflection, and what the stop does to them.

use std::time::Duration;

use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};

use crate::node::Node;

const SERVICES: [&str; 3] =
    ["", "akidb.collection.v1.CollectionService", "akidb.embedding.v1.EmbeddingService"];

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn health_follows_readiness() {
    let node = Node::start().await;
    let mut client = HealthClient::new(node.channel().await);
    for (ready, expected) in [(false, ServingStatus::NotServing), (true, ServingStatus::Serving)] {
        node.health.set_ready(ready);
        for service in SERVICES {
            let reply = client.check(asked(service)).await.unwrap().into_inner();
            assert_eq!(reply.status(), expected, "{service:?}");
        }
    }
    let error = client.check(asked("nope")).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test]
async fn the_stop_is_told_to_watches_and_not_held_up_by_them() {
    let mut node = Node::start().await;
    node.health.set_ready(true);
    let mut client = HealthClient::new(node.channel().await);
    let mut watch = client.watch(asked("")).await.unwrap().into_inner();
    let first = watch.next().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    node.begin_stop();
    let last = watch.next().await.unwrap().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    assert!(watch.next().await.is_none());
    let addr = node.addr;
    tokio::time::timeout(Duration::from_secs(600), node.stopped()).await.unwrap();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn both_versions_of_reflection_list_every_service() {
    let node = Node::start().await;
    let mut v1_client =
        v1::server_reflection_client::ServerReflectionClient::new(node.channel().await);
    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..Default::default()
    };
    let replies = v1_client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let v1_reply = replies.into_inner().next().await.unwrap().unwrap();
    let mut v1alpha_client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(node.channel().await);
    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..Default::default()
    };
    let replies = v1alpha_client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let v1alpha_reply = replies.into_inner().next().await.unwrap().unwrap();
    let (v1_text, v1alpha_text) = (format!("{v1_reply:?}"), format!("{v1alpha_reply:?}"));
    for service in SERVICES.into_iter().chain([
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ]) {
        assert!(v1_text.contains(service), "{service}");
        assert!(v1alpha_text.contains(service), "{service}");
    }
}
