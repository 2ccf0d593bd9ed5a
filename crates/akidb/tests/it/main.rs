//! The real binary, from the outside: what it prints, what it answers, how it ends.
#![expect(clippy::unwrap_used, reason = "a test whose world is not as it must be fails")]

mod architecture;
mod backups;
mod browser;
mod client_commands;
mod copies;
mod crash;
mod disk_faults;
mod disk_full;
mod doctor;
mod documented_limits;
mod fields;
mod help;
mod import;
mod import_formats;
mod keys;
mod meaning;
mod mlx;
mod names;
mod node;
mod old_data;
mod openai;
mod parity;
mod real_model;
mod reembed;
mod rerank;
mod rest_client;
mod rust_client;
mod serve;
mod telemetry;
mod terminal;
mod tls;
mod words;
