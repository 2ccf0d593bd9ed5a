//! The projection without a store: commits in, documents out.

use std::{collections::HashSet, time::Duration};

use akidb_core::{DocumentId, Filter, Limits, Metadata, Seq};
use akidb_index::{SearchRequest, SnapshotFolder};
use akidb_store::AddedDocument;
use serde_json::json;

use super::*;

fn projection() -> (Projection, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Arc::new(Metrics::register(&prometheus::Registry::new()).unwrap());
    let context = Context {
        collection: Uuid::nil(),
        over: Over::Documents,
        dimension: Dimension::new(2).unwrap(),
        metric: Metric::Dot,
        settings: IndexSettings::default(),
        words: Some(Arc::new(WordSources::of(&akidb_core::KeywordSettings::default()))),
        position: Position { database: Uuid::nil(), epoch: 1, seq: Seq(0) },
        folder: folder.path().to_owned(),
        indexing: Indexing {
            clock: akidb_engine::Clock::System,
            maintainer: Maintainer::start().unwrap(),
            memory: Arc::new(IndexMemory::new(None)),
            thresholds: IndexThresholds::default(),
            space: Arc::new(DiskSpace::open(folder.path(), Some(0), metrics.store.clone())),
            metrics,
            fail_stop: akidb_store::FailStop::default(),
            commits: akidb_store::CommitGate::default(),
        },
    };
    let files = SnapshotFolder::new(folder.path().to_owned(), String::new());
    let generation = context.new_generation();
    (Projection::of(context, generation, Maintenance::new(files, None), BTreeSet::new()), folder)
}

fn metadata(value: u64) -> Metadata {
    let object = json!({"value": value, "even": value.is_multiple_of(2)});
    Metadata::new(object.as_object().unwrap().clone(), &Limits::default()).unwrap()
}

fn id(seq: u64) -> DocumentId {
    DocumentId::Text(format!("document-{seq}"))
}

fn document(seq: u64, metadata: Metadata) -> AddedDocument {
    let text = Some(format!(
        "document number {seq}, {}",
        if seq.is_multiple_of(2) { "even" } else { "odd" }
    ));
    AddedDocument { expires_at: None, seq: Seq(seq), id: id(seq), metadata, text }
}

/// Documents whose vector points the more towards (0, 1) the later they came.
fn change(added: &[u64], removed: &[u64]) -> CommittedChange {
    CommittedChange {
        added: added.iter().map(|&seq| VectorKey { document: Seq(seq), passage: 0 }).collect(),
        added_vectors: added.iter().flat_map(|&seq| [1.0, seq as f32]).collect(),
        added_documents: added.iter().map(|&seq| document(seq, metadata(seq))).collect(),
        removed: removed.iter().map(|&seq| Seq(seq)).collect(),
        last_seq: Seq(added.iter().chain(removed).copied().max().unwrap_or(0)),
        ..CommittedChange::default()
    }
}

/// Documents in passages.
fn cut(documents: &[(u64, &[f32])]) -> CommittedChange {
    let mut change = CommittedChange::default();
    for (document, passages) in documents {
        change.added_documents.push(self::document(*document, metadata(*document)));
        for (passage, value) in (0..).zip(*passages) {
            change.added.push(VectorKey { document: Seq(*document), passage });
            change.added_vectors.extend([1.0, *value]);
        }
    }
    change
}

fn found(projection: &Projection, filter: Option<serde_json::Value>) -> Vec<u64> {
    let filter = filter.map(|json| Filter::parse(&json, &Limits::default()).unwrap());
    let view = projection.view(filter.as_ref(), None);
    assert!(view.unsure().is_empty());
    let found = view.search(&[0.0, 1.0], SearchRequest::nearest(100)).candidates;
    found.into_iter().map(|candidate| candidate.key.document.0).collect()
}

fn best_passages(projection: &Projection, limit: usize) -> Vec<(u64, u32)> {
    let found = projection.view(None, None).search(&[0.0, 1.0], SearchRequest::nearest(limit));
    let found = found.candidates.into_iter();
    found.map(|found| (found.key.document.0, found.key.passage)).collect()
}

/// Waits for the maintainer to have nothing left to do.
fn settle(projection: &Projection) {
    while projection.shared.has_work() {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(projection.shared.maintenance.lock());
}

#[test]
fn searches_see_exactly_what_was_committed() {
    let (projection, _folder) = projection();
    projection.apply(&change(&[3, 5, 9, 12], &[]));
    assert_eq!(found(&projection, None), [12, 9, 5, 3]);
    projection.apply(&change(&[13, 20], &[13, 5]));
    assert_eq!(found(&projection, None), [20, 12, 9, 3]);
    assert_eq!(found(&projection, Some(json!({"even": true}))), [20, 12]);
    assert_eq!(found(&projection, Some(json!({"value": {"$lt": 13}}))), [12, 9, 3]);
    assert_eq!(found(&projection, Some(json!({"other": 1}))), [0; 0]);
    assert_eq!(found(&projection, Some(json!({"$id": {"$prefix": "document-2"}}))), [20]);
    assert_eq!(
        found(&projection, Some(json!({"$id": {"$in": ["document-5", "document-9"]}}))),
        [9]
    );
}

#[test]
fn a_sparse_index_is_compacted_and_keeps_its_answers() {
    let (projection, _folder) = projection();
    let all: Vec<u64> = (1..=70_000).collect();
    projection.apply(&change(&all, &[]));
    let memory = projection.status().memory_bytes;
    projection.apply(&change(&[], &all[..69_990]));
    let expected: Vec<u64> = (69_991..=70_000).rev().collect();
    assert_eq!(found(&projection, None), expected);
    settle(&projection);
    assert_eq!(projection.shared.generation().index.slot_count(), 10);
    assert_eq!(found(&projection, None), expected);
    assert!(projection.status().memory_bytes < memory / 100);
    projection.apply(&change(&[70_001], &[70_000]));
    let filter = json!({"value": {"$gte": 69_999}});
    assert_eq!(found(&projection, Some(filter)), [70_001, 69_999]);
}

#[test]
fn commits_made_while_a_generation_is_renewed_are_in_it() {
    let (projection, _folder) = projection();
    let all: Vec<u64> = (1..=20_000).collect();
    // The maintainer would do the same.
    let _maintenance = projection.shared.maintenance.lock();
    projection.apply(&change(&all, &all[..9_000]));
    let before = projection.shared.generation();
    let successor = renewal::Successor::compacted(&before);
    projection.apply(&change(&[20_001, 20_002, 20_003], &[20_000, 20_002]));
    successor.take_place(&projection.shared);
    assert!(!Arc::ptr_eq(&before, &projection.shared.generation()));
    assert_eq!(found(&projection, None)[..3], [20_003, 20_001, 19_999]);
    assert_eq!(
        found(&projection, Some(json!({"value": {"$gt": 19_998}}))),
        [20_003, 20_001, 19_999]
    );
    assert_eq!(projection.status().vector_count, 11_001);
}

#[test]
fn a_document_is_found_once_by_its_best_passage() {
    let (projection, _folder) = projection();
    projection.apply(&change(&[1], &[]));
    let many: Vec<f32> = (0..200_u8).map(|i| 100.0 + f32::from(i)).collect();
    projection.apply(&cut(&[(2, &many), (300, &[5.0, 9.0]), (302, &[7.0])]));
    assert_eq!(best_passages(&projection, 2), [(2, 199), (300, 1)]);
    assert_eq!(best_passages(&projection, 9), [(2, 199), (300, 1), (302, 0), (1, 0)]);
    let filter = json!({"value": {"$in": [1, 300]}});
    assert_eq!(found(&projection, Some(filter.clone())), [300, 1]);
    let filter = Filter::parse(&filter, &Limits::default()).unwrap();
    let found = projection.view(Some(&filter), None).search(&[1.0; 2], SearchRequest::nearest(9));
    assert_eq!(found.matching, Some(3));
    projection.apply(&change(&[303], &[2, 302]));
    assert_eq!(best_passages(&projection, 9), [(303, 0), (300, 1), (1, 0)]);
    assert_eq!(projection.status().vector_count, 4);
}

#[test]
fn passages_whose_first_is_missing_are_found_and_removed_all_the_same() {
    let (projection, _folder) = projection();
    let mut loaded = cut(&[(1, &[1.0]), (2, &[9.0, 2.0, 3.0])]);
    loaded.added.remove(1);
    loaded.added_vectors.drain(2..4);
    projection.apply(&loaded);
    assert_eq!(best_passages(&projection, 9), [(2, 2), (1, 0)]);
    assert_eq!(found(&projection, Some(json!({"value": 2}))), [2]);
    projection.apply(&change(&[], &[2]));
    assert_eq!(best_passages(&projection, 9), [(1, 0)]);
}

#[test]
fn compaction_keeps_passages_with_their_documents() {
    let (projection, _folder) = projection();
    let all: Vec<u64> = (1..=20_000).collect();
    projection.apply(&change(&all, &all));
    projection.apply(&cut(&[(20_001, &[5.0, 9.0]), (20_003, &[7.0])]));
    settle(&projection);
    assert_eq!(projection.shared.generation().index.slot_count(), 3);
    assert_eq!(best_passages(&projection, 9), [(20_001, 1), (20_003, 0)]);
    projection.apply(&change(&[], &[20_001]));
    assert_eq!(best_passages(&projection, 9), [(20_003, 0)]);
}

#[test]
fn what_the_filter_leaves_open_is_settled_by_the_documents() {
    let (projection, _folder) = projection();
    let long = |start: &str, end: &str| {
        let object = json!({"text": format!("{start}{}{end}", "x".repeat(2_000))});
        Metadata::new(object.as_object().unwrap().clone(), &Limits::default()).unwrap()
    };
    let mut added = change(&[1, 2, 3], &[]);
    added.added_documents = vec![
        document(1, long("a", "needle")),
        document(2, long("b", "hay")),
        document(3, metadata(3)),
    ];
    projection.apply(&added);
    let filter = json!({"text": {"$contains": "needle"}});
    let filter = Filter::parse(&filter, &Limits::default()).unwrap();
    let mut view = projection.view(Some(&filter), None);
    assert_eq!(view.unsure(), [Seq(1), Seq(2)]);
    view.settle(&HashSet::from([Seq(1)]));
    let found = view.search(&[0.0, 1.0], SearchRequest::nearest(9)).candidates;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key.document, Seq(1));
}

#[test]
fn settings_that_are_taken_back_leave_nothing_behind() {
    let (projection, _folder) = projection();
    let all: Vec<u64> = (1..=12_000).collect();
    projection.apply(&change(&all, &[]));
    settle(&projection);
    let before = projection.shared.generation();
    {
        // The maintainer takes no step in between.
        let mut maintenance = projection.shared.maintenance.lock();
        let other = IndexSettings { m: 8, ..IndexSettings::default() };
        maintenance.rebuild_step(&projection.shared, &before, other);
        assert!(projection.shared.rebuilding.read().is_some());
    }
    projection.apply(&change(&[12_001], &[]));
    settle(&projection);
    assert!(projection.shared.rebuilding.read().is_none());
    assert!(Arc::ptr_eq(&before, &projection.shared.generation()));
}
