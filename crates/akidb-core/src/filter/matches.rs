//! Holding a filter against one document.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Filter, Operand, Ordered, Test};
use crate::{Document, DocumentId, Metadata, Timestamp};

/// What of a document filters look at.
#[derive(Clone, Copy, Debug)]
pub struct Filtered<'d> {
    /// The id.
    pub id: &'d DocumentId,
    /// The metadata.
    pub metadata: &'d Metadata,
    /// When it expires; absent where it never does.
    pub expires_at: Option<Timestamp>,
    /// Its own text.
    pub text: Option<&'d str>,
}

impl<'d> From<&'d Document> for Filtered<'d> {
    fn from(document: &'d Document) -> Self {
        let Document { id, metadata, expires_at, text, .. } = document;
        Self { id, metadata, expires_at: *expires_at, text: text.as_deref() }
    }
}

/// One without a text that never expires.
impl<'d> From<(&'d DocumentId, &'d Metadata)> for Filtered<'d> {
    fn from((id, metadata): (&'d DocumentId, &'d Metadata)) -> Self {
        Self { id, metadata, expires_at: None, text: None }
    }
}

impl Filter {
    /// Whether a document matches.
    #[must_use]
    pub fn matches<'d>(&self, document: impl Into<Filtered<'d>>) -> bool {
        self.holds_for(document.into())
    }

    fn holds_for(&self, document: Filtered<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.holds_for(document)),
            Self::Or(any) => any.iter().any(|filter| filter.holds_for(document)),
            Self::Not(filter) => !filter.holds_for(document),
            Self::Id(test) => test.holds(&[&value_of(document.id)]),
            Self::ExpiresAt(test) => {
                let moment = document.expires_at.map(|moment| Value::from(moment.to_string()));
                test.holds(moment.as_ref().as_slice())
            }
            Self::Text(test) => test.holds(document.text, document.metadata),
            Self::Field { path, test } => {
                let mut values = Vec::new();
                resolve(document.metadata.as_object(), path, &mut values);
                test.holds(&values)
            }
        }
    }
}

fn value_of(id: &DocumentId) -> Value {
    match id {
        DocumentId::Integer(id) => Value::from(*id),
        DocumentId::Text(id) => Value::from(id.as_str()),
    }
}

/// Collects what a path leads to: the key itself where it is there, else key by key at the dots.
/// A path goes through every object of an array, as in MongoDB.
pub(crate) fn resolve<'a>(object: &'a Map<String, Value>, path: &str, found: &mut Vec<&'a Value>) {
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
            Self::Prefix(prefix) => any_text(values, |text| text.starts_with(prefix.as_str())),
            Self::ContainsCaseless(part) => any_text(values, |text| part.is_in(text)),
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

/// Whether it holds for a value that is a string, or for a string in one that is an array.
fn any_text(values: &[&Value], holds: impl Fn(&str) -> bool) -> bool {
    let is_text = |item: &Value| item.as_str().is_some_and(&holds);
    values.iter().any(|value| any_element(value, is_text))
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
        check_of(&DocumentId::Integer(1972), filter, expect);
    }

    #[track_caller]
    fn check_of(id: &DocumentId, filter: Value, expect: bool) {
        let parsed = Filter::parse(&filter, &Limits::default()).unwrap();
        assert_eq!(parsed.matches((id, &film())), expect, "{id} {filter}");
    }

    #[test]
    fn equality_reaches_into_arrays_and_paths() {
        check(json!({}), true);
        check(json!({"year": 1972}), true);
        check(json!({"year": 1972.0}), true);
        check(json!({"year": "1972"}), false);
        check(json!({"genres": "drama"}), true);
        check(json!({"genres": {"$eq": ["drama", "science fiction"]}}), true);
        check(json!({"genres": {"$eq": ["drama"]}}), false);
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
        check(json!({"title": {"$prefix": "Sol"}}), true);
        check(json!({"title": {"$prefix": "sol"}}), false);
        check(json!({"title": {"$prefix": ""}}), true);
        check(json!({"genres": {"$prefix": "science"}}), true);
        check(json!({"released": {"$prefix": "1972-"}}), true);
        check(json!({"year": {"$prefix": "19"}}), false);
        check(json!({"cast.name": {"$prefix": "Bon"}}), true);
        check(json!({"title": {"$icontains": "LARI"}}), true);
        check(json!({"genres": {"$icontains": "Fiction"}}), true);
        check(json!({"genres": {"$icontains": "comedy"}}), false);
        check(json!({"absent": {"$icontains": ""}}), false);
        check(json!({"$and": [{"year": 1972}, {"seen": true}]}), true);
        check(json!({"$or": [{"year": 1}, {"seen": true}]}), true);
        check(json!({"$or": [{"year": 1}, {"seen": false}]}), false);
        check(json!({"$not": {"year": 1972}}), false);
        check(json!({"year": {"$not": {"$gt": 2000}}}), true);
        check(json!({"year": 1972, "seen": false}), false);
    }

    #[test]
    fn ids_are_text_or_integers_and_never_dates() {
        let text = |id: &str| DocumentId::from_text(id.to_owned()).unwrap();
        let [integer, word, date] = [DocumentId::Integer(5), text("film-5"), text("2020-01-01")];
        check_of(&integer, json!({"$id": 5}), true);
        check_of(&integer, json!({"$id": "5"}), false);
        check_of(&text("5"), json!({"$id": 5}), false);
        check_of(&integer, json!({"$id": {"$gte": 5, "$lt": 6}}), true);
        check_of(&word, json!({"$id": {"$in": ["film-4", "film-5", 5]}}), true);
        check_of(&word, json!({"$id": {"$nin": ["film-4"]}}), true);
        check_of(&word, json!({"$id": {"$ne": "film-5"}}), false);
        check_of(&word, json!({"$id": {"$prefix": "film-"}}), true);
        check_of(&integer, json!({"$id": {"$prefix": "5"}}), false);
        check_of(&word, json!({"$id": {"$icontains": "FILM"}}), true);
        check_of(&word, json!({"$id": {"$contains": "ilm"}}), true);
        check_of(&word, json!({"$id": {"$gt": "film-4"}}), true);
        check_of(&word, json!({"$not": {"$id": {"$not": {"$eq": "film-5"}}}}), true);
        check_of(&date, json!({"$id": "2020-01-01T00:00:00Z"}), false);
        check_of(&date, json!({"$id": {"$in": ["2020-01-01", "film-5"]}}), true);
        check_of(&date, json!({"$id": {"$gt": "2019"}}), true);
    }
    #[test]
    fn the_moment_of_expiry_is_a_date_or_absent() {
        let (id, metadata) = (DocumentId::Integer(1), Metadata::default());
        let expires = |at: Option<&str>, filter: &Value| {
            let expires_at = at.map(|at| at.parse().unwrap());
            let parsed = Filter::parse(filter, &Limits::default()).unwrap();
            parsed.matches(Filtered { id: &id, metadata: &metadata, expires_at, text: None })
        };
        let at = Some("2030-01-31T10:00:00.5Z");
        for (filter, expect) in [
            (json!({"$expires_at": {"$lt": "2030-02-01"}}), true),
            (json!({"$expires_at": {"$gte": "2030-01-31T11:00:00.5+01:00"}}), true),
            (json!({"$expires_at": {"$gt": "2030-01-31T10:00:00.500Z"}}), false),
            (json!({"$expires_at": "2030-01-31T10:00:00.500"}), true),
            (json!({"$expires_at": {"$in": ["2031-01-01", null]}}), false),
            (json!({"$expires_at": {"$exists": true}}), true),
            (json!({"$expires_at": null}), false),
        ] {
            assert_eq!(expires(at, &filter), expect, "{filter}");
        }
        for (filter, expect) in [
            (json!({"$expires_at": null}), true),
            (json!({"$expires_at": {"$exists": false}}), true),
            (json!({"$expires_at": {"$lt": "2030-02-01"}}), false),
            (json!({"$expires_at": {"$ne": "2030-02-01"}}), true),
        ] {
            assert_eq!(expires(None, &filter), expect, "{filter}");
        }
    }

    #[test]
    fn a_document_is_alive_until_the_moment_and_not_at_it() {
        let (id, metadata) = (DocumentId::Integer(1), Metadata::default());
        let now = Timestamp::from_unix_ms(1_000);
        for (at, expect) in
            [(None, true), (Some(1_001), true), (Some(1_000), false), (Some(999), false)]
        {
            let expires_at = at.map(Timestamp::from_unix_ms);
            let document = Filtered { id: &id, metadata: &metadata, expires_at, text: None };
            assert_eq!(Filter::alive_at(now).matches(document), expect, "{at:?}");
        }
    }
}
