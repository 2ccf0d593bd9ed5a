//! The exact index from the outside: its contract, its answers, and many threads at once.

mod exact_concurrency;
mod exact_contract;
mod exact_model;
