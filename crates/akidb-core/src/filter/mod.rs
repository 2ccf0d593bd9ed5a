//! The filter language: a tree of conditions on metadata, written as MongoDB writes them.
//!
//! `parse` reads it from JSON within the limits, `matches` holds it against one document's
//! metadata, `compare` says how two values relate. For an index, `fields` lists what filters can reach
//! and `value_key` makes bytes of values that compare as they do. How a filter is answered quickly for
//! a whole collection does not live here.

mod compare;
mod fields;
mod matches;
mod parse;
pub mod value_key;

pub use compare::Operand;

/// A condition on a document's metadata.
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
/// | `$and` `$or` `$not` | all hold; one holds; the condition does not hold |
///
/// Several conditions side by side must all hold. A field is a key, or a path of keys with dots.
/// Strings that are RFC 3339 dates or date-times compare as instants.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All hold; the empty list always does.
    And(Vec<Filter>),
    /// At least one holds.
    Or(Vec<Filter>),
    /// The condition does not hold.
    Not(Box<Filter>),
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
    /// Whether every document matches.
    #[must_use]
    pub fn is_always_true(&self) -> bool {
        matches!(self, Self::And(all) if all.iter().all(Self::is_always_true))
    }
}
