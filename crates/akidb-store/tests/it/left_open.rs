//! What takes the place of a damaged database: nothing of this process holds the old one when it is there. A
//! connection that closes later would remove the log of the new one by its name.

use std::{fs, path::Path};

use akidb_store::repair;

use crate::{catalogue, damage, id, open, row, upsert};

/// Files below a folder that this process has open, by their last two names.
#[cfg(target_os = "linux")]
fn open_below(folder: &Path) -> Vec<String> {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    let below = open.filter_map(|path| Some(path.strip_prefix(folder).ok()?.display().to_string()));
    below.collect()
}

/// Others have no list of them to look at.
#[cfg(not(target_os = "linux"))]
fn open_below(_: &Path) -> Vec<String> {
    Vec::new()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The old files are kept with all that they had, the log that was not yet copied into the database among them.
#[tokio::test]
async fn a_repair_keeps_all_of_the_old_files_and_leaves_none_open() {
    let live = tempfile::tempdir().unwrap();
    let (store, _changes) = open(live.path()).await;
    let written = loop {
        upsert(&store, vec![row(id("a"), 1.0), row(id("b"), 2.0)]).await;
        let written = tempfile::tempdir().unwrap();
        copy(live.path(), written.path());
        // A log that nobody writes to is emptied after a while.
        if fs::metadata(written.path().join("documents.db-wal")).is_ok_and(|log| log.len() > 0) {
            break written;
        }
    };
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        copy(written.path(), folder.path());
        let before = ["documents.db", "documents.db-wal"]
            .map(|name| (name, fs::read(folder.path().join(name)).unwrap()));
        let repaired = repair(folder.path()).await.unwrap();
        assert_eq!(open_below(folder.path()), [""; 0]);
        assert_eq!(repaired.saved, 2);
        for (name, bytes) in &before {
            let kept = fs::read(repaired.kept_in.join(name)).unwrap();
            // Opening it may have added to the log.
            assert!(kept.starts_with(bytes), "{name}: {} bytes, were {}", kept.len(), bytes.len());
        }
        let (repaired, _changes) = open(folder.path()).await;
        upsert(&repaired, vec![row(id("c"), 3.0)]).await;
        repaired.close().await;
        let (repaired, _changes) = open(folder.path()).await;
        assert_eq!(repaired.document_count(), 3);
        repaired.close().await;
    }
    store.close().await;
}

#[tokio::test]
async fn a_damaged_catalogue_is_set_aside_as_it_is_and_not_left_open() {
    // One that opens and can not be read to its end, and one that does not even open.
    for is_cut in [false, true] {
        for _ in 0..5 {
            let root = tempfile::tempdir().unwrap();
            let opened = catalogue::open(root.path()).await;
            opened.catalogue.create(&catalogue::collection("films")).await.unwrap();
            catalogue::close(opened).await;
            let path = root.path().join("akidb.db");
            let mut damaged = fs::read(&path).unwrap();
            if is_cut {
                damaged.truncate(damaged.len() / 2);
            } else {
                let length = damaged.len();
                damaged[length / 2..].fill(7);
            }
            fs::write(&path, &damaged).unwrap();
            let opened = catalogue::open(root.path()).await;
            let kept = fs::read(root.path().join("lost+found/akidb.db")).unwrap();
            assert!(kept == damaged);
            let held = open_below(root.path());
            assert!(held.iter().all(|name| !name.contains("lost+found")), "{held:?}");
            assert!(!held.iter().any(|name| name.contains("deleted")), "{held:?}");
            catalogue::close(opened).await;
            assert!(damage::is_sound(&path).await);
        }
    }
}
