//! The node itself: health, metrics and the description.

use std::sync::LazyLock;

use akidb_service::{Caller, METRICS_CONTENT_TYPE, Service};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::Answer;
use crate::{
    call::Call,
    json::{JSON, Reply},
    wire::{AliveAnswer, LimitListAnswer, ReadyAnswer, VersionAnswer},
};

const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static(METRICS_CONTENT_TYPE);

pub(crate) async fn alive() -> Reply<AliveAnswer> {
    Reply::new(AliveAnswer::OK)
}

pub(crate) async fn version() -> Reply<VersionAnswer> {
    Reply::new(VersionAnswer::THIS)
}

pub(crate) async fn ready(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
) -> Reply<ReadyAnswer> {
    let answer = ReadyAnswer::from(service.readiness_for(&caller.principal));
    let status = if answer.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Reply::new(answer).with_status(status)
}

pub(crate) async fn limits(State(service): State<Service>, call: Call) -> Answer<LimitListAnswer> {
    Ok(Reply::new(service.limits_in_force(&call.context).await?.into()))
}

pub(crate) async fn metrics(State(service): State<Service>) -> Response {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], service.metrics_text()).into_response()
}

pub(crate) async fn openapi() -> Response {
    // The description is made of names and numbers, which always have a JSON form; a test
    // reads it.
    static DESCRIPTION: LazyLock<Bytes> =
        LazyLock::new(|| crate::openapi().to_json().unwrap_or_default().into());
    ([(header::CONTENT_TYPE, JSON)], DESCRIPTION.clone()).into_response()
}
