//! Work that goes on when the request that began it is answered: what storage keeps of it, so that a
//! restart takes it up again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use akidb_core::{CollectionName, ErrorCode, FieldName};
use uuid::Uuid;

/// A task, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRecord {
    /// Its identity, a UUIDv7.
    pub id: Uuid,
    /// What is to be done.
    pub work: TaskWork,
    /// How far it is.
    pub state: TaskState,
    /// Why it failed, where it did.
    pub error: Option<TaskError>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
    /// The same, of its end.
    pub ended_unix_ms: Option<i64>,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskWork {
    /// Makes a collection of all that another one has.
    Copy(CopyWork),
    /// Embeds the texts of a field anew, with another model.
    Reembed(ReembedWork),
    /// Writes a backup, which has the id of the task.
    BackUp,
}

/// A copy of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyWork {
    /// The collection that is copied.
    pub of: Uuid,
    /// What it was called when the copy began.
    pub of_name: CollectionName,
    /// The collection that is made. It is there when it is whole, and not before.
    pub uuid: Uuid,
    /// What it is called.
    pub name: CollectionName,
}

/// The texts of a field are embedded with another model, whose vectors take the place of those there are.
#[derive(Clone, Debug, PartialEq)]
pub struct ReembedWork {
    /// The collection.
    pub of: Uuid,
    /// What it was called when the task began.
    pub of_name: CollectionName,
    /// The field.
    pub field: FieldName,
    /// The identity of the model as JSON.
    pub model: String,
    /// The name that requests give the model.
    pub model_name: String,
    /// Whether the vectors of this model were kept of before: they are kept again where the task does not
    /// come to its end.
    pub was_kept: bool,
    /// Of the ten nearest documents how many are the same with both models, 0 to 1, on average over a
    /// sample. Absent until it is measured, and where there is nothing to compare.
    pub overlap: Option<f32>,
}

/// Where a task is between its beginning and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It goes on, or waits for others; after a restart, too.
    Running,
    /// All is done.
    Succeeded,
    /// It could not be done; nothing is left of it.
    Failed,
    /// Somebody did not want it any more; nothing is left of it.
    Cancelled,
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskError {
    /// What went wrong.
    pub code: ErrorCode,
    /// The same for people.
    pub message: String,
}

impl TaskState {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl TaskWork {
    /// Each kind.
    pub const KINDS: [&'static str; 3] = ["copy", "reembed", "backup"];

    /// The kind, a word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Copy(_) => "copy",
            Self::Reembed(_) => "reembed",
            Self::BackUp => "backup",
        }
    }
}

/// What those who do long work and those who wait for it tell each other. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The bits of an `f32`.
    part: AtomicU32,
    is_stopped: AtomicBool,
}

impl Progress {
    /// How much is done, 0 to 1.
    #[must_use]
    pub fn part(&self) -> f32 {
        f32::from_bits(self.0.part.load(Ordering::Relaxed))
    }

    /// Tells how much is done.
    pub fn set_part(&self, part: f32) {
        self.0.part.store(part.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
    }

    /// Asks whoever does the work to stop.
    pub fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Release);
    }

    /// Whether the work is to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::Acquire)
    }
}

/// How long work came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkEnd {
    /// All is done.
    Done,
    /// It was asked to stop, and has left nothing.
    Stopped,
}
