//! What the graph index promises at the edges: extreme sizes, strange vectors, many threads.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use akidb_core::{IndexSettings, Metric, Quantization};
use akidb_index::{HnswIndex, SearchRequest, Strategy, VectorIndex};

use crate::vectors::clustered;

fn index(dimension: usize, metric: Metric, graph_min: usize) -> HnswIndex {
    HnswIndex::with_graph_min(dimension, metric, IndexSettings::default(), graph_min)
}

#[test]
fn one_vector_and_extreme_dimensions() {
    for dimension in [1, 3, 16_384] {
        for metric in Metric::ALL {
            let index = index(dimension, metric, 1);
            let vectors = clustered(dimension as u64, 40, dimension, 3);
            for (slot, vector) in (0..).zip(vectors.chunks(dimension)) {
                index.append(slot, vector);
                while index.link(10) > 0 {}
                let found = index.search(vector, &SearchRequest::nearest(100)).neighbors;
                assert_eq!(found.len(), slot as usize + 1);
            }
        }
    }
}

#[test]
fn all_equal_vectors_are_all_found() {
    let index = index(4, Metric::Cosine, 100);
    index.append(0, &[0.5; 4 * 3_000]);
    while index.link(1_000) > 0 {}
    for limit in [1, 10, 2_000, 5_000] {
        let found = index.search(&[1.0; 4], &SearchRequest::nearest(limit)).neighbors;
        assert_eq!(found.len(), limit.min(3_000));
        assert!(found.iter().all(|found| found.score == found.score.clamp(0.999, 1.0)));
    }
}

#[test]
fn everything_removed_and_filled_again() {
    let index = index(8, Metric::L2, 50);
    let mut begin = 0;
    for round in 0..4 {
        let vectors = clustered(round, 300, 8, 5);
        index.append(begin, &vectors);
        while index.link(64) > 0 {}
        let found = index.search(&vectors[..8], &SearchRequest::nearest(400)).neighbors;
        assert_eq!((found.len(), found[0].slot), (300, begin));
        index.remove(&(begin..begin + 300).collect::<Vec<_>>());
        assert!(index.search(&vectors[..8], &SearchRequest::nearest(5)).neighbors.is_empty());
        while index.link(64) > 0 {}
        begin += 300;
    }
    let (compacted, old_slots) = index.compacted();
    assert_eq!((compacted.slot_count(), old_slots.len()), (0, 0));
}

#[test]
fn values_that_are_not_finite_do_no_harm() {
    for quantization in [Quantization::Int8, Quantization::None] {
        let settings = IndexSettings { quantization, ..IndexSettings::default() };
        let index = HnswIndex::with_graph_min(4, Metric::L2, settings, 50);
        let mut vectors = clustered(1, 500, 4, 5);
        for (at, value) in
            [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX].into_iter().enumerate()
        {
            vectors[at * 40] = value;
        }
        index.append(0, &vectors);
        while index.link(100) > 0 {}
        let found = index.search(&vectors[2_000 - 4..], &SearchRequest::nearest(5)).neighbors;
        assert_eq!((found.len(), found[0].slot), (5, 499));
        index.search(&[f32::NAN; 4], &SearchRequest::nearest(5));
    }
}

#[test]
fn an_append_shows_at_once_and_work_is_told() {
    let index = index(16, Metric::Cosine, 1_000);
    index.append(0, &clustered(1, 10_000, 16, 20));
    assert_eq!((index.pending_count(), index.linked_count()), (10_000, 0));
    let query = clustered(2, 1, 16, 20);
    let scanned = index.search(&query, &SearchRequest::nearest(10)).work;
    assert_eq!((scanned.strategy, scanned.compared), (Strategy::Scan, 10_000));

    assert_eq!(index.link(5_000), 5_000);
    while index.link(1_000) > 0 {}
    index.append(10_000, &query);
    assert_eq!(index.pending_count(), 1);
    let found = index.search(&query, &SearchRequest::nearest(10));
    assert_eq!((found.neighbors[0].slot, found.work.strategy), (10_000, Strategy::Graph));
    assert_eq!(found.work.ef, 100);
    assert!((13..=20).contains(&found.work.rescored), "{:?}", found.work);
    assert!((500..4_000).contains(&found.work.compared), "{:?}", found.work);

    index.remove(&[10_000]);
    assert_ne!(index.search(&query, &SearchRequest::nearest(1)).neighbors[0].slot, 10_000);
}

#[test]
fn readers_writers_and_a_linker_run_at_once() {
    const BATCH: u32 = 20;
    const BATCHES: u32 = 150;
    let index = index(24, Metric::L2, 200);
    let vectors = clustered(3, (BATCH * BATCHES) as usize, 24, 15);
    let vector = |slot: u32| &vectors[slot as usize * 24..][..24];
    let (appended, removed) = (AtomicU32::new(0), AtomicU32::new(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for batch in 0..BATCHES {
                let rows = &vectors[(batch * BATCH) as usize * 24..][..BATCH as usize * 24];
                index.append(batch * BATCH, rows);
                appended.store((batch + 1) * BATCH, Ordering::Release);
                if batch % 3 == 2 {
                    let first = batch / 3 * BATCH / 2;
                    index.remove(&(first..first + BATCH / 2).collect::<Vec<_>>());
                    removed.store(first + BATCH / 2, Ordering::Release);
                }
                thread::yield_now();
            }
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                index.link(37);
            }
        });
        for reader in 0..2_u32 {
            let (index, appended, removed, done) = (&index, &appended, &removed, &done);
            scope.spawn(move || {
                let mut turn = reader;
                while !done.load(Ordering::Acquire) {
                    turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let end = appended.load(Ordering::Acquire);
                    if end == 0 {
                        continue;
                    }
                    let gone = removed.load(Ordering::Acquire);
                    let slot = (turn >> 8) % end;
                    let request = SearchRequest::nearest(3).with_ef(200);
                    let found = index.search(vector(slot), &request).neighbors;
                    assert!(found.iter().all(|found| found.slot >= gone), "a removed slot");
                    if slot >= removed.load(Ordering::Acquire) + 2 * BATCH {
                        assert_eq!((found[0].slot, found[0].score), (slot, 0.0));
                    }
                }
            });
        }
    });
    while index.link(1_000) > 0 {}
    let gone = removed.into_inner();
    assert_eq!(index.live_count() as u32, BATCH * BATCHES - gone);
    for slot in gone..BATCH * BATCHES {
        let request = SearchRequest::nearest(1).with_ef(200);
        assert_eq!(index.search(vector(slot), &request).neighbors[0].slot, slot);
    }
}
