//! Requests through the gRPC door.

use std::fmt::Display;

use akidb_proto::{
    admin::v1::admin_service_client::AdminServiceClient,
    collection::v1::{self as wire, collection_service_client::CollectionServiceClient},
    embedding::v1::embedding_service_client::EmbeddingServiceClient,
};
use serde_json::{Value, json};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

use super::{
    answer::{Answer, Fault, Violation, code_named},
    from_wire,
    request::{Operation, Request},
    to_wire,
};
use crate::node::Node;

/// Clients of one node.
pub(crate) struct GrpcDoor {
    pub(crate) channel: Channel,
    pub(crate) collections: CollectionServiceClient<Channel>,
    pub(crate) embedding: EmbeddingServiceClient<Channel>,
    pub(crate) admin: AdminServiceClient<Channel>,
}

impl GrpcDoor {
    pub(crate) async fn connect(node: &Node) -> Self {
        let endpoint = Endpoint::try_from(format!("http://{}", node.grpc)).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self {
            collections: CollectionServiceClient::new(channel.clone())
                .max_decoding_message_size(usize::MAX),
            embedding: EmbeddingServiceClient::new(channel.clone()),
            admin: AdminServiceClient::new(channel.clone()),
            channel,
        }
    }

    /// Sends a request and reads the answer; `None` where the messages can not say the request.
    pub(crate) async fn ask(&mut self, request: &Request) -> Option<Answer> {
        let answer = self.call(request, to_wire::read(request)?).await;
        Some(answer.map_err(|status| fault(&status, request)))
    }

    async fn call(
        &mut self,
        request: &Request,
        message: to_wire::Message,
    ) -> Result<Value, Status> {
        use to_wire::Message;
        let client = &mut self.collections;
        Ok(match message {
            Message::CreateCollection(message) => from_wire::described(
                client.create_collection(message).await?.into_inner().collection,
            ),
            Message::PutCollection(message) => {
                let reply = client.put_collection(message).await?.into_inner();
                let mut described = from_wire::described(reply.collection);
                described["created"] = reply.created.into();
                described
            }
            Message::PutField(message) => {
                let reply = client.put_field(message).await?.into_inner();
                let mut described = from_wire::described(reply.collection);
                described["created"] = reply.created.into();
                described
            }
            Message::DropField(message) => {
                client.drop_field(message).await?;
                json!({"deleted": true})
            }
            Message::ListCollections(message) => {
                let listed = client.list_collections(message).await?.into_inner().collections;
                let listed: Vec<_> = listed.into_iter().map(from_wire::summary).collect();
                json!({"collections": listed})
            }
            Message::GetCollection(message) => {
                from_wire::described(client.get_collection(message).await?.into_inner().collection)
            }
            Message::UpdateCollection(message) => from_wire::described(
                client.update_collection(message).await?.into_inner().collection,
            ),
            Message::ListAliases(message) => {
                from_wire::aliases(client.list_aliases(message).await?.into_inner().aliases)
            }
            Message::ChangeAliases(message) => {
                from_wire::aliases(client.change_aliases(message).await?.into_inner().aliases)
            }
            Message::CopyCollection(message) => {
                from_wire::task(client.copy_collection(message).await?.into_inner().task)
            }
            Message::Reembed(message) => {
                from_wire::task(client.reembed_collection(message).await?.into_inner().task)
            }
            Message::DropPrevious(message) => {
                client.drop_previous(message).await?;
                json!({"deleted": true})
            }
            Message::ListTasks(message) => {
                let tasks = client.list_tasks(message).await?.into_inner().tasks.into_iter();
                let tasks: Vec<_> = tasks.map(|task| from_wire::task(Some(task))).collect();
                json!({"tasks": tasks})
            }
            Message::GetTask(message) => {
                from_wire::task(client.get_task(message).await?.into_inner().task)
            }
            Message::CancelTask(message) => {
                from_wire::task(client.cancel_task(message).await?.into_inner().task)
            }
            Message::CreateBackup(message) => {
                from_wire::task(self.admin.create_backup(message).await?.into_inner().task)
            }
            Message::ListBackups(message) => {
                let backups = self.admin.list_backups(message).await?.into_inner().backups;
                let backups: Vec<_> = backups.into_iter().map(from_wire::backup).collect();
                json!({"backups": backups})
            }
            Message::GetBackup(message) => {
                let backup = self.admin.get_backup(message).await?.into_inner().backup;
                from_wire::backup(backup.unwrap())
            }
            Message::DeleteBackup(message) => {
                self.admin.delete_backup(message).await?;
                json!({"deleted": true})
            }
            Message::DeleteCollection(message) => {
                client.delete_collection(message).await?;
                json!({"deleted": true})
            }
            Message::Upsert(message) => {
                from_wire::upserted(client.upsert_documents(message).await?.into_inner())
            }
            Message::GetDocument(message) => {
                let document = client.get_document(message).await?.into_inner().document;
                from_wire::document(document.unwrap())
            }
            Message::GetDocuments(message) => {
                from_wire::got(client.get_documents(message).await?.into_inner())
            }
            Message::PatchMetadata(message) => {
                let document = client.patch_metadata(message).await?.into_inner().document;
                from_wire::document(document.unwrap())
            }
            Message::UpdateDocuments(message) => {
                let reply = client.update_documents(message).await?.into_inner();
                from_wire::with_unknown_fields(
                    json!({"updated": reply.updated}),
                    reply.unknown_fields,
                )
            }
            Message::DeleteDocument(message) => {
                client.delete_document(message).await?;
                json!({"deleted": 1})
            }
            Message::DeleteDocuments(message) => {
                let reply = client.delete_documents(message).await?.into_inner();
                from_wire::with_unknown_fields(
                    json!({"deleted": reply.deleted}),
                    reply.unknown_fields,
                )
            }
            Message::Count(message) => {
                let reply = client.count_documents(message).await?.into_inner();
                from_wire::with_unknown_fields(json!({"count": reply.count}), reply.unknown_fields)
            }
            Message::Facets(message) => {
                from_wire::facets(client.facets(message).await?.into_inner())
            }
            Message::Scroll(message) => first_page(client, message).await?,
            Message::Search(message) => {
                from_wire::found(client.search(message).await?.into_inner().result.unwrap())
            }
            Message::SearchBatch(message) => {
                let results = client.search_batch(message).await?.into_inner().results;
                let results: Vec<_> = results.into_iter().map(from_wire::found).collect();
                json!({"results": results})
            }
            Message::Embed(message) => {
                assert_eq!(request.operation, Operation::Embed);
                from_wire::embedded(self.embedding.embed(message).await?.into_inner())
            }
            Message::Rerank(message) => {
                from_wire::reranked(self.embedding.rerank(message).await?.into_inner())
            }
        })
    }
}

/// REST scrolls page by page, gRPC streams all of them; small pages are one message each.
async fn first_page(
    client: &mut CollectionServiceClient<Channel>,
    message: wire::ScrollDocumentsRequest,
) -> Result<Value, Status> {
    let mut pages = client.scroll_documents(message).await?.into_inner();
    Ok(from_wire::page(pages.message().await?.unwrap()))
}

/// The fault that a status says, after a check that status, details and table agree.
pub(crate) fn fault(status: &Status, asked: &dyn Display) -> Fault {
    let not_the_clients = [Code::Internal, Code::Unknown, Code::DataLoss, Code::Unavailable];
    let is_the_clients = !not_the_clients.contains(&status.code());
    assert!(is_the_clients, "{asked}: a client's fault is not the node's: {status}");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{asked}: no details: {status}"));
    let code = code_named(&info.reason);
    assert_eq!(status.code() as i32, code.grpc_status(), "{asked}: {status}");
    assert_eq!(info.domain, "akidb", "{asked}: {status}");
    assert_eq!(info.metadata["retryable"], code.retryable().to_string(), "{asked}: {status}");
    assert!(!info.metadata["request_id"].is_empty(), "{asked}: {status}");
    let violations = details.bad_request().map(|bad| bad.field_violations.clone());
    let violations = violations.unwrap_or_default().into_iter();
    Fault {
        code,
        message: status.message().to_owned(),
        retryable: info.metadata["retryable"] == "true",
        outcome: info.metadata["outcome"].clone(),
        violations: violations
            .map(|at| Violation { field: at.field, description: at.description })
            .collect(),
    }
}
