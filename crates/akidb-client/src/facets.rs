//! How many documents have which values.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Asks how many documents have which values of a field, each for itself unless it has borders or an
/// interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facet {
    /// A key of the metadata, or a path of keys with dots.
    pub field: String,
    /// How many values are listed, the most frequent ones; or intervals, the latest ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The borders between ranges, ascending: numbers, or dates as strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub borders: Option<Vec<Value>>,
    /// Dates that count together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<DateInterval>,
}

/// A unit of the calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DateInterval {
    /// From the first of January on.
    Year,
    /// From its first day on.
    Month,
    /// From midnight on.
    Day,
    /// 60 minutes.
    Hour,
}

impl Facet {
    /// Each value of a field for itself.
    pub fn values(field: impl Into<String>) -> Self {
        Self { field: field.into(), ..Self::default() }
    }

    /// Numbers or dates between borders.
    pub fn ranges(field: impl Into<String>, borders: Vec<Value>) -> Self {
        Self { borders: Some(borders), ..Self::values(field) }
    }

    /// Dates by a unit of the calendar.
    pub fn dates(field: impl Into<String>, interval: DateInterval) -> Self {
        Self { interval: Some(interval), ..Self::values(field) }
    }

    /// The same, with so many values or intervals listed.
    #[must_use]
    pub fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// How many documents have which values, as of one moment.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Facets {
    /// How many documents match the filter, or there are.
    pub count: u64,
    /// One a facet, in the order of the request.
    pub facets: Vec<FacetCounts>,
    /// Fields of the filter and of the facets that no document has.
    #[serde(default)]
    pub unknown_fields: Vec<String>,
}

/// What one facet counted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct FacetCounts {
    /// The field.
    pub field: String,
    /// From the most frequent one on; none where there are borders or an interval.
    #[serde(default)]
    pub values: Vec<ValueCount>,
    /// With borders or an interval, in their order.
    #[serde(default)]
    pub ranges: Vec<RangeCount>,
    /// How many values, ranges or intervals there are, those included that are not listed.
    pub distinct: u64,
    /// The counts of those that are not listed, added up.
    pub other: u64,
    /// Whether there are some that are not listed.
    pub truncated: bool,
    /// Documents in which there was nothing to count.
    pub missing: u64,
}

/// How many documents have a value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ValueCount {
    /// A text, a number or a boolean.
    pub value: Value,
    /// How many documents have it.
    pub count: u64,
}

/// How many documents have a number or a date within a range.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct RangeCount {
    /// From this one on; absent where there is no lower end.
    pub from: Option<Value>,
    /// Below this one; absent where there is no upper end.
    pub to: Option<Value>,
    /// How many documents have one.
    pub count: u64,
}
