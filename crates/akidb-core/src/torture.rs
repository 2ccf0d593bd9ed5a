//! What the torture tests ask of a node through variables, in builds with debug assertions alone.
//!
//! Two things: thresholds so small that a short run crosses every one of them, and planted faults,
//! each of which the torture tests must catch. A release has neither; both functions are constants
//! there.

/// Makes every threshold small where it is set: `AKIDB_TORTURE_SHRUNKEN=1`.
pub const SHRUNKEN_VARIABLE: &str = "AKIDB_TORTURE_SHRUNKEN";

/// Names the planted fault of this process: `AKIDB_TORTURE_FAULT=acknowledge_before_commit`.
pub const FAULT_VARIABLE: &str = "AKIDB_TORTURE_FAULT";

/// A fault that a build for tests can be told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedFault {
    /// A write is answered while its transaction is still open.
    AcknowledgeBeforeCommit,
    /// SQLite syncs the write-ahead log at checkpoints only.
    SynchronousNormal,
    /// New and removed names are not synced.
    SkipDirectorySync,
    /// The high-water mark is not written.
    SkipHighWater,
    /// The checksum of a row is not compared.
    SkipRowChecksum,
    /// Removed documents stay in the index.
    KeepRemovedInIndex,
    /// A snapshot is taken as fitting where its counts are those of the database.
    TrustEqualCounts,
    /// A collection's folder that the catalogue does not name is deleted at start.
    DeleteUnknownFolders,
    /// A catalogue commit that failed is answered `not_applied`, and the node goes on.
    CatalogueNotApplied,
}

impl PlantedFault {
    /// Every fault.
    pub const ALL: [Self; 9] = [
        Self::AcknowledgeBeforeCommit,
        Self::SynchronousNormal,
        Self::SkipDirectorySync,
        Self::SkipHighWater,
        Self::SkipRowChecksum,
        Self::KeepRemovedInIndex,
        Self::TrustEqualCounts,
        Self::DeleteUnknownFolders,
        Self::CatalogueNotApplied,
    ];

    /// The value of [`FAULT_VARIABLE`].
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeCommit => "acknowledge_before_commit",
            Self::SynchronousNormal => "synchronous_normal",
            Self::SkipDirectorySync => "skip_directory_sync",
            Self::SkipHighWater => "skip_high_water",
            Self::SkipRowChecksum => "skip_row_checksum",
            Self::KeepRemovedInIndex => "keep_removed_in_index",
            Self::TrustEqualCounts => "trust_equal_counts",
            Self::DeleteUnknownFolders => "delete_unknown_folders",
            Self::CatalogueNotApplied => "catalogue_not_applied",
        }
    }
}

/// `usual`, or `tiny` where the torture tests ask for small thresholds.
#[must_use]
#[inline]
pub fn threshold<T>(usual: T, tiny: T) -> T {
    if asked::thresholds_are_shrunken() { tiny } else { usual }
}

/// Whether this process is to have the fault.
#[must_use]
#[inline]
pub fn has_fault(fault: PlantedFault) -> bool {
    asked::fault() == Some(fault)
}

#[cfg(debug_assertions)]
mod asked {
    use std::{env, sync::OnceLock};

    use super::{FAULT_VARIABLE, PlantedFault, SHRUNKEN_VARIABLE};

    pub(super) fn thresholds_are_shrunken() -> bool {
        static SHRUNKEN: OnceLock<bool> = OnceLock::new();
        *SHRUNKEN.get_or_init(|| env::var_os(SHRUNKEN_VARIABLE).is_some())
    }

    pub(super) fn fault() -> Option<PlantedFault> {
        static FAULT: OnceLock<Option<PlantedFault>> = OnceLock::new();
        *FAULT.get_or_init(|| {
            let name = env::var(FAULT_VARIABLE).ok()?;
            PlantedFault::ALL.into_iter().find(|fault| fault.as_str() == name)
        })
    }
}

#[cfg(not(debug_assertions))]
mod asked {
    use super::PlantedFault;

    pub(super) const fn thresholds_are_shrunken() -> bool {
        false
    }

    pub(super) const fn fault() -> Option<PlantedFault> {
        None
    }
}
