//! Backups: the catalogue and the documents of all collections as of one moment, in a folder of their own.
//!
//! A moment is a read transaction in each database, all begun while no commit goes on. Writes are held up
//! for that alone: what the transactions see is copied afterwards, while the log keeps it.
//!
//! A backup is `<id>.new` until all of it is on the disk, and `<id>` from then on. Its manifest says what
//! it has, with the hash of each file.
//!
//! | module | what it is |
//! |---|---|
//! | `gate` | what holds commits up |
//! | `moment` | all databases as of one moment, and copies of them |
//! | `manifest` | what a backup says of itself |
//! | `folder` | the backups that there are |
//! | `verify` | whether a backup is as it was written |
//! | `restore` | a data directory of a backup, all or nothing |

mod folder;
mod gate;
mod manifest;
mod moment;
pub(crate) mod restore;
mod verify;

pub use self::{
    folder::BackupFolder,
    gate::CommitGate,
    manifest::{BackedUpCollection, BackupManifest},
    moment::{Moment, NewBackup},
    restore::{Restored, restore},
    verify::{RestoreTest, test_restore, verify_backup},
};
