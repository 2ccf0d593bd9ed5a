//! Searches while other threads write.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use akidb_core::Metric;
use akidb_index::{ExactIndex, Neighbor, SearchRequest, VectorIndex};

/// Chunks of 128 rows, so that the batches below do not end where chunks do.
const DIMENSION: usize = 1_024;
const BATCH: u32 = 3;
const BATCHES: u32 = 2_000;

/// The dot product of a vector of equal components with this is 0, unless a part of it is missing.
fn alternating() -> Vec<f32> {
    (0..DIMENSION).map(|at| if at % 2 == 0 { 1.0 } else { -1.0 }).collect()
}

fn batch_vectors(batch: u32) -> Vec<f32> {
    vec![(batch + 1) as f32; DIMENSION * BATCH as usize]
}

fn all(index: &ExactIndex) -> Vec<Neighbor> {
    index.search(&alternating(), &SearchRequest::nearest(usize::MAX)).neighbors
}

/// What a search must find when `appended` batches were appended and `removed` of them, from the
/// first, removed before it began; `done` says what was finished after it ended.
fn check(found: &[Neighbor], removed: u32, appended: u32, done: (u32, u32)) {
    assert!(found.iter().all(|neighbor| neighbor.score == 0.0), "a torn row");
    assert_eq!(found.len() % BATCH as usize, 0, "a torn batch");
    let (first, last) = match found {
        [] => (removed * BATCH, appended * BATCH),
        [first, .., last] => (first.slot, last.slot + 1),
        [_] => unreachable!("whole batches"),
    };
    assert!(first >= removed * BATCH, "slot {first} was removed before the search");
    assert!(last >= appended * BATCH, "slot {last} was appended before the search");
    // The writer may be one call ahead of its counters.
    assert!(first <= (done.0 + 1) * BATCH, "slot {first} is the first, but was not removed");
    assert!(last <= (done.1 + 1) * BATCH, "slot {last} was never appended");
    assert_eq!(found.len() as u32, last - first, "slots between are all there");
}

#[test]
fn searches_see_whole_writes_and_every_finished_one() {
    let index = ExactIndex::new(DIMENSION, Metric::Dot);
    let (appended, removed) = (AtomicU32::new(0), AtomicU32::new(0));
    let searches = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for batch in 0..BATCHES {
                index.append(batch * BATCH, &batch_vectors(batch));
                appended.store(batch + 1, Ordering::Release);
                // A busy machine may start the searching threads late.
                while batch == BATCHES / 2 && searches.load(Ordering::Relaxed) == 0 {
                    thread::yield_now();
                }
                if let Some(old) = batch.checked_sub(100) {
                    index.remove(&[old * BATCH, old * BATCH + 1, old * BATCH + 2]);
                    removed.store(old + 1, Ordering::Release);
                }
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while appended.load(Ordering::Acquire) < BATCHES {
                    let removed_before = removed.load(Ordering::Acquire);
                    let appended_before = appended.load(Ordering::Acquire);
                    let found = all(&index);
                    let done = (removed.load(Ordering::Acquire), appended.load(Ordering::Acquire));
                    check(&found, removed_before, appended_before, done);
                    searches.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(searches.into_inner() > 0);
    assert_eq!(all(&index).len() as u32, 100 * BATCH);
}

#[test]
fn writes_do_not_wait_for_a_reader_nor_show_in_it() {
    let index = ExactIndex::new(DIMENSION, Metric::Dot);
    index.append(0, &batch_vectors(0));
    let mut visited = Vec::new();
    index.for_each_live(&mut |slot, vector| {
        index.append(BATCH + slot, &batch_vectors(7)[..DIMENSION]);
        index.remove(&[slot, BATCH - 1]);
        visited.push((slot, vector.to_vec()));
    });
    assert_eq!(visited, [0, 1, 2].map(|slot| (slot, vec![1.0; DIMENSION])));
    assert_eq!(all(&index).iter().map(|found| found.slot).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn compaction_holds_one_moment() {
    let index = ExactIndex::new(DIMENSION, Metric::Dot);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for batch in 0..BATCHES / 4 {
                index.append(batch * BATCH, &batch_vectors(batch));
                index.remove(&[batch * BATCH]);
            }
            stop.store(true, Ordering::Release);
        });
        while !stop.load(Ordering::Acquire) {
            let (compacted, old_slots) = index.compacted();
            assert_eq!(compacted.live_count(), old_slots.len());
            for (new_slot, &old_slot) in (0..).zip(&old_slots) {
                let expected = (old_slot / BATCH + 1) as f32;
                assert_eq!(compacted.vector(new_slot), Some(vec![expected; DIMENSION]));
            }
        }
    });
}
