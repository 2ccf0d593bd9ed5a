//! The indexes from the outside: their contracts, their answers, and many threads at once.

mod exact_concurrency;
mod exact_contract;
mod exact_model;
mod facet_model;
mod filter_concurrency;
mod filter_model;
mod hard_vectors;
mod hnsw_contract;
mod hnsw_model;
mod hnsw_parts;
mod hnsw_quality;
mod order_model;
mod pages;
mod parts;
mod snapshot_damage;
mod vectors;
