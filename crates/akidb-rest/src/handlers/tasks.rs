//! Tasks.

use akidb_service::{Service, TaskInfo};
use axum::{
    extract::State,
    response::{AppendHeaders, IntoResponse, Response},
};
use http::{StatusCode, header};

use super::Answer;
use crate::{
    call::Call,
    failure::Failure,
    json::{Json, Reply},
    wire::{
        CollectionDeletedAnswer, CopyCollectionBody, DropPreviousBody, ReembedCollectionBody,
        TaskAnswer, TaskListAnswer,
    },
};

pub(crate) async fn copy_collection(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<CopyCollectionBody>,
) -> Result<Response, Failure> {
    Ok(begun(service.copy_collection(&call.context, &call.collection, &body.to).await?))
}

pub(crate) async fn reembed_collection(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<ReembedCollectionBody>,
) -> Result<Response, Failure> {
    let task = service.reembed_collection(&call.context, &call.collection, body.into());
    Ok(begun(task.await?))
}

pub(crate) async fn drop_previous(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<DropPreviousBody>,
) -> Answer<CollectionDeletedAnswer> {
    service.drop_previous(&call.context, &call.collection, body.field.as_deref()).await?;
    Ok(Reply::new(CollectionDeletedAnswer::DELETED))
}

pub(super) fn begun(task: TaskInfo) -> Response {
    let answer = TaskAnswer::from(task);
    let location = AppendHeaders([(header::LOCATION, answer.location())]);
    (location, Reply::new(answer).with_status(StatusCode::ACCEPTED)).into_response()
}

pub(crate) async fn list(State(service): State<Service>, call: Call) -> Answer<TaskListAnswer> {
    let tasks = service.tasks(&call.context).await?;
    Ok(Reply::new(tasks.into()))
}

pub(crate) async fn describe(State(service): State<Service>, call: Call) -> Answer<TaskAnswer> {
    let task = service.task(&call.context, call.path_id()).await?;
    Ok(Reply::new(task.into()))
}

pub(crate) async fn cancel(State(service): State<Service>, call: Call) -> Answer<TaskAnswer> {
    let task = service.cancel_task(&call.context, call.path_id()).await?;
    Ok(Reply::new(task.into()))
}
