//! Every method of gRPC, and what its listener answers besides, with every kind of key.

use akidb_client::process::plain_http;
use akidb_service::{Access, Operation, Reach};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

use super::{Outcome, Shown, keys_of};
use crate::node::{Node, scratch};

/// Sends messages without fields, and does not look into the answers.
#[derive(Default)]
struct Empty;

impl Codec for Empty {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Empty {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Empty {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        use bytes::Buf;
        bytes.advance(bytes.remaining());
        Ok(Some(()))
    }
}

/// Calls a method with one empty message, up to its first answer.
async fn call(channel: &Channel, path: &str, shown: &Shown, in_api_key: bool) -> Code {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let mut request = Request::new(());
    if let Some(secret) = &shown.secret {
        let metadata = request.metadata_mut();
        match in_api_key {
            true => metadata.insert("api-key", secret.parse().unwrap()),
            false => metadata.insert("authorization", format!("Bearer {secret}").parse().unwrap()),
        };
    }
    let path = PathAndQuery::try_from(path).unwrap();
    match grpc.server_streaming(request, path, Empty).await {
        Err(status) => status.code(),
        Ok(mut answers) => match answers.get_mut().message().await {
            Err(status) => status.code(),
            Ok(_) => Code::Ok,
        },
    }
}

fn methods() -> Vec<String> {
    let sets = [
        akidb_proto::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let files = sets.iter().flat_map(|set| FileDescriptorSet::decode(*set).unwrap().file);
    let methods = files.flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let service_name = format!("{package}.{}", service.name());
            let names = service.method.into_iter();
            names
                .map(move |method| format!("/{service_name}/{}", method.name()))
                .collect::<Vec<_>>()
        })
    });
    methods.collect()
}

#[tokio::test]
async fn every_method_lets_in_whom_the_table_says() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let keys = keys_of(&node).await;
    let endpoint = Channel::from_shared(format!("http://{}", node.grpc)).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut complaints = String::new();
    let served = methods();
    assert!(served.len() > 40);
    let nothing = "/akidb.collection.v1.CollectionService/Nothing".to_owned();
    for (number, path) in served.into_iter().chain([nothing]).enumerate() {
        let operation = akidb_grpc::operation_of(&path).unwrap_or(Operation::Unknown);
        for shown in &keys.all {
            let code = call(&channel, &path, shown, number % 2 == 0).await;
            let found = match code {
                Code::Unauthenticated => Outcome::Unauthenticated,
                Code::PermissionDenied => Outcome::Denied,
                _ => Outcome::LetIn,
            };
            let expected = shown.expected(operation, false);
            // The message names no collection, which no key that is limited reaches, where it is not found
            // to be wrong before.
            let is_of_collection = matches!(operation.access(), Access::Key(_, Reach::Collection));
            let is_refused = is_of_collection && shown.is_limited && found == Outcome::Denied;
            if found != expected && !is_refused {
                complaints += &format!("{path}, {}: {code:?}, not {expected:?}\n", shown.what);
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[tokio::test]
async fn what_the_listener_answers_over_http1_needs_a_key_too() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let keys = keys_of(&node).await;
    for (path, operation) in [("/metrics", Operation::Metrics), ("/nothing", Operation::Unknown)] {
        for shown in &keys.all {
            let request = plain_http().get(format!("http://{}{path}", node.grpc));
            let request = match &shown.secret {
                Some(secret) => request.bearer_auth(secret),
                None => request,
            };
            let found = match request.send().await.unwrap().status().as_u16() {
                401 => Outcome::Unauthenticated,
                403 => Outcome::Denied,
                _ => Outcome::LetIn,
            };
            assert_eq!(found, shown.expected(operation, false), "{path}, {}", shown.what);
        }
    }
}
