//! Searches.

use akidb_service::Service;
use axum::extract::State;

use super::Answer;
use crate::{
    call::Call,
    failure::Failure,
    json::{Json, Reply},
    wire::{SearchAnswer, SearchBatchAnswer, SearchBatchBody, SearchBody},
};

pub(crate) async fn search(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<SearchBody>,
) -> Answer<SearchAnswer> {
    let search = body.into_request().map_err(Failure::refused)?;
    let reply = service.search(&call.context, &call.collection, search).await?;
    let answer = SearchAnswer::new(reply);
    let numbers = answer.numbers();
    Ok(Reply::with_numbers(answer, numbers))
}

pub(crate) async fn search_batch(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<SearchBatchBody>,
) -> Answer<SearchBatchAnswer> {
    let searches = body.into_requests().map_err(Failure::refused)?;
    let replies = service.search_batch(&call.context, &call.collection, searches).await?;
    let answer = SearchBatchAnswer::new(replies);
    let numbers = answer.numbers();
    Ok(Reply::with_numbers(answer, numbers))
}
