//! Tasks: begun, listed, shown, cancelled.

use akidb_core::{CollectionName, Error, ErrorCode, Result};
use akidb_engine::{CopyWork, IndexProgress, TaskRecord, TaskState, TaskWork};
use uuid::Uuid;

use super::collection::check_own_name;
use crate::{
    ModelInfo, ModelState, Operation, Principal, RequestContext, Service, TaskInfo, TaskKind,
    TaskProgressState,
};

impl Service {
    /// Begins to copy a collection, as it is at one moment of the copy. The copy is there when it is
    /// whole.
    ///
    /// # Errors
    /// When there is no such collection, the name is not allowed, taken, or the collection's own, or
    /// another task makes a collection of it.
    pub async fn copy_collection(
        &self,
        context: &RequestContext,
        collection: &str,
        to: &str,
    ) -> Result<TaskInfo> {
        self.run(context, Operation::CopyCollection.on(collection), async {
            let to = CollectionName::new(to)
                .map_err(|fault| Error::at(ErrorCode::InvalidName, "to", fault))?;
            check_own_name(context, to.as_str())?;
            let of = self.open_for(context, collection)?.record();
            if of.name == to {
                let fault = "is the collection itself";
                return Err(Error::at(ErrorCode::InvalidArgument, "to", fault));
            }
            self.check_space()?;
            let (of, of_name) = (of.uuid, of.name.clone());
            let work = CopyWork { of, of_name, uuid: Uuid::now_v7(), name: to };
            let task = self.inner.tasks.begin(self, TaskWork::Copy(work), context.deadline);
            Ok(self.kept_task(&*task.await?))
        })
        .await
    }

    /// What goes on now, and tasks that have ended, the newest first.
    ///
    /// # Errors
    /// When the node takes no requests.
    pub async fn tasks(&self, context: &RequestContext) -> Result<Vec<TaskInfo>> {
        self.run(context, Operation::Tasks, async {
            let kept = self.inner.engine.tasks();
            let kept = kept.iter().rev().map(|task| self.kept_task(task));
            let tasks = self.seen_tasks().into_iter().chain(kept);
            let principal = &context.caller.principal;
            Ok(tasks.filter(|task| is_reached(task, principal)).collect())
        })
        .await
    }

    /// A task.
    ///
    /// # Errors
    /// When there is none of the id, be it that it ended long ago.
    pub async fn task(&self, context: &RequestContext, id: &str) -> Result<TaskInfo> {
        self.run(context, Operation::Tasks, async { self.task_of(context, id) }).await
    }

    /// Cancels a task, and returns when nothing is left of it.
    ///
    /// # Errors
    /// When there is none of the id, it has ended, or it is none that can be cancelled.
    pub async fn cancel_task(&self, context: &RequestContext, id: &str) -> Result<TaskInfo> {
        self.run(context, Operation::CancelTask.about(id), async {
            let task = self.task_of(context, id)?;
            let Ok(uuid) = Uuid::try_parse(&task.id) else {
                let fault =
                    format!("a task of the kind {} can not be cancelled", task.kind.as_str());
                return Err(Error::at(ErrorCode::InvalidArgument, "id", fault));
            };
            self.inner.tasks.cancel(uuid, context.deadline).await?;
            self.task_of(context, id)
        })
        .await
    }

    fn task_of(&self, context: &RequestContext, id: &str) -> Result<TaskInfo> {
        let kept = self.inner.engine.tasks();
        let kept = kept.iter().find(|task| task.id.to_string() == id);
        let seen = || self.seen_tasks().into_iter().find(|task| task.id == id);
        let found = kept.map(|task| self.kept_task(task)).or_else(seen);
        let principal = &context.caller.principal;
        found.filter(|task| is_reached(task, principal)).ok_or_else(|| {
            let shown: String = id.chars().take(80).collect();
            Error::new(ErrorCode::TaskNotFound, format!("no task has the id {shown:?}"))
        })
    }

    pub(super) fn kept_task(&self, task: &TaskRecord) -> TaskInfo {
        let live = self.inner.tasks.live(task.id);
        let (state, progress) = match (task.state, live) {
            (TaskState::Running, Some(live)) if live.has_begun => {
                (TaskProgressState::Running, live.part)
            }
            (TaskState::Running, _) => (TaskProgressState::Pending, 0.0),
            (TaskState::Succeeded, _) => (TaskProgressState::Succeeded, 1.0),
            (TaskState::Failed, _) => (TaskProgressState::Failed, 0.0),
            (TaskState::Cancelled, _) => (TaskProgressState::Cancelled, 0.0),
        };
        let about = match &task.work {
            TaskWork::Copy(work) => TaskInfo {
                collection: Some(work.of_name.as_str().to_owned()),
                to: Some(work.name.as_str().to_owned()),
                ..seen(TaskKind::Copy)
            },
            TaskWork::Reembed(work) => TaskInfo {
                collection: Some(work.of_name.as_str().to_owned()),
                field: (!work.field.is_unnamed()).then(|| work.field.as_str().to_owned()),
                model: Some(work.model_name.clone()),
                overlap: work.overlap,
                ..seen(TaskKind::Reembed)
            },
            TaskWork::BackUp => seen(TaskKind::BackUp),
        };
        TaskInfo {
            id: task.id.to_string(),
            state,
            progress,
            error: task.error.as_ref().map(|error| (error.code, error.message.clone())),
            created_unix_ms: Some(task.created_unix_ms),
            ended_unix_ms: task.ended_unix_ms,
            ..about
        }
    }

    /// What goes on without a record: the state of an index and of a model is told by themselves, and
    /// nothing else is to say it too.
    fn seen_tasks(&self) -> Vec<TaskInfo> {
        let indexes = self.inner.engine.status().indexes.into_iter().map(building);
        let models = self.inner.models.as_ref().map(|models| models.all()).unwrap_or_default();
        let models = models.into_iter().filter(|model| model.state == ModelState::Loading);
        indexes.chain(models.map(loading)).collect()
    }
}

/// Whether a key reaches what a task is about: all of its collections, by what they are called then. What
/// has none is about all of the node, but a model is for everybody.
fn is_reached(task: &TaskInfo, principal: &Principal) -> bool {
    let mut collections = task.collection.iter().chain(&task.to);
    match task.kind {
        TaskKind::LoadModel => true,
        _ if task.collection.is_none() => principal.reaches_all(),
        _ => collections.all(|name| principal.reaches(name)),
    }
}

fn building(IndexProgress { collection, progress, .. }: IndexProgress) -> TaskInfo {
    TaskInfo {
        id: format!("index:{collection}"),
        progress,
        collection: Some(collection),
        ..seen(TaskKind::BuildIndex)
    }
}

fn loading(ModelInfo { name, .. }: ModelInfo) -> TaskInfo {
    TaskInfo { id: format!("model:{name}"), model: Some(name), ..seen(TaskKind::LoadModel) }
}

fn seen(kind: TaskKind) -> TaskInfo {
    TaskInfo {
        id: String::new(),
        kind,
        state: TaskProgressState::Running,
        progress: 0.0,
        collection: None,
        to: None,
        field: None,
        model: None,
        overlap: None,
        error: None,
        created_unix_ms: None,
        ended_unix_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_loaded_is_a_task_without_an_end() {
        let model = ModelInfo {
            kind: None,
            name: "small".to_owned(),
            identity: None,
            backend: "auto",
            is_default: false,
            state: ModelState::Loading,
            failure: None,
        };
        let task = loading(model);
        assert_eq!((task.id.as_str(), task.model.as_deref()), ("model:small", Some("small")));
        assert_eq!((task.kind, task.state), (TaskKind::LoadModel, TaskProgressState::Running));
        assert_eq!((task.created_unix_ms, task.ended_unix_ms, task.error), (None, None, None));
    }
}
