//! Texts to vectors.

use akidb_service::Service;
use axum::extract::State;

use super::Answer;
use crate::{
    call::Call,
    failure::Failure,
    json::{Json, Reply},
    wire::{EmbedAnswer, EmbedBody},
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
