//! Aliases.

use akidb_service::Service;
use axum::extract::State;

use super::Answer;
use crate::{
    call::Call,
    json::{Json, Reply},
    wire::{AliasListAnswer, ChangeAliasesBody},
};

pub(crate) async fn change(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<ChangeAliasesBody>,
) -> Answer<AliasListAnswer> {
    let aliases = service.change_aliases(&call.context, body.into()).await?;
    Ok(Reply::new(aliases.into()))
}

pub(crate) async fn list(State(service): State<Service>, call: Call) -> Answer<AliasListAnswer> {
    let aliases = service.aliases(&call.context, None).await?;
    Ok(Reply::new(aliases.into()))
}

pub(crate) async fn list_of_collection(
    State(service): State<Service>,
    call: Call,
) -> Answer<AliasListAnswer> {
    let aliases = service.aliases(&call.context, Some(&call.collection)).await?;
    Ok(Reply::new(aliases.into()))
}
