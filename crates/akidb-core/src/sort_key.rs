//! What documents are ordered by: one value of a field, as bytes that compare as documents are ordered.

use std::str::FromStr;

use serde_json::Value;

use crate::{Error, FieldPath, Metadata, filter::value_key, search_mode::one_of};

/// Asks for documents in the order of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// The field.
    pub field: FieldPath,
    /// From which end on.
    pub direction: Direction,
}

/// From which end on documents come. Those without a value come last in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the least value on.
    #[default]
    Ascending,
    /// From the greatest value on.
    Descending,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ascending, Self::Descending];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        one_of("direction", "direction", given, Self::ALL.map(|it| (it.as_str(), it)))
    }
}

/// The kinds of values that have an order, in the order of the kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SortKind {
    /// `false`.
    False = 1,
    /// `true`.
    True,
    /// A number.
    Number,
    /// A string that is a date or a date-time, by its moment.
    Date,
    /// Another string, by its bytes.
    Text,
}

impl SortKind {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [Self::False, Self::True, Self::Number, Self::Date, Self::Text];
}

/// The value that a document is ordered by: kinds in the order of [`SortKind`], and within a kind as filters
/// order values. A text of more than [`TEXT_BYTES_MAX`](Self::TEXT_BYTES_MAX) bytes is ordered by its first
/// [`LONG_TEXT_BYTES`](Self::LONG_TEXT_BYTES).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey(Vec<u8>);

impl SortKey {
    /// Bytes of a text that counts whole.
    pub const TEXT_BYTES_MAX: usize = 512;

    /// Bytes that count of a longer one.
    pub const LONG_TEXT_BYTES: usize = 64;

    /// The key of a value, given as the bytes that [`value_key`] makes of a number or a date, as those of a
    /// text, or as none.
    #[must_use]
    pub fn new(kind: SortKind, value: &[u8]) -> Self {
        Self([&[kind as u8], value].concat())
    }

    /// The value by which a document is ordered: of several, in a list or through one, the one that comes
    /// first. `None` where it has none: no such field, `null`, or an object.
    #[must_use]
    pub fn of(metadata: &Metadata, order: &OrderBy) -> Option<Self> {
        let values = scalars(metadata, &order.field).into_iter();
        let keys = values.filter_map(|value| Self::of_value(value, Self::TEXT_BYTES_MAX));
        match order.direction {
            Direction::Ascending => keys.min(),
            Direction::Descending => keys.max(),
        }
    }

    /// The least value of a field, which groups documents, and its key, in which texts of any length count
    /// whole. `None` where it has none.
    #[must_use]
    pub fn least<'m>(metadata: &'m Metadata, field: &FieldPath) -> Option<(Self, &'m Value)> {
        let values = scalars(metadata, field).into_iter();
        let keyed = values.filter_map(|value| Some((Self::of_value(value, usize::MAX)?, value)));
        keyed.min_by(|(left, _), (right, _)| left.cmp(right))
    }

    fn of_value(value: &Value, text_bytes_max: usize) -> Option<Self> {
        let mut key = Vec::new();
        match value {
            Value::Bool(false) => Some(Self::new(SortKind::False, &[])),
            Value::Bool(true) => Some(Self::new(SortKind::True, &[])),
            Value::Number(number) => {
                value_key::number(number, &mut key);
                Some(Self::new(SortKind::Number, &key))
            }
            Value::String(text) if text.len() > text_bytes_max => {
                Some(Self::new(SortKind::Text, &text.as_bytes()[..Self::LONG_TEXT_BYTES]))
            }
            Value::String(text) if value_key::instant(text, &mut key) => {
                Some(Self::new(SortKind::Date, &key))
            }
            Value::String(text) => Some(Self::new(SortKind::Text, text.as_bytes())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The kind, and the bytes of the value.
    #[must_use]
    pub fn parts(&self) -> Option<(SortKind, &[u8])> {
        let (first, value) = self.0.split_first()?;
        let kind = SortKind::ALL.into_iter().find(|kind| *kind as u8 == *first)?;
        Some((kind, value))
    }

    /// All of it as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From the bytes of a key; `None` for what can be none.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let key = Self(bytes);
        let (_, value) = key.parts()?;
        (value.len() <= Self::TEXT_BYTES_MAX).then_some(key)
    }
}

/// What a path leads to, and the elements of lists there.
fn scalars<'m>(metadata: &'m Metadata, field: &FieldPath) -> Vec<&'m Value> {
    let mut found = metadata.values_at(field.as_str());
    let lists = found.clone().into_iter().filter_map(Value::as_array);
    found.extend(lists.flatten());
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Limits;

    fn key(value: Value, direction: Direction) -> Option<SortKey> {
        let Value::Object(object) = json!({"a": value}) else { unreachable!() };
        let metadata = Metadata::new(object, &Limits::default()).unwrap();
        SortKey::of(&metadata, &OrderBy { field: FieldPath::new("a").unwrap(), direction })
    }

    #[test]
    fn values_are_ordered_by_kind_and_within_it() {
        let long = |end: &str| json!(format!("{}{end}", "x".repeat(600)));
        let ordered = [
            json!(false),
            json!(true),
            json!(-1e300),
            json!(0),
            json!(9_007_199_254_740_992_i64),
            json!(9_007_199_254_740_993_i64),
            json!("2020-01-01T01:00:00+02:00"),
            json!("2020-01-01"),
            json!(""),
            json!("a"),
            json!("x".repeat(63)),
            long("b"),
            json!("x".repeat(65)),
            json!("y"),
        ];
        let keys: Vec<_> =
            ordered.iter().map(|value| key(value.clone(), Direction::Ascending).unwrap()).collect();
        assert!(keys.is_sorted_by(|left, right| left < right), "{keys:?}");
        for key in keys {
            assert_eq!(SortKey::from_bytes(key.as_bytes().to_vec()), Some(key));
        }
        let equal = |a: Value, b: Value| {
            assert_eq!(key(a, Direction::Ascending), key(b, Direction::Ascending));
        };
        equal(json!(1), json!(1.0));
        equal(json!("2020-01-01"), json!("2020-01-01T00:00:00Z"));
        equal(long("a"), long("b"));
        equal(long("a"), json!("x".repeat(64)));
    }

    #[test]
    fn of_several_values_the_one_that_comes_first_counts() {
        for (list, least, greatest) in [
            (json!([3, 1, 2]), json!(1), json!(3)),
            (json!(["b", 5, null, {"c": 1}, [0]]), json!(5), json!("b")),
        ] {
            assert_eq!(key(list.clone(), Direction::Ascending), key(least, Direction::Ascending));
            assert_eq!(key(list, Direction::Descending), key(greatest, Direction::Descending));
        }
        for none in [json!(null), json!({}), json!([]), json!([null, [1]])] {
            assert_eq!(key(none, Direction::Ascending), None);
        }
    }

    #[test]
    fn bytes_that_are_no_key_are_none() {
        for bytes in [vec![], vec![0], vec![6, 1], vec![b'a'; 3], vec![5; 514]] {
            assert_eq!(SortKey::from_bytes(bytes), None);
        }
    }
}
