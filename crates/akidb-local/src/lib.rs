//! The storage engine of one node: SQLite is the truth, indexes in memory are derived from it.
//!
//! | module | what it has |
//! |---|---|
//! | `engine` | the engine: opened once, with what it does in the background |
//! | `collections` | which collections there are; opened on first use, closed when idle |
//! | `collection` | what is asked of one collection |
//! | `write`, `scroll`, `search`, `hits`, `matching`, `facets`, `ordered_scroll` | the ways to ask, one each |
//! | `views`, `words` | what a search looks at, and what is found there by words |
//! | `hit_passages`, `hit_details` | the passages of a hit, and where it has the words of a query |
//! | `projection` | what searches run over, kept in step with the store |
//! | `index_memory` | the memory of all indexes, and the limit on it |
//! | `agreement` | whether all ways to ask give the same |
//! | `offline` | what is done to a data directory over which no node runs |
//! | `config`, `metrics`, `disk` | what it is told, and what it reports |

mod agreement;
mod collection;
mod collections;
mod config;
mod disk;
mod engine;
mod expiries;
mod facets;
mod hit_details;
mod hit_passages;
mod hits;
mod index_memory;
mod matching;
mod metrics;
pub mod offline;
mod ordered_scroll;
mod projection;
mod scroll;
mod search;
mod views;
mod words;
mod write;

pub use config::{BackupConfig, IndexConfig, IndexThresholds, LocalConfig, StorageConfig};
pub use engine::{LocalEngine, OpenError};
