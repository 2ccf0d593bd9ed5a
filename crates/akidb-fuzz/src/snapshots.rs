//! Snapshots of indexes: manifests whose hash is right, and the parts of an index behind them.

use std::{fs, sync::Arc};

use akidb_index::{
    FilterIndex, HnswIndex, IndexHeader, MappedSection, SearchRequest, SnapshotFolder, VectorIndex,
};

/// Vectors from which on there is a graph.
const GRAPH_MIN: usize = 4;

/// Takes the input as a manifest that is sealed, as the bytes of a filter index, and as a header with
/// the sections of an index. Hashes tell damage from what was written; here what was written is wrong.
pub fn snapshots(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else { return };
    match kind % 3 {
        0 => manifest(rest),
        1 => {
            let _ = FilterIndex::from_bytes(rest);
        }
        _ => parts(rest),
    }
}

fn manifest(json: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let seal = blake3::hash(json).to_hex();
    let sealed = [json, b"\n", seal.as_bytes(), b"\n"].concat();
    fs::write(folder.path().join("manifest-000000000001"), sealed).expect("a file");
    fs::write(folder.path().join("000000000001.a"), json).expect("a file");
    let mut snapshots = SnapshotFolder::new(folder.path().to_owned(), "fuzz".to_owned());
    let opened = snapshots.open_latest(drop);
    if let Ok(Some(snapshot)) = opened {
        let _ = snapshot.section("a");
    }
}

/// The header is JSON up to a NUL; all sections are the same rest, from other places.
fn parts(input: &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == 0);
    let (Some(header), Some(bytes)) = (halves.next(), halves.next()) else { return };
    let Ok(header) = serde_json::from_slice::<IndexHeader>(header) else { return };
    let mut mapping = memmap2::MmapMut::map_anon(bytes.len().max(1)).expect("a mapping");
    mapping[..bytes.len()].copy_from_slice(bytes);
    let mapping = Arc::new(mapping.make_read_only().expect("a mapping"));
    let section = |name: &str| {
        let start = (name.len() * 64).min(bytes.len());
        let end = match name {
            "live" => (start + 8).min(bytes.len()),
            _ => bytes.len(),
        };
        Some(MappedSection { file: Arc::clone(&mapping), range: start..end })
    };
    if let Ok(index) = HnswIndex::from_parts(&header, &section, GRAPH_MIN)
        && index.dimension() < 64
    {
        let _ = index.search(&vec![1.0; index.dimension()], &SearchRequest::nearest(4));
    }
}
