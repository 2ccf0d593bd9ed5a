//! How a vector index answers: what it walks over, and how a search goes about it.

use serde::{Deserialize, Serialize};

/// What a graph is walked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codes {
    /// One byte a component, with a scale for each vector.
    Int8,
    /// One bit a component.
    Binary,
    /// Full vectors, by the settings or because no codes serve these.
    F32,
}

impl Codes {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Binary => "binary",
            Self::F32 => "f32",
        }
    }
}

/// How a search goes about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Every allowed vector is compared.
    #[default]
    Scan,
    /// The graph is walked; what it does not hold yet is compared.
    Graph,
    /// A walk was given up for a scan when it had cost as much as one.
    GraphThenScan,
}

impl Strategy {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Graph => "graph",
            Self::GraphThenScan => "graph_then_scan",
        }
    }
}
