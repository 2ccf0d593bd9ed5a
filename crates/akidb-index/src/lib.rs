//! Vector indexes of AkiDB: synchronous, addressed by dense slots, rebuilt from the store at will.
//!
//! Scope: the [`VectorIndex`] contract, the indexes behind it, the distance kernels, the index that
//! answers filters, and the files that an index is kept in. Out of scope: documents, SQL, and any
//! async runtime. An index holds derived data only; it can be thrown away and filled again from the
//! store.
//!
//! | module | what it is |
//! |---|---|
//! | `vector_index` | the contract that every index keeps |
//! | `search_request` | what a search asks for, and what it gives back |
//! | `engine` | which index a collection's settings ask for |
//! | `exact` | the flat index that looks at every vector |
//! | `filter_index` | from a filter on metadata to the slots that match |
//! | `hnsw` | the graph index over codes, with the exact one inside |
//! | `hnsw_rs_engine` | the graph of the crate `hnsw_rs` |
//! | `best_neighbors` | the bounded list of the best scores seen so far |
//! | `vector_line` | vectors padded to whole cache lines, so that kernels have no tails |
//! | `code_line`, `code_kernel` | codes in whole cache lines, and measures over them |
//! | `kernel` | dot product and squared distance, in the widest instructions of this machine |
//! | `snapshot` | an index as files, verified before they are used |
//! | `ranking` | an answer whose beginning does not depend on its length |
//! | `scoring` | from what a kernel measures to the score of a metric |

mod best_neighbors;
mod code_kernel;
mod code_line;
mod engine;
mod exact;
mod filter_index;
mod hnsw;
mod hnsw_rs_engine;
mod kernel;
mod ranking;
mod scoring;
mod search_request;
mod snapshot;
mod vector_index;
mod vector_line;

pub use engine::open_engine;
pub use exact::ExactIndex;
pub use filter_index::{DamagedFilterIndex, FilterIndex, Matching, OrderStart, OrderedGroup};
pub use hnsw::{
    HnswIndex,
    parts::{GraphHeader, IndexHeader, MappedSection, PartsError, Section},
    sketch::code_bytes,
};
pub use hnsw_rs_engine::HnswRsIndex;
pub use search_request::{Approach, Found, Neighbor, Parallelism, SearchRequest, Work};
pub use snapshot::{FORMAT_VERSION, Snapshot, SnapshotError, SnapshotFolder};
pub use vector_index::VectorIndex;

pub use akidb_core::{Codes, Strategy};
