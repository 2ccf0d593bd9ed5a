//! What the fuzz targets do with their input: each function takes any bytes and must return.
//!
//! A panic is a finding, and so is an answer that blames the node for what the input was. The
//! engine that makes inputs is not here but in `fuzz/`; ordinary tests replay the corpora.

#![expect(clippy::expect_used, reason = "a finding is a panic")]

mod bodies;
mod configuration;
mod filters;
mod frames;
mod models;
mod node;
mod proto;
mod snapshots;

// The configuration is the binary's, which has no library.
#[path = "../../akidb/src/failure.rs"]
#[expect(dead_code, reason = "the part of the binary that settings need")]
mod failure;
#[path = "../../akidb/src/settings/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the part of the binary that resolves settings")]
mod settings;

pub use bodies::bodies;
pub use configuration::configuration;
pub use filters::filters;
pub use frames::frames;
pub use models::models;
pub use proto::proto;
pub use snapshots::snapshots;

/// A target: its name, which is that of its corpus, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 7] = [
    ("bodies", bodies),
    ("configuration", configuration),
    ("filters", filters),
    ("frames", frames),
    ("models", models),
    ("proto", proto),
    ("snapshots", snapshots),
];
