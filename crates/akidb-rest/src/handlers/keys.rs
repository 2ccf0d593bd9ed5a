//! Keys.

use akidb_service::Service;
use axum::extract::State;
use http::StatusCode;

use super::Answer;
use crate::{
    call::Call,
    failure::Failure,
    json::{Json, Reply},
    wire::{IssuedKeyAnswer, KeyAnswer, KeyListAnswer, NewKeyBody, RotateKeyBody},
};

pub(crate) async fn create(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<NewKeyBody>,
) -> Answer<IssuedKeyAnswer> {
    let new = body.into_request().map_err(Failure::refused)?;
    let issued = service.create_key(&call.context, new).await?;
    Ok(Reply::new(issued.into()).with_status(StatusCode::CREATED))
}

pub(crate) async fn list(State(service): State<Service>, call: Call) -> Answer<KeyListAnswer> {
    Ok(Reply::new(service.keys(&call.context).await?.into()))
}

pub(crate) async fn revoke(State(service): State<Service>, call: Call) -> Answer<KeyAnswer> {
    let key = service.revoke_key(&call.context, call.path_id()).await?;
    Ok(Reply::new(key.into()))
}

pub(crate) async fn rotate(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<RotateKeyBody>,
) -> Answer<IssuedKeyAnswer> {
    let grace_seconds = body.grace_seconds.unwrap_or(0);
    let issued = service.rotate_key(&call.context, call.path_id(), grace_seconds).await?;
    Ok(Reply::new(issued.into()))
}
