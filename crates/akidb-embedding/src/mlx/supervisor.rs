//! Keeps one worker running: a slot in which it lies while nobody uses it, and a thread that starts
//! it, looks at it now and then, and buries it.
//!
//! The thread that starts a worker must live as long as the worker does: on Linux the kernel kills
//! a worker when the thread ends.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    breaker::Breaker,
    launch::Launch,
    protocol::{ModuleStatistics, Pong},
    worker::{ALIVE_WITHIN, CallFailure, Worker},
};
use crate::metrics::WorkerMetrics;

/// How often a worker that nobody uses is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The place of one worker.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<SupervisorState>,
    changed: Condvar,
    is_closed: Arc<AtomicBool>,
    /// Told after every change.
    on_change: Box<dyn OnChange>,
}

/// Whoever wants to know of changes.
pub(super) trait OnChange: std::fmt::Debug + Send + Sync {
    /// Something has changed.
    fn changed(&self);
}

#[derive(Debug)]
struct SupervisorState {
    place: WorkerSlot,
    /// A worker has run a batch since the thread last looked.
    has_run: bool,
}

#[derive(Debug)]
enum WorkerSlot {
    /// The first worker is not there yet.
    Starting,
    /// None is there; the next one is started then.
    Down { reason: Arc<str>, next_start: Instant },
    /// One is there and nobody uses it.
    Idle(Box<Worker>),
    /// One is there and somebody uses it.
    Taken,
    /// One was there and has to be ended.
    Broken(Box<Worker>, CallFailure, Arc<str>),
}

/// What the thread has to do next.
enum Duty {
    Start,
    Look(Box<Worker>),
    Bury(Box<Worker>, CallFailure),
    End,
}

impl Slot {
    pub(super) fn new(is_closed: Arc<AtomicBool>, on_change: Box<dyn OnChange>) -> Self {
        let state = Mutex::new(SupervisorState { place: WorkerSlot::Starting, has_run: false });
        Self { state, changed: Condvar::new(), is_closed, on_change }
    }

    /// The worker, unless there is none. Waits while it is being looked at.
    pub(super) fn take(&self) -> Option<Box<Worker>> {
        let mut state = self.lock();
        loop {
            match std::mem::replace(&mut state.place, WorkerSlot::Taken) {
                WorkerSlot::Idle(worker) => return Some(worker),
                WorkerSlot::Taken if !self.is_closed() => state = self.wait(state, LOOK_EVERY),
                other => {
                    state.place = other;
                    return None;
                }
            }
        }
    }

    /// Gives back a worker that is well; `has_run` says whether it has run a batch.
    ///
    /// Nobody is told: the one thread that takes workers has just had it, and the slot's own thread
    /// looks now and then.
    pub(super) fn give_back(&self, worker: Box<Worker>, has_run: bool) {
        let mut state = self.lock();
        state.has_run |= has_run;
        state.place = WorkerSlot::Idle(worker);
    }

    /// Puts a worker there that is new, or was looked at.
    fn put(&self, worker: Box<Worker>) {
        self.lock().place = WorkerSlot::Idle(worker);
        self.changed.notify_all();
    }

    /// Gives back a worker that has to be ended, for this reason.
    pub(super) fn give_up(&self, worker: Box<Worker>, failure: CallFailure, reason: Arc<str>) {
        self.lock().place = WorkerSlot::Broken(worker, failure, reason);
        self.changed.notify_all();
        self.on_change.changed();
    }

    /// Why there is no worker, and how long until the next one is started.
    pub(super) fn down(&self) -> Option<(Arc<str>, Duration)> {
        match &self.lock().place {
            WorkerSlot::Down { reason, next_start } => {
                let left = next_start.saturating_duration_since(Instant::now());
                Some((Arc::clone(reason), left))
            }
            WorkerSlot::Broken(.., reason) => Some((Arc::clone(reason), Duration::ZERO)),
            WorkerSlot::Starting => Some((Arc::from("the MLX worker is starting"), Duration::ZERO)),
            WorkerSlot::Idle(_) | WorkerSlot::Taken => None,
        }
    }

    /// Waits until the first worker is there or could not be started.
    pub(super) fn wait_for_first(&self) {
        let mut state = self.lock();
        while matches!(state.place, WorkerSlot::Starting) && !self.is_closed() {
            state = self.wait(state, LOOK_EVERY);
        }
    }

    /// Wakes the thread, which then sees that it is closed.
    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }

    fn next_duty(&self) -> Duty {
        let since = Instant::now();
        let mut state = self.lock();
        loop {
            if self.is_closed() {
                // The worker goes with the state.
                state.place = WorkerSlot::Starting;
                return Duty::End;
            }
            let wait = match std::mem::replace(&mut state.place, WorkerSlot::Taken) {
                WorkerSlot::Starting => {
                    state.place = WorkerSlot::Starting;
                    return Duty::Start;
                }
                WorkerSlot::Broken(worker, failure, reason) => {
                    let next_start = Instant::now();
                    state.place = WorkerSlot::Down { reason, next_start };
                    return Duty::Bury(worker, failure);
                }
                WorkerSlot::Down { reason, next_start } => {
                    let left = next_start.saturating_duration_since(Instant::now());
                    state.place = WorkerSlot::Down { reason, next_start };
                    if left.is_zero() {
                        return Duty::Start;
                    }
                    left
                }
                WorkerSlot::Idle(worker) if since.elapsed() >= LOOK_EVERY => {
                    return Duty::Look(worker);
                }
                WorkerSlot::Idle(worker) => {
                    state.place = WorkerSlot::Idle(worker);
                    LOOK_EVERY
                }
                WorkerSlot::Taken => LOOK_EVERY,
            };
            state = self.wait(state, wait);
        }
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, SupervisorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, SupervisorState>,
        time: Duration,
    ) -> MutexGuard<'a, SupervisorState> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Starts the thread that keeps the worker of a slot running until it is closed.
pub(super) fn start(slot: Arc<Slot>, launch: Launch, metrics: WorkerMetrics) -> io::Result<()> {
    let supervisor = Supervisor { slot, launch, metrics, breaker: Breaker::default() };
    thread::Builder::new().name("akidb-mlx".to_owned()).spawn(move || supervisor.run()).map(drop)
}

struct Supervisor {
    slot: Arc<Slot>,
    launch: Launch,
    metrics: WorkerMetrics,
    breaker: Breaker,
}

impl Supervisor {
    fn run(mut self) {
        loop {
            let duty = self.slot.next_duty();
            if std::mem::take(&mut self.slot.lock().has_run) {
                self.breaker.note_batch(Instant::now());
            }
            match duty {
                Duty::Start => self.start_worker(),
                Duty::Look(worker) => self.look(worker),
                Duty::Bury(worker, failure) => {
                    let (pid, kind) = (worker.pid(), failure.kind());
                    let reason = worker.end(&failure);
                    tracing::error!(model = self.launch.model, pid, reason, "an MLX worker ended");
                    self.note_end(kind, reason);
                }
                Duty::End => break,
            }
        }
        self.metrics.up.set(0);
    }

    fn start_worker(&mut self) {
        let started_at = Instant::now();
        match self.launch.start() {
            Ok((worker, info)) => {
                tracing::info!(
                    model = self.launch.model,
                    pid = worker.pid(),
                    took_ms = started_at.elapsed().as_secs_f64() * 1e3,
                    device = info.device,
                    mlx = info.mlx_version,
                    python = info.python_version,
                    blas = info.blas.unwrap_or_default(),
                    "an MLX worker is ready"
                );
                self.metrics.starts_total.inc();
                self.metrics.up.inc();
                self.slot.put(Box::new(worker));
                self.slot.on_change.changed();
            }
            Err(fault) => {
                let reason = fault.to_string();
                let is_new = self.slot.down().is_none_or(|(known, _)| *known != *reason);
                if is_new {
                    tracing::error!(
                        model = self.launch.model,
                        "no MLX worker can be started: {reason}"
                    );
                }
                self.note_end_of("start", reason);
            }
        }
    }

    fn look(&mut self, mut worker: Box<Worker>) {
        match worker.look(Instant::now() + ALIVE_WITHIN) {
            Ok((pong, statistics)) => {
                self.note_memory(pong, statistics);
                self.slot.put(worker);
            }
            Err(failure) => {
                // What is late here is not a batch.
                let failure = match failure {
                    CallFailure::OutOfTime => CallFailure::Silent,
                    other => other,
                };
                let reason = Arc::from("the MLX worker has ended and is started again");
                self.slot.give_up(worker, failure, reason);
            }
        }
    }

    fn note_memory(&self, pong: Pong, statistics: Option<ModuleStatistics>) {
        let set = |kind: usize, bytes: u64| {
            self.metrics.memory_bytes[kind].set(i64::try_from(bytes).unwrap_or(i64::MAX));
        };
        set(0, pong.resident_bytes);
        if let Some(statistics) = statistics {
            set(1, statistics.active_bytes);
            set(2, statistics.peak_bytes);
            set(3, statistics.cache_bytes);
        }
    }

    fn note_end(&mut self, kind: &str, reason: String) {
        self.metrics.up.dec();
        self.note_end_of(kind, reason);
    }

    fn note_end_of(&mut self, kind: &str, reason: String) {
        let now = Instant::now();
        let next_start = self.breaker.note_end(now);
        self.metrics.count_end(kind);
        let reason: Arc<str> = reason.into();
        self.slot.lock().place = WorkerSlot::Down { reason, next_start };
        self.slot.changed.notify_all();
        self.slot.on_change.changed();
    }
}
