//! The handlers of `akidb.embedding.v1.EmbeddingService`: decode, call, encode.

use akidb_proto::embedding::v1::{
    EmbedRequest, EmbedResponse, EmbedStreamRequest, EmbedStreamResponse, GetModelInfoRequest,
    GetModelInfoResponse, ListModelsRequest, ListModelsResponse, LoadModelRequest,
    LoadModelResponse, RerankRequest, RerankResponse, UnloadModelRequest, UnloadModelResponse,
    embedding_service_server::EmbeddingService,
};
use akidb_service::{InUse, Service};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::{call::Call, decode, embed_stream, encode};

/// Embeds and describes models with a service.
pub(crate) struct EmbeddingDoor {
    service: Service,
}

impl EmbeddingDoor {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }
}

#[tonic::async_trait]
impl EmbeddingService for EmbeddingDoor {
    type EmbedStreamStream = BoxStream<'static, Result<EmbedStreamResponse, Status>>;

    async fn embed(
        &self,
        request: Request<EmbedRequest>,
    ) -> Result<Response<EmbedResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let asked = call.decoded(decode::embed(message))?;
        let reply = self.service.embed(&call.context(), asked).await;
        call.reply(reply.map(encode::embed_reply))
    }

    async fn embed_stream(
        &self,
        request: Request<Streaming<EmbedStreamRequest>>,
    ) -> Result<Response<Self::EmbedStreamStream>, Status> {
        let (call, messages) = Call::open(request)?;
        Ok(Response::new(embed_stream::run(self.service.clone(), call, messages)))
    }

    async fn rerank(
        &self,
        request: Request<RerankRequest>,
    ) -> Result<Response<RerankResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.rerank(&call.context(), decode::rerank(message)).await;
        call.reply(reply.map(encode::rerank_reply))
    }

    async fn get_model_info(
        &self,
        request: Request<GetModelInfoRequest>,
    ) -> Result<Response<GetModelInfoResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.model(&call.context(), message.model.as_deref()).await;
        let model = reply.map(encode::model_info);
        call.reply(model.map(|model| GetModelInfoResponse { model: Some(model) }))
    }

    async fn list_models(
        &self,
        request: Request<ListModelsRequest>,
    ) -> Result<Response<ListModelsResponse>, Status> {
        let (call, _) = Call::open(request)?;
        let reply = self.service.models(&call.context()).await;
        let models = reply.map(|all| all.into_iter().map(encode::model_info).collect());
        call.reply(models.map(|models| ListModelsResponse { models }))
    }

    async fn load_model(
        &self,
        request: Request<LoadModelRequest>,
    ) -> Result<Response<LoadModelResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let reply = self.service.load_model(&call.context(), &message.model).await;
        let model = reply.map(encode::model_info);
        call.reply(model.map(|model| LoadModelResponse { model: Some(model) }))
    }

    async fn unload_model(
        &self,
        request: Request<UnloadModelRequest>,
    ) -> Result<Response<UnloadModelResponse>, Status> {
        let (call, message) = Call::open(request)?;
        let in_use = if message.force { InUse::Unload } else { InUse::Refuse };
        let reply = self.service.unload_model(&call.context(), &message.model, in_use).await;
        let model = reply.map(encode::model_info);
        call.reply(model.map(|model| UnloadModelResponse { model: Some(model) }))
    }
}
