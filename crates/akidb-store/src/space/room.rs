//! How much room there is.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

/// What a probe writes: a block of any file system.
const BLOCK_BYTES: usize = 64 << 10;

/// The room on a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) size_bytes: u64,
    /// What is free for this user: some of the disk may be kept for root.
    pub(super) free_bytes: u64,
    /// What is in logs and not yet in their databases.
    pub(super) log_bytes: u64,
}

impl Room {
    pub(super) fn of(path: &Path, log_bytes: u64) -> rustix::io::Result<Self> {
        let disk = rustix::fs::statvfs(path)?;
        Ok(Self {
            size_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
            free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            log_bytes,
        })
    }

    /// What is free when every log has been copied into its database.
    pub(super) const fn left_bytes(self) -> u64 {
        self.free_bytes.saturating_sub(self.log_bytes)
    }
}

/// Whether the disk takes some more bytes now. Only an answer of the disk itself knows of quotas.
pub(super) fn takes_a_block(root: &Path) -> bool {
    let path = root.join("room-probe");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&[0xa5; BLOCK_BYTES])?;
        file.sync_all()
    });
    let _ = fs::remove_file(&path);
    // Any other failure says nothing of room.
    !written.is_err_and(|error| is_for_want_of_space(&error))
}

pub(crate) fn is_for_want_of_space(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}
