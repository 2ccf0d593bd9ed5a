//! Vector indexes of AkiDB: synchronous, addressed by dense slots, rebuilt from the store at will.
//!
//! What lives here: the [`VectorIndex`] contract, the indexes behind it, the distance kernels, the
//! index that answers filters, and the files that an index is kept in. What does not: documents,
//! SQL, and any async runtime. An index holds derived data only; it can be thrown away and filled
//! again from the store.
//!
//! | module | what it is |
//! |---|---|
//! | `vector_index` | the contract that every index keeps |
//! | `search_request` | what a search asks for, and what it gives back |
//! | `exact` | the flat index that looks at every vector |
//! | `filter_index` | from a filter on metadata to the slots that match |
//! | `best_neighbours` | the bounded list of the best scores seen so far |
//! | `lane` | vectors padded to whole cache lines, so that kernels have no tails |
//! | `kernel` | dot product and squared distance, in the widest instructions of this machine |
//! | `snapshot` | an index as files, verified before they are used |
//! | `scoring` | from what a kernel measures to the score of a metric |

mod best_neighbours;
mod code_kernel;
mod code_line;
mod exact;
mod filter_index;
mod hnsw;
mod kernel;
mod lane;
mod scoring;
mod search_request;
mod snapshot;
mod vector_index;

pub use exact::ExactIndex;
pub use filter_index::{DamagedFilterIndex, FilterIndex, Matching};
pub use hnsw::HnswIndex;
pub use search_request::{Found, Neighbour, Parallelism, SearchRequest, Strategy, Work};
pub use snapshot::{
    FORMAT_VERSION, Growth, MappedBytes, Section, Snapshot, SnapshotError, SnapshotFolder,
};
pub use vector_index::VectorIndex;

/// An index without slots, by the engine of the settings, which has a graph from `graph_min`
/// vectors on.
///
/// # Panics
///
/// If `dimension` is 0.
#[must_use]
pub fn open_index(
    dimension: usize,
    metric: akidb_core::Metric,
    settings: &akidb_core::IndexSettings,
    graph_min: usize,
) -> Box<dyn VectorIndex> {
    match settings.engine {
        akidb_core::IndexEngine::Exact => Box::new(ExactIndex::new(dimension, metric)),
        _ => Box::new(HnswIndex::with_graph_min(dimension, metric, *settings, graph_min)),
    }
}
