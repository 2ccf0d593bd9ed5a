//! How many documents have which values.

use akidb_core::{DateInterval, FacetCounts};
use serde_json::Value;

/// Asks how many documents have which values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountFacets {
    /// A filter as JSON; all documents where absent.
    pub filter: Option<Value>,
    /// What is counted, each for itself.
    pub facets: Vec<GivenFacet>,
}

/// Asks how many documents have which values of a field: each for itself, or what `borders` or `interval` put
/// together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenFacet {
    /// The field: a key of the metadata, or a path of keys with dots.
    pub field: String,
    /// How many values are listed, 10 where absent; of an interval 100.
    pub limit: Option<u64>,
    /// The borders between ranges: numbers or dates, ascending.
    pub borders: Option<Vec<Value>>,
    /// Dates of one year, month, day or hour count together.
    pub interval: Option<DateInterval>,
}

/// How many documents have which values, as of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FacetsReply {
    /// Documents that match, or all.
    pub count: u64,
    /// One a facet, in their order.
    pub facets: Vec<FacetReply>,
    /// Fields of the filter and of the facets that no document has.
    pub unknown_fields: Vec<String>,
}

/// What one facet counted.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetReply {
    /// The field, as it was given.
    pub field: String,
    /// What was counted.
    pub counts: FacetCounts,
}
