//! What local storage needs to know before it opens, resolved by whoever starts it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use akidb_core::torture::threshold;
use akidb_engine::Clock;

/// Everything that [`LocalEngine::open`](crate::LocalEngine::open) takes.
#[derive(Clone, Debug)]
pub struct LocalConfig {
    /// Made where it is absent.
    pub data_dir: PathBuf,
    /// How collections are kept open.
    pub storage: StorageConfig,
    /// What vector indexes may take.
    pub index: IndexConfig,
    /// Where backups go.
    pub backup: BackupConfig,
    /// The time by which documents expire.
    pub clock: Clock,
}

impl LocalConfig {
    /// The defaults, over this directory.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            storage: StorageConfig::default(),
            index: IndexConfig::default(),
            backup: BackupConfig::default(),
            clock: Clock::System,
        }
    }
}

/// Where backups go, and what they may take on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupConfig {
    /// The folder with a folder for each; `backups` in the data directory where absent.
    pub dir: Option<PathBuf>,
    /// What the logs of databases that are still to be copied may take together: they keep all that is written
    /// meanwhile.
    pub log_bytes_max: u64,
}

impl BackupConfig {
    /// The folder with a folder for each.
    #[must_use]
    pub fn folder(&self, data_dir: &Path) -> PathBuf {
        self.dir.clone().unwrap_or_else(|| data_dir.join("backups"))
    }
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self { dir: None, log_bytes_max: 4 << 30 }
    }
}

/// How collections are kept open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// Collections open at once. Beyond it the one unused for longest is closed first.
    pub max_open_collections: usize,
    /// A collection unused for this long is closed.
    pub idle_close_after: Duration,
    /// Connections that read documents of one collection by their keys at once; half as many more
    /// read pages.
    pub readers_per_collection: u32,
    /// Free bytes of the disk below which writes are refused; 256 MiB or a hundredth of the disk
    /// where absent, whichever is more. 0 refuses nothing.
    pub min_free_bytes: Option<u64>,
    /// How long a start waits for the process that has the data directory, which may be ending.
    pub lock_wait: Duration,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            max_open_collections: 256,
            idle_close_after: Duration::from_secs(600),
            readers_per_collection: 4,
            min_free_bytes: None,
            lock_wait: Duration::from_secs(5),
        }
    }
}

/// What vector indexes may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexConfig {
    /// Bytes of memory that the indexes of all open collections hold together; no limit where
    /// absent. Writes that would go beyond it are refused.
    pub memory_limit_bytes: Option<u64>,
    /// When work in the background pays.
    pub thresholds: IndexThresholds,
}

/// From how many vectors on work in the background pays. The defaults suit every collection; tests
/// make them small, so that few vectors cross all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexThresholds {
    /// Vectors that are scanned as fast as a graph would be walked.
    pub graph_vectors: usize,
    /// Vectors that are read from the store as soon as from a snapshot.
    pub snapshot_vectors: usize,
    /// Removed vectors that are worth leaving out, if they are a fifth of all.
    pub removed_vectors: usize,
}

impl Default for IndexThresholds {
    fn default() -> Self {
        Self {
            graph_vectors: threshold(10_000, 64),
            snapshot_vectors: threshold(8_192, 64),
            removed_vectors: threshold(8_192, 64),
        }
    }
}
