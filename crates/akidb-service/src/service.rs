//! The service: opened once, shared by all doors, closed at the end.
//!
//! The operations are in modules of their own; here is what each of them passes through.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use akidb_core::{Error, ErrorCode, Limits, Result, TRACE_TARGET};
use akidb_engine::{EngineStatus, StorageEngine, UnopenedCollection};
use governor::clock::DefaultClock;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tracing::{Instrument, field::Empty};

use crate::{
    ComponentState, Door, DoorMetrics, ModelStartError, Operation, Readiness, RequestContext,
    ServiceConfig,
    audit::AuditLog,
    certificate::CertificateState,
    client_limits::{ClientLimits, RunningOf},
    double_writes::DoubleWrites,
    keys::Keys,
    metrics::Metrics,
    models::Models,
    operations::models_of_collections,
    request_record::{Asked, Running},
    tasks::Tasks,
};

/// What a client is told to wait when too many requests run, be it of all or its own.
pub(crate) const RETRY_AFTER_OVERLOAD: Duration = Duration::from_secs(1);

/// The service layer of one node; clones share it.
#[derive(Clone)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) engine: Arc<dyn StorageEngine>,
    /// Absent where embedding is disabled.
    pub(crate) models: Option<Arc<Models>>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) double_writes: DoubleWrites,
    pub(crate) keys: Keys,
    pub(crate) client_limits: ClientLimits,
    pub(crate) audit: Option<AuditLog>,
    /// Absent where the node speaks no TLS.
    pub(crate) certificate: Mutex<Option<CertificateState>>,
    permits: Semaphore,
    pub(crate) imports: Semaphore,
    slow_request: Option<Duration>,
    draining: watch::Sender<bool>,
    /// Not ready any more, while requests are still taken.
    leaving: AtomicBool,
}

/// The service can not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A model of the configuration is not installed.
    #[error(transparent)]
    Model(#[from] ModelStartError),
    /// The audit log can not be opened.
    #[error("the audit log {path}: {source}")]
    Audit {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A metric is not sound.
    #[error("{0}")]
    Node(#[from] Error),
}

impl Service {
    /// Takes requests for what `engine` has, and begins to load the models, which goes on in the
    /// background. Reports to `registry`, as the engine does.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing of the service is left running then.
    pub fn open(
        config: ServiceConfig,
        engine: Arc<dyn StorageEngine>,
        registry: Registry,
    ) -> Result<Self, OpenError> {
        let metrics = Metrics::register(registry)
            .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
        let metrics = Arc::new(metrics);
        let models = config.embedding.map(|config| {
            Models::open(config, Arc::clone(&metrics), models_of_collections(&*engine))
        });
        let models = models.transpose()?;
        let audit = config.audit.map(|config| {
            let path = config.path.display().to_string();
            AuditLog::open(config).map_err(|source| OpenError::Audit { path, source })
        });
        let audit = audit.transpose()?;
        let limits = Arc::new(config.limits);
        let inner = Inner {
            permits: Semaphore::new(permits(&limits)),
            imports: Semaphore::new(limits.concurrent_imports.min(Semaphore::MAX_PERMITS)),
            slow_request: config.slow_request,
            tasks: Arc::new(Tasks::new(Arc::clone(&engine), Arc::clone(&limits))),
            double_writes: DoubleWrites::default(),
            keys: Keys::new(Arc::clone(&engine), config.keys),
            client_limits: ClientLimits::new(&limits, DefaultClock::default()),
            audit,
            certificate: Mutex::default(),
            limits,
            metrics,
            engine,
            models,
            draining: watch::Sender::new(false),
            leaving: AtomicBool::new(false),
        };
        let service = Self { inner: Arc::new(inner) };
        service.inner.tasks.take_up(&service);
        Ok(service)
    }

    /// What is wrong in a collection that nobody writes to, in words; see
    /// [`Collection::disagreements`](akidb_engine::Collection::disagreements).
    ///
    /// # Errors
    /// When there is no such collection, or it can not be opened or read.
    pub async fn disagreements(&self, collection: &str) -> Result<Vec<String>> {
        self.inner.engine.open(collection)?.disagreements().await
    }

    /// The limits that requests keep to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The metrics in the Prometheus text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.inner.engine.look_at_metrics();
        self.inner.tasks.look_at_metrics(&self.inner.metrics.tasks);
        self.inner.metrics.text()
    }

    /// What the doors report to.
    #[must_use]
    pub fn door_metrics(&self) -> DoorMetrics {
        self.inner.metrics.doors.clone()
    }

    /// Counts a request that a door could not decode, and that so reached no operation.
    pub fn count_refused(&self, door: Door, operation: Operation, error: &Error) {
        self.inner.metrics.count(door, operation, Some(error.code));
    }

    /// Whether requests are taken, and the state of each part.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let draining = *self.inner.draining.borrow() || self.inner.leaving.load(Relaxed);
        let status = self.inner.engine.status();
        let storage = ComponentState {
            name: "storage",
            // What is refused without room is told by the error; searches and deletes need the node.
            ready: !draining && status.read_only.is_none() && status.unopened.is_empty(),
            detail: if draining { "shutting down".to_owned() } else { storage_detail(&status) },
        };
        let models = self.inner.models.as_ref();
        let mut embedding = models.map_or_else(disabled_embedding, |models| models.component());
        embedding.ready &= !draining;
        // Searches work without what is not built yet.
        let index = ComponentState {
            name: "indexes",
            ready: !draining,
            detail: match status.indexes.len() {
                0 => "none is being built".to_owned(),
                count => format!("{count} being built"),
            },
        };
        Readiness {
            ready: !draining && embedding.ready,
            // Clients who take the certificate are served, whatever lies in its files.
            components: [storage, embedding, index]
                .into_iter()
                .chain(self.certificate_component())
                .collect(),
            models: models.map(|models| models.all()).unwrap_or_default(),
            indexes: status.indexes,
            findings: status.findings,
        }
    }

    /// Ends with the next change of a model's state after this call; never where there is none.
    pub fn model_change(&self) -> impl Future<Output = ()> + use<> {
        let change = self.inner.models.as_ref().map(|models| models.changed());
        async move {
            match change {
                Some(change) => change.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Returns when no model is being loaded.
    pub async fn models_settled(&self) {
        if let Some(models) = &self.inner.models {
            models.settled().await;
        }
    }

    /// Why requests that name no model have none, where loading it has failed.
    #[must_use]
    pub fn default_model_failure(&self) -> Option<Arc<ModelStartError>> {
        self.inner.models.as_ref()?.default_failure()
    }

    /// Returns when a commit has failed in a way that leaves its outcome unknown, whoever waited
    /// for it. The node should end then, so that a restart reads back what the disk really has.
    pub async fn storage_failed(&self) {
        self.inner.engine.failed().await;
    }

    /// Is not ready from now on; requests are still taken, since clients need a while to learn of it.
    pub fn announce_stop(&self) {
        self.inner.leaving.store(true, Relaxed);
    }

    /// Is not ready from now on and refuses new requests.
    pub fn start_draining(&self) {
        self.inner.draining.send_replace(true);
    }

    /// Ends when new requests are refused and long ones should end, or the service is gone.
    pub fn draining(&self) -> impl Future<Output = ()> + use<> {
        let mut draining = self.inner.draining.subscribe();
        async move {
            let _ = draining.wait_for(|draining| *draining).await;
        }
    }

    /// Refuses new requests, waits for those that run, checkpoints and closes everything.
    pub async fn shutdown(&self) {
        self.start_draining();
        let all = u32::try_from(permits(&self.inner.limits)).unwrap_or(u32::MAX);
        let drained = self.inner.permits.acquire_many(all).await;
        if let Some(models) = &self.inner.models {
            models.shutdown().await;
        }
        self.inner.tasks.shutdown().await;
        self.inner.engine.close().await;
        drop(drained);
    }

    /// What every operation passes through: admission, the deadline, and metrics.
    ///
    /// A change that the store has begun is not cut off by the deadline: it is on its way to the
    /// disk, and its answer is worth waiting for.
    pub(crate) async fn run<'r, T>(
        &self,
        context: &'r RequestContext,
        asked: impl Into<Asked<'r>>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let asked = asked.into();
        let operation = asked.operation;
        let running = Running::begin(context, asked, &self.inner.metrics, self.inner.slow_request);
        let span = tracing::debug_span!(
            target: TRACE_TARGET,
            "operation",
            otel.name = operation.as_str(),
            collection = asked.collection(),
            code = Empty,
        );
        let (door, caller) = (context.door, &context.caller);
        let result = match self.authorize(door, caller, operation, Some(asked.collection)) {
            Ok(()) => {
                let result = self.admitted(context, operation, work).instrument(span.clone()).await;
                let code = result.as_ref().err().map(|error| error.code);
                // Of a collection within the request it is found out later that a key does not reach it.
                if operation.is_audited() || code == Some(ErrorCode::PermissionDenied) {
                    self.audit(door, caller, asked, code);
                }
                result
            }
            Err(error) => Err(error),
        };
        let code = result.as_ref().err().map(|error| error.code);
        span.record("code", code.map_or("ok", ErrorCode::as_str));
        running.end(code);
        if let Err(error) = &result {
            self.note_failure(operation, error);
        }
        result
    }

    async fn admitted<T>(
        &self,
        context: &RequestContext,
        operation: Operation,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let metrics = &self.inner.metrics;
        match self.admit(context) {
            Ok(_permits) => {
                metrics.requests.in_flight.inc();
                let _running = at_end(|| metrics.requests.in_flight.dec());
                if operation.keeps_its_own_deadline() {
                    work.await
                } else {
                    let in_time = tokio::time::timeout_at(context.deadline.into(), work).await;
                    in_time.unwrap_or_else(|_| Err(Error::too_late()))
                }
            }
            Err(error) => Err(error),
        }
    }

    fn note_failure(&self, operation: Operation, error: &Error) {
        if error.code.http_status() >= 500 && !error.code.retryable() {
            tracing::error!(operation = operation.as_str(), %error, "a request failed");
        }
    }

    /// Refuses what would take room of a disk that is nearly full, before work is done for it.
    ///
    /// # Errors
    /// `storage_full`.
    pub(crate) fn check_space(&self) -> Result<()> {
        self.inner.engine.check_space()
    }

    fn admit(
        &self,
        context: &RequestContext,
    ) -> Result<(SemaphorePermit<'_>, Option<RunningOf<'_>>)> {
        if *self.inner.draining.borrow() {
            return Err(Error::new(ErrorCode::ShuttingDown, "the node is shutting down"));
        }
        let of_user = self.inner.client_limits.begin(&context.caller.principal)?;
        let permit = self.inner.permits.try_acquire().map_err(|_| {
            let limit = self.inner.limits.concurrent_requests;
            let message = format!("{limit} requests run already (concurrent_requests)");
            Error::new(ErrorCode::Overloaded, message).with_retry_after(RETRY_AFTER_OVERLOAD)
        })?;
        Ok((permit, of_user))
    }
}

/// How much is stored, and what a person should look at. Of the collections that can not be opened
/// one is named: the log names each.
fn storage_detail(status: &EngineStatus) -> String {
    let EngineStatus { collections, read_only, findings, set_aside, unopened, .. } = status;
    let mut detail = format!("{collections} collections");
    if !findings.is_empty() {
        detail += &format!(", {} findings at the start", findings.len());
    }
    if *set_aside > 0 {
        detail += &format!(", {set_aside} entries in lost+found");
    }
    if let Some(reason) = read_only {
        detail += &format!(", read-only: {reason}");
    } else if let Some(UnopenedCollection { name, reason }) = unopened.first() {
        let (count, name) = (unopened.len(), name.as_str());
        detail += &format!(", {count} can not be opened, among them {name:?}: {reason}");
    }
    detail
}

/// The component of a node that takes vectors only, by its configuration.
fn disabled_embedding() -> ComponentState {
    ComponentState { name: "embedding", ready: true, detail: "disabled".to_owned() }
}

/// How many requests may run, within what the semaphore can count.
fn permits(limits: &Limits) -> usize {
    limits.concurrent_requests.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize)
}

/// Runs a closure when it is dropped, also when the request is cancelled or panics.
pub(crate) fn at_end<F: Fn()>(at_end: F) -> impl Drop {
    struct Guard<F: Fn()>(F);
    impl<F: Fn()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(at_end)
}
