//! SQLite storage: the catalogue of collections, and one database per collection.
//!
//! This is the only crate that writes SQL. Scope: the data directory and its lock, migrations,
//! transactions, checksums. Out of scope: indexes, embedding, limits on requests.

mod backup;
mod catalogue;
mod checksum;
mod collection_names;
mod connection;
mod directory;
mod documents;
mod error;
mod fail_stop;
mod high_water;
mod metrics;
mod migrations;
mod space;

pub use backup::{
    BackedUpCollection, BackupFolder, BackupManifest, CommitGate, Moment, NewBackup, RestoreTest,
    Restored, restore, test_restore, verify_backup,
};
pub use catalogue::{Catalogue, Finding, FindingKind, OpenedCatalogue};
pub use collection_names::collection_names;
pub use directory::{DataDirectory, set_aside_count, set_aside_folders};
pub use documents::{
    AddedDocument, AddedToField, ClosedCount, CommittedChange, CopyWatch, DatabaseFault,
    DocumentStore, Loader, LostRange, Matching, OfValue, Page, PageRequest, PassageSpans, Placed,
    Position, Repair, Snapshot, StoreOptions, StoredField, StoredRows, StoredVector, Survey,
    VectorKey, VectorsPerDocument, compact, repair, stored_fields, survey,
};
pub use error::{SqliteFailure, StoreError};
pub use fail_stop::FailStop;
pub use metrics::StoreMetrics;
pub use space::DiskSpace;
