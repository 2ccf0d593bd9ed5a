//! How two metadata values relate: equality and order within one type, never across types.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::instant::Instant;

/// A value of a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    pub(super) value: Value,
    is_date: bool,
}

impl Operand {
    /// A value to compare metadata with; dates are instants.
    pub(super) fn new(value: Value) -> Self {
        let is_date = value.as_str().is_some_and(|text| Instant::read(text).is_some());
        Self { value, is_date }
    }

    /// A value to compare ids with, which are text and nothing else.
    pub(super) const fn of_id(value: Value) -> Self {
        Self { value, is_date: false }
    }

    /// The value as it was given.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Whether it is a string that is compared as an instant, with other dates.
    #[must_use]
    pub const fn is_date(&self) -> bool {
        self.is_date
    }

    pub(super) fn equals(&self, stored: &Value) -> bool {
        match (&self.value, stored) {
            (Value::String(a), Value::String(b)) if !self.is_date => a == b,
            (given, stored) => are_equal(given, stored),
        }
    }

    /// How `stored` is ordered towards this operand, where they have an order.
    pub(super) fn order_of(&self, stored: &Value) -> Option<Ordering> {
        match (&self.value, stored) {
            (Value::Number(a), Value::Number(b)) => compare_numbers(b, a),
            (Value::String(a), Value::String(b)) if self.is_date => {
                Some(Instant::read(b)?.cmp(&Instant::read(a)?))
            }
            (Value::String(a), Value::String(b)) => Some(b.cmp(a)),
            _ => None,
        }
    }
}

/// Whether two values of metadata are equal: dates as instants, numbers whatever their form.
fn are_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b) == Some(Ordering::Equal),
        (Value::String(a), Value::String(b)) => {
            a == b || Instant::read(a).is_some_and(|a| Some(a) == Instant::read(b))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| are_equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Compares without losing the integers that an f64 can not hold.
fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => compare_integer_to_float(a, b.as_f64()?),
        (None, Some(b)) => compare_integer_to_float(b, a.as_f64()?).map(Ordering::reverse),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

pub(super) fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn compare_integer_to_float(integer: i128, float: f64) -> Option<Ordering> {
    // Integers here fit in 65 bits, so a float outside of 2^100 is beyond every one of them.
    const BEYOND: f64 = 1e30;
    if float.is_nan() {
        None
    } else if float.abs() >= BEYOND {
        Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater })
    } else {
        let whole = float.trunc();
        #[expect(clippy::cast_possible_truncation, reason = "checked to be within i128 above")]
        let by_whole = integer.cmp(&(whole as i128));
        Some(
            by_whole.then_with(|| 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal)),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(stored: Value, operand: Value, expect: Option<Ordering>) {
        assert_eq!(Operand::new(operand.clone()).order_of(&stored), expect, "{stored} {operand}");
    }

    #[test]
    fn values_are_ordered_within_their_type() {
        use Ordering::{Equal, Greater, Less};
        check(json!(2), json!(1.5), Some(Greater));
        check(json!(-1), json!(-1.5), Some(Greater));
        check(json!(-2), json!(-1.5), Some(Less));
        check(json!(1.0), json!(1), Some(Equal));
        check(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0), Some(Greater));
        check(json!(u64::MAX), json!(i64::MAX), Some(Greater));
        check(json!(1), json!(1e300), Some(Less));
        check(json!("b"), json!("a"), Some(Greater));
        check(json!("1"), json!(1), None);
        check(json!(true), json!(false), None);
    }

    #[test]
    fn dates_are_ordered_as_instants() {
        use Ordering::{Equal, Greater, Less};
        check(json!("2020-01-01T01:00:00+02:00"), json!("2020-01-01T00:00:00Z"), Some(Less));
        check(json!("2020-01-01"), json!("2020-01-01T00:00:00Z"), Some(Equal));
        check(json!("not a date"), json!("2020-01-01"), None);
        assert!(Operand::new(json!("2020-01-01")).equals(&json!("2020-01-01T00:00:00Z")));
        assert!(!Operand::new(json!("2020-13-01")).equals(&json!("2020-01-01")));
        check(json!("2020-01-01T00:00:00.0000000001Z"), json!("2020-01-01"), Some(Greater));
        check(json!("2020-01-01 00:00:00"), json!("2020-01-01T01:00:00+01:00"), Some(Equal));
        check(json!("9999-12-31T23:59:59Z"), json!("2020-01-01"), Some(Greater));
        let id = Operand::of_id(json!("2020-01-01"));
        assert!(id.equals(&json!("2020-01-01")) && !id.equals(&json!("2020-01-01T00:00:00Z")));
    }
}
