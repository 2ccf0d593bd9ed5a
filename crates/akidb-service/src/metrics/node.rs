//! What the node reports about the process, its runtime and its disk.
//!
//! Processor time, memory, threads, file descriptors and the time of the start come from
//! Prometheus' own collector, under the names that all programs give them; it exists on Linux only.

use std::{fs, io, path::Path};

use prometheus::IntGauge;
use tokio::runtime::Handle;

akidb_core::metrics! {
    /// The metrics of the node as a process.
    pub(crate) struct NodeMetrics {
        runtime_threads: IntGauge,
            "akidb_runtime_threads",
            "Threads that run the tasks of requests.";
        runtime_tasks: IntGauge,
            "akidb_runtime_tasks",
            "Tasks that have not ended: connections, requests and work in the background.";
        runtime_queue_depth: IntGauge,
            "akidb_runtime_queue_depth",
            "Tasks that could run and wait for any thread.";
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

impl NodeMetrics {
    /// Takes up what the runtime says of itself; nothing outside of one.
    pub(super) fn look_at_runtime(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let metrics = runtime.metrics();
        set(&self.runtime_threads, metrics.num_workers() as u64);
        set(&self.runtime_tasks, metrics.num_alive_tasks() as u64);
        set(&self.runtime_queue_depth, metrics.global_queue_depth() as u64);
    }

    /// Takes up the room on the disk and the size of the data. Looks at every file.
    pub(crate) fn look_at_disk(&self, data_dir: &Path) {
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
fn size_of(folder: &Path) -> u64 {
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
        let metrics = NodeMetrics::register(&Registry::new()).unwrap();
        metrics.look_at_disk(folder.path());
        assert_eq!(metrics.data_bytes.get(), 42);
        assert!(metrics.disk_free_bytes.get() <= metrics.disk_size_bytes.get());
        assert!(metrics.disk_free_bytes.get() > 0);
    }
}
