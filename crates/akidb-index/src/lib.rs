//! Vector indexes of AkiDB: synchronous, addressed by dense slots, rebuilt from the store at will.
//!
//! What lives here: the [`VectorIndex`] contract, the exact and the graph indexes behind it, the
//! distance kernels, and the index that answers filters. What does not: documents, SQL, files, and any
//! async runtime. An index holds derived data only; it can be thrown away and filled again from the
//! store.
//!
//! | module | what it is |
//! |---|---|
//! | `vector_index` | the contract that every index keeps |
//! | `search_request` | what a search asks for, and what it gives back |
//! | `engine` | which index a collection's settings ask for |
//! | `exact` | the flat index that looks at every vector |
//! | `hnsw` | the graph index over codes, with the exact one inside |
//! | `hnsw_rs_engine` | the graph of the crate `hnsw_rs` |
//! | `filter_index` | from a filter on metadata to the slots that match |
//! | `best_neighbours` | the bounded list of the best scores seen so far |
//! | `lane` | vectors padded to whole cache lines, so that kernels have no tails |
//! | `code_line`, `code_kernel` | codes in whole cache lines, and measures over them |
//! | `kernel` | dot product and squared distance, in the widest instructions of this machine |
//! | `scoring` | from what a kernel measures to the score of a metric |

mod best_neighbours;
mod code_kernel;
mod code_line;
mod engine;
mod exact;
mod filter_index;
mod hnsw;
mod hnsw_rs_engine;
mod kernel;
mod lane;
mod scoring;
mod search_request;
mod vector_index;

pub use engine::open_engine;
pub use exact::ExactIndex;
pub use filter_index::{DamagedFilterIndex, FilterIndex, Matching};
pub use hnsw::{
    HnswIndex,
    parts::{GraphHeader, IndexHeader, MappedSection, PartsError, Section},
};
pub use hnsw_rs_engine::HnswRsIndex;
pub use search_request::{Found, Neighbour, Parallelism, SearchRequest, Strategy, Work};
pub use vector_index::VectorIndex;
