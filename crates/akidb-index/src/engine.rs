//! Which index a collection's settings ask for.

use akidb_core::{IndexEngine, IndexSettings, Metric};

use crate::{ExactIndex, HnswIndex, HnswRsIndex, VectorIndex};

/// An index with no slots, of the engine that the settings name. The graph of [`HnswIndex`] begins
/// at `graph_min` vectors.
///
/// # Panics
///
/// If `dimension` is 0.
#[must_use]
pub fn open_engine(
    dimension: usize,
    metric: Metric,
    settings: &IndexSettings,
    graph_min: usize,
) -> Box<dyn VectorIndex> {
    match settings.engine {
        IndexEngine::Exact => Box::new(ExactIndex::new(dimension, metric)),
        IndexEngine::Hnsw => {
            Box::new(HnswIndex::with_graph_min(dimension, metric, *settings, graph_min))
        }
        IndexEngine::HnswRs => Box::new(HnswRsIndex::new(dimension, metric, *settings)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SearchRequest;

    #[test]
    fn every_engine_takes_vectors_and_finds_them() {
        for engine in IndexEngine::ALL {
            let settings = IndexSettings { engine, ..IndexSettings::default() };
            let index = open_engine(2, Metric::L2, &settings, 100);
            index.append(0, &[0.0, 0.0, 3.0, 4.0]);
            let found = index.search(&[3.0, 4.0], &SearchRequest::nearest(1)).neighbors;
            assert_eq!((found[0].slot, found[0].score), (1, 0.0), "{engine}");
            assert_eq!((index.link(10), index.pending_count()), (0, 0));
        }
    }
}
