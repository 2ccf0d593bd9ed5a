//! The tasks of the node: begun, followed, cancelled, and taken up again after a restart.
//!
//! Storage keeps what a task is and how it ended; how far it is only its runner knows. Tasks run one
//! after the other, as each may take all of a disk.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::{CollectionName, Error, ErrorCode, FieldName, Limits, Outcome, Result};
use akidb_engine::{
    CopyWork, Progress, StorageEngine, TaskError, TaskRecord, TaskState, TaskWork, WorkEnd,
};
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{Service, keys::now_unix_ms, metrics::TaskMetrics, operations::reembed};

/// How long the runner waits before it tries again to note how a task ended.
const NOTE_AGAIN_AFTER: Duration = Duration::from_secs(5);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Every task that is not over, and what begins others.
pub(crate) struct Tasks {
    engine: Arc<dyn StorageEngine>,
    limits: Arc<Limits>,
    running: Mutex<BTreeMap<Uuid, Control>>,
    /// Held by the task whose turn it is.
    turn: tokio::sync::Mutex<()>,
    /// Held while a task begins, so that a name is looked at once.
    beginning: tokio::sync::Mutex<()>,
    is_closed: AtomicBool,
    /// How tasks ended since this was looked at.
    ended: Mutex<Vec<(&'static str, TaskState)>>,
}

/// What others know of a task that is not over, and tell it.
#[derive(Clone)]
pub(crate) struct Control {
    work: TaskWork,
    pub(crate) progress: Progress,
    has_turn: Arc<AtomicBool>,
    is_cancelled: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    /// Closed when the runner has ended.
    ended: watch::Receiver<()>,
}

/// Takes a task from those that run when it is dropped, however that comes.
struct Ending {
    tasks: Arc<Tasks>,
    id: Uuid,
    /// Those who wait learn of it last.
    _told: watch::Sender<()>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tasks.running.lock().remove(&self.id);
    }
}

/// How far a task is that is not over.
pub(crate) struct Live {
    /// Whether its work has begun.
    pub(crate) has_begun: bool,
    /// How much is done, 0 to 1.
    pub(crate) part: f32,
}

impl Tasks {
    pub(crate) fn new(engine: Arc<dyn StorageEngine>, limits: Arc<Limits>) -> Self {
        Self {
            engine,
            limits,
            running: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
            is_closed: AtomicBool::new(false),
            ended: Mutex::default(),
        }
    }

    /// Takes up the tasks that a node before has left.
    pub(crate) fn take_up(self: &Arc<Self>, service: &Service) {
        for task in self.engine.tasks() {
            if task.state == TaskState::Running {
                tracing::info!(task = %task.id, "a task of before goes on");
                self.run(service, TaskRecord::clone(&task));
            }
        }
    }

    /// Brings the metrics up to date.
    pub(crate) fn look_at_metrics(&self, metrics: &TaskMetrics) {
        for (kind, state) in self.ended.lock().drain(..) {
            metrics.ended.with_label_values(&[kind, state.as_str()]).inc();
        }
        let running = self.running.lock();
        for kind in TaskWork::KINDS {
            let of_kind = || running.values().filter(|control| control.work.kind() == kind);
            let count = i64::try_from(of_kind().count()).unwrap_or(i64::MAX);
            metrics.running.with_label_values(&[kind]).set(count);
            let has_turn = of_kind().find(|control| control.has_turn.load(Ordering::Relaxed));
            let part = has_turn.map_or(0.0, |control| f64::from(control.progress.part()));
            metrics.progress.with_label_values(&[kind]).set(part);
        }
    }

    /// How far a task is; absent where it is over.
    pub(crate) fn live(&self, id: Uuid) -> Option<Live> {
        let running = self.running.lock();
        running.get(&id).map(|control| Live {
            has_begun: control.has_turn.load(Ordering::Relaxed),
            part: control.progress.part(),
        })
    }

    /// Begins a task. It goes on when this has returned.
    ///
    /// # Errors
    /// When the name of what it makes is taken, another task is at the same, too many tasks are not over,
    /// or it can not be noted.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        service: &Service,
        work: TaskWork,
        deadline: Instant,
    ) -> Result<Arc<TaskRecord>> {
        let beginning = tokio::time::timeout_at(deadline.into(), self.beginning.lock()).await;
        let _beginning = beginning.map_err(|_| Error::too_late())?;
        match &work {
            TaskWork::Copy(work) => self.check_name(&work.name)?,
            TaskWork::Reembed(work) => self.check_reembedding(work.of, &work.field)?,
            TaskWork::BackUp => self.check_no_backup()?,
        }
        let running = self.running.lock().len();
        if running >= self.limits.tasks || self.is_closed.load(Ordering::Relaxed) {
            let message = format!("{running} tasks are not over (tasks)");
            return Err(Error::new(ErrorCode::LimitExceeded, message));
        }
        let task = TaskRecord {
            id: Uuid::now_v7(),
            work,
            state: TaskState::Running,
            error: None,
            created_unix_ms: now_unix_ms(),
            ended_unix_ms: None,
        };
        self.engine.keep_task(task.clone(), self.to_forget()).await?;
        self.run(service, task.clone());
        Ok(Arc::new(task))
    }

    /// Refuses what can not be done to a field of a collection whose texts a task embeds.
    ///
    /// # Errors
    /// `task_running`, which names the task.
    pub(crate) fn check_reembedding(&self, collection: Uuid, field: &FieldName) -> Result<()> {
        let running = self.running.lock();
        let is_same = |control: &Control| match &control.work {
            TaskWork::Reembed(work) => work.of == collection && work.field == *field,
            TaskWork::Copy(_) | TaskWork::BackUp => false,
        };
        let Some((id, _)) = running.iter().find(|(_, control)| is_same(control)) else {
            return Ok(());
        };
        let message = format!("the task {id} embeds the texts of the vector field");
        Err(Error::new(ErrorCode::TaskRunning, message))
    }

    fn check_no_backup(&self) -> Result<()> {
        let running = self.running.lock();
        match running.iter().find(|(_, control)| control.work == TaskWork::BackUp) {
            Some((id, _)) => {
                let message = format!("the task {id} writes a backup");
                Err(Error::new(ErrorCode::TaskRunning, message))
            }
            None => Ok(()),
        }
    }

    fn check_name(&self, name: &CollectionName) -> Result<()> {
        match self.engine.open(name.as_str()) {
            Ok(found) if found.record().name == *name => {
                let fault = format!("a collection named {:?} exists already", name.as_str());
                return Err(Error::at(ErrorCode::CollectionExists, "to", fault));
            }
            Ok(found) => {
                let of = found.record().name.clone();
                let fault =
                    format!("{:?} is an alias already, of {:?}", name.as_str(), of.as_str());
                return Err(Error::at(ErrorCode::AliasExists, "to", fault));
            }
            Err(error) if error.code == ErrorCode::CollectionNotFound => {}
            Err(error) => return Err(error),
        }
        let running = self.running.lock();
        let makes_it =
            |control: &Control| matches!(&control.work, TaskWork::Copy(work) if work.name == *name);
        if let Some((id, _)) = running.iter().find(|(_, control)| makes_it(control)) {
            let fault = format!("the task {id} makes a collection of this name");
            return Err(Error::at(ErrorCode::TaskRunning, "to", fault));
        }
        Ok(())
    }

    /// Stops a task, and returns when nothing is left of it.
    ///
    /// # Errors
    /// When it is over, or has not stopped by the deadline.
    pub(crate) async fn cancel(&self, id: Uuid, deadline: Instant) -> Result<()> {
        let control = self.running.lock().get(&id).cloned();
        let Some(mut control) = control else { return Err(ended(id)) };
        control.is_cancelled.store(true, Ordering::Release);
        control.stop();
        let stopped = tokio::time::timeout_at(deadline.into(), control.has_ended()).await;
        stopped.map_err(|_| Error::too_late().with_outcome(Outcome::Unknown))?;
        match self.engine.tasks().iter().find(|task| task.id == id) {
            Some(task) if task.state != TaskState::Cancelled => Err(ended(id)),
            _ => Ok(()),
        }
    }

    /// Stops all tasks, which go on after a restart. No other begins.
    pub(crate) async fn shutdown(&self) {
        self.is_closed.store(true, Ordering::Release);
        let running: Vec<_> = self.running.lock().values().cloned().collect();
        for control in &running {
            control.stop();
        }
        for mut control in running {
            control.has_ended().await;
        }
    }

    fn run(self: &Arc<Self>, service: &Service, task: TaskRecord) {
        let (ending, ended) = watch::channel(());
        let control = Control {
            work: task.work.clone(),
            progress: Progress::default(),
            has_turn: Arc::default(),
            is_cancelled: Arc::default(),
            stop: watch::Sender::new(false),
            ended,
        };
        self.running.lock().insert(task.id, control.clone());
        let ending = Ending { tasks: Arc::clone(self), id: task.id, _told: ending };
        let service = service.clone();
        tokio::spawn(async move { ending.tasks.run_to_its_end(&service, task, &control).await });
    }

    async fn run_to_its_end(&self, service: &Service, mut task: TaskRecord, control: &Control) {
        let (state, error) = match self.work(service, &mut task, control).await {
            Ok(WorkEnd::Done) => (TaskState::Succeeded, None),
            Ok(WorkEnd::Stopped) if !control.is_cancelled() => return,
            Ok(WorkEnd::Stopped) => (TaskState::Cancelled, None),
            Err(error) => {
                tracing::warn!(task = %task.id, %error, "a task failed");
                (TaskState::Failed, Some(error))
            }
        };
        let error = error.map(|Error { code, message, .. }| TaskError { code, message });
        let ended_unix_ms = Some(now_unix_ms());
        let kind = task.work.kind();
        if self.note(TaskRecord { state, error, ended_unix_ms, ..task }).await {
            self.ended.lock().push((kind, state));
        }
    }

    /// Waits for its turn, and does what is to be done.
    async fn work(
        &self,
        service: &Service,
        task: &mut TaskRecord,
        control: &Control,
    ) -> Result<WorkEnd> {
        let turn = tokio::select! {
            turn = self.turn.lock() => Some(turn),
            () = control.stopped() => None,
        };
        if turn.is_some() {
            control.has_turn.store(true, Ordering::Relaxed);
        }
        match task.work.clone() {
            TaskWork::Copy(_) | TaskWork::BackUp if turn.is_none() => Ok(WorkEnd::Stopped),
            TaskWork::BackUp => self.engine.back_up(task.id, control.progress.clone()).await,
            TaskWork::Copy(work) => self.copy(work, control).await,
            // Also where it never had its turn: a node before may have begun it.
            TaskWork::Reembed(_) => reembed(service, task, control).await,
        }
    }

    /// Copies. What a node before has done to its end is done.
    async fn copy(&self, work: CopyWork, control: &Control) -> Result<WorkEnd> {
        if self.engine.collections().iter().any(|record| record.uuid == work.uuid) {
            return Ok(WorkEnd::Done);
        }
        self.engine.copy(work, self.limits.collections, control.progress.clone()).await
    }

    /// Whether the node ends, so that nothing is to be begun or tried again.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Keeps how a task ended. Where that can not be written it is tried again, as the work is done. Says
    /// whether it is kept.
    async fn note(&self, task: TaskRecord) -> bool {
        while let Err(error) = self.engine.keep_task(task.clone(), self.to_forget()).await {
            tracing::warn!(task = %task.id, %error, "how a task ended could not be noted");
            if self.is_closed() {
                return false;
            }
            tokio::time::sleep(NOTE_AGAIN_AFTER).await;
        }
        true
    }

    /// Ended tasks that are too old, or too many with the next one.
    fn to_forget(&self) -> Vec<Uuid> {
        let oldest_ms = i64::try_from(self.limits.ended_task_days).unwrap_or(i64::MAX);
        let oldest_ms = now_unix_ms().saturating_sub(oldest_ms.saturating_mul(DAY_MS));
        let mut ended: Vec<_> = self
            .engine
            .tasks()
            .into_iter()
            .filter_map(|task| Some((task.ended_unix_ms?, task.id)))
            .collect();
        ended.sort_unstable_by(|a, b| b.cmp(a));
        let kept_max = self.limits.ended_tasks.saturating_sub(1);
        let forgotten = ended
            .into_iter()
            .enumerate()
            .filter(|(index, (ended_unix_ms, _))| *index >= kept_max || *ended_unix_ms < oldest_ms);
        forgotten.map(|(_, (_, id))| id).collect()
    }
}

impl Control {
    /// Returns when the task is to stop.
    pub(crate) async fn stopped(&self) {
        // The sender is in `self`, so waiting can not fail.
        let _ = self.stop.subscribe().wait_for(|is_stopped| *is_stopped).await;
    }

    /// Whether it is to stop for good, and not to go on after a restart.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.progress.stop();
        self.stop.send_replace(true);
    }

    async fn has_ended(&mut self) {
        // Nothing is ever sent: it ends when the runner lets go of it.
        while self.ended.changed().await.is_ok() {}
    }
}

fn ended(id: Uuid) -> Error {
    Error::new(ErrorCode::TaskEnded, format!("the task {id} has ended already"))
}
