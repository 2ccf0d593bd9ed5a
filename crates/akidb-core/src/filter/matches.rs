//! Holding a filter against the metadata of one document.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Filter, Operand, Ordered, Test};
use crate::Metadata;

impl Filter {
    /// Whether a document with this metadata matches.
    #[must_use]
    pub fn matches(&self, metadata: &Metadata) -> bool {
        self.matches_object(metadata.as_object())
    }

    fn matches_object(&self, object: &Map<String, Value>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.matches_object(object)),
            Self::Or(any) => any.iter().any(|filter| filter.matches_object(object)),
            Self::Not(filter) => !filter.matches_object(object),
            Self::Field { path, test } => {
                let mut values = Vec::new();
                resolve(object, path, &mut values);
                test.holds(&values)
            }
        }
    }
}

/// Collects what a path leads to: the key itself where it is there, else key by key at the dots.
/// A path goes through every object of an array, as in MongoDB.
pub(super) fn resolve<'a>(object: &'a Map<String, Value>, path: &str, found: &mut Vec<&'a Value>) {
    if let Some(value) = object.get(path) {
        found.push(value);
        return;
    }
    for (dot, _) in path.match_indices('.') {
        match object.get(&path[..dot]) {
            Some(Value::Object(inner)) => resolve(inner, &path[dot + 1..], found),
            Some(Value::Array(items)) => {
                for inner in items.iter().filter_map(Value::as_object) {
                    resolve(inner, &path[dot + 1..], found);
                }
            }
            _ => {}
        }
    }
}

impl Test {
    fn holds(&self, values: &[&Value]) -> bool {
        match self {
            Self::AnyOf(operands) => operands.iter().any(|operand| {
                (operand.value.is_null() && values.is_empty())
                    || values.iter().any(|value| equals_or_has(value, operand))
            }),
            Self::Ordered(relation, operand) => values.iter().any(|value| {
                any_element(value, |item| {
                    operand.order_of(item).is_some_and(|order| relation.holds(order))
                })
            }),
            Self::Exists(expected) => values.is_empty() != *expected,
            Self::Contains(operands) => {
                values.iter().any(|value| operands.iter().all(|operand| contains(value, operand)))
            }
        }
    }
}

impl Ordered {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

fn equals_or_has(value: &Value, operand: &Operand) -> bool {
    operand.equals(value) || any_element_of_array(value, |item| operand.equals(item))
}

fn contains(value: &Value, operand: &Operand) -> bool {
    match (value, &operand.value) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => any_element_of_array(value, |item| operand.equals(item)),
    }
}

fn any_element(value: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    if value.is_array() { any_element_of_array(value, holds) } else { holds(value) }
}

fn any_element_of_array(value: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(holds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Limits;

    fn film() -> Metadata {
        let object = json!({
            "title": "Solaris", "year": 1972, "rating": 8.0, "seen": true, "note": null,
            "genres": ["drama", "science fiction"], "released": "1972-03-20",
            "crew": {"director": {"name": "Tarkovsky"}}, "dotted.key": 1,
            "cast": [{"name": "Banionis"}, {"name": "Bondarchuk"}], "scores": [3, 9],
        });
        Metadata::new(object.as_object().unwrap().clone(), &Limits::default()).unwrap()
    }

    #[track_caller]
    fn check(filter: Value, expect: bool) {
        let parsed = Filter::parse(&filter, &Limits::default()).unwrap();
        assert_eq!(parsed.matches(&film()), expect, "{filter}");
    }

    #[test]
    fn equality_reaches_into_arrays_and_paths() {
        check(json!({}), true);
        check(json!({"year": 1972}), true);
        check(json!({"year": 1972.0}), true);
        check(json!({"year": "1972"}), false);
        check(json!({"genres": "drama"}), true);
        check(json!({"genres": ["drama", "science fiction"]}), true);
        check(json!({"genres": ["drama"]}), false);
        check(json!({"crew.director.name": "Tarkovsky"}), true);
        check(json!({"crew": {"director": {"name": "Tarkovsky"}}}), true);
        check(json!({"cast.name": "Bondarchuk"}), true);
        check(json!({"dotted.key": 1}), true);
        check(json!({"released": "1972-03-20T00:00:00Z"}), true);
        check(json!({"note": null}), true);
        check(json!({"absent": null}), true);
        check(json!({"year": null}), false);
    }

    #[test]
    fn every_operator_holds_and_does_not_hold() {
        check(json!({"year": {"$eq": 1972}}), true);
        check(json!({"year": {"$ne": 1972}}), false);
        check(json!({"absent": {"$ne": 1}}), true);
        check(json!({"genres": {"$ne": "drama"}}), false);
        check(json!({"year": {"$gt": 1971, "$lt": 1973}}), true);
        check(json!({"year": {"$gt": 1972}}), false);
        check(json!({"year": {"$gte": 1972, "$lte": 1972}}), true);
        check(json!({"year": {"$lt": "a"}}), false);
        check(json!({"absent": {"$lt": 5}}), false);
        check(json!({"scores": {"$gt": 8}}), true);
        check(json!({"released": {"$lt": "1972-03-20T01:00:00Z"}}), true);
        check(json!({"title": {"$gte": "S"}}), true);
        check(json!({"year": {"$in": [1, 1972]}}), true);
        check(json!({"genres": {"$in": ["comedy", "drama"]}}), true);
        check(json!({"year": {"$in": []}}), false);
        check(json!({"year": {"$nin": [1, 2]}}), true);
        check(json!({"genres": {"$nin": ["drama"]}}), false);
        check(json!({"note": {"$exists": true}}), true);
        check(json!({"absent": {"$exists": false}}), true);
        check(json!({"year": {"$exists": false}}), false);
        check(json!({"genres": {"$contains": "drama"}}), true);
        check(json!({"genres": {"$contains": ["drama", "comedy"]}}), false);
        check(json!({"title": {"$contains": "lari"}}), true);
        check(json!({"year": {"$contains": 1972}}), false);
        check(json!({"$and": [{"year": 1972}, {"seen": true}]}), true);
        check(json!({"$or": [{"year": 1}, {"seen": true}]}), true);
        check(json!({"$or": [{"year": 1}, {"seen": false}]}), false);
        check(json!({"$not": {"year": 1972}}), false);
        check(json!({"year": {"$not": {"$gt": 2000}}}), true);
        check(json!({"year": 1972, "seen": false}), false);
    }
}
