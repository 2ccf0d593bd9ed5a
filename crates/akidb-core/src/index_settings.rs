//! How the vectors of a collection are indexed.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Serialize};

/// What searches the vectors of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexEngine {
    /// A navigable graph (HNSW, Malkov and Yashunin 2018) over quantized codes, rescored with full
    /// vectors. Small collections are scanned.
    #[default]
    Hnsw,
    /// Every search looks at every vector.
    Exact,
    /// The graph of the crate `hnsw_rs`, over full vectors.
    HnswRs,
}

/// What a graph is built and walked over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantization {
    /// One byte a component.
    #[default]
    Int8,
    /// Full vectors.
    None,
    /// One bit a component after a rotation (RaBitQ, Gao and Long 2024); from 1,024 dimensions.
    Binary,
}

/// The settings of a collection's index. All can be changed later; the index is then built again
/// where it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSettings {
    /// What searches.
    pub engine: IndexEngine,
    /// Neighbors of a vector in the upper layers of the graph; twice as many in the lowest.
    pub m: u32,
    /// Candidates looked at when a vector is linked into the graph.
    pub ef_construction: u32,
    /// Candidates kept by a search that does not say how many.
    pub ef: u32,
    /// What the graph is built over.
    pub quantization: Quantization,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            engine: IndexEngine::default(),
            m: 16,
            ef_construction: 200,
            ef: 100,
            quantization: Quantization::default(),
        }
    }
}

impl IndexSettings {
    /// What `m` may be.
    pub const M: RangeInclusive<u32> = 4..=64;

    /// What `ef_construction` may be; it is never less than `m`.
    pub const EF_CONSTRUCTION: RangeInclusive<u32> = 8..=2_000;

    /// Whether searches walk a graph: whether the other settings mean anything.
    #[must_use]
    pub const fn has_graph(&self) -> bool {
        !matches!(self.engine, IndexEngine::Exact)
    }
}

/// The name given for an [`IndexEngine`] or a [`Quantization`] is not one of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {given:?}, allowed are {allowed}")]
pub struct UnknownIndexSetting {
    what: &'static str,
    given: String,
    allowed: &'static str,
}

impl IndexEngine {
    /// Every engine, in the order in which documentation lists them.
    pub const ALL: [Self; 3] = [Self::Hnsw, Self::Exact, Self::HnswRs];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hnsw => "hnsw",
            Self::Exact => "exact",
            Self::HnswRs => "hnsw_rs",
        }
    }
}

impl Quantization {
    /// Every kind, in the order in which documentation lists them.
    pub const ALL: [Self; 3] = [Self::Int8, Self::None, Self::Binary];

    /// The least dimension for which one bit a component is enough.
    pub const BINARY_DIMENSION_MIN: usize = 1_024;

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::None => "none",
            Self::Binary => "binary",
        }
    }
}

impl fmt::Display for IndexEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Quantization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IndexEngine {
    type Err = UnknownIndexSetting;

    fn from_str(given: &str) -> Result<Self, UnknownIndexSetting> {
        let known = Self::ALL.into_iter().find(|engine| engine.as_str() == given);
        known.ok_or_else(|| unknown("index engine", given, "hnsw, exact and hnsw_rs"))
    }
}

impl FromStr for Quantization {
    type Err = UnknownIndexSetting;

    fn from_str(given: &str) -> Result<Self, UnknownIndexSetting> {
        let known = Self::ALL.into_iter().find(|quantization| quantization.as_str() == given);
        known.ok_or_else(|| unknown("quantization", given, "int8, none and binary"))
    }
}

fn unknown(what: &'static str, given: &str, allowed: &'static str) -> UnknownIndexSetting {
    UnknownIndexSetting { what, given: given.chars().take(64).collect(), allowed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for engine in IndexEngine::ALL {
            assert_eq!(engine.as_str().parse(), Ok(engine));
            assert_eq!(serde_json::json!(engine), engine.as_str());
        }
        for quantization in Quantization::ALL {
            assert_eq!(quantization.as_str().parse(), Ok(quantization));
            assert_eq!(serde_json::json!(quantization), quantization.as_str());
        }
        assert!("flat".parse::<IndexEngine>().is_err());
        assert!("pq".parse::<Quantization>().is_err());
    }
}
