//! What the node reports about the disk of its data directory.

use std::{fs, io, path::Path};

use prometheus::IntGauge;

akidb_core::metrics! {
    /// The metrics of the data directory and its disk.
    pub(crate) struct DiskMetrics {
        data_bytes: IntGauge,
            "akidb_data_bytes",
            "Size of the files in the data directory, counted now and then.";
        set_aside_entries: IntGauge,
            "akidb_set_aside_entries",
            "Files and folders in lost+found of the data directory, which nobody knew.";
        disk_free_bytes: IntGauge,
            "akidb_disk_free_bytes",
            "Room that is left on the file system of the data directory.";
        disk_size_bytes: IntGauge,
            "akidb_disk_size_bytes",
            "Size of the file system of the data directory.";
    }
}

impl DiskMetrics {
    /// Takes up the room on the disk and the size of the data. Looks at every file.
    pub(crate) fn look(&self, data_dir: &Path) {
        set(&self.data_bytes, size_of(data_dir));
        set(&self.set_aside_entries, akidb_store::set_aside_count(data_dir));
        match rustix::fs::statvfs(data_dir) {
            Ok(disk) => {
                // What is free for this user: some of the disk may be kept for root.
                set(&self.disk_free_bytes, disk.f_bavail.saturating_mul(disk.f_frsize));
                set(&self.disk_size_bytes, disk.f_blocks.saturating_mul(disk.f_frsize));
            }
            Err(error) => {
                let error = io::Error::from(error);
                tracing::warn!(%error, "the room on the disk of the data directory is not known");
            }
        }
    }
}

/// Bytes of the files below a folder. What vanishes meanwhile, or cannot be read, counts nothing.
pub(crate) fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn set(gauge: &IntGauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;

    #[test]
    fn files_of_all_folders_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("one"), [0; 10]).unwrap();
        fs::write(folder.path().join("a/b/two"), [0; 32]).unwrap();
        assert_eq!(size_of(folder.path()), 42);
        assert_eq!(size_of(&folder.path().join("none")), 0);
        let metrics = DiskMetrics::register(&Registry::new()).unwrap();
        metrics.look(folder.path());
        assert_eq!(metrics.data_bytes.get(), 42);
        assert!(metrics.disk_free_bytes.get() <= metrics.disk_size_bytes.get());
        assert!(metrics.disk_free_bytes.get() > 0);
    }
}
