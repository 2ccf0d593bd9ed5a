//! The contract between the service and storage, over the vocabulary of `akidb-core` alone.
//!
//! The service in front of it has the rules: limits, embedding, admission. An engine behind it has
//! the documents and what is derived from them, and neither knows how the other does its work: no
//! SQL, no table and no graph is named here. Errors are those of `akidb-core`, which every door can
//! answer; an engine turns its own into them.
//!
//! | module | what it has |
//! |---|---|
//! | `engine` | the two traits: all collections, and one of them |
//! | `record` | what a collection is |
//! | `alias` | other names of collections |
//! | `backup` | all collections as of one moment, kept beside the data |
//! | `task` | work that outlives its request, and what is kept of it |
//! | `write` | changes of documents, and what became of them |
//! | `read` | documents by id, by filter and page by page, and how many have what |
//! | `search` | what is near to a vector, and what has the words of a query |
//! | `fusion` | one score of two |
//! | `clock` | the time by which documents expire |
//! | `status` | what storage says of itself |
//! | `key` | who may ask for what, as storage keeps it |
//! | `text_hash` | what names a text by its content |

mod alias;
mod backup;
mod clock;
mod engine;
mod fusion;
mod key;
mod read;
mod record;
mod search;
mod shown;
mod status;
mod task;
mod text_hash;
mod write;

pub use alias::{Alias, AliasAction};
pub use backup::{BackupInfo, CollectionInBackup};
pub use clock::Clock;
pub use engine::{Collection, SettingsChange, StorageEngine};
pub use fusion::{Fusion, FusionCandidate, ScoreParts, Weights, fuse};
pub use key::{KeyRecord, PreviousSecret, SecretHash};
pub use read::{
    Count, FacetQuery, Facets, InShadow, Matching, Rows, ScrollPage, ScrollPosition, ScrollRequest,
    ShadowPage,
};
pub use record::{
    CollectionRecord, CollectionSettings, ShadowChange, ShadowField, ShadowRole, VectorField,
};
pub use search::{
    Found, Hit, HitParts, HitPassage, Hybrid, Near, Query, Ranking, SearchPlan, Words,
};
pub use shown::{BestPassage, Highlight, Highlights, Shown, ShownPassages};
pub use status::{
    CollectionStatus, EngineStatus, IndexProgress, IndexState, IndexStatus, LostWrites,
    StorageFinding, UnopenedCollection,
};
pub use task::{
    CopyWork, Progress, ReembedWork, TaskError, TaskRecord, TaskState, TaskWork, WorkEnd,
};
pub use text_hash::{EmbeddedText, TextHash};
pub use write::{
    Applied, ConflictsStop, FieldPatch, FieldRow, Fill, KnownText, NewRow, OneDocument,
    PassageVector, Patch, PatchVersions, RowVectors, UpsertRules, Write, Written, conflict_at,
};
