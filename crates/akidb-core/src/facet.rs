//! How many documents have which values of a field: what is asked, and what was counted.

use serde_json::Value;

use crate::{DateInterval, FieldPath, filter::value_key};

/// Asks how many documents have which values of a field. Of a list each element counts, and a document
/// counts once for each value.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// Whose values are counted.
    pub field: FieldPath,
    /// What counts as one value.
    pub by: FacetBy,
}

/// What counts as one value.
#[derive(Clone, Debug, PartialEq)]
pub enum FacetBy {
    /// Each for itself: texts, numbers and booleans. Dates are the texts that they are written as.
    Values {
        /// How many values are listed, the most frequent ones.
        limit: usize,
    },
    /// Numbers or dates between borders.
    Ranges(Borders),
    /// Dates of one year, month, day or hour in UTC.
    Dates {
        /// Which of them.
        interval: DateInterval,
        /// How many are listed, the latest ones.
        limit: usize,
    },
}

/// The borders between ranges, ascending: all numbers, or all dates. There is a range below the first
/// one, one from each to the next, and one from the last on.
#[derive(Clone, Debug, PartialEq)]
pub struct Borders {
    values: Vec<Value>,
    keys: Vec<Vec<u8>>,
    are_dates: bool,
}

/// The given values are not [`Borders`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBorders {
    /// There is none.
    #[error("must have at least one border")]
    Empty,
    /// One is neither a number nor a date.
    #[error("must be a number, or a date as a string")]
    Kind {
        /// Which one.
        at: usize,
    },
    /// One is a number beside dates, or a date beside numbers.
    #[error("must be of the kind of the first border: all are numbers, or all are dates")]
    Mixed {
        /// Which one.
        at: usize,
    },
    /// One is not above the one before.
    #[error("must be above the border before it")]
    NotAscending {
        /// Which one.
        at: usize,
    },
}

impl InvalidBorders {
    /// The border at fault, where it is one.
    #[must_use]
    pub const fn at(&self) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Kind { at } | Self::Mixed { at } | Self::NotAscending { at } => Some(*at),
        }
    }
}

impl Borders {
    /// Checks borders.
    ///
    /// # Errors
    /// When there is none, or one is of another kind or not above the one before.
    pub fn new(values: Vec<Value>) -> Result<Self, InvalidBorders> {
        let mut keys: Vec<Vec<u8>> = Vec::with_capacity(values.len());
        let mut are_dates = false;
        for (at, value) in values.iter().enumerate() {
            let mut key = Vec::new();
            let is_date = match value {
                Value::Number(number) => {
                    value_key::number(number, &mut key);
                    false
                }
                Value::String(text) if value_key::instant(text, &mut key) => true,
                _ => return Err(InvalidBorders::Kind { at }),
            };
            match keys.last() {
                None => are_dates = is_date,
                Some(_) if is_date != are_dates => return Err(InvalidBorders::Mixed { at }),
                Some(before) if *before >= key => return Err(InvalidBorders::NotAscending { at }),
                Some(_) => {}
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(InvalidBorders::Empty);
        }
        Ok(Self { values, keys, are_dates })
    }

    /// The borders as they were given.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Their keys, see [`value_key`].
    #[must_use]
    pub fn keys(&self) -> &[Vec<u8>] {
        &self.keys
    }

    /// Whether they are dates, and not numbers.
    #[must_use]
    pub const fn are_dates(&self) -> bool {
        self.are_dates
    }
}

/// What a facet counted.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetCounts {
    /// What is listed.
    pub buckets: FacetBuckets,
    /// How many values, ranges or intervals there are, those included that are not listed.
    pub distinct: u64,
    /// The counts of those that are not listed, added up.
    pub other: u64,
    /// Documents in which there was nothing to count.
    pub missing: u64,
}

/// Values, or ranges of them, each with its documents.
#[derive(Clone, Debug, PartialEq)]
pub enum FacetBuckets {
    /// From the most frequent one on, and of equally frequent ones booleans, numbers and texts in their
    /// order.
    Values(Vec<ValueCount>),
    /// In their order. Ranges between borders are there without a document too, years, months, days and
    /// hours are not.
    Ranges(Vec<RangeCount>),
}

/// How many documents have a value.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueCount {
    /// A text, a number or a boolean. Equal numbers are one value, an integer where they are one.
    pub value: Value,
    /// How many documents have it.
    pub count: u64,
}

/// How many documents have a number or a date within a range.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeCount {
    /// From this one on; absent where there is no lower end.
    pub from: Option<Value>,
    /// Below this one; absent where there is no upper end.
    pub to: Option<Value>,
    /// How many documents have one.
    pub count: u64,
}

impl FacetCounts {
    /// Whether some values or intervals were counted and are not listed.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        let listed = match &self.buckets {
            FacetBuckets::Values(values) => values.len(),
            FacetBuckets::Ranges(ranges) => ranges.len(),
        };
        self.distinct > listed as u64
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn borders_ascend_and_are_of_one_kind() {
        let of = |values: Value| Borders::new(values.as_array().unwrap().clone());
        assert!(!of(json!([-1, 0.5, 9_007_199_254_740_993_i64])).unwrap().are_dates());
        assert!(of(json!(["2020-01-01", "2020-01-01T00:00:00.5Z"])).unwrap().are_dates());
        for (values, fault) in [
            (json!([]), InvalidBorders::Empty),
            (json!([true]), InvalidBorders::Kind { at: 0 }),
            (json!([1, "a"]), InvalidBorders::Kind { at: 1 }),
            (json!([1, "2020-01-01"]), InvalidBorders::Mixed { at: 1 }),
            (json!(["2020-01-01", 1]), InvalidBorders::Mixed { at: 1 }),
            (json!([1, 2, 2.0]), InvalidBorders::NotAscending { at: 2 }),
            (
                json!(["2020-01-01", "2020-01-01T01:00:00+01:00"]),
                InvalidBorders::NotAscending { at: 1 },
            ),
        ] {
            assert_eq!(of(values), Err(fault));
        }
    }
}
