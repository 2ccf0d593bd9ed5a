//! Texts to vectors, for the clients of OpenAI.

use akidb_service::Service;
use axum::extract::State;

use super::Answer;
use crate::{
    call::Call,
    failure::Failure,
    json::{Json, Reply},
    state::RestState,
    wire::{
        OpenAiEmbeddingsAnswer, OpenAiEmbeddingsBody, OpenAiModelAnswer, OpenAiModelListAnswer,
    },
};

pub(crate) async fn embeddings(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<OpenAiEmbeddingsBody>,
) -> Answer<OpenAiEmbeddingsAnswer> {
    let (embed, format) = body.into_request().map_err(Failure::refused)?;
    let reply = service.embed(&call.context, embed).await?;
    let answer = OpenAiEmbeddingsAnswer::new(reply, format);
    let numbers = answer.numbers();
    Ok(Reply::with_numbers(answer, numbers))
}

pub(crate) async fn models(
    State(state): State<RestState>,
    call: Call,
) -> Answer<OpenAiModelListAnswer> {
    let models = state.service.ready_models(&call.context).await?.into_iter();
    let models = models.map(|model| OpenAiModelAnswer::new(model, state.started_unix_s));
    Ok(Reply::new(OpenAiModelListAnswer::new(models)))
}

pub(crate) async fn model(State(state): State<RestState>, call: Call) -> Answer<OpenAiModelAnswer> {
    let model = state.service.ready_model(&call.context, call.path_id()).await?;
    Ok(Reply::new(OpenAiModelAnswer::new(model, state.started_unix_s)))
}
