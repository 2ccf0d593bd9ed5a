//! Tasks.

use akidb_service::{ReembedCollection, TaskInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A copy of a collection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CopyCollection, example = json!({"to": "films-copy"}))]
pub(crate) struct CopyCollectionBody {
    /// The name of the copy, 1 to 64 of `A-Z a-z 0-9 _ -`.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pub(crate) to: String,
}

/// The texts of a vector field, with another model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReembedCollection, example = json!({"model": "all-minilm-l6-v2:f32"}))]
pub(crate) struct ReembedCollectionBody {
    /// The name of a loaded model, or MODEL:PRECISION.
    model: String,
    /// The vector field; the unnamed one where absent.
    field: Option<String>,
}

impl From<ReembedCollectionBody> for ReembedCollection {
    fn from(ReembedCollectionBody { model, field }: ReembedCollectionBody) -> Self {
        Self { model, field }
    }
}

/// The vectors that a vector field had before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DropPrevious, example = json!({}))]
pub(crate) struct DropPreviousBody {
    /// The vector field; the unnamed one where absent.
    pub(crate) field: Option<String>,
}

/// Something that goes on, or went on, for longer than a request.
#[derive(Serialize, ToSchema)]
#[schema(as = Task, example = json!({
    "id": "01a22a8c-0c33-7335-b376-17d5be95297f", "kind": "copy", "state": "running",
    "progress": 0.25, "collection": "films", "to": "films-copy",
    "created_unix_ms": 1_760_000_000_000_u64
}))]
pub(crate) struct TaskAnswer {
    id: String,
    /// `copy`, `reembed`, `backup`; `build_index` and `load_model`, which are told of while they go on.
    kind: &'static str,
    /// `pending`, `running`, `succeeded`, `failed` or `cancelled`.
    state: &'static str,
    /// How much is done, 0 to 1.
    progress: f32,
    /// The collection that it is about, by its name when the task began.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    /// The collection that it makes. It is there when the task has succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// The vector field that it is about; absent for the unnamed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The model that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Of the ten nearest documents how many are the same with the model of before and the other one, 0 to
    /// 1, on average over a sample; absent until it is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<f32>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<TaskErrorAnswer>,
    /// Milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_unix_ms: Option<i64>,
    /// The same, of its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_unix_ms: Option<i64>,
}

/// Why a task failed; nothing is left of it.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskError)]
struct TaskErrorAnswer {
    /// One of the codes of errors.
    code: &'static str,
    /// For people.
    message: String,
}

impl TaskAnswer {
    /// Where the task is found.
    pub(crate) fn location(&self) -> String {
        format!("/v1/tasks/{}", self.id)
    }
}

impl From<TaskInfo> for TaskAnswer {
    fn from(task: TaskInfo) -> Self {
        Self {
            id: task.id,
            kind: task.kind.as_str(),
            state: task.state.as_str(),
            progress: task.progress,
            collection: task.collection,
            to: task.to,
            field: task.field,
            model: task.model,
            overlap: task.overlap,
            error: task
                .error
                .map(|(code, message)| TaskErrorAnswer { code: code.as_str(), message }),
            created_unix_ms: task.created_unix_ms,
            ended_unix_ms: task.ended_unix_ms,
        }
    }
}

/// What goes on now, and tasks that have ended, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskList)]
pub(crate) struct TaskListAnswer {
    tasks: Vec<TaskAnswer>,
}

impl From<Vec<TaskInfo>> for TaskListAnswer {
    fn from(tasks: Vec<TaskInfo>) -> Self {
        Self { tasks: tasks.into_iter().map(TaskAnswer::from).collect() }
    }
}
