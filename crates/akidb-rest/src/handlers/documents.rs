//! Documents.

use akidb_service::{Include, Service};
use axum::extract::State;

use super::Answer;
use crate::{
    call::Call,
    failure::Failure,
    json::{Json, Reply},
    wire::{
        CountAnswer, CountBody, DeleteAnswer, DeleteBody, DocumentAnswer, DocumentListAnswer,
        FacetsAnswer, FacetsBody, GetBody, PatchDocumentBody, ScrollAnswer, ScrollBody,
        UpdateAnswer, UpdateBody, UpsertAnswer, UpsertBody,
    },
};

pub(crate) async fn upsert(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<UpsertBody>,
) -> Answer<UpsertAnswer> {
    let upsert = body.into_request(call.idempotency_key()).map_err(Failure::refused)?;
    let upsert = call.with_if_match(upsert)?;
    let reply = service.upsert(&call.context, &call.collection, upsert).await?;
    Ok(Reply::new(reply.into()))
}

pub(crate) async fn get_one(State(service): State<Service>, call: Call) -> Answer<DocumentAnswer> {
    let (id, include) = (call.document_id()?, call.include()?);
    let document = service.get_document(&call.context, &call.collection, id, include).await?;
    let seq = document.seq.0;
    Ok(Reply::of_version(DocumentAnswer::new(document, include), seq))
}

pub(crate) async fn patch_one(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<PatchDocumentBody>,
) -> Answer<DocumentAnswer> {
    let (id, mut patch) = (call.document_id()?, body.into_request().map_err(Failure::refused)?);
    patch.if_seq = call.if_seq(patch.if_seq)?;
    let document = service.patch_document(&call.context, &call.collection, id, patch).await?;
    let seq = document.seq.0;
    Ok(Reply::of_version(DocumentAnswer::new(document, Include::default()), seq))
}

pub(crate) async fn update_many(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<UpdateBody>,
) -> Answer<UpdateAnswer> {
    let request = body.into_request().map_err(Failure::refused)?;
    let reply = service.update_documents(&call.context, &call.collection, request).await?;
    Ok(Reply::new(reply.into()))
}

pub(crate) async fn delete_one(State(service): State<Service>, call: Call) -> Answer<DeleteAnswer> {
    let (id, if_seq) = (call.document_id()?, call.if_seq(None)?);
    service.delete_document(&call.context, &call.collection, id, if_seq).await?;
    Ok(Reply::new(DeleteAnswer::ONE))
}

pub(crate) async fn get_many(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<GetBody>,
) -> Answer<DocumentListAnswer> {
    let request = body.into_request().map_err(Failure::refused)?;
    let include = request.include;
    let reply = service.get_documents(&call.context, &call.collection, request).await?;
    let answer = DocumentListAnswer::new(reply, include);
    let numbers = answer.numbers();
    Ok(Reply::with_numbers(answer, numbers))
}

pub(crate) async fn delete_many(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<DeleteBody>,
) -> Answer<DeleteAnswer> {
    let request = body.into_request().map_err(Failure::refused)?;
    let reply = service.delete_documents(&call.context, &call.collection, request).await?;
    Ok(Reply::new(reply.into()))
}

pub(crate) async fn scroll(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<ScrollBody>,
) -> Answer<ScrollAnswer> {
    let scroll = body.into_request().map_err(Failure::refused)?;
    let include = scroll.include;
    let page = service.scroll(&call.context, &call.collection, scroll).await?;
    let answer = ScrollAnswer::new(page, include);
    let numbers = answer.numbers();
    Ok(Reply::with_numbers(answer, numbers))
}

pub(crate) async fn count(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<CountBody>,
) -> Answer<CountAnswer> {
    let filter = body.into_filter().map_err(Failure::refused)?;
    let reply = service.count_documents(&call.context, &call.collection, filter).await?;
    Ok(Reply::new(reply.into()))
}

pub(crate) async fn facets(
    State(service): State<Service>,
    call: Call,
    Json(body): Json<FacetsBody>,
) -> Answer<FacetsAnswer> {
    let request = body.into_request().map_err(Failure::refused)?;
    let reply = service.count_facets(&call.context, &call.collection, request).await?;
    Ok(Reply::new(reply.into()))
}
