//! Reading a filter from JSON, within the limits, with the place of every fault.

use serde_json::{Map, Value};

use super::{Filter, FilterError, Operand, Ordered, Test};
use crate::Limits;

const FIELD_OPERATORS: &str = "$eq $ne $gt $gte $lt $lte $in $nin $exists $contains $not";

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// When the JSON is not an object of conditions, uses an unknown operator or an operand of a
    /// wrong type, or is deeper or larger than `filter_depth` and `filter_nodes`.
    pub fn parse(json: &Value, limits: &Limits) -> Result<Self, FilterError> {
        let mut parser = Parser { nodes_left: limits.filter_nodes, limits };
        parser.conditions(json, &Place::root(), 1)
    }
}

/// Where the parser stands, printed only when something is wrong there.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    fn root() -> Place<'static> {
        Place { parent: None, step: Step::Key("filter") }
    }

    fn key(&'a self, key: &'a str) -> Place<'a> {
        Place { parent: Some(self), step: Step::Key(key) }
    }

    fn index(&'a self, index: usize) -> Place<'a> {
        Place { parent: Some(self), step: Step::Index(index) }
    }

    fn path(&self) -> String {
        let parent = self.parent.map(Place::path);
        match (parent, &self.step) {
            (Some(parent), Step::Key(key)) => {
                format!("{parent}.{}", key.chars().take(80).collect::<String>())
            }
            (Some(parent), Step::Index(index)) => format!("{parent}[{index}]"),
            (None, Step::Key(key)) => (*key).to_owned(),
            (None, Step::Index(index)) => index.to_string(),
        }
    }

    fn fault<T>(&self, description: impl Into<String>) -> Result<T, FilterError> {
        Err(FilterError { field: self.path(), description: description.into() })
    }
}

struct Parser<'a> {
    nodes_left: usize,
    limits: &'a Limits,
}

impl Parser<'_> {
    fn enter(&mut self, place: &Place<'_>, depth: usize) -> Result<(), FilterError> {
        if depth > self.limits.filter_depth {
            let depth_max = self.limits.filter_depth;
            return place.fault(format!("is nested deeper than {depth_max} levels"));
        }
        match self.nodes_left.checked_sub(1) {
            Some(left) => self.nodes_left = left,
            None => {
                let nodes_max = self.limits.filter_nodes;
                return place.fault(format!("the filter has more than {nodes_max} nodes"));
            }
        }
        Ok(())
    }

    fn conditions(
        &mut self,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        self.enter(place, depth)?;
        let Value::Object(object) = json else {
            return place.fault(format!("must be an object of conditions, is {}", kind(json)));
        };
        let conditions = object.iter().map(|(key, value)| {
            let place = place.key(key);
            match key.as_str() {
                "$and" => Ok(Filter::And(self.list(value, &place, depth)?)),
                "$or" => Ok(Filter::Or(self.list(value, &place, depth)?)),
                "$not" => Ok(Filter::Not(Box::new(self.conditions(value, &place, depth + 1)?))),
                _ if key.starts_with('$') => place.fault(
                    "is not an operator, allowed here are $and $or $not and names of fields",
                ),
                "" => place.fault("the name of a field must not be empty"),
                _ => self.field(key, value, &place, depth + 1),
            }
        });
        Ok(all_of(conditions.collect::<Result<_, _>>()?))
    }

    fn list(
        &mut self,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Vec<Filter>, FilterError> {
        match json {
            Value::Array(items) if !items.is_empty() => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.conditions(item, &place.index(index), depth + 1))
                .collect(),
            _ => place.fault("must be a list of at least one filter"),
        }
    }

    fn field(
        &mut self,
        path: &str,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        match json {
            Value::Object(object) if object.keys().any(|key| key.starts_with('$')) => {
                self.operators(path, object, place, depth)
            }
            _ => Ok(field(path, Test::AnyOf(vec![self.operand(json, place, depth)?]))),
        }
    }

    fn operators(
        &mut self,
        path: &str,
        object: &Map<String, Value>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        self.enter(place, depth)?;
        let tests = object.iter().map(|(operator, json)| {
            self.operator(path, operator, json, &place.key(operator), depth + 1)
        });
        Ok(all_of(tests.collect::<Result<_, _>>()?))
    }

    fn operator(
        &mut self,
        path: &str,
        operator: &str,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        Ok(match operator {
            "$eq" => field(path, Test::AnyOf(vec![self.operand(json, place, depth)?])),
            "$ne" => not(field(path, Test::AnyOf(vec![self.operand(json, place, depth)?]))),
            "$in" => field(path, Test::AnyOf(self.operands(json, place, depth)?)),
            "$nin" => not(field(path, Test::AnyOf(self.operands(json, place, depth)?))),
            "$gt" => self.ordered(path, Ordered::Greater, json, place, depth)?,
            "$gte" => self.ordered(path, Ordered::GreaterOrEqual, json, place, depth)?,
            "$lt" => self.ordered(path, Ordered::Less, json, place, depth)?,
            "$lte" => self.ordered(path, Ordered::LessOrEqual, json, place, depth)?,
            "$exists" => match json {
                Value::Bool(expected) => field(path, Test::Exists(*expected)),
                _ => return place.fault(format!("must be true or false, is {}", kind(json))),
            },
            "$contains" => field(
                path,
                Test::Contains(match json {
                    Value::Array(_) => self.operands(json, place, depth)?,
                    _ => vec![self.operand(json, place, depth)?],
                }),
            ),
            "$not" => match json {
                Value::Object(object) => not(self.operators(path, object, place, depth)?),
                _ => return place.fault(format!("must be an object, is {}", kind(json))),
            },
            _ => {
                return place.fault(format!(
                    "is not an operator, allowed on a field are {FIELD_OPERATORS}"
                ));
            }
        })
    }

    fn ordered(
        &mut self,
        path: &str,
        relation: Ordered,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        if !matches!(json, Value::Number(_) | Value::String(_)) {
            return place.fault(format!("must be a number, a string or a date, is {}", kind(json)));
        }
        Ok(field(path, Test::Ordered(relation, self.operand(json, place, depth)?)))
    }

    fn operands(
        &mut self,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Vec<Operand>, FilterError> {
        let Value::Array(items) = json else {
            return place.fault(format!("must be a list of values, is {}", kind(json)));
        };
        let operands = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.operand(item, &place.index(index), depth));
        operands.collect()
    }

    /// Counts every part of a value, so that no operand is larger than a filter may be.
    fn operand(
        &mut self,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Operand, FilterError> {
        self.count_parts(json, place, depth)?;
        Ok(Operand::new(json.clone()))
    }

    fn count_parts(
        &mut self,
        json: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), FilterError> {
        self.enter(place, depth)?;
        match json {
            Value::Array(items) => {
                items.iter().try_for_each(|item| self.count_parts(item, place, depth + 1))
            }
            Value::Object(object) => {
                object.values().try_for_each(|item| self.count_parts(item, place, depth + 1))
            }
            _ => Ok(()),
        }
    }
}

fn field(path: &str, test: Test) -> Filter {
    Filter::Field { path: path.to_owned(), test }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

/// A single condition stays itself.
fn all_of(mut conditions: Vec<Filter>) -> Filter {
    match (conditions.len(), conditions.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            conditions.extend(last);
            Filter::And(conditions)
        }
    }
}

fn kind(json: &Value) -> &'static str {
    match json {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(filter: Value, expect: &str) {
        let error = Filter::parse(&filter, &Limits::default()).unwrap_err();
        assert!(error.to_string().starts_with(expect), "{error}");
    }

    #[test]
    fn faults_name_their_place() {
        refused(json!([]), "filter: must be an object");
        refused(json!({"$nor": []}), "filter.$nor: is not an operator");
        refused(json!({"a": {"$regex": "x"}}), "filter.a.$regex: is not an operator");
        refused(json!({"a": {"$gt": 1, "b": 2}}), "filter.a.b: is not an operator");
        refused(json!({"a": {"$gt": null}}), "filter.a.$gt: must be a number");
        refused(json!({"a": {"$in": 5}}), "filter.a.$in: must be a list");
        refused(json!({"a": {"$exists": 1}}), "filter.a.$exists: must be true or false");
        refused(json!({"$and": []}), "filter.$and: must be a list");
        refused(json!({"$or": [{"a": 1}, 2]}), "filter.$or[1]: must be an object");
        refused(json!({"": 1}), "filter.: the name of a field");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let mut deep = json!({"a": 1});
        for _ in 0..14 {
            deep = json!({"$not": deep});
        }
        assert!(Filter::parse(&deep, &Limits::default()).is_ok());
        refused(json!({"$not": {"$not": deep}}), "filter.$not");
        refused(json!({"a": {"$in": (0..2_000).collect::<Vec<_>>()}}), "filter.a.$in[1022]: the");
    }
}
