//! The filter language: a tree of conditions on metadata, written as MongoDB writes them.
//!
//! `parse` reads it from JSON within the limits, and `foreign` knows what people write who come from
//! elsewhere. `matches` holds it against one document, `compare` says how two values relate, `instant`
//! what a date is, `texts` what can be asked of texts, `date_interval` which year or hour it is in, `caseless` how text is found whatever its case. For an index, `fields` lists what
//! filters can reach and `value_key` makes bytes of values that compare as they do. How a filter is
//! answered quickly for a whole collection is out of scope.

mod caseless;
mod compare;
mod date_interval;
mod fields;
mod foreign;
pub(crate) mod instant;
mod matches;
mod parse;
mod texts;
pub mod value_key;

pub use caseless::Caseless;
pub use compare::Operand;
pub use date_interval::DateInterval;
pub use matches::Filtered;
pub(crate) use matches::resolve;
pub use texts::{TextTest, WordsJudge, WordsTest};

use crate::Timestamp;

/// A condition on a document: on its metadata, its text, its id, or the moment at which it expires.
///
/// | form | holds when |
/// |---|---|
/// | `{}` | always |
/// | `{"field": value}`, `{"field": {"$eq": value}}` | the field, or an element of it where it is an array, equals the value; `null` also where the field is absent |
/// | `$ne` | `$eq` does not hold |
/// | `$gt` `$gte` `$lt` `$lte` | both are numbers, both are strings or both are dates, and so ordered |
/// | `$in` `$nin` | `$eq` holds for one of the listed values; for none |
/// | `$exists` | the field is there, `null` included; or is not |
/// | `$contains` | the array has the value (each of them, where an array is given); the string has the string in it |
/// | `$prefix` | the string, or one in the array, begins with the string |
/// | `$icontains` | the string, or one in the array, has the string in it, in whatever case |
/// | `$and` `$or` `$not` | all hold; one holds; the condition does not hold |
///
/// Several conditions side by side must all hold. A field is a key, or a path of keys with dots; `$id`
/// is the document's id, `$expires_at` the moment at which it expires. `$text` takes `$contains`, a part of the document's
/// text, and `$match`, words that a search finds it by. Strings that are dates or date-times compare as instants, ids as text.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All hold; the empty list always does.
    And(Vec<Filter>),
    /// At least one holds.
    Or(Vec<Filter>),
    /// The condition does not hold.
    Not(Box<Filter>),
    /// A condition on the document's id: a string or a number, never a date.
    Id(Test),
    /// A condition on the moment at which the document expires: a date, absent where it never does.
    ExpiresAt(Test),
    /// A condition on the document's text, or on its words.
    Text(TextTest),
    /// A condition on one field.
    Field {
        /// A key, or a path of keys with dots.
        path: String,
        /// What must hold for its value.
        test: Test,
    },
}

/// What must hold for the value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equals one of these, or is absent where `null` is among them.
    AnyOf(Vec<Operand>),
    /// Is ordered so towards the operand.
    Ordered(Ordered, Operand),
    /// Is there, or is absent.
    Exists(bool),
    /// Has all of these as elements, or the one string in it.
    Contains(Vec<Operand>),
    /// Is a string that begins with this one, or has such an element.
    Prefix(String),
    /// Is a string that has this text in it, or has such an element.
    ContainsCaseless(Caseless),
}

/// The four order relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// `$gt`
    Greater,
    /// `$gte`
    GreaterOrEqual,
    /// `$lt`
    Less,
    /// `$lte`
    LessOrEqual,
}

/// The given JSON is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {description}")]
pub struct FilterError {
    /// Where, as a path that starts with `filter`.
    pub field: String,
    /// What is wrong there and what is allowed.
    pub description: String,
}

impl Filter {
    /// That a document has not expired by a moment.
    #[must_use]
    pub fn alive_at(moment: Timestamp) -> Self {
        let moment = Operand::new(moment.to_string().into());
        Self::Not(Box::new(Self::ExpiresAt(Test::Ordered(Ordered::LessOrEqual, moment))))
    }

    /// Whether every document matches.
    #[must_use]
    pub fn is_always_true(&self) -> bool {
        matches!(self, Self::And(all) if all.iter().all(Self::is_always_true))
    }

    /// The paths of the metadata that it asks for, each once, in the order of the filter.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let mut fields = Vec::new();
        self.collect_fields(&mut fields);
        fields
    }

    fn collect_fields<'f>(&'f self, fields: &mut Vec<&'f str>) {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().for_each(|filter| filter.collect_fields(fields));
            }
            Self::Not(filter) => filter.collect_fields(fields),
            Self::Field { path, .. } if !fields.contains(&path.as_str()) => fields.push(path),
            Self::Field { .. } | Self::Id(_) | Self::ExpiresAt(_) | Self::Text(_) => {}
        }
    }
}
