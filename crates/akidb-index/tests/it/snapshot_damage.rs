//! Snapshots of a graph whose files are damaged in every way, 300 times each: what is opened answers
//! rightly, and what is not says why.
#![expect(clippy::unwrap_used, reason = "a test that cannot use its files has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use akidb_core::{IndexSettings, Metric};
use akidb_index::{
    ExactIndex, FORMAT_VERSION, HnswIndex, IndexHeader, Neighbor, SearchRequest, Snapshot,
    SnapshotError, SnapshotFolder, VectorIndex,
};
use serde::Deserialize;

use crate::vectors::clustered;

const DIMENSION: usize = 16;
const VECTORS: usize = 700;
const ROUNDS: usize = 300;

fn folder(path: &Path) -> SnapshotFolder {
    SnapshotFolder::new(path.to_owned(), "damaged".to_owned())
}

/// Writes two snapshots of an index, the second of more vectors.
fn write(path: &Path, vectors: &[f32]) {
    let index = HnswIndex::with_graph_min(DIMENSION, Metric::L2, IndexSettings::default(), 100);
    let mut folder = folder(path);
    let mut slots = 0;
    for end in [VECTORS - 200, VECTORS] {
        index.append(slots, &vectors[slots as usize * DIMENSION..end * DIMENSION]);
        slots = end as u32;
        while index.link(10_000) > 0 {}
        index.with_parts(|header, sections| {
            let header = serde_json::to_value(header).unwrap();
            folder.write(u64::from(slots), header, sections, &["vectors"]).unwrap();
        });
    }
}

fn opened(path: &Path, told: &mut Vec<SnapshotError>) -> Option<Snapshot> {
    folder(path).open_latest(|error| told.push(error)).unwrap()
}

/// Whether all of a snapshot's answers are those of a scan of the vectors that it contains.
fn answers_rightly(snapshot: &Snapshot, vectors: &[f32]) -> bool {
    let header = IndexHeader::deserialize(&snapshot.header).unwrap();
    let index = HnswIndex::from_parts(&header, &|name| snapshot.section(name), 100).unwrap();
    let exact = ExactIndex::new(DIMENSION, Metric::L2);
    exact.append(0, &vectors[..snapshot.covered_seq as usize * DIMENSION]);
    let slots = |found: Vec<Neighbor>| found.into_iter().map(|it| it.slot).collect::<Vec<_>>();
    let request = SearchRequest::nearest(5).with_ef(400);
    (0..VECTORS).step_by(100).all(|query| {
        let query = &vectors[query * DIMENSION..][..DIMENSION];
        slots(index.search(query, &request).neighbors)
            == slots(exact.search(query, &request).neighbors)
    })
}

fn files(path: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(path).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| fs::metadata(file).unwrap().len() > 0).collect();
    files.sort();
    files
}

/// Damages a file each round, `how` with its bytes and the round; unless that leaves them as they are.
fn damaged(how: impl Fn(&mut Vec<u8>, usize), files_of: impl Fn(&Path) -> bool) {
    let root = tempfile::tempdir().unwrap();
    let vectors = clustered(7, VECTORS, DIMENSION, 20);
    write(root.path(), &vectors);
    assert!(answers_rightly(&opened(root.path(), &mut Vec::new()).unwrap(), &vectors));
    let files: Vec<_> = files(root.path()).into_iter().filter(|file| files_of(file)).collect();
    let mut noticed = 0;
    for round in 0..ROUNDS {
        let file = &files[round % files.len()];
        let sound = fs::read(file).unwrap();
        let mut bytes = sound.clone();
        how(&mut bytes, round.wrapping_mul(2_654_435_761));
        fs::write(file, &bytes).unwrap();
        let mut told = Vec::new();
        if let Some(snapshot) = opened(root.path(), &mut told) {
            assert!(answers_rightly(&snapshot, &vectors), "{}, round {round}", file.display());
        } else {
            assert!(!told.is_empty(), "{}, round {round}", file.display());
        }
        noticed += usize::from(!told.is_empty());
        fs::write(file, sound).unwrap();
    }
    // The files of the snapshot before the latest are only read where the latest is damaged.
    assert!(noticed >= ROUNDS / 3, "{noticed} of {ROUNDS}");
}

fn any(_: &Path) -> bool {
    true
}

#[test]
fn flipped_bits_are_noticed() {
    damaged(
        |bytes, random| {
            let place = random % bytes.len();
            bytes[place] ^= 1 << (random % 8);
        },
        any,
    );
}

#[test]
fn truncated_files_are_noticed() {
    damaged(|bytes, random| bytes.truncate(random % bytes.len()), any);
}

#[test]
fn empty_files_are_noticed() {
    damaged(|bytes, _| bytes.clear(), any);
}

#[test]
fn foreign_files_are_noticed() {
    damaged(|bytes, random| *bytes = b"SQLite format 3\0".repeat(random % 5_000 + 1), any);
}

#[test]
fn other_formats_are_refused_by_their_number() {
    let other = |bytes: &mut Vec<u8>, random: usize| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (json, _) = text.trim_end().rsplit_once('\n').unwrap();
        // Older and newer ones, sealed as they would be.
        let present = FORMAT_VERSION as usize;
        let newer = present + 1 + random % 1_000;
        let version = if random.is_multiple_of(2) { random % present } else { newer };
        let json =
            json.replacen(&format!("\"format\":{present}"), &format!("\"format\":{version}"), 1);
        let seal = blake3::hash(json.as_bytes()).to_hex();
        *bytes = format!("{json}\n{seal}\n").into_bytes();
    };
    damaged(other, |file| file.file_name().unwrap().to_str().unwrap().starts_with("manifest-"));
}
