//! Tasks, as they are told.

use akidb_core::ErrorCode;

/// Something that goes on, or went on, for longer than a request.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInfo {
    /// Its name. That of a task which is kept is a UUID.
    pub id: String,
    /// What it does.
    pub kind: TaskKind,
    /// Where it is between its beginning and its end.
    pub state: TaskProgressState,
    /// How much is done, 0 to 1.
    pub progress: f32,
    /// The collection that it is about, by the name that it had when the task began.
    pub collection: Option<String>,
    /// The collection that it makes.
    pub to: Option<String>,
    /// The vector field that it is about; absent for the unnamed one.
    pub field: Option<String>,
    /// The model that it is about.
    pub model: Option<String>,
    /// Of the ten nearest documents how many are the same with the model of before and the other one, 0 to
    /// 1, on average over a sample. Absent until it is measured.
    pub overlap: Option<f32>,
    /// Why it failed.
    pub error: Option<(ErrorCode, String)>,
    /// Milliseconds since the Unix epoch; absent of what is seen only while it goes on.
    pub created_unix_ms: Option<i64>,
    /// The same, of its end.
    pub ended_unix_ms: Option<i64>,
}

/// Asks for the texts of a field to be embedded with another model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReembedCollection {
    /// The name of the model.
    pub model: String,
    /// The vector field; the unnamed one where absent.
    pub field: Option<String>,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Copies a collection.
    Copy,
    /// Embeds the texts of a field with another model.
    Reembed,
    /// Writes a backup, which has the id of the task.
    BackUp,
    /// Builds an index, for other settings or for vectors that are new.
    BuildIndex,
    /// Loads a model.
    LoadModel,
}

/// Where a task is between its beginning and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskProgressState {
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
}

impl TaskKind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Reembed => "reembed",
            Self::BackUp => "backup",
            Self::BuildIndex => "build_index",
            Self::LoadModel => "load_model",
        }
    }
}

impl TaskProgressState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
