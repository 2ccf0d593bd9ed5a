//! How near the graph comes to the exact answer, whatever was removed or filtered.

use akidb_core::{Effort, IndexSettings, Metric, Quantization};
use akidb_index::{HnswIndex, HnswRsIndex, SearchRequest, Strategy, VectorIndex};
use roaring::RoaringBitmap;

use crate::vectors::{Numbers, clustered, recall};

const DIMENSION: usize = 48;
const COUNT: usize = 12_000;
const QUERIES: usize = 400;

fn built(metric: Metric, quantization: Quantization, vectors: &[f32]) -> HnswIndex {
    let settings = IndexSettings { quantization, ..IndexSettings::default() };
    let index = HnswIndex::with_graph_min(DIMENSION, metric, settings, 500);
    index.append(0, vectors);
    link_all(&index);
    index
}

fn link_all(index: &HnswIndex) {
    while index.link(1_500) > 0 {}
    assert_eq!((index.pending_count(), index.linked_count()), (0, index.slot_count()));
}

/// The mean recall of the nearest 10, over queries of the same kind as the vectors.
fn mean_recall(
    index: &dyn VectorIndex,
    request: &SearchRequest<'_>,
    strategy: impl Into<Option<Strategy>>,
) -> f64 {
    let strategy = strategy.into();
    let queries = clustered(77, QUERIES, DIMENSION, 40);
    let of_query = |query: &[f32]| {
        let found = index.search(query, request);
        assert!(strategy.is_none_or(|strategy| found.work.strategy == strategy));
        let exact = index.search(query, &request.exactly()).neighbors;
        assert_eq!(found.neighbors.len(), exact.len());
        recall(&found.neighbors, &exact)
    };
    queries.chunks(DIMENSION).map(of_query).sum::<f64>() / QUERIES as f64
}

#[test]
fn the_nearest_are_found_under_every_metric_and_coding() {
    for metric in Metric::ALL {
        for quantization in [Quantization::Int8, Quantization::None] {
            let index = built(metric, quantization, &clustered(1, COUNT, DIMENSION, 40));
            let recall = mean_recall(&index, &SearchRequest::nearest(10), Strategy::Graph);
            assert!(recall > 0.97, "{metric:?} {quantization:?}: {recall}");
        }
    }
}

#[test]
fn the_graph_of_the_crate_keeps_the_contract() {
    for metric in Metric::ALL {
        let index = HnswRsIndex::with_graph_min(DIMENSION, metric, IndexSettings::default(), 500);
        index.append(0, &clustered(1, 3_000, DIMENSION, 40));
        while index.link(700) > 0 {}
        index.append(3_000, &clustered(2, 100, DIMENSION, 40));
        index.remove(&(0..1_000).map(|at| at * 3).collect::<Vec<_>>());
        assert_eq!((index.pending_count(), index.live_count()), (100, 2_100));
        let even: RoaringBitmap = (0..3_100).filter(|slot| slot % 2 == 0).collect();
        let rare: RoaringBitmap = (0..3_100).filter(|slot| slot % 50 == 1).collect();
        for allowed in [None, Some(&even), Some(&rare)] {
            let request = SearchRequest { allowed, ..SearchRequest::nearest(10) };
            let recall = mean_recall(&index, &request, None);
            assert!(recall > 0.95, "{metric:?}: {recall}");
        }
        let (compacted, old_slots) = index.compact();
        assert_eq!((compacted.slot_count(), old_slots.len()), (2_100, 2_100));
        while compacted.link(usize::MAX) > 0 {}
        let recall = mean_recall(&*compacted, &SearchRequest::nearest(10), Strategy::Graph);
        assert!(recall > 0.95, "{metric:?}: {recall}");
    }
}

#[test]
fn bits_find_the_nearest_of_long_vectors() {
    const LONG: usize = 1_024;
    for metric in Metric::ALL {
        let settings = IndexSettings { quantization: Quantization::Binary, ..Default::default() };
        let index = HnswIndex::with_graph_min(LONG, metric, settings, 500);
        index.append(0, &clustered(1, 4_000, LONG, 40));
        link_all(&index);
        let codes = index.hot_memory_bytes();
        assert!(codes < 4_000 * LONG * 4 / 3, "{codes} bytes");
        let queries = clustered(77, 20, LONG, 40);
        let mut sum = 0.0;
        for query in queries.chunks(LONG) {
            let request = SearchRequest::nearest(10).with_ef(200);
            let exact = request.exactly();
            let found = index.search(query, &request).neighbors;
            sum += recall(&found, &index.search(query, &exact).neighbors) / 20.0;
        }
        assert!(sum > 0.9, "{metric:?}: {sum}");
    }
}

#[test]
fn every_vector_finds_itself() {
    let vectors = clustered(1, COUNT, DIMENSION, 40);
    for quantization in [Quantization::Int8, Quantization::None] {
        let index = built(Metric::L2, quantization, &vectors);
        let request = SearchRequest::nearest(1).with_ef(200);
        for (slot, vector) in (0..).zip(vectors.chunks(DIMENSION)) {
            let found = index.search(vector, &request).neighbors;
            assert_eq!((found[0].slot, found[0].score), (slot, 0.0));
        }
    }
}

#[test]
fn scores_are_those_of_the_exact_index_to_the_bit() {
    let index = built(Metric::Cosine, Quantization::Int8, &clustered(1, COUNT, DIMENSION, 40));
    for query in clustered(5, 20, DIMENSION, 40).chunks(DIMENSION) {
        let exact = SearchRequest::nearest(COUNT).exactly();
        let exact = index.search(query, &exact).neighbors;
        for found in index.search(query, &SearchRequest::nearest(10)).neighbors {
            assert!(exact.contains(&found));
        }
        let effort = Effort { rescore: false, ..Effort::default() };
        let rough = SearchRequest { effort, ..SearchRequest::nearest(10) };
        for found in index.search(query, &rough).neighbors {
            let score = exact.iter().find(|exact| exact.slot == found.slot).unwrap().score;
            assert!((found.score - score).abs() < 0.02, "{} for {score}", found.score);
        }
    }
}

/// Half of the slots: at random, or the ones nearest to a point.
fn half(index: &HnswIndex, by_cluster: bool) -> Vec<u32> {
    let count = index.slot_count();
    if by_cluster {
        let point = clustered(3, 1, DIMENSION, 40);
        let request = SearchRequest::nearest(count / 2).exactly();
        index.search(&point, &request).neighbors.iter().map(|found| found.slot).collect()
    } else {
        let mut numbers = Numbers::new(4);
        (0..count as u32).filter(|_| numbers.below(2) == 0).collect()
    }
}

#[test]
fn half_of_all_removed_costs_no_recall() {
    for by_cluster in [false, true] {
        let index =
            built(Metric::Cosine, Quantization::Int8, &clustered(1, 2 * COUNT, DIMENSION, 40));
        index.remove(&half(&index, by_cluster));
        while index.link(10_000) > 0 {}
        let request = SearchRequest::nearest(10).with_ef(64);
        // Where all that is near is dead, walking over it may cost more than a scan.
        let repaired = mean_recall(&index, &request, None);

        let (compacted, old_slots) = index.compacted();
        assert_eq!(compacted.slot_count(), old_slots.len());
        let compact = mean_recall(&compacted, &request, Strategy::Graph);

        let live: Vec<f32> =
            old_slots.iter().flat_map(|&slot| index.vector(slot).unwrap()).collect();
        let fresh = built(Metric::Cosine, Quantization::Int8, &live);
        let fresh = mean_recall(&fresh, &request, Strategy::Graph);
        assert!(repaired > fresh - 0.01, "repaired {repaired}, fresh {fresh}, {by_cluster}");
        assert!(compact > fresh - 0.01, "compact {compact}, fresh {fresh}, {by_cluster}");
    }
}

#[test]
fn generations_of_compaction_do_not_wear_the_graph_down() {
    let mut index = built(Metric::Cosine, Quantization::Int8, &clustered(1, 4_000, DIMENSION, 40));
    let mut numbers = Numbers::new(8);
    for generation in 0..20 {
        let gone: Vec<u32> =
            (0..index.slot_count() as u32).filter(|_| numbers.below(4) == 0).collect();
        index.remove(&gone);
        index = index.compacted().0;
        let added = clustered(100 + generation, gone.len(), DIMENSION, 40);
        index.append(index.slot_count() as u32, &added);
        link_all(&index);
    }
    let request = SearchRequest::nearest(10).with_ef(64);
    let recall = mean_recall(&index, &request, Strategy::Graph);
    assert!(recall > 0.96, "{recall}");
}

#[test]
fn filters_of_every_size_are_answered_in_full() {
    let index = built(Metric::Cosine, Quantization::Int8, &clustered(1, COUNT, DIMENSION, 40));
    let mut strategies = Vec::new();
    for one_in in [1, 2, 3, 10, 100, 1_000, 4_000] {
        let allowed: RoaringBitmap =
            (0..COUNT as u32 + 500).filter(|slot| slot % one_in == 0).collect();
        let request = SearchRequest { allowed: Some(&allowed), ..SearchRequest::nearest(10) };
        let query = clustered(6, 1, DIMENSION, 40);
        let strategy = index.search(&query, &request).work.strategy;
        let recall = mean_recall(&index, &request, strategy);
        assert!(recall > 0.97, "one in {one_in}, {strategy:?}: {recall}");
        strategies.push(strategy);
    }
    assert_eq!(strategies.first(), Some(&Strategy::Graph));
    assert_eq!(strategies.last(), Some(&Strategy::Scan));
}

#[test]
fn a_filter_far_from_the_query_is_answered_in_full() {
    let index = built(Metric::Cosine, Quantization::Int8, &clustered(1, COUNT, DIMENSION, 40));
    let query = clustered(6, 1, DIMENSION, 40);
    let everything = SearchRequest::nearest(COUNT).exactly();
    let order = index.search(&query, &everything).neighbors;
    let far: RoaringBitmap = order[COUNT / 2..].iter().map(|found| found.slot).collect();
    let request = SearchRequest { allowed: Some(&far), ..SearchRequest::nearest(10) };
    let found = index.search(&query, &request).neighbors;
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|found| far.contains(found.slot)));
    assert!(recall(&found, &order[COUNT / 2..COUNT / 2 + 10]) >= 0.9);
}

#[test]
fn few_live_among_many_dead_are_all_found() {
    let index = built(Metric::Cosine, Quantization::Int8, &clustered(1, COUNT, DIMENSION, 40));
    index.remove(&(0..COUNT as u32).filter(|slot| slot % 300 != 0).collect::<Vec<_>>());
    for limit in [1, 10, 40, 1_000] {
        let request = SearchRequest::nearest(limit).with_ef(16);
        let found = index.search(&clustered(9, 1, DIMENSION, 40), &request).neighbors;
        assert_eq!(found.len(), limit.min(COUNT / 300));
        assert!(found.iter().all(|found| found.slot % 300 == 0));
    }
}
