//! Requests that no route answers.

use akidb_core::{Error, ErrorCode};
use akidb_service::{Door, Operation, Service};
use axum::extract::{Request, State};

use crate::failure::Failure;

pub(crate) async fn no_such_route(State(service): State<Service>, request: Request) -> Failure {
    let message = format!("no route {:?}", shown_path(&request));
    counted(&service, Error::new(ErrorCode::RouteNotFound, message))
}

/// The router adds the header `allow`.
pub(crate) async fn no_such_method(State(service): State<Service>, request: Request) -> Failure {
    let (path, method) = (shown_path(&request), request.method());
    let message = format!("{path:?} does not answer {method}, see the header allow");
    counted(&service, Error::new(ErrorCode::MethodNotAllowed, message))
}

fn shown_path(request: &Request) -> String {
    request.uri().path().chars().take(120).collect()
}

fn counted(service: &Service, error: Error) -> Failure {
    service.count_refused(Door::Rest, Operation::Unknown, &error);
    Failure::refused(error)
}
