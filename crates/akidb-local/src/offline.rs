//! What is done to a data directory over which no node runs: looked at, verified, repaired, restored.

pub use akidb_store::{
    BackupFolder, BackupManifest, Catalogue, DataDirectory, DatabaseFault, DiskSpace, FailStop,
    Repair, RestoreTest, Restored, StoreError, Survey, collection_names, compact, repair, restore,
    set_aside_folders, survey, test_restore, verify_backup,
};
