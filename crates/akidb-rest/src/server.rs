//! The door behind the listener: requests to the router, and what a panic outside of it becomes.

use akidb_core::Error;
use akidb_listener::{Arrival, Handler, RequestBody, RequestId};
use akidb_service::{Door, Service};
use axum::{Router, body::Body};
use http::{Request, Response, header::CONTENT_TYPE};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::{RestOptions, failure::status, json::JSON, routes::router, wire::ErrorAnswer};

/// Serves REST until `shutdown` is ready, then lets the requests in flight finish.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    options: RestOptions,
    shutdown: impl Future<Output = ()>,
) {
    let metrics = service.door_metrics();
    let listened = options.listener.clone();
    let door = RestDoor { router: router(service, options) };
    akidb_listener::serve(listener, door, listened, (Door::Rest, metrics), shutdown).await;
}

#[derive(Clone)]
struct RestDoor {
    router: Router,
}

impl Handler for RestDoor {
    type Body = Body;

    async fn answer(&self, mut request: Request<RequestBody>, arrival: Arrival) -> Response<Body> {
        request.extensions_mut().insert(arrival);
        let answer = self.router.clone().oneshot(request.map(Body::new)).await;
        answer.unwrap_or_else(|never| match never {})
    }

    fn failed(&self, error: Error, id: &RequestId) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(error.code);
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        // Strings always have a JSON form.
        let body = serde_json::to_vec(&ErrorAnswer::new(error, id.as_str())).unwrap_or_default();
        *response.body_mut() = body.into();
        response
    }
}
