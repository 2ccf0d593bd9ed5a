//! Pages of an answer: together they are one longer answer, whatever searches and however far.

use akidb_core::{IndexEngine, IndexSettings, Metric, Quantization};
use akidb_index::{SearchRequest, VectorIndex, open_engine};
use roaring::RoaringBitmap;

use crate::vectors::clustered;

const DIMENSION: usize = 24;
const COUNT: usize = 4_000;
const WINDOW: usize = 1_000;
const EF: u32 = 40;
/// Vectors from which on there is a graph.
const GRAPH_MIN: usize = 500;

fn settings() -> Vec<IndexSettings> {
    let default = IndexSettings { ef: EF, ..IndexSettings::default() };
    let kinds = [
        (IndexEngine::Exact, Quantization::None),
        (IndexEngine::Hnsw, Quantization::Int8),
        (IndexEngine::Hnsw, Quantization::None),
        (IndexEngine::Hnsw, Quantization::Binary),
        (IndexEngine::HnswRs, Quantization::None),
    ];
    kinds.map(|(engine, quantization)| IndexSettings { engine, quantization, ..default }).to_vec()
}

fn built(settings: &IndexSettings, metric: Metric) -> Box<dyn VectorIndex> {
    let index = open_engine(DIMENSION, metric, settings, GRAPH_MIN);
    let mut vectors = clustered(1, COUNT, DIMENSION, 20);
    // Equal ones among them, more than a search keeps.
    for row in (0..COUNT).step_by(20) {
        vectors.copy_within(0..DIMENSION, row * DIMENSION);
    }
    index.append(0, &vectors);
    while index.link(1_000) > 0 {}
    index.append(COUNT as u32, &clustered(2, 100, DIMENSION, 20));
    index.remove(&(0..500).map(|at| at * 8 + 1).collect::<Vec<_>>());
    index
}

#[test]
fn pages_together_are_one_search_of_their_length() {
    let few: RoaringBitmap = (0..COUNT as u32).filter(|slot| slot % 7 == 0).collect();
    let many: RoaringBitmap = (0..COUNT as u32).filter(|slot| slot % 3 != 0).collect();
    for settings in settings() {
        for metric in [Metric::Cosine, Metric::L2] {
            let index = built(&settings, metric);
            for (query_at, query) in clustered(9, 6, DIMENSION, 20).chunks(DIMENSION).enumerate() {
                for allowed in [None, Some(&few), Some(&many)] {
                    let request =
                        |limit| SearchRequest { allowed, ..SearchRequest::nearest(limit) };
                    let whole = index.search(query, &request(WINDOW)).neighbors;
                    let context = format!("{settings:?}, {metric}, query {query_at}");
                    let mut slots: Vec<u32> = whole.iter().map(|found| found.slot).collect();
                    slots.sort_unstable();
                    slots.dedup();
                    assert_eq!(slots.len(), whole.len(), "one comes twice: {context}");
                    for end in [1, 10, 39, 40, 41, 100, 160, 161, 400, 700] {
                        let page = index.search(query, &request(end)).neighbors;
                        let end = end.min(whole.len());
                        assert_eq!(page, whole[..end], "the first {end}: {context}");
                    }
                }
            }
        }
    }
}

#[test]
fn as_many_come_as_there_are_best_first() {
    for settings in settings() {
        let index = built(&settings, Metric::L2);
        let few: RoaringBitmap = (0..COUNT as u32).filter(|slot| slot % 9 == 0).collect();
        let query = clustered(9, 1, DIMENSION, 20);
        for allowed in [None, Some(&few)] {
            let request = SearchRequest { allowed, ..SearchRequest::nearest(2 * COUNT) };
            let found = index.search(&query, &request).neighbors;
            let exact = index.search(&query, &request.exactly()).neighbors;
            assert_eq!(found.len(), exact.len(), "{settings:?}");
            // No more than may do without a graph are scanned, and come in their order. What a walk
            // found late comes last: a hit never moves what stands on an earlier page.
            let in_order = if exact.len() <= GRAPH_MIN { found.len() } else { found.len() / 2 };
            let first = &found[..in_order];
            assert!(first.is_sorted_by(|a, b| a.score >= b.score), "{settings:?}");
            // One that scores too low ends an answer, and nothing that scores enough is missing.
            let least = exact[exact.len() / 2].score;
            let request = request.with_min_score(Some(least));
            let found = index.search(&query, &request).neighbors;
            let enough = exact.iter().filter(|exact| exact.score >= least).count();
            assert!(found.iter().all(|found| found.score >= least), "{settings:?}");
            assert!(found.len() * 100 >= enough * 97, "{} of {enough}: {settings:?}", found.len());
        }
    }
}
