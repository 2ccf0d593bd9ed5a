//! The handlers of `akidb.collection.v1.CollectionService`: decode, call, encode.

use akidb_proto::collection::v1::{collection_service_server::CollectionService, *};
use akidb_service::{
    CountReply, DeleteReply, GetDocuments, Include, PutFieldReply, PutReply, ReembedCollection,
    Service, UpdateReply,
};
use futures::{StreamExt, stream::BoxStream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use crate::{call::Call, decode, encode, facets, scroll::Pages, stream_upsert};

type Reply<T> = Result<Response<T>, Status>;

/// Answers for the collections of a service.
pub(crate) struct CollectionDoor {
    service: Service,
}

impl CollectionDoor {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }
}

impl CollectionDoor {
    /// The documents of a selection. A page by a filter that clients might not take is asked for again
    /// with half as many documents, until they do; its cursor leads to the others.
    async fn page_that_fits(
        &self,
        call: &Call,
        collection: &str,
        mut asked: GetDocuments,
    ) -> akidb_core::Result<GetDocumentsResponse> {
        loop {
            let include = asked.include;
            let context = call.context();
            let reply = self.service.get_documents(&context, collection, asked.clone());
            let found = reply.await?;
            let count = found.documents.len() as u64;
            let response = GetDocumentsResponse {
                documents: encode::documents(found.documents, include),
                damaged: encode::damaged(found.damaged),
                next_cursor: found.next_cursor,
                unknown_fields: found.unknown_fields,
            };
            let fits = response.encoded_len() <= call.page_bytes_max();
            if fits || asked.filter.is_none() || count <= 1 {
                return Ok(response);
            }
            asked.limit = Some(count / 2);
        }
    }
}

#[tonic::async_trait]
impl CollectionService for CollectionDoor {
    type ScrollDocumentsStream = BoxStream<'static, Result<ScrollDocumentsResponse, Status>>;

    async fn create_collection(
        &self,
        request: Request<CreateCollectionRequest>,
    ) -> Reply<CreateCollectionResponse> {
        let (call, message) = Call::open(request)?;
        let asked = call.decoded(decode::create_collection(message))?;
        let reply = self.service.create_collection(&call.context(), asked).await;
        let collection = reply.map(encode::description);
        call.reply(collection.map(|made| CreateCollectionResponse { collection: Some(made) }))
    }

    async fn put_collection(
        &self,
        request: Request<PutCollectionRequest>,
    ) -> Reply<PutCollectionResponse> {
        let (call, message) = Call::open(request)?;
        let asked = message.collection.unwrap_or_default();
        let asked = call.decoded(decode::create_collection(asked))?;
        let reply = self.service.put_collection(&call.context(), asked).await;
        call.reply(reply.map(|PutReply { collection, created }| PutCollectionResponse {
            collection: Some(encode::description(collection)),
            created,
        }))
    }

    async fn put_field(&self, request: Request<PutFieldRequest>) -> Reply<PutFieldResponse> {
        let (call, message) = Call::open(request)?;
        let PutFieldRequest { collection, field, settings } = message;
        let settings = decode::field_settings("metric", settings.unwrap_or_default());
        let settings = call.decoded(settings)?;
        let reply = self.service.put_field(&call.context(), &collection, &field, settings).await;
        call.reply(reply.map(|PutFieldReply { collection, created }| PutFieldResponse {
            collection: Some(encode::description(collection)),
            created,
        }))
    }

    async fn drop_field(&self, request: Request<DropFieldRequest>) -> Reply<DropFieldResponse> {
        let (call, message) = Call::open(request)?;
        let DropFieldRequest { collection, field } = message;
        let reply = self.service.drop_field(&call.context(), &collection, &field).await;
        call.reply(reply.map(|()| DropFieldResponse {}))
    }

    async fn list_collections(
        &self,
        request: Request<ListCollectionsRequest>,
    ) -> Reply<ListCollectionsResponse> {
        let (call, _) = Call::open(request)?;
        let reply = self.service.list_collections(&call.context()).await;
        let collections = reply.map(|all| all.into_iter().map(encode::summary).collect());
        call.reply(collections.map(|collections| ListCollectionsResponse { collections }))
    }

    async fn get_collection(
        &self,
        request: Request<GetCollectionRequest>,
    ) -> Reply<GetCollectionResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.describe_collection(&call.context(), &message.name).await;
        let collection = reply.map(encode::description);
        call.reply(collection.map(|found| GetCollectionResponse { collection: Some(found) }))
    }

    async fn update_collection(
        &self,
        request: Request<UpdateCollectionRequest>,
    ) -> Reply<UpdateCollectionResponse> {
        let (call, message) = Call::open(request)?;
        let (name, asked) = decode::update_collection(message);
        let reply = self.service.update_collection(&call.context(), &name, asked).await;
        let collection = reply.map(encode::description);
        call.reply(collection.map(|new| UpdateCollectionResponse { collection: Some(new) }))
    }

    async fn list_aliases(
        &self,
        request: Request<ListAliasesRequest>,
    ) -> Reply<ListAliasesResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.aliases(&call.context(), message.collection.as_deref()).await;
        let aliases = reply.map(encode::aliases);
        call.reply(aliases.map(|aliases| ListAliasesResponse { aliases }))
    }

    async fn change_aliases(
        &self,
        request: Request<ChangeAliasesRequest>,
    ) -> Reply<ChangeAliasesResponse> {
        let (call, message) = Call::open(request)?;
        let actions = message.actions.into_iter().map(decode::alias_action).collect();
        let reply = self.service.change_aliases(&call.context(), actions).await;
        let aliases = reply.map(encode::aliases);
        call.reply(aliases.map(|aliases| ChangeAliasesResponse { aliases }))
    }

    async fn copy_collection(
        &self,
        request: Request<CopyCollectionRequest>,
    ) -> Reply<CopyCollectionResponse> {
        let (call, CopyCollectionRequest { collection, to }) = Call::open(request)?;
        let reply = self.service.copy_collection(&call.context(), &collection, &to).await;
        call.reply(reply.map(|task| CopyCollectionResponse { task: Some(encode::task(task)) }))
    }

    async fn reembed_collection(
        &self,
        request: Request<ReembedCollectionRequest>,
    ) -> Reply<ReembedCollectionResponse> {
        let (call, message) = Call::open(request)?;
        let ReembedCollectionRequest { collection, model, field } = message;
        let asked = ReembedCollection { model, field };
        let reply = self.service.reembed_collection(&call.context(), &collection, asked).await;
        call.reply(reply.map(|task| ReembedCollectionResponse { task: Some(encode::task(task)) }))
    }

    async fn drop_previous(
        &self,
        request: Request<DropPreviousRequest>,
    ) -> Reply<DropPreviousResponse> {
        let (call, DropPreviousRequest { collection, field }) = Call::open(request)?;
        let context = call.context();
        let dropped = self.service.drop_previous(&context, &collection, field.as_deref());
        call.reply(dropped.await.map(|()| DropPreviousResponse {}))
    }

    async fn list_tasks(&self, request: Request<ListTasksRequest>) -> Reply<ListTasksResponse> {
        let (call, _) = Call::open(request)?;
        let reply = self.service.tasks(&call.context()).await;
        let tasks = reply.map(|all| all.into_iter().map(encode::task).collect());
        call.reply(tasks.map(|tasks| ListTasksResponse { tasks }))
    }

    async fn get_task(&self, request: Request<GetTaskRequest>) -> Reply<GetTaskResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.task(&call.context(), &message.id).await;
        call.reply(reply.map(|task| GetTaskResponse { task: Some(encode::task(task)) }))
    }

    async fn cancel_task(&self, request: Request<CancelTaskRequest>) -> Reply<CancelTaskResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.cancel_task(&call.context(), &message.id).await;
        call.reply(reply.map(|task| CancelTaskResponse { task: Some(encode::task(task)) }))
    }

    async fn delete_collection(
        &self,
        request: Request<DeleteCollectionRequest>,
    ) -> Reply<DeleteCollectionResponse> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.delete_collection(&call.context(), &message.name).await;
        call.reply(reply.map(|()| DeleteCollectionResponse {}))
    }

    async fn upsert_documents(
        &self,
        request: Request<UpsertDocumentsRequest>,
    ) -> Reply<UpsertDocumentsResponse> {
        let (call, message) = Call::open(request)?;
        let batch = decode::upsert(message.documents, message.idempotency_key, message.mode);
        let batch = call.decoded(batch)?;
        let reply = self.service.upsert(&call.context(), &message.collection, batch).await;
        call.reply(reply.map(encode::upsert_reply))
    }

    async fn stream_upsert_documents(
        &self,
        request: Request<Streaming<StreamUpsertDocumentsRequest>>,
    ) -> Reply<StreamUpsertDocumentsResponse> {
        let (call, messages) = Call::open(request)?;
        stream_upsert::run(&self.service, &call, messages).await
    }

    async fn get_document(
        &self,
        request: Request<GetDocumentRequest>,
    ) -> Reply<GetDocumentResponse> {
        let (call, message) = Call::open(request)?;
        let id = call.decoded(decode::id(message.id))?;
        let include = call.decoded(decode::include(message.include))?;
        let context = call.context();
        let reply = self.service.get_document(&context, &message.collection, id, include).await;
        let document = reply.map(|found| encode::document(found, include));
        call.reply(document.map(|found| GetDocumentResponse { document: Some(found) }))
    }

    async fn get_documents(
        &self,
        request: Request<GetDocumentsRequest>,
    ) -> Reply<GetDocumentsResponse> {
        let (call, mut message) = Call::open(request)?;
        let collection = std::mem::take(&mut message.collection);
        let asked = call.decoded(decode::get_documents(message))?;
        call.reply(self.page_that_fits(&call, &collection, asked).await)
    }

    async fn patch_metadata(
        &self,
        request: Request<PatchMetadataRequest>,
    ) -> Reply<PatchMetadataResponse> {
        let (call, mut message) = Call::open(request)?;
        let collection = std::mem::take(&mut message.collection);
        let id = call.decoded(decode::id(message.id.take()))?;
        let patch = call.decoded(decode::patch(message))?;
        let reply = self.service.patch_document(&call.context(), &collection, id, patch).await;
        let document = reply.map(|new| encode::document(new, Include::default()));
        call.reply(document.map(|new| PatchMetadataResponse { document: Some(new) }))
    }

    async fn update_documents(
        &self,
        request: Request<UpdateDocumentsRequest>,
    ) -> Reply<UpdateDocumentsResponse> {
        let (call, mut message) = Call::open(request)?;
        let collection = std::mem::take(&mut message.collection);
        let asked = call.decoded(decode::update_documents(message))?;
        let reply = self.service.update_documents(&call.context(), &collection, asked).await;
        call.reply(reply.map(|UpdateReply { updated, unknown_fields }| UpdateDocumentsResponse {
            updated,
            unknown_fields,
        }))
    }

    async fn delete_document(
        &self,
        request: Request<DeleteDocumentRequest>,
    ) -> Reply<DeleteDocumentResponse> {
        let (call, message) = Call::open(request)?;
        let id = call.decoded(decode::id(message.id))?;
        let (collection, if_seq) = (&message.collection, message.if_seq);
        let reply = self.service.delete_document(&call.context(), collection, id, if_seq).await;
        call.reply(reply.map(|()| DeleteDocumentResponse {}))
    }

    async fn delete_documents(
        &self,
        request: Request<DeleteDocumentsRequest>,
    ) -> Reply<DeleteDocumentsResponse> {
        let (call, mut message) = Call::open(request)?;
        let collection = std::mem::take(&mut message.collection);
        let asked = call.decoded(decode::delete_documents(message))?;
        let reply = self.service.delete_documents(&call.context(), &collection, asked).await;
        call.reply(reply.map(|DeleteReply { deleted, unknown_fields }| DeleteDocumentsResponse {
            deleted,
            unknown_fields,
        }))
    }

    async fn count_documents(
        &self,
        request: Request<CountDocumentsRequest>,
    ) -> Reply<CountDocumentsResponse> {
        let (call, message) = Call::open(request)?;
        let filter = call.decoded(decode::filter("filter", message.filter))?;
        let context = call.context();
        let reply = self.service.count_documents(&context, &message.collection, filter).await;
        call.reply(reply.map(|CountReply { count, unknown_fields }| CountDocumentsResponse {
            count,
            unknown_fields,
        }))
    }

    async fn facets(&self, request: Request<FacetsRequest>) -> Reply<FacetsResponse> {
        let (call, mut message) = Call::open(request)?;
        let collection = std::mem::take(&mut message.collection);
        let asked = call.decoded(facets::decode(message))?;
        let reply = self.service.count_facets(&call.context(), &collection, asked).await;
        call.reply(reply.map(facets::encode))
    }

    async fn scroll_documents(
        &self,
        request: Request<ScrollDocumentsRequest>,
    ) -> Reply<Self::ScrollDocumentsStream> {
        let (call, mut message) = Call::open(request)?;
        let collection = std::mem::take(&mut message.collection);
        let first = call.decoded(decode::scroll(message))?;
        let pages = Pages { service: self.service.clone(), call, collection };
        Ok(Response::new(pages.from(first).boxed()))
    }

    async fn search(&self, request: Request<SearchRequest>) -> Reply<SearchResponse> {
        let (call, message) = Call::open(request)?;
        let asked = call.decoded(decode::search(message.search))?;
        let reply = self.service.search(&call.context(), &message.collection, asked).await;
        let result = reply.map(encode::search_result);
        call.reply(result.map(|found| SearchResponse { result: Some(found) }))
    }

    async fn search_batch(
        &self,
        request: Request<SearchBatchRequest>,
    ) -> Reply<SearchBatchResponse> {
        let (call, message) = Call::open(request)?;
        let asked = call.decoded(decode::searches(message.searches))?;
        let reply = self.service.search_batch(&call.context(), &message.collection, asked).await;
        let results = reply.map(|found| found.into_iter().map(encode::search_result).collect());
        call.reply(results.map(|results| SearchBatchResponse { results }))
    }
}
