//! Messages of gRPC, to a real server over loopback.

use std::sync::OnceLock;

use akidb_grpc::GrpcServer;
use akidb_listener::ListenerOptions;
use akidb_proto::{
    collection::v1::{
        CountDocumentsRequest, CreateCollectionRequest, DeleteDocumentsRequest,
        GetDocumentsRequest, PatchMetadataRequest, ScrollDocumentsRequest, SearchBatchRequest,
        SearchRequest, UpdateCollectionRequest, UpsertDocumentsRequest,
        collection_service_client::CollectionServiceClient,
    },
    embedding::v1::{EmbedRequest, embedding_service_client::EmbeddingServiceClient},
};
use prost::Message;
use tonic::{Code, transport::Channel};

use crate::node::node;

/// A connection to a server in this process.
fn channel() -> &'static Channel {
    static CHANNEL: OnceLock<Channel> = OnceLock::new();
    CHANNEL.get_or_init(|| {
        let node = node();
        let server = GrpcServer::new(node.service.clone(), ListenerOptions::default());
        let server = server.expect("a server");
        node.runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            tokio::spawn(server.serve(listener, std::future::pending()));
            let endpoint = tonic::transport::Endpoint::try_from(format!("http://{address}"));
            endpoint.expect("an address").connect().await.expect("a connection")
        })
    })
}

/// The first byte chooses the method, the rest is its message.
///
/// # Panics
/// When the node blames itself.
pub fn proto(input: &[u8]) {
    let Some((&method, message)) = input.split_first() else { return };
    let mut collections = CollectionServiceClient::new(channel().clone());
    let mut embeddings = EmbeddingServiceClient::new(channel().clone());
    let runtime = &node().runtime;
    macro_rules! call {
        ($client:ident.$method:ident, $request:ty) => {{
            let Ok(request) = <$request>::decode(message) else { return };
            runtime.block_on($client.$method(request)).map(drop)
        }};
    }
    let answer = match method % 11 {
        0 => call!(collections.create_collection, CreateCollectionRequest),
        1 => call!(collections.update_collection, UpdateCollectionRequest),
        2 => call!(collections.upsert_documents, UpsertDocumentsRequest),
        3 => call!(collections.get_documents, GetDocumentsRequest),
        4 => call!(collections.delete_documents, DeleteDocumentsRequest),
        5 => call!(collections.count_documents, CountDocumentsRequest),
        6 => call!(collections.search, SearchRequest),
        7 => call!(collections.search_batch, SearchBatchRequest),
        8 => call!(embeddings.embed, EmbedRequest),
        9 => call!(collections.patch_metadata, PatchMetadataRequest),
        _ => call!(collections.scroll_documents, ScrollDocumentsRequest),
    };
    if let Err(status) = answer {
        let blames_itself =
            matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss);
        assert!(!blames_itself, "method {}: {status:?}", method % 11);
    }
}
