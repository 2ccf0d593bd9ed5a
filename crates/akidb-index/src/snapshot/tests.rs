//! Snapshots over real files: whole or not there, also after crashes and damage.

use std::{cell::Cell, fs, io, path::Path};

use serde_json::json;

use super::{Snapshot, SnapshotError, SnapshotFolder, manifest};
use crate::Section;

thread_local! {
    /// Steps of writing that still succeed on this thread; a crash comes after them.
    static STEPS_LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Takes one step of writing, or crashes.
pub(super) fn step(name: &'static str) -> Result<(), SnapshotError> {
    STEPS_LEFT.with(|left| match left.get() {
        0 => Err(SnapshotError::io("crash", Path::new(name))(io::Error::other("as told"))),
        steps => {
            left.set(steps.saturating_sub(1));
            Ok(())
        }
    })
}

fn folder(path: &Path) -> SnapshotFolder {
    SnapshotFolder::new(path.to_owned(), "films, 3 dimensions".to_owned())
}

/// What a snapshot of `count` things holds: one section that grows, one that changes, one empty.
fn write(folder: &mut SnapshotFolder, count: u8) -> Result<(), SnapshotError> {
    let grows: Vec<u8> = (0..count).collect();
    let changes = [count; 5];
    let (left, right) = grows.split_at(grows.len() / 2);
    let section = |name: &str, slices| Section { name: name.to_owned(), slices };
    let sections = [
        section("grows", vec![left, right]),
        section("changes", vec![&changes]),
        section("empty", vec![]),
    ];
    folder.write(u64::from(count), json!({"count": count}), &sections, &["grows"])
}

fn bytes(snapshot: &Snapshot, name: &str) -> Vec<u8> {
    let section = snapshot.section(name).unwrap();
    section.file[section.range].to_vec()
}

/// How many things a snapshot has, after looking at all of it.
fn count(snapshot: &Snapshot) -> u8 {
    let count = u8::try_from(snapshot.covered_seq).unwrap();
    assert_eq!(snapshot.header, json!({"count": count}));
    assert!(bytes(snapshot, "grows").into_iter().eq(0..count));
    assert_eq!(bytes(snapshot, "changes"), [count; 5]);
    assert!(bytes(snapshot, "empty").is_empty());
    assert!(snapshot.section("other").is_none());
    count
}

/// What a folder has after a restart, and how many snapshots were of no use.
fn reopened(path: &Path) -> (Option<u8>, usize) {
    let mut unusable = 0;
    let snapshot = folder(path).open_latest(|_| unusable += 1).unwrap();
    (snapshot.as_ref().map(count), unusable)
}

fn files(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_latest_snapshot_is_read_back_and_two_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("vectors");
    assert_eq!(reopened(&path), (None, 0));
    let mut written = folder(&path);
    for things in [10, 20, 21] {
        write(&mut written, things).unwrap();
        assert_eq!(reopened(&path), (Some(things), 0));
    }
    let two = ["000000000000.grows", "000000000001.changes", "000000000001.empty"];
    let last = ["000000000002.changes", "000000000002.empty"];
    let manifests = ["manifest-000000000001", "manifest-000000000002"];
    assert_eq!(files(&path), [two.as_slice(), &last, &manifests].concat());
    assert_eq!(fs::metadata(path.join(two[0])).unwrap().len(), 21, "appended, not written again");
}

#[test]
fn a_reopened_folder_appends_to_what_it_opened() {
    let root = tempfile::tempdir().unwrap();
    write(&mut folder(root.path()), 10).unwrap();
    let mut again = folder(root.path());
    let first = again.open_latest(|error| panic!("{error}")).unwrap().unwrap();
    write(&mut again, 30).unwrap();
    assert_eq!(count(&first), 10, "what is mapped does not change");
    assert_eq!(reopened(root.path()), (Some(30), 0));
    assert!(files(root.path()).contains(&"000000000000.grows".to_owned()));

    again.begin_anew();
    write(&mut again, 5).unwrap();
    write(&mut again, 6).unwrap();
    assert_eq!(reopened(root.path()), (Some(6), 0));
    assert!(!files(root.path()).contains(&"000000000000.grows".to_owned()));
}

#[test]
fn a_crash_at_any_step_leaves_the_old_snapshot_or_the_new_one() {
    for steps in 0.. {
        let root = tempfile::tempdir().unwrap();
        let mut crashing = folder(root.path());
        write(&mut crashing, 10).unwrap();
        write(&mut crashing, 20).unwrap();
        STEPS_LEFT.set(steps);
        let result = write(&mut crashing, 30);
        STEPS_LEFT.set(usize::MAX);
        let (found, unusable) = reopened(root.path());
        assert!(matches!(found, Some(20 | 30)) && unusable == 0, "{steps} steps: {found:?}");
        // Who lives on after a failure, or starts again, writes on.
        let survivor = if steps % 2 == 0 { &mut crashing } else { &mut folder(root.path()) };
        write(survivor, 40).unwrap();
        assert_eq!(reopened(root.path()), (Some(40), 0), "{steps} steps");
        if result.is_ok() {
            assert!(steps >= 7, "the crashes came too late");
            return;
        }
    }
}

/// Damages a file of a folder with two snapshots in a number of ways, and looks what is found.
fn damage(name: &str, check: impl Fn(&str, Option<u8>)) {
    type Damage = (&'static str, fn(&mut Vec<u8>));
    let damages: [Damage; 6] = [
        ("a flipped bit at the start", |bytes| bytes[0] ^= 1),
        ("a flipped bit in the middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 16;
        }),
        ("a flipped bit in what both have", |bytes| bytes[3] ^= 128),
        ("truncated", |bytes| bytes.truncate(bytes.len() - 1)),
        ("empty", Vec::clear),
        ("foreign", |bytes| *bytes = b"SQLite format 3\0".repeat(9)),
    ];
    for (how, damage) in damages {
        let root = tempfile::tempdir().unwrap();
        let mut written = folder(root.path());
        write(&mut written, 100).unwrap();
        write(&mut written, 200).unwrap();
        let path = root.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        check(how, reopened(root.path()).0);
        let mut again = folder(root.path());
        again.open_latest(|_| ()).unwrap();
        write(&mut again, 250).unwrap();
        assert_eq!(reopened(root.path()), (Some(250), 0), "written again after: {how}");
    }
}

#[test]
fn a_damaged_file_is_noticed_and_the_snapshot_before_taken() {
    for name in ["manifest-000000000001", "000000000001.changes"] {
        damage(name, |how, found| assert_eq!(found, Some(100), "{name}: {how}"));
    }
    damage("000000000000.grows", |how, found| {
        // The earlier snapshot has the first half of the file.
        let in_second_half = matches!(how, "truncated" | "a flipped bit in the middle");
        let expected = in_second_half.then_some(100);
        assert_eq!(found, expected, "{how}");
    });
    damage("manifest-000000000000", |how, found| assert_eq!(found, Some(200), "{how}"));
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error_and_no_panic() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("vectors");
    fs::write(&path, "no folder").unwrap();
    assert!(matches!(folder(&path).open_latest(|_| ()), Err(SnapshotError::Io { .. })));
    assert!(matches!(write(&mut folder(&path), 9), Err(SnapshotError::Io { .. })));
}

#[test]
fn a_folder_that_was_moved_away_is_not_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let [collection, dropped] = ["collection", "dropped"].map(|name| parent.path().join(name));
    fs::create_dir(&collection).unwrap();
    let mut folder = folder(&collection.join("vectors"));
    for count in [1, 2] {
        write(&mut folder, count).unwrap();
        let _ = fs::rename(&collection, &dropped);
        assert!(matches!(write(&mut folder, count + 1), Err(SnapshotError::Io { .. })));
        assert!(!collection.exists());
        fs::rename(&dropped, &collection).unwrap();
    }
}

#[test]
fn a_missing_section_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    write(&mut folder(root.path()), 9).unwrap();
    fs::remove_file(root.path().join("000000000000.changes")).unwrap();
    assert_eq!(reopened(root.path()), (None, 1));
}

#[test]
fn snapshots_of_something_else_and_of_other_versions_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    write(&mut folder(root.path()), 9).unwrap();
    let other = "books, 3 dimensions".to_owned();
    let mut of_others = SnapshotFolder::new(root.path().to_owned(), other);
    let mut refusals = Vec::new();
    let refuse = |error: SnapshotError| refusals.push(error.to_string());
    assert!(of_others.open_latest(refuse).unwrap().is_none());
    assert!(refusals[0].contains("films, 3 dimensions, wanted is books"), "{refusals:?}");

    let path = root.path().join("manifest-000000000000");
    let mut read = manifest::Manifest::read(&path, "films, 3 dimensions").unwrap();
    for version in [super::FORMAT_VERSION - 1, super::FORMAT_VERSION + 1] {
        read.format = version;
        fs::write(&path, read.to_bytes()).unwrap();
        let mut refusals = Vec::new();
        folder(root.path()).open_latest(|error| refusals.push(error.to_string())).unwrap();
        assert!(refusals[0].contains(&format!("format version {version}")), "{refusals:?}");
    }

    read.format = super::FORMAT_VERSION;
    read.sections[0].file = "../outside".to_owned();
    fs::write(&path, read.to_bytes()).unwrap();
    assert_eq!(reopened(root.path()), (None, 1));
}
