//! The models of the node: those that the configuration lists, each loaded or not.
//!
//! `start` makes a running model of a name, `running` is one, `reranker` one that scores pairs, `precisions` says in which others it runs
//! for collections of before. Which model a request means is
//! decided here; what is done with it is the operations'.

mod precisions;
mod reranker;
mod running;
mod start;

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, Result};
use akidb_embedding::{LaneLocks, ModelIdentity, mlx::Availability};
use parking_lot::RwLock;
use tokio::sync::watch;

pub use self::start::ModelStartError;
pub(crate) use self::{reranker::Reranker, running::Model};
use crate::{Backend, ComponentState, EmbeddingConfig, ModelInfo, ModelState, metrics::Metrics};

/// What a client is told to wait for a model that is being loaded or unloaded.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Every model that the configuration lists.
pub(crate) struct Models {
    config: EmbeddingConfig,
    metrics: Arc<Metrics>,
    default: String,
    /// The models of the collections that there were at start.
    of_collections: Vec<ModelIdentity>,
    /// Of the models at the processors.
    lane_locks: LaneLocks,
    slots: RwLock<Slots>,
    /// Told after every change of a state.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Slots {
    by_name: BTreeMap<String, Slot>,
    /// The node ends: nothing is loaded any more.
    is_closed: bool,
}

impl Slots {
    /// The name of a model in its precision, where that one is beside the configured one.
    fn name_of(&self, identity: &ModelIdentity) -> String {
        let other = precisions::name_of(&identity.name, identity.precision);
        if self.by_name.contains_key(&other) { other } else { identity.name.clone() }
    }
}

struct Slot {
    state: State,
    /// Whether the node is not ready without it: it is loaded at start and was not unloaded.
    is_required: bool,
}

impl Slot {
    const UNLOADED: Self = Self { state: State::Unloaded, is_required: false };
}

/// Shows the metrics of a model from the start, all at zero.
fn show_zeros(metrics: &Metrics, name: &str) {
    metrics.models.ready.with_label_values(&[name]).set(0);
    metrics.models.wanted.with_label_values(&[name]).set(0);
    metrics.models.load_seconds.with_label_values(&[name]).set(0.0);
    let _ = metrics.embedding.of(name);
}

enum State {
    Unloaded,
    Loading,
    Ready(Arc<Model>),
    Unloading,
    Failed(Arc<ModelStartError>),
}

impl Models {
    /// Begins to load the models that are loaded at start, in the background.
    ///
    /// # Errors
    /// When one of them is not installed: that is a mistake of the configuration.
    pub(crate) fn open(
        config: EmbeddingConfig,
        metrics: Arc<Metrics>,
        of_collections: Vec<ModelIdentity>,
    ) -> std::result::Result<Arc<Self>, ModelStartError> {
        let default = start::default_name(&config).to_owned();
        let at_start = [&default].into_iter().chain(&config.additional_models);
        let at_start: Vec<String> = at_start.cloned().collect();
        for name in &at_start {
            start::locate(&config, name)?;
        }
        let mut by_name = BTreeMap::new();
        for name in at_start.iter().chain(&config.loadable_models) {
            by_name.entry(name.clone()).or_insert(Slot::UNLOADED);
            show_zeros(&metrics, name);
        }
        let slots = RwLock::new(Slots { by_name, is_closed: false });
        let changed = watch::Sender::new(());
        let models = Arc::new(Self {
            config,
            metrics,
            default,
            of_collections,
            lane_locks: LaneLocks::default(),
            slots,
            changed,
        });
        for name in &at_start {
            models.begin_loading(name, true);
        }
        Ok(models)
    }

    /// The model of a name, or the default one, when it is ready.
    pub(crate) fn named(&self, name: Option<&str>) -> Result<Arc<Model>> {
        let name = name.unwrap_or(&self.default);
        let slots = self.slots.read();
        let slot = slots.by_name.get(name).ok_or_else(|| unknown(name, &slots))?;
        ready(name, slot)
    }

    /// The model of a collection, which must be the very one that made its vectors.
    pub(crate) fn of_identity(&self, expected: &ModelIdentity) -> Result<Arc<Model>> {
        let slots = self.slots.read();
        let Some(slot) = slots.by_name.get(&expected.name) else {
            let message = format!(
                "the collection was made with the model {} of weights {}, which the node does not \
                 have; {}",
                expected.name,
                short(&expected.weights_sha256),
                listed(&slots),
            );
            return Err(Error::new(ErrorCode::ModelMismatch, message));
        };
        let name = slots.name_of(expected);
        let model = ready(&name, slots.by_name.get(&name).unwrap_or(slot))?;
        if model.identity() == expected {
            return Ok(model);
        }
        let loaded = model.identity();
        let message = format!(
            "the collection was made with the model {} of weights {} in {}, loaded is {} of {} in {}",
            expected.name,
            short(&expected.weights_sha256),
            expected.precision,
            loaded.name,
            short(&loaded.weights_sha256),
            loaded.precision,
        );
        Err(Error::new(ErrorCode::ModelMismatch, message))
    }

    /// The name under which the model of a collection is listed.
    pub(crate) fn listed_name(&self, identity: &ModelIdentity) -> String {
        self.slots.read().name_of(identity)
    }

    /// Every model of the configuration, by name.
    pub(crate) fn all(&self) -> Vec<ModelInfo> {
        self.slots.read().by_name.iter().map(|(name, slot)| self.info_of(name, slot)).collect()
    }

    /// One model, whatever its state.
    pub(crate) fn info(&self, name: Option<&str>) -> Result<ModelInfo> {
        let name = name.unwrap_or(&self.default);
        let slots = self.slots.read();
        let slot = slots.by_name.get(name).ok_or_else(|| unknown(name, &slots))?;
        Ok(self.info_of(name, slot))
    }

    /// Begins to load a model, which goes on in the background. One that is loaded stays as it is.
    pub(crate) fn load(self: &Arc<Self>, name: &str) -> Result<ModelInfo> {
        match self.info(Some(name))?.state {
            ModelState::Unloading => {
                let message = format!("the model {name} is being unloaded, load it again then");
                Err(Error::new(ErrorCode::ModelNotReady, message).with_retry_after(RETRY_AFTER))
            }
            ModelState::Loading | ModelState::Ready => self.info(Some(name)),
            ModelState::Unloaded | ModelState::Failed => {
                self.begin_loading(name, false);
                self.info(Some(name))
            }
        }
    }

    /// Takes no more texts for a model, runs what waits, and gives its memory back.
    ///
    /// Goes on to its end also when the caller does not wait for it.
    pub(crate) async fn unload(self: &Arc<Self>, name: &str) -> Result<ModelInfo> {
        let model = self.begin_unloading(name)?;
        if let Some(model) = model {
            let (models, name) = (Arc::clone(self), name.to_owned());
            let drained = tokio::spawn(async move {
                model.shutdown().await;
                drop(model);
                models.set(&name, State::Unloaded);
                tracing::info!(model = name, "unloaded");
            });
            drained.await.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
        }
        self.info(Some(name))
    }

    pub(crate) const fn accepts_token_ids(&self) -> bool {
        self.config.accept_token_ids
    }

    /// The state of all models as a component of the node.
    pub(crate) fn component(&self) -> ComponentState {
        let slots = self.slots.read();
        let is_ready = |slot: &Slot| slot.state.as_public() == ModelState::Ready;
        let details = slots.by_name.iter().filter_map(|(name, slot)| match &slot.state {
            State::Unloaded => None,
            State::Ready(model) => Some(match model.unavailable() {
                None => format!("{name} ({})", model.backend().as_str()),
                Some(reason) => {
                    format!("{name} ({}) does not run: {reason}", model.backend().as_str())
                }
            }),
            State::Failed(error) => Some(format!("{name} failed: {error}")),
            State::Loading | State::Unloading => {
                Some(format!("{name} is {}", slot.state.as_public().as_str()))
            }
        });
        ComponentState {
            name: "embedding",
            ready: slots.by_name.values().all(|slot| !slot.is_required || is_ready(slot)),
            detail: details.collect::<Vec<_>>().join(", "),
        }
    }

    /// Returns when no model is being loaded.
    pub(crate) async fn settled(&self) {
        let mut changed = self.changed.subscribe();
        while self.slots.read().by_name.values().any(|slot| matches!(slot.state, State::Loading)) {
            // The sender is in `self`, so waiting cannot fail.
            let _ = changed.changed().await;
        }
    }

    /// Ends with the next change of any model's state after this call.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + use<> {
        let mut changed = self.changed.subscribe();
        async move {
            let _ = changed.changed().await;
        }
    }

    /// Why the default model is not ready, where loading it has failed.
    pub(crate) fn default_failure(&self) -> Option<Arc<ModelStartError>> {
        match &self.slots.read().by_name.get(&self.default)?.state {
            State::Failed(error) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    /// Runs what waits, for all models, and ends them.
    pub(crate) async fn shutdown(&self) {
        let running: Vec<Arc<Model>> = {
            let mut slots = self.slots.write();
            slots.is_closed = true;
            let states = slots.by_name.values().map(|slot| &slot.state);
            states.filter_map(State::model).cloned().collect()
        };
        for model in running {
            model.shutdown().await;
        }
    }

    fn begin_loading(self: &Arc<Self>, name: &str, is_required: bool) {
        {
            let mut slots = self.slots.write();
            let is_closed = slots.is_closed;
            let Some(slot) = slots.by_name.get_mut(name) else { return };
            let can_load = matches!(slot.state, State::Unloaded | State::Failed(_));
            if is_closed || !can_load {
                return;
            }
            slot.state = State::Loading;
            slot.is_required |= is_required;
        }
        self.metrics.models.wanted.with_label_values(&[name]).set(1);
        self.changed.send_replace(());
        if self.config.backend == Backend::Hash {
            // It has no files, so it is there at once.
            self.note_loaded(
                name,
                start::start(&self.config, name, &self.metrics, self.lane_locks.clone()),
                Duration::ZERO,
            );
            return;
        }
        let (metrics, lane_locks) = (Arc::clone(&self.metrics), self.lane_locks.clone());
        let (config, name) = (self.config.clone(), name.to_owned());
        let loading = name.clone();
        let start = move || start::start(&config, &loading, &metrics, lane_locks);
        tokio::spawn(load(Arc::downgrade(self), name, start));
    }

    /// What has to be drained; `None` where nothing runs.
    fn begin_unloading(&self, name: &str) -> Result<Option<Arc<Model>>> {
        let mut slots = self.slots.write();
        let Some(slot) = slots.by_name.get_mut(name) else {
            return Err(unknown(name, &slots));
        };
        let model = match &slot.state {
            State::Loading | State::Unloading => {
                let state = slot.state.as_public().as_str();
                let message = format!("the model {name} is {state}, try again then");
                let error = Error::new(ErrorCode::ModelNotReady, message);
                return Err(error.with_retry_after(RETRY_AFTER));
            }
            State::Unloaded | State::Failed(_) => None,
            State::Ready(model) => Some(Arc::clone(model)),
        };
        slot.is_required = false;
        slot.state = if model.is_some() { State::Unloading } else { State::Unloaded };
        drop(slots);
        self.metrics.models.ready.with_label_values(&[name]).set(0);
        self.metrics.models.wanted.with_label_values(&[name]).set(0);
        self.changed.send_replace(());
        Ok(model)
    }

    fn note_loaded(
        self: &Arc<Self>,
        name: &str,
        started: std::result::Result<Model, ModelStartError>,
        took: Duration,
    ) {
        if self.slots.read().is_closed {
            return;
        }
        match started {
            Ok(model) => {
                tracing::info!(model = name, took_ms = took.as_secs_f64() * 1e3, "loaded");
                let seconds = self.metrics.models.load_seconds.with_label_values(&[name]);
                seconds.set(took.as_secs_f64());
                let availability = model.availability();
                let others = self.list_precisions_beside(model.identity());
                self.set(name, State::Ready(Arc::new(model)));
                for (other, is_required) in others {
                    self.begin_loading(&other, is_required);
                }
                if let Some(availability) = availability {
                    tokio::spawn(follow(Arc::downgrade(self), name.to_owned(), availability));
                }
            }
            Err(error) => {
                tracing::error!(model = name, %error, "the model could not be loaded");
                self.set(name, State::Failed(Arc::new(error)));
            }
        }
    }

    /// Lists a model also in each other precision that a collection was embedded in; returns their
    /// names, and whether the node is not ready without them.
    fn list_precisions_beside(&self, loaded: &ModelIdentity) -> Vec<(String, bool)> {
        let mut slots = self.slots.write();
        let is_required = slots.by_name.get(&loaded.name).is_some_and(|slot| slot.is_required);
        let precisions = precisions::beside(loaded, &self.of_collections, &self.config);
        let names = precisions.into_iter().map(|it| precisions::name_of(&loaded.name, it));
        let new: Vec<String> = names.filter(|name| !slots.by_name.contains_key(name)).collect();
        for name in &new {
            show_zeros(&self.metrics, name);
            slots.by_name.insert(name.clone(), Slot { is_required, ..Slot::UNLOADED });
        }
        new.into_iter().map(|name| (name, is_required)).collect()
    }

    fn set(&self, name: &str, state: State) {
        let is_ready = i64::from(state.as_public() == ModelState::Ready);
        if let Some(slot) = self.slots.write().by_name.get_mut(name) {
            slot.state = state;
        }
        self.metrics.models.ready.with_label_values(&[name]).set(is_ready);
        self.changed.send_replace(());
    }

    /// Takes up whether the backend of a model that is loaded runs.
    fn note_availability(&self, name: &str) {
        let is_ready = self
            .slots
            .read()
            .by_name
            .get(name)
            .is_some_and(|slot| slot.state.as_public() == ModelState::Ready);
        self.metrics.models.ready.with_label_values(&[name]).set(i64::from(is_ready));
        self.changed.send_replace(());
    }

    fn info_of(&self, name: &str, slot: &Slot) -> ModelInfo {
        ModelInfo {
            name: name.to_owned(),
            kind: slot.state.model().map(|model| model.kind()),
            identity: slot.state.model().map(|model| model.identity().clone()),
            backend: slot
                .state
                .model()
                .map_or(self.config.backend, |model| model.backend())
                .as_str(),
            is_default: name == self.default,
            state: slot.state.as_public(),
            failure: match &slot.state {
                State::Failed(error) => Some(error.to_string()),
                State::Ready(model) => model.unavailable().map(|reason| reason.to_string()),
                _ => None,
            },
        }
    }
}

impl State {
    fn as_public(&self) -> ModelState {
        match self {
            Self::Unloaded => ModelState::Unloaded,
            Self::Loading => ModelState::Loading,
            Self::Ready(model) if model.unavailable().is_some() => ModelState::Failed,
            Self::Ready(_) => ModelState::Ready,
            Self::Unloading => ModelState::Unloading,
            Self::Failed(_) => ModelState::Failed,
        }
    }

    const fn model(&self) -> Option<&Arc<Model>> {
        match self {
            Self::Ready(model) => Some(model),
            _ => None,
        }
    }
}

/// Tells of every change of whether a model's backend runs, for as long as it is loaded.
async fn follow(models: Weak<Models>, name: String, mut availability: Availability) {
    loop {
        let Some(models) = models.upgrade() else { return };
        models.note_availability(&name);
        drop(models);
        if !availability.changed().await {
            return;
        }
    }
}

/// Loads a model and says what came of it, unless the node has ended meanwhile.
async fn load(
    models: Weak<Models>,
    name: String,
    start: impl FnOnce() -> std::result::Result<Model, ModelStartError> + Send + 'static,
) {
    let started = Instant::now();
    let started_model = tokio::task::spawn_blocking(start).await;
    let started_model =
        started_model.unwrap_or_else(|error| Err(ModelStartError::CutShort(error.to_string())));
    if let Some(models) = models.upgrade() {
        models.note_loaded(&name, started_model, started.elapsed());
    }
}

fn ready(name: &str, slot: &Slot) -> Result<Arc<Model>> {
    let message = match &slot.state {
        State::Ready(model) => return Ok(Arc::clone(model)),
        State::Failed(error) => format!("the model {name} could not be loaded: {error}"),
        other => format!("the model {name} is {}", other.as_public().as_str()),
    };
    let error = Error::new(ErrorCode::ModelNotReady, message);
    Err(match slot.state {
        State::Loading => error.with_retry_after(RETRY_AFTER),
        _ => error,
    })
}

fn unknown(name: &str, slots: &Slots) -> Error {
    let name: String = name.chars().take(64).collect();
    let message = format!("the node has no model named {name:?}; {}", listed(slots));
    Error::new(ErrorCode::ModelNotFound, message)
}

/// The models of the configuration, for people.
fn listed(slots: &Slots) -> String {
    let names: Vec<&str> = slots.by_name.keys().map(String::as_str).collect();
    format!("its configuration lists {}", names.join(", "))
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// The error of a request that needs a model where the node has none.
pub(crate) fn no_model() -> Error {
    let message = "the node takes vectors and no texts: embedding.enabled is false";
    Error::new(ErrorCode::EmbeddingDisabled, message)
}
