//! The models of the node.

use akidb_service::Service;
use axum::extract::State;
use http::StatusCode;

use super::Answer;
use crate::{
    call::Call,
    json::Reply,
    wire::{ModelAnswer, ModelListAnswer},
};

pub(crate) async fn list(State(service): State<Service>, call: Call) -> Answer<ModelListAnswer> {
    Ok(Reply::new(service.models(&call.context).await?.into()))
}

pub(crate) async fn describe(State(service): State<Service>, call: Call) -> Answer<ModelAnswer> {
    Ok(Reply::new(service.model(&call.context, Some(&call.model)).await?.into()))
}

pub(crate) async fn load(State(service): State<Service>, call: Call) -> Answer<ModelAnswer> {
    let model = service.load_model(&call.context, &call.model).await?;
    Ok(Reply::new(model.into()).with_status(StatusCode::ACCEPTED))
}

pub(crate) async fn unload(State(service): State<Service>, call: Call) -> Answer<ModelAnswer> {
    let in_use = call.in_use()?;
    Ok(Reply::new(service.unload_model(&call.context, &call.model, in_use).await?.into()))
}
