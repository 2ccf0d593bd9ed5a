//! What models make of texts: vectors, and the order of documents for a query.

use akidb_service::Service;
use axum::extract::State;

use super::Answer;
use crate::{
    call::Call,
    failure::Failure,
    json::{Json, Reply},
    wire::{EmbedAnswer, EmbedBody, RerankAnswer, RerankBody},
};

pub(crate) async fn embed(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<EmbedBody>,
) -> Answer<EmbedAnswer> {
    let embed = body.into_request().map_err(Failure::refused)?;
    let answer = EmbedAnswer::from(service.embed(&call.context, embed).await?);
    let numbers = answer.numbers();
    Ok(Reply::with_numbers(answer, numbers))
}

pub(crate) async fn rerank(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<RerankBody>,
) -> Answer<RerankAnswer> {
    let reply = service.rerank(&call.context, body.into_request()).await?;
    Ok(Reply::new(reply.into()))
}
