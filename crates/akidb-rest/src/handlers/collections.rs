//! Collections.

use akidb_service::{PutFieldReply, PutReply, Service};
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
        CollectionAnswer, CollectionDeletedAnswer, CollectionListAnswer, CreateCollectionBody,
        FieldBody, PutCollectionBody, UpdateCollectionBody,
    },
};

pub(crate) async fn create(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<CreateCollectionBody>,
) -> Result<Response, Failure> {
    let collection = service.create_collection(&call.context, body.into()).await?;
    let answer = CollectionAnswer::from(collection);
    let location = AppendHeaders([(header::LOCATION, answer.location())]);
    Ok((location, Reply::new(answer).with_status(StatusCode::CREATED)).into_response())
}

pub(crate) async fn put(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<PutCollectionBody>,
) -> Result<Response, Failure> {
    let request = body.of(call.collection.clone());
    let PutReply { collection, created } = service.put_collection(&call.context, request).await?;
    let answer = CollectionAnswer::from(collection);
    let location = AppendHeaders([(header::LOCATION, answer.location())]);
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((location, Reply::new(answer).with_status(status)).into_response())
}

pub(crate) async fn put_field(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<FieldBody>,
) -> Result<Response, Failure> {
    let put = service.put_field(&call.context, &call.collection, &call.field, body.into());
    let PutFieldReply { collection, created } = put.await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Reply::new(CollectionAnswer::from(collection)).with_status(status).into_response())
}

pub(crate) async fn drop_field(
    State(service): State<Service>,
    call: Call,
) -> Answer<CollectionDeletedAnswer> {
    service.drop_field(&call.context, &call.collection, &call.field).await?;
    Ok(Reply::new(CollectionDeletedAnswer::DELETED))
}

pub(crate) async fn list(
    State(service): State<Service>,
    call: Call,
) -> Answer<CollectionListAnswer> {
    let collections = service.list_collections(&call.context).await?;
    Ok(Reply::new(collections.into()))
}

pub(crate) async fn describe(
    State(service): State<Service>,
    call: Call,
) -> Answer<CollectionAnswer> {
    let collection = service.describe_collection(&call.context, &call.collection).await?;
    Ok(Reply::new(collection.into()))
}

pub(crate) async fn update(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<UpdateCollectionBody>,
) -> Answer<CollectionAnswer> {
    let update = body.into();
    let collection = service.update_collection(&call.context, &call.collection, update).await?;
    Ok(Reply::new(collection.into()))
}

pub(crate) async fn delete(
    State(service): State<Service>,
    call: Call,
) -> Answer<CollectionDeletedAnswer> {
    service.delete_collection(&call.context, &call.collection).await?;
    Ok(Reply::new(CollectionDeletedAnswer::DELETED))
}
