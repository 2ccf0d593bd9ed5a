//! What the contract of an index promises beyond right answers: limits, refusals, memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

use akidb_core::Metric;
use akidb_index::{ExactIndex, Neighbor, Parallelism, SearchRequest, VectorIndex};
use roaring::RoaringBitmap;

fn refused(call: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

/// Vectors `[0, 0]`, `[1, 0]`, `[2, 0]` and so on.
fn line(count: usize) -> ExactIndex {
    let index = ExactIndex::new(2, Metric::L2);
    let vectors: Vec<f32> = (0..count).flat_map(|at| [at as f32, 0.0]).collect();
    index.append(0, &vectors);
    index
}

fn slots(found: &[Neighbor]) -> Vec<u32> {
    found.iter().map(|neighbor| neighbor.slot).collect()
}

#[test]
fn results_are_best_first_and_ties_go_to_the_lower_slot() {
    let found = line(10).search(&[5.0, 0.0], &SearchRequest::nearest(4)).neighbors;
    assert_eq!(slots(&found), [5, 4, 6, 3]);
    let scores: Vec<f32> = found.iter().map(|neighbor| neighbor.score).collect();
    assert_eq!(scores, [0.0, -1.0, -1.0, -2.0]);
}

#[test]
fn a_limit_of_none_and_of_more_than_all() {
    let index = line(10);
    for parallelism in [Parallelism::CallingThread, Parallelism::ThreadPool] {
        let request = |limit| SearchRequest { parallelism, ..SearchRequest::nearest(limit) };
        assert!(index.search(&[5.0, 0.0], &request(0)).neighbors.is_empty());
        assert_eq!(index.search(&[5.0, 0.0], &request(10_000)).neighbors.len(), 10);
        assert_eq!(index.search(&[5.0, 0.0], &request(usize::MAX)).neighbors.len(), 10);
        assert!(
            ExactIndex::new(2, Metric::Dot).search(&[5.0, 0.0], &request(9)).neighbors.is_empty()
        );
    }
}

#[test]
fn an_allow_set_may_be_empty_or_reach_past_the_index() {
    let index = line(10);
    let search = |allowed: &RoaringBitmap| {
        let request = SearchRequest { allowed: Some(allowed), ..SearchRequest::nearest(100) };
        slots(&index.search(&[5.0, 0.0], &request).neighbors)
    };
    assert!(search(&RoaringBitmap::new()).is_empty());
    assert_eq!(search(&[2, 9, 10, u32::MAX].into_iter().collect()), [2, 9]);
    assert_eq!(search(&RoaringBitmap::full()).len(), 10);
}

#[test]
fn one_score_at_the_bound_is_accepted() {
    let request = SearchRequest::nearest(100).with_min_score(Some(-1.0));
    assert_eq!(slots(&line(10).search(&[5.0, 0.0], &request).neighbors), [5, 4, 6]);
    let request = SearchRequest::nearest(100).with_min_score(Some(f32::NAN));
    assert!(line(10).search(&[5.0, 0.0], &request).neighbors.is_empty());
}

#[test]
fn values_that_are_not_finite_do_no_harm() {
    let index = ExactIndex::new(1, Metric::Dot);
    index.append(0, &[f32::NAN, f32::INFINITY, 1.0, f32::NEG_INFINITY, f32::MAX]);
    let found = index.search(&[2.0], &SearchRequest::nearest(10)).neighbors;
    assert_eq!(slots(&found), [1, 4, 2, 3]);
    assert_eq!(found[3].score, f32::NEG_INFINITY);
}

#[test]
fn calls_that_do_not_fit_change_nothing() {
    let index = line(10);
    assert!(refused(|| index.append(9, &[0.0, 0.0])), "a slot in use");
    assert!(refused(|| index.append(11, &[0.0, 0.0])), "a gap");
    assert!(refused(|| index.append(10, &[0.0; 3])), "half a row");
    assert!(refused(|| index.remove(&[3, 10])), "a slot not appended");
    assert!(refused(|| drop(index.search(&[0.0; 3], &SearchRequest::nearest(1)))));
    assert!(refused(|| drop(ExactIndex::new(0, Metric::Dot))));
    assert_eq!((index.slot_count(), index.live_count()), (10, 10));

    index.append(10, &[]);
    index.remove(&[]);
    index.append(10, &[0.5, 0.0]);
    assert_eq!((index.slot_count(), index.live_count()), (11, 11));
}

#[test]
fn removing_twice_counts_once() {
    let index = line(10);
    index.remove(&[3, 3]);
    index.remove(&[3, 4]);
    assert_eq!(index.live_count(), 8);
    assert_eq!(slots(&index.search(&[3.0, 0.0], &SearchRequest::nearest(2)).neighbors), [2, 1]);
    assert_eq!(index.vector(3), None);
    assert_eq!(index.vector(5), Some(vec![5.0, 0.0]));
}

#[test]
fn dead_chunks_and_compaction_give_memory_back() {
    let (dimension, count) = (1_024, 4_000_u32);
    let index = ExactIndex::new(dimension, Metric::Cosine);
    index.append(0, &vec![1.0; dimension * count as usize]);
    let full = index.memory_bytes();
    assert!((16_384_000..16_384_000 + 600_000).contains(&full), "{full} bytes");

    index.remove(&(0..count / 2).collect::<Vec<_>>());
    let half = index.memory_bytes();
    assert!(half < full * 65 / 100, "{half} of {full} bytes");

    index.remove(&(count / 2..count - 1).filter(|slot| slot % 10 != 0).collect::<Vec<_>>());
    let (compacted, old_slots) = index.compacted();
    assert_eq!(old_slots.len(), compacted.live_count());
    assert!(compacted.memory_bytes() < full / 10, "{} bytes", compacted.memory_bytes());
}

#[test]
fn a_small_index_takes_little_memory() {
    let index = ExactIndex::new(384, Metric::Cosine);
    for slot in 0..100 {
        index.append(slot, &[1.0; 384]);
    }
    assert!(index.memory_bytes() < 2 * 100 * 1_536, "{} bytes", index.memory_bytes());
}
