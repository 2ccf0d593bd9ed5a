//! What is done to a data directory over which no node runs: looked at, verified, repaired.

pub use akidb_store::{
    Catalogue, DataDirectory, DatabaseFault, DiskSpace, FailStop, Repair, StoreError, Survey,
    collection_names, compact, repair, set_aside_folders, survey,
};
