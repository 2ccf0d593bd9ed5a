//! The settings of an index on the command line, for a new collection and for others.

use clap::Args;
use serde::Serialize;

/// The `index` of the body of a request.
#[derive(Args, Debug, Serialize)]
pub(super) struct IndexSettings {
    /// What searches: hnsw, a graph, the default; exact, which compares every vector; or hnsw_rs, the
    /// graph of that crate
    #[arg(long, value_name = "ENGINE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    /// Neighbors of a vector in the graph, 4 to 64; 16 by default
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<u64>,
    /// Candidates looked at when a vector is linked, 8 to 2,000; 200 by default
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ef_construction: Option<u64>,
    /// Candidates kept by a search that does not say how many; 100 by default
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ef: Option<u64>,
    /// What the graph is walked over: int8, the default, none, or binary from 1,024 dimensions
    #[arg(long, value_name = "KIND")]
    #[serde(skip_serializing_if = "Option::is_none")]
    quantization: Option<String>,
}

impl IndexSettings {
    pub(super) fn is_absent(&self) -> bool {
        let Self { engine, m, ef_construction, ef, quantization } = self;
        engine.is_none()
            && m.is_none()
            && ef_construction.is_none()
            && ef.is_none()
            && quantization.is_none()
    }
}
