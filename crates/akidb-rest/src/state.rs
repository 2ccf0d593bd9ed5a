//! What every handler can reach.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use akidb_listener::BodyBudget;
use akidb_service::Service;
use axum::extract::FromRef;

use crate::RestOptions;

/// The service, and the door's own settings; clones share them.
#[derive(Clone)]
pub(crate) struct RestState {
    pub(crate) service: Service,
    pub(crate) options: Arc<RestOptions>,
    /// The memory for bodies that are being received or decoded.
    pub(crate) body_budget: BodyBudget,
    /// When the door was opened, in seconds since the Unix epoch.
    pub(crate) started_unix_s: u64,
}

impl RestState {
    pub(crate) fn new(service: Service, options: RestOptions) -> Self {
        Self {
            service,
            body_budget: BodyBudget::new(&options.listener),
            options: Arc::new(options),
            started_unix_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        }
    }
}

impl FromRef<RestState> for Service {
    fn from_ref(state: &RestState) -> Self {
        state.service.clone()
    }
}
