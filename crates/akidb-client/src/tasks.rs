//! What goes on for longer than a request.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Client, Collection, Request, RequestError};

/// A task.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Task {
    /// Its name.
    pub id: String,
    /// What it does, such as `copy` or `reembed`.
    pub kind: String,
    /// Where it is between its beginning and its end.
    pub state: TaskState,
    /// How much is done, 0 to 1.
    pub progress: f32,
    /// The collection that it is about, by its name when the task began.
    pub collection: Option<String>,
    /// The collection that it makes.
    pub to: Option<String>,
    /// The vector field that it is about; absent for the unnamed one.
    pub field: Option<String>,
    /// The model that it is about.
    pub model: Option<String>,
    /// Of the ten nearest documents how many are the same with the model of before and the other one, 0 to
    /// 1, on average over a sample; absent until it is measured.
    pub overlap: Option<f32>,
    /// Why it failed.
    pub error: Option<TaskError>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: Option<i64>,
    /// The same, of its end.
    pub ended_unix_ms: Option<i64>,
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct TaskError {
    /// One of the codes of errors.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Where a task is between its beginning and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskState {
    /// It waits for those before it.
    Pending,
    /// It goes on.
    Running,
    /// All is done.
    Succeeded,
    /// It could not be done; nothing is left of it.
    Failed,
    /// It was cancelled; nothing is left of it.
    Cancelled,
    /// A state that this version does not know.
    #[serde(other)]
    Other,
}

#[derive(Serialize)]
struct Reembed<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'r str>,
}

#[derive(Deserialize)]
struct TaskList {
    tasks: Vec<Task>,
}

impl Client {
    /// What goes on now, and tasks that have ended, the newest first.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn tasks(&self) -> Result<Vec<Task>, RequestError> {
        Ok(self.send::<TaskList>(Request::get(&["v1", "tasks"])).await?.tasks)
    }

    /// A task.
    ///
    /// # Errors
    /// The node's own, such as `task_not_found`, or no answer.
    pub async fn task(&self, id: &str) -> Result<Task, RequestError> {
        self.send(Request::get(&["v1", "tasks", id])).await
    }

    /// Cancels a task; answers when nothing is left of it.
    ///
    /// # Errors
    /// The node's own, such as `task_ended`, or no answer.
    pub async fn cancel_task(&self, id: &str) -> Result<Task, RequestError> {
        self.send(Request::post(&["v1", "tasks", id, "cancel"])).await
    }
}

impl Collection<'_> {
    /// Begins to copy it, as it is at one moment. The copy is there when the task has succeeded.
    pub async fn copy(&self, to: &str) -> Result<Task, RequestError> {
        let request = Request::post(&["v1", "collections", self.name(), "copy"]);
        self.client().send(request.json(&json!({"to": to}))).await
    }

    /// Begins to embed the texts of a vector field, the unnamed one where none is named, with another model,
    /// given by its name or as MODEL:PRECISION. When the task has succeeded, the new vectors are searched, and
    /// those of before are kept.
    pub async fn reembed(&self, field: Option<&str>, model: &str) -> Result<Task, RequestError> {
        let request = Request::post(&["v1", "collections", self.name(), "reembed"]);
        let body = Reembed { model: Some(model), field };
        self.client().send(request.json(&body)).await
    }

    /// Drops the vectors that a vector field, the unnamed one where none is named, had before another model
    /// took over.
    pub async fn drop_previous(&self, field: Option<&str>) -> Result<(), RequestError> {
        let request = Request::post(&["v1", "collections", self.name(), "drop-previous"]);
        let body = Reembed { model: None, field };
        self.client().send::<serde::de::IgnoredAny>(request.json(&body)).await?;
        Ok(())
    }
}
