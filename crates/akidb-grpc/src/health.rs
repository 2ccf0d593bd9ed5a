//! `grpc.health.v1`, tied to the readiness of the node.
//!
//! Own code rather than tonic-health's reporter: readiness is set without waiting, stays off once
//! the server stops, and the stop ends watches, which would otherwise hold it up.

use std::sync::Arc;

use akidb_proto::{
    admin::v1::admin_service_server::SERVICE_NAME as ADMIN_SERVICE,
    collection::v1::collection_service_server::SERVICE_NAME as COLLECTION_SERVICE,
    embedding::v1::embedding_service_server::SERVICE_NAME as EMBEDDING_SERVICE,
};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::Health,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    NotReady,
    Ready,
    Stopped,
}

/// Sets what the health service answers; clones share it. It starts as not ready.
#[derive(Clone, Debug)]
pub struct HealthHandle {
    state: Arc<watch::Sender<Readiness>>,
}

impl HealthHandle {
    pub(crate) fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(Readiness::NotReady)) }
    }

    /// Says whether the node is ready. Once the server stops, this has no effect any more.
    pub fn set_ready(&self, ready: bool) {
        let wanted = if ready { Readiness::Ready } else { Readiness::NotReady };
        self.state.send_if_modified(|state| {
            let changes = *state != Readiness::Stopped && *state != wanted;
            if changes {
                *state = wanted;
            }
            changes
        });
    }

    /// Not ready for good; watches end.
    pub(crate) fn stop(&self) {
        self.state.send_replace(Readiness::Stopped);
    }
}

/// The service behind the handle.
pub(crate) struct HealthService {
    pub(crate) handle: HealthHandle,
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !is_served(&request.get_ref().service) {
            return Err(Status::not_found("no service of this name is served"));
        }
        let state = *self.handle.state.borrow();
        Ok(Response::new(response(serving_status(state))))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut states = self.handle.state.subscribe();
        states.mark_changed();
        let is_served = is_served(&request.get_ref().service);
        let watch = Watch { states, is_served, sent: None, ended: false };
        let responses = stream::unfold(watch, async |mut watch| {
            let status = watch.next().await?;
            Some((Ok(response(status)), watch))
        });
        Ok(Response::new(responses.boxed()))
    }
}

/// One client that waits for changes.
struct Watch {
    states: watch::Receiver<Readiness>,
    is_served: bool,
    sent: Option<ServingStatus>,
    ended: bool,
}

impl Watch {
    /// The status now, then after each change of it, until the stop.
    async fn next(&mut self) -> Option<ServingStatus> {
        while !self.ended {
            self.states.changed().await.ok()?;
            let state = *self.states.borrow_and_update();
            self.ended = state == Readiness::Stopped;
            let unknown = ServingStatus::ServiceUnknown;
            let status = if self.is_served { serving_status(state) } else { unknown };
            if self.sent.replace(status) != Some(status) {
                return Some(status);
            }
        }
        None
    }
}

fn is_served(service: &str) -> bool {
    ["", ADMIN_SERVICE, COLLECTION_SERVICE, EMBEDDING_SERVICE].contains(&service)
}

fn serving_status(state: Readiness) -> ServingStatus {
    match state {
        Readiness::Ready => ServingStatus::Serving,
        Readiness::NotReady | Readiness::Stopped => ServingStatus::NotServing,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_follows_readiness_and_ends_with_the_stop() {
        let handle = HealthHandle::new();
        let service = HealthService { handle: handle.clone() };
        let request = |name: &str| Request::new(HealthCheckRequest { service: name.to_owned() });
        let mut known = service.watch(request(COLLECTION_SERVICE)).await.unwrap().into_inner();
        let unknown = service.watch(request("nope")).await.unwrap().into_inner();
        let mut next = async || known.next().await.map(|reply| reply.unwrap().status());
        assert_eq!(next().await, Some(ServingStatus::NotServing));
        handle.set_ready(true);
        assert_eq!(next().await, Some(ServingStatus::Serving));
        handle.stop();
        handle.set_ready(true);
        assert_eq!(next().await, Some(ServingStatus::NotServing));
        assert_eq!(next().await, None);
        let all: Vec<_> = unknown.map(|reply| reply.unwrap().status()).collect().await;
        assert_eq!(all, [ServingStatus::ServiceUnknown]);
        let status = service.check(request("nope")).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::NotFound);
    }
}
