//! What can be asked of the service, a module for each kind of thing.

mod aliases;
mod backpressure;
mod backups;
mod checked;
mod collection;
mod cursor;
mod delete;
mod embed;
mod expiry;
mod facets;
mod fields;
mod groups;
mod import;
mod index_settings;
mod models;
mod put_collection;
mod ranking;
mod read;
mod reembed;
mod rerank;
mod rerank_hits;
mod search;
mod selection;
mod steps;
mod tasks;
mod text_vectors;
mod update;
mod upsert;

pub(crate) use backpressure::when_there_is_room;
pub use facets::{FACET_INTERVALS_DEFAULT, FACET_LIMIT_DEFAULT};
pub use groups::GROUP_SIZE_DEFAULT;
pub(crate) use models::models_of_collections;
pub use read::SCROLL_LIMIT_DEFAULT;
pub(crate) use reembed::reembed;
pub use search::SEARCH_LIMIT_DEFAULT;
