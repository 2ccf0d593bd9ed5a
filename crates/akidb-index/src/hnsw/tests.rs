//! What must hold of every graph, seen from the inside.

use akidb_core::{IndexSettings, Metric};

use super::{HnswIndex, layer::Link};
use crate::{Codes, SearchRequest, VectorIndex};

/// Vectors that look random; `spread` of 0 makes all of them equal.
fn vectors(count: usize, dimension: usize, spread: f32) -> Vec<f32> {
    let mut state = 1_u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        1.0 + spread * ((state >> 40) as f32 / (1 << 23) as f32 - 1.0)
    })
    .take(count * dimension)
    .collect()
}

fn linked(metric: Metric, m: u32, vectors: &[f32], dimension: usize) -> HnswIndex {
    let settings = IndexSettings { m, ..IndexSettings::default() };
    let index = HnswIndex::with_graph_min(dimension, metric, settings, 100);
    index.append(0, vectors);
    while index.link(1_000) > 0 {}
    index
}

/// Asserts degrees, neighbors, and that all linked live slots can be reached from the entry.
fn check(index: &HnswIndex) {
    let graph = index.graph().expect("a graph");
    let (view, state) = (graph.view(), index.core.snapshot());
    let counts = graph.lock_linker().clone();
    for (at, layer) in view.layers.iter().enumerate() {
        let nodes = at.checked_sub(1).map_or(graph.linked_end(), |upper| counts[upper]);
        for node in 0..nodes {
            let links: Vec<Link> = layer.neighbors(node).collect();
            assert!(links.len() <= layer.degree());
            let mut ids: Vec<u32> = links.iter().map(|link| link.index).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), links.len(), "a double edge at {node} of layer {at}");
            assert!(ids.iter().all(|&to| to != node && to < nodes), "an edge of {node} to nowhere");
        }
    }
    let mut entry = graph.entry().expect("an entry");
    while entry.layer > 0 {
        entry.index = view.layers[entry.layer].below(entry.index);
        entry.layer -= 1;
    }
    for only_pinned in [false, true] {
        let mut reached = vec![false; graph.linked_end() as usize];
        let mut open = vec![entry.index];
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut reached[node as usize], true) {
                let links = view.layers[0].neighbors(node);
                open.extend(links.filter(|to| to.pinned || !only_pinned).map(|to| to.index));
                view.twins.of(node).for_each(|twin| reached[twin as usize] = true);
            }
        }
        let cut_off = |&slot: &u32| state.is_live(slot) && !reached[slot as usize];
        let orphans = (0..graph.linked_end()).filter(cut_off).count();
        assert_eq!(orphans, 0, "of {}, pinned only: {only_pinned}", reached.len());
    }
}

#[test]
fn graphs_of_all_kinds_hang_together() {
    for (metric, m, dimension) in
        [(Metric::Cosine, 16, 24), (Metric::L2, 2, 3), (Metric::Dot, 5, 8), (Metric::L2, 8, 1)]
    {
        check(&linked(metric, m, &vectors(5_000, dimension, 1.0), dimension));
    }
}

#[test]
fn thousands_of_equal_vectors_hang_together() {
    for m in [2, 16] {
        let index = linked(Metric::Cosine, m, &vectors(6_000, 5, 0.0), 5);
        check(&index);
        // All but those that threads came upon at once.
        let graph = index.graph().expect("a graph");
        let twins = (0..6_000).filter(|&slot| graph.view().twins.is_twin(slot)).count();
        assert!(twins > 5_000, "{twins}");
        index.remove(&(0..6_000).filter(|slot| slot % 2 == 0).collect::<Vec<_>>());
        check(&index.compacted().0);
    }
}

#[test]
fn removal_repair_and_compaction_keep_it_together() {
    let mut index = linked(Metric::L2, 6, &vectors(4_000, 12, 1.0), 12);
    for round in 0..6 {
        let slots = 0..index.slot_count() as u32;
        index.remove(&slots.filter(|slot| (slot * 7 + round) % 3 == 0).collect::<Vec<_>>());
        while index.link(50) > 0 {}
        check(&index);
        index = index.compacted().0;
        check(&index);
        let added = vectors(1_500 + round as usize, 12, 1.0);
        index.append(index.slot_count() as u32, &added[12 * round as usize..]);
        while index.link(777) > 0 {}
        check(&index);
    }
}

#[test]
fn many_threads_link_at_once_and_leave_no_orphans() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(16).build().expect("threads");
    for _ in 0..3 {
        let settings = IndexSettings { m: 4, ef_construction: 20, ..IndexSettings::default() };
        let index = HnswIndex::with_graph_min(8, Metric::Cosine, settings, 10);
        index.append(0, &vectors(6_000, 8, 1.0));
        pool.install(|| while index.link(usize::MAX) > 0 {});
        check(&index);
    }
}

#[test]
fn codes_that_no_longer_fit_are_chosen_anew() {
    let index = linked(Metric::L2, 8, &vectors(1_000, 16, 1.0), 16);
    let before = index.graph().expect("a graph");
    let far = vectors(5_000, 16, 1.0).iter().map(|at| 30.0 + at * 0.01).collect::<Vec<_>>();
    index.append(1_000, &far);
    while index.link(500) > 0 {}
    let after = index.graph().expect("a graph");
    assert!(!std::sync::Arc::ptr_eq(&before, &after) && before.coder != after.coder);
    assert_eq!((index.linked_count(), index.codes()), (6_000, Some(Codes::Int8)));
    check(&index);
}

/// Vectors near one of two points, which are so far apart that codes see nothing but that.
fn in_two_places(count: usize, dimension: usize) -> Vec<f32> {
    let mut vectors = vectors(count, dimension, 0.1);
    for (at, row) in vectors.chunks_mut(dimension).enumerate() {
        row.iter_mut().for_each(|value| *value += if at % 2 == 0 { 1e3 } else { -1e3 });
    }
    vectors
}

#[test]
fn where_no_codes_serve_the_graph_is_over_full_vectors() {
    let mut index = linked(Metric::L2, 8, &in_two_places(3_000, 16), 16);
    assert_eq!(index.codes(), Some(Codes::F32));
    check(&index);
    index.remove(&(0..2_500).collect::<Vec<_>>());
    while index.link(50) > 0 {}
    check(&index);
    index = index.compacted().0;
    assert_eq!(index.codes(), Some(Codes::F32));
    check(&index);
    // Codes serve again when what they could not tell apart is gone.
    index.append(500, &vectors(3_000, 16, 1.0));
    while index.link(500) > 0 {}
    index.remove(&(0..500).collect::<Vec<_>>());
    index = index.compacted().0;
    assert_eq!((index.codes(), index.linked_count()), (Some(Codes::Int8), 3_000));
    check(&index);
}

#[test]
fn searches_that_overturn_the_order_of_codes_turn_the_index_to_full_vectors() {
    let index = linked(Metric::L2, 8, &vectors(1_000, 16, 1.0), 16);
    assert_eq!((index.codes(), index.pending_count()), (Some(Codes::Int8), 0));
    // Not so many more that the codes would be measured again, and none of them tells them apart.
    let far = vectors(950, 16, 1.0).iter().map(|at| 1e3 + at * 0.05).collect::<Vec<_>>();
    index.append(1_000, &far);
    while index.link(500) > 0 {}
    assert_eq!(index.codes(), Some(Codes::Int8));
    for (slot, query) in (1_000..).zip(far.chunks(16)).take(40) {
        // Meanwhile more and more candidates are scored in full, and the right ones found.
        let found = index.search(query, &SearchRequest::nearest(10)).neighbors;
        assert_eq!(found[0].slot, slot);
    }
    assert_eq!((index.pending_count(), index.linked_count()), (1_950, 0));
    while index.link(500) > 0 {}
    assert_eq!((index.codes(), index.linked_count()), (Some(Codes::F32), 1_950));
    check(&index);
    assert_eq!(index.compacted().0.codes(), Some(Codes::F32));
}

#[test]
fn a_small_index_has_no_graph_and_a_large_one_little_hot_memory() {
    let small = HnswIndex::new(384, Metric::Cosine, IndexSettings::default());
    small.append(0, &vectors(100, 384, 1.0));
    assert_eq!((small.link(100), small.pending_count(), small.hot_memory_bytes()), (0, 0, 0));
    assert!(small.memory_bytes() < 2 * 100 * 1_536 + 1_024, "{} bytes", small.memory_bytes());

    let large = HnswIndex::new(384, Metric::Cosine, IndexSettings::default());
    large.append(0, &vectors(40_000, 384, 1.0));
    large.link(1);
    let (hot, full) = (large.hot_memory_bytes(), 40_000 * 384 * 4);
    assert!(hot < full * 45 / 100, "{hot} of {full} bytes");
    assert!(hot >= 40_000 * (384 + 128), "{hot} bytes");
}
