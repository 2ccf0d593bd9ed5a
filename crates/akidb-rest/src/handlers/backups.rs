//! Backups.

use akidb_service::Service;
use axum::{extract::State, response::Response};

use super::{Answer, tasks::begun};
use crate::{
    call::Call,
    failure::Failure,
    json::Reply,
    wire::{BackupAnswer, BackupListAnswer, CollectionDeletedAnswer},
};

pub(crate) async fn create(
    State(service): State<Service>,
    call: Call,
) -> Result<Response, Failure> {
    Ok(begun(service.back_up(&call.context).await?))
}

pub(crate) async fn list(State(service): State<Service>, call: Call) -> Answer<BackupListAnswer> {
    Ok(Reply::new(service.backups(&call.context).await?.into()))
}

pub(crate) async fn describe(State(service): State<Service>, call: Call) -> Answer<BackupAnswer> {
    Ok(Reply::new(service.backup(&call.context, call.path_id()).await?.into()))
}

pub(crate) async fn delete(
    State(service): State<Service>,
    call: Call,
) -> Answer<CollectionDeletedAnswer> {
    service.delete_backup(&call.context, call.path_id()).await?;
    Ok(Reply::new(CollectionDeletedAnswer::DELETED))
}
