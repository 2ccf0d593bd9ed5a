//! What an index in parts gives back, and what becomes of parts that are no index.

use akidb_core::{IndexSettings, Metric, Quantization};
use akidb_index::{Codes, HnswIndex, IndexHeader, SearchRequest, VectorIndex};

use crate::{parts::Parts, vectors::clustered};

const DIMENSION: usize = 20;
const GRAPH_MIN: usize = 300;

fn built(count: usize, metric: Metric, quantization: Quantization) -> HnswIndex {
    let settings = IndexSettings { quantization, ..IndexSettings::default() };
    let index = HnswIndex::with_graph_min(DIMENSION, metric, settings, GRAPH_MIN);
    index.append(0, &clustered(1, count, DIMENSION, 10));
    index.link(count.saturating_sub(50));
    index.remove(&(0..count as u32).filter(|slot| slot % 7 == 3).collect::<Vec<_>>());
    index
}

fn assert_same_answers(index: &HnswIndex, other: &HnswIndex) {
    for query in clustered(4, 20, DIMENSION, 10).chunks(DIMENSION) {
        for limit in [1, 10, 1_000] {
            let request = SearchRequest::nearest(limit);
            assert_eq!(index.search(query, &request), other.search(query, &request));
        }
    }
}

#[test]
fn an_index_comes_back_as_it_was_and_goes_on() {
    for (count, metric, quantization) in [
        (0, Metric::Cosine, Quantization::Int8),
        (100, Metric::Dot, Quantization::Int8),
        (2_000, Metric::L2, Quantization::Int8),
        (2_000, Metric::Cosine, Quantization::None),
        (2_000, Metric::Cosine, Quantization::Binary),
        // More than one block of codes and of vectors.
        (40_000, Metric::Cosine, Quantization::Int8),
    ] {
        let index = built(count, metric, quantization);
        let back = Parts::of(&index).put_together(GRAPH_MIN).unwrap();
        assert_eq!(
            (back.slot_count(), back.live_count(), back.linked_count()),
            (index.slot_count(), index.live_count(), index.linked_count())
        );
        assert_same_answers(&index, &back);
        for index in [&index, &back] {
            index.append(count as u32, &clustered(2, 500, DIMENSION, 10));
            index.remove(&[count as u32 + 1]);
            while index.link(usize::MAX) > 0 {}
        }
        assert_eq!(back.live_count(), index.live_count());
        let (back, index) = (back.compacted().0, index.compacted().0);
        let query = clustered(5, 1, DIMENSION, 10);
        let request = SearchRequest::nearest(10).with_ef(50_000);
        assert_eq!(
            index.search(&query, &request).neighbors,
            back.search(&query, &request).neighbors
        );
    }
}

#[test]
fn a_mapped_index_takes_no_heap_for_vectors_and_codes() {
    let index = built(40_000, Metric::Cosine, Quantization::Int8);
    let back = Parts::of(&index).put_together(GRAPH_MIN).unwrap();
    let links = 40_000 * 128;
    assert!(back.memory_bytes() < links + 6 * 1024 * 1024, "{} bytes", back.memory_bytes());
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let index = built(2_000, Metric::L2, Quantization::Int8);
    let whole = Parts::of(&index);
    for (name, _) in &whole.sections {
        for cut in [0, 1, 63] {
            let mut parts = Parts::of(&index);
            let section = parts.section(name);
            if cut == 0 {
                parts.sections.retain(|(known, _)| known != name);
                // No center is a center at the origin, and most vectors have no equal.
                let is_optional = ["centre", "twins"].contains(&name.as_str());
                assert_eq!(parts.put_together(GRAPH_MIN).is_ok(), is_optional, "{name} absent");
            } else if !section.is_empty() {
                section.truncate(section.len().saturating_sub(cut));
                assert!(parts.put_together(GRAPH_MIN).is_err(), "{name} cut by {cut}");
            }
        }
    }
    type Damage = fn(&mut IndexHeader);
    let damages: [Damage; 9] = [
        |header| header.dimension = 0,
        |header| header.dimension = u32::MAX,
        |header| header.slot_count += 1,
        |header| header.slot_count = u32::MAX,
        |header| header.settings.m = u32::MAX,
        |header| header.graph.as_mut().unwrap().linked = u32::MAX,
        |header| header.graph.as_mut().unwrap().entry = Some((99, 0)),
        |header| header.graph.as_mut().unwrap().codes = Codes::Binary,
        |header| header.graph.as_mut().unwrap().upper_counts.push(1),
    ];
    for (at, damage) in damages.into_iter().enumerate() {
        let mut header = whole.header();
        damage(&mut header);
        assert!(whole.put_together_as(&header, GRAPH_MIN).is_err(), "damage {at}");
    }
}

#[test]
fn rubbish_is_refused_or_searched_without_harm() {
    let index = built(2_000, Metric::Cosine, Quantization::Int8);
    let names: Vec<String> = Parts::of(&index).sections.into_iter().map(|(name, _)| name).collect();
    let mut state = 7_u64;
    for round in 0..60 {
        let mut parts = Parts::of(&index);
        let name = &names[round % names.len()];
        let bytes = parts.section(name);
        for _ in 0..20 {
            state =
                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            if !bytes.is_empty() {
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
        }
        if let Ok(back) = parts.put_together(GRAPH_MIN) {
            let query = clustered(5, 1, DIMENSION, 10);
            back.search(&query, &SearchRequest::nearest(10));
            while back.link(usize::MAX) > 0 {}
            drop(back.compacted());
        }
    }
}
