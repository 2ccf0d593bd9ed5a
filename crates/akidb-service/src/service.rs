//! The service: opened once, shared by all doors, closed at the end.
//!
//! The operations are in modules of their own; here is what each of them passes through.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use akidb_core::TRACE_TARGET;
use akidb_core::{Error, ErrorCode, Limits, Result};
use akidb_store::{DataDirectory, DiskSpace, StoreError};
use tokio::sync::{Semaphore, watch};
use tracing::{Instrument, field::Empty};

use crate::{
    ComponentState, DoorMetrics, ModelStartError, Operation, Readiness, RequestContext,
    ServiceConfig, StorageFinding,
    collections::{Collections, Entry},
    failure::{from_store, too_late},
    finished::{Running, Task},
    metrics::Metrics,
    models::Models,
};

/// What a client is told to wait when too many requests run.
const RETRY_AFTER_OVERLOAD: Duration = Duration::from_secs(1);

/// How often the room on the disk is looked at where no write does.
const WATCH_SPACE_EVERY: Duration = Duration::from_secs(1);

/// How often a lock that another process holds is tried again.
const LOCK_POLL_EVERY: Duration = Duration::from_millis(50);

/// How often the files of the data directory are counted.
const LOOK_AT_DISK_EVERY: Duration = Duration::from_secs(15);

/// The service layer of one node; clones share it.
#[derive(Clone)]
pub struct Service {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) collections: Arc<Collections>,
    /// Absent where embedding is disabled.
    pub(crate) models: Option<Arc<Models>>,
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
    /// The data directory can not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A model of the configuration is not installed.
    #[error(transparent)]
    Model(#[from] ModelStartError),
    /// The catalogue or a metric is not sound.
    #[error("{0}")]
    Node(#[from] Error),
}

impl Service {
    /// Locks the data directory, reads the catalogue, and begins to load the models, which goes on
    /// in the background. Collections open on first use.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is left running then.
    pub async fn open(config: ServiceConfig) -> Result<Self, OpenError> {
        let metrics = Metrics::register()
            .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
        let metrics = Arc::new(metrics);
        let directory = lock_directory(&config.data_dir, config.storage.lock_wait).await?;
        let min_free_bytes = config.storage.min_free_bytes;
        let space = DiskSpace::open(directory.root(), min_free_bytes, metrics.store.clone());
        let collections = Collections::open(
            directory,
            config.storage.clone(),
            &config.index,
            Arc::clone(&metrics),
            Arc::new(space),
        )
        .await?;
        let models = config.embedding.map(|config| Models::open(config, Arc::clone(&metrics)));
        let models = models.transpose()?;
        let inner = Inner {
            permits: Semaphore::new(permits(&config.limits)),
            imports: Semaphore::new(config.limits.concurrent_imports.min(Semaphore::MAX_PERMITS)),
            slow_request: config.slow_request,
            limits: Arc::new(config.limits),
            metrics,
            collections: Arc::new(collections),
            models,
            draining: watch::Sender::new(false),
            leaving: AtomicBool::new(false),
        };
        let service = Self { inner: Arc::new(inner) };
        tokio::spawn(close_idle_collections(
            Arc::downgrade(&service.inner),
            config.storage.idle_close_after / 4,
        ));
        tokio::spawn(look_at_disk(Arc::downgrade(&service.inner), config.data_dir));
        tokio::spawn(count_closed(service.inner.collections.all()));
        let space = Arc::clone(&service.inner.collections.indexing.space);
        tokio::spawn(watch_space(Arc::downgrade(&service.inner), space));
        Ok(service)
    }

    /// The limits that requests keep to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The metrics in the Prometheus text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.inner.collections.count();
        self.inner.metrics.text()
    }

    /// What the doors report to.
    #[must_use]
    pub fn door_metrics(&self) -> DoorMetrics {
        self.inner.metrics.doors.clone()
    }

    /// Counts a request that a door could not decode, and that so reached no operation.
    pub fn count_refused(&self, context: &RequestContext, operation: Operation, error: &Error) {
        self.inner.metrics.count(context.door, operation, Some(error.code));
    }

    /// Whether requests are taken, and the state of each part.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let draining = *self.inner.draining.borrow() || self.inner.leaving.load(Relaxed);
        let collections = self.inner.collections.all().len();
        // What is refused then is told by the error; searches and deletes need the node.
        let low_space = self.inner.collections.indexing.space.check().err();
        let unopened = self.unopened_collections();
        let storage = ComponentState {
            name: "storage",
            ready: !draining && low_space.is_none() && unopened.is_empty(),
            detail: match low_space {
                _ if draining => "shutting down".to_owned(),
                Some(reason) => {
                    format!("{}, read-only: {reason}", self.storage_detail(collections))
                }
                None => self.storage_detail(collections) + &unopened,
            },
        };
        let models = self.inner.models.as_ref();
        let mut embedding = models.map_or_else(disabled_embedding, |models| models.component());
        embedding.ready &= !draining;
        let indexes = self.inner.collections.indexes_being_built();
        // Searches work without what is not built yet.
        let index = ComponentState {
            name: "indexes",
            ready: !draining,
            detail: match indexes.len() {
                0 => "none is being built".to_owned(),
                count => format!("{count} being built"),
            },
        };
        Readiness {
            ready: !draining && embedding.ready,
            components: vec![storage, embedding, index],
            models: models.map(|models| models.all()).unwrap_or_default(),
            indexes,
            findings: self.findings(),
        }
    }

    /// How many collections there are, and whether a person should look at something.
    fn storage_detail(&self, collections: usize) -> String {
        let findings = self.inner.collections.findings().len();
        let set_aside = self.inner.collections.set_aside_count();
        let mut detail = format!("{collections} collections");
        if findings > 0 {
            detail += &format!(", {findings} findings at the start");
        }
        if set_aside > 0 {
            detail += &format!(", {set_aside} entries in lost+found");
        }
        detail
    }

    /// Which collections could not be opened, one for all of them: the log names each.
    fn unopened_collections(&self) -> String {
        let entries = self.inner.collections.all();
        let unopened = entries.iter().filter_map(|it| Some((&it.row.name, it.unopened()?)));
        let (count, first) =
            unopened.fold((0, None), |(count, first), it| (count + 1, first.or(Some(it))));
        match first {
            None => String::new(),
            Some((name, reason)) => {
                format!(", {count} can not be opened, among them {:?}: {reason}", name.as_str())
            }
        }
    }

    fn findings(&self) -> Vec<StorageFinding> {
        let findings = self.inner.collections.findings().iter();
        findings
            .map(|it| StorageFinding { kind: it.kind.as_str(), detail: it.detail.clone() })
            .collect()
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
        self.inner.collections.indexing.fail_stop.stopped().await;
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
        self.inner.collections.close_all().await;
        drop(drained);
    }

    /// What every operation passes through: admission, the deadline, and metrics.
    ///
    /// A change that the store has begun is not cut off by the deadline: it is on its way to the
    /// disk, and its answer is worth waiting for.
    pub(crate) async fn run<'r, T>(
        &self,
        context: &'r RequestContext,
        task: impl Into<Task<'r>>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let task = task.into();
        let operation = task.operation;
        let running = Running::begin(context, task, &self.inner.metrics, self.inner.slow_request);
        let span = tracing::debug_span!(
            target: TRACE_TARGET,
            "operation",
            otel.name = operation.as_str(),
            collection = task.collection(),
            code = Empty,
        );
        let result = self.admitted(context, operation, work).instrument(span.clone()).await;
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
        match self.admit() {
            Ok(_permit) => {
                metrics.requests.in_flight.inc();
                let _running = at_end(|| metrics.requests.in_flight.dec());
                if operation.keeps_its_own_deadline() {
                    work.await
                } else {
                    let in_time = tokio::time::timeout_at(context.deadline.into(), work).await;
                    in_time.unwrap_or_else(|_| Err(too_late()))
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
        self.inner.collections.indexing.space.check().map_err(from_store)
    }

    fn admit(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        if *self.inner.draining.borrow() {
            return Err(Error::new(ErrorCode::ShuttingDown, "the node is shutting down"));
        }
        self.inner.permits.try_acquire().map_err(|_| {
            let limit = self.inner.limits.concurrent_requests;
            let message = format!("{limit} requests run already (concurrent_requests)");
            Error::new(ErrorCode::Overloaded, message).with_retry_after(RETRY_AFTER_OVERLOAD)
        })
    }
}

/// Opens a data directory. A process that was killed moments ago is waited for: its lock goes when
/// the system has taken it down, which takes as long as it has memory.
async fn lock_directory(data_dir: &Path, wait: Duration) -> Result<DataDirectory, StoreError> {
    let started = Instant::now();
    let mut has_told = false;
    loop {
        match DataDirectory::open(data_dir) {
            Err(error @ StoreError::Locked { .. }) if started.elapsed() < wait => {
                if !has_told {
                    tracing::info!(%error, "waiting for it");
                }
                has_told = true;
                tokio::time::sleep(LOCK_POLL_EVERY).await;
            }
            opened => return opened,
        }
    }
}

/// The component of a node that takes vectors only, by its configuration.
fn disabled_embedding() -> ComponentState {
    ComponentState { name: "embedding", ready: true, detail: "disabled".to_owned() }
}

/// How many requests may run, within what the semaphore can count.
fn permits(limits: &Limits) -> usize {
    limits.concurrent_requests.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize)
}

async fn close_idle_collections(inner: std::sync::Weak<Inner>, every: Duration) {
    let every = every.max(Duration::from_millis(100));
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.collections.close_idle().await;
    }
}

/// Counts what the collections hold that nobody uses. It holds none of the node, which may end.
async fn count_closed(collections: Vec<Arc<Entry>>) {
    for collection in collections {
        collection.count_closed().await;
    }
}

/// Lets writes end and begin again where none comes. It never holds the node, which may end.
async fn watch_space(inner: std::sync::Weak<Inner>, space: Arc<DiskSpace>) {
    while inner.strong_count() > 0 {
        space.look();
        tokio::time::sleep(WATCH_SPACE_EVERY).await;
    }
}

async fn look_at_disk(inner: std::sync::Weak<Inner>, data_dir: PathBuf) {
    loop {
        let Some(metrics) = inner.upgrade().map(|inner| Arc::clone(&inner.metrics)) else { return };
        let data_dir = data_dir.clone();
        // The runtime that is gone needs no numbers.
        let _ = tokio::task::spawn_blocking(move || metrics.node.look_at_disk(&data_dir)).await;
        tokio::time::sleep(LOOK_AT_DISK_EVERY).await;
    }
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
