//! Reading a filter from JSON, within the limits, with the place of every fault.

use serde_json::{Map, Value};

use super::{Caseless, Filter, FilterError, Operand, Ordered, Test, TextTest, WordsTest, foreign};
use crate::{InvalidTimestamp, Limits};

const FIELD_OPERATORS: &str =
    "$eq $ne $gt $gte $lt $lte $in $nin $exists $contains $prefix $icontains $not";

const ID_OPERATORS: &str = "$eq $ne $gt $gte $lt $lte $in $nin $contains $prefix $icontains $not";

const EXPIRY_OPERATORS: &str = "$eq $ne $gt $gte $lt $lte $in $nin $exists $not";

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// When the JSON is not an object of conditions, uses an unknown operator or an operand of a
    /// wrong type, or is deeper or larger than `filter_depth` and `filter_nodes`.
    pub fn parse(json: &Value, limits: &Limits) -> Result<Self, FilterError> {
        let mut parser = Parser { nodes_left: limits.filter_nodes, limits };
        parser.conditions(json, &Path::root(), 1)
    }
}

/// Where the parser stands, printed only when something is wrong there.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    fn root() -> Path<'static> {
        Path { parent: None, step: Step::Key("filter") }
    }

    fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Key(key) }
    }

    fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    fn path(&self) -> String {
        let parent = self.parent.map(Path::path);
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

    fn unknown_operator<T>(&self, operator: &str, allowed: &str) -> Result<T, FilterError> {
        self.fault(match foreign::instead_of(operator) {
            Some(instead) => format!("is not an operator here, write {instead}"),
            None => allowed.to_owned(),
        })
    }

    /// A string that is no date, among operands one of which is.
    fn mixed<T>(&self, date: &Operand) -> Result<T, FilterError> {
        self.fault(format!(
            "is no date, and {} beside it is one: dates are compared in time, other strings as text. \
             Dates are written as 2020-01-31, 2020-01-31T23:59:59 or 2020-01-31T23:59:59.123+01:00",
            date.value()
        ))
    }
}

/// What a condition is on.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Id,
    ExpiresAt,
    Field(&'a str),
}

impl Subject<'_> {
    fn must(self, test: Test) -> Filter {
        match self {
            Self::Id => Filter::Id(test),
            Self::ExpiresAt => Filter::ExpiresAt(test),
            Self::Field(path) => Filter::Field { path: path.to_owned(), test },
        }
    }

    const fn has_texts(self) -> bool {
        !matches!(self, Self::ExpiresAt)
    }

    fn must_not(self, test: Test) -> Filter {
        not(self.must(test))
    }
}

struct Parser<'a> {
    nodes_left: usize,
    limits: &'a Limits,
}

impl Parser<'_> {
    fn enter(&mut self, place: &Path<'_>, depth: usize) -> Result<(), FilterError> {
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
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        self.enter(place, depth)?;
        let Value::Object(object) = json else {
            return place.fault(format!(
                "must be an object of conditions, is {}; a filter is written as {}",
                kind(json),
                r#"{"year": {"$gte": 2000}}"#
            ));
        };
        let conditions = object.iter().map(|(key, value)| {
            let place = place.key(key);
            match key.as_str() {
                "$and" => Ok(Filter::And(self.list(value, &place, depth)?)),
                "$or" => Ok(Filter::Or(self.list(value, &place, depth)?)),
                "$not" => Ok(Filter::Not(Box::new(self.conditions(value, &place, depth + 1)?))),
                "$id" => self.special(Subject::Id, value, &place, depth + 1),
                "$expires_at" => self.special(Subject::ExpiresAt, value, &place, depth + 1),
                "$text" => self.of_text(value, &place, depth + 1),
                "$contains" | "$not_contains" | "$match" => place.fault(
                    r#"is an operator of a field or of the text, write {"$text": {"$contains": ".."}} for the text of documents"#,
                ),
                _ if key.starts_with('$') => place.unknown_operator(
                    key,
                    "is not an operator, allowed here are $and $or $not $id $expires_at $text and names of fields",
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
        place: &Path<'_>,
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
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        if let Some(fault) = foreign::fault_of_word(path, json) {
            return place.fault(fault);
        }
        match json {
            Value::Object(object) if object.keys().any(|key| key.starts_with('$')) => {
                self.operators(Subject::Field(path), object, place, depth)
            }
            _ => match foreign::fault_of_value(path, json) {
                Some(fault) => place.fault(fault),
                None => {
                    let operand = self.operand(Subject::Field(path), json, place, depth)?;
                    Ok(Subject::Field(path).must(Test::AnyOf(vec![operand])))
                }
            },
        }
    }

    /// A condition on what is not metadata.
    fn special(
        &mut self,
        subject: Subject<'_>,
        json: &Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        match json {
            Value::Object(object) => self.operators(subject, object, place, depth),
            Value::Array(_) => place.fault(match subject {
                Subject::Id => {
                    r#"is a bare list, write {"$id": {"$in": [..]}} for any of these ids"#
                }
                _ => {
                    r#"is a bare list, write {"$expires_at": {"$in": [..]}} for any of these dates"#
                }
            }),
            _ => {
                let operand = self.operand(subject, json, place, depth)?;
                Ok(subject.must(Test::AnyOf(vec![operand])))
            }
        }
    }

    /// Conditions on the text of a document.
    fn of_text(
        &mut self,
        json: &Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        self.enter(place, depth)?;
        let Some(object) = json.as_object().filter(|object| !object.is_empty()) else {
            return place.fault(
                r#"must have operators, write {"$text": {"$contains": ".."}} for a part of the text or {"$text": {"$match": ".."}} for words"#,
            );
        };
        let tests = object.iter().map(|(operator, json)| {
            let place = place.key(operator);
            match operator.as_str() {
                "$contains" => {
                    let part = self.part_of_text(json, &place, depth + 1)?;
                    Ok(Filter::Text(TextTest::Contains(part)))
                }
                "$match" => {
                    let words = WordsTest::new(self.part_of_text(json, &place, depth + 1)?);
                    Ok(Filter::Text(TextTest::Match(words)))
                }
                "$not" => Ok(not(self.of_text(json, &place, depth + 1)?)),
                _ => place.unknown_operator(
                    operator,
                    "is not an operator, allowed on the text are $contains $match $not",
                ),
            }
        });
        Ok(all_of(tests.collect::<Result<_, _>>()?))
    }

    fn part_of_text(
        &mut self,
        json: &Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<String, FilterError> {
        let text = self.text(json, place, depth)?;
        let bytes_max = self.limits.text_bytes;
        match text.len() {
            0 => place.fault("is empty"),
            bytes if bytes > bytes_max => {
                place.fault(format!("has {bytes} bytes, allowed are at most {bytes_max}"))
            }
            _ => Ok(text.to_owned()),
        }
    }

    fn operators(
        &mut self,
        subject: Subject<'_>,
        object: &Map<String, Value>,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        self.enter(place, depth)?;
        let tests = object.iter().map(|(operator, json)| {
            self.operator(subject, operator, json, &place.key(operator), depth + 1)
        });
        let tests: Vec<_> = tests.collect::<Result<_, _>>()?;
        check_bounds(&tests, object, place)?;
        Ok(all_of(tests))
    }

    fn operator(
        &mut self,
        subject: Subject<'_>,
        operator: &str,
        json: &Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        let mut one = || Ok(vec![self.operand(subject, json, place, depth)?]);
        Ok(match operator {
            "$eq" => subject.must(Test::AnyOf(one()?)),
            "$ne" => subject.must_not(Test::AnyOf(one()?)),
            "$in" => subject.must(Test::AnyOf(self.operands(subject, json, place, depth)?)),
            "$nin" => subject.must_not(Test::AnyOf(self.operands(subject, json, place, depth)?)),
            "$gt" => self.ordered(subject, Ordered::Greater, json, place, depth)?,
            "$gte" => self.ordered(subject, Ordered::GreaterOrEqual, json, place, depth)?,
            "$lt" => self.ordered(subject, Ordered::Less, json, place, depth)?,
            "$lte" => self.ordered(subject, Ordered::LessOrEqual, json, place, depth)?,
            "$exists" if !matches!(subject, Subject::Id) => match json {
                Value::Bool(expected) => subject.must(Test::Exists(*expected)),
                _ => return place.fault(format!("must be true or false, is {}", kind(json))),
            },
            "$contains" if subject.has_texts() => subject.must(Test::Contains(match json {
                Value::Array(_) => self.operands(subject, json, place, depth)?,
                _ => one()?,
            })),
            "$prefix" if subject.has_texts() => {
                subject.must(Test::Prefix(self.text(json, place, depth)?.to_owned()))
            }
            "$icontains" if subject.has_texts() => {
                let part = Caseless::new(self.text(json, place, depth)?);
                subject.must(Test::ContainsCaseless(part))
            }
            "$not" => match json {
                Value::Object(object) => not(self.operators(subject, object, place, depth)?),
                _ => return place.fault(format!("must be an object, is {}", kind(json))),
            },
            _ => {
                let allowed = match subject {
                    Subject::Id => format!("is not an operator, allowed on ids are {ID_OPERATORS}"),
                    Subject::ExpiresAt => format!(
                        "is not an operator, allowed on the moment of expiry are {EXPIRY_OPERATORS}"
                    ),
                    Subject::Field(_) => {
                        format!("is not an operator, allowed on a field are {FIELD_OPERATORS}")
                    }
                };
                return place.unknown_operator(operator, &allowed);
            }
        })
    }

    fn ordered(
        &mut self,
        subject: Subject<'_>,
        relation: Ordered,
        json: &Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        if !matches!(json, Value::Number(_) | Value::String(_)) {
            return place.fault(format!("must be a number, a string or a date, is {}", kind(json)));
        }
        Ok(subject.must(Test::Ordered(relation, self.operand(subject, json, place, depth)?)))
    }

    fn text<'j>(
        &mut self,
        json: &'j Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<&'j str, FilterError> {
        self.enter(place, depth)?;
        match json {
            Value::String(text) => Ok(text),
            _ => place.fault(format!("must be a string, is {}", kind(json))),
        }
    }

    fn operands(
        &mut self,
        subject: Subject<'_>,
        json: &Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Vec<Operand>, FilterError> {
        let Value::Array(items) = json else {
            return place.fault(format!("must be a list of values, is {}", kind(json)));
        };
        let operands = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.operand(subject, item, &place.index(index), depth));
        let operands: Vec<_> = operands.collect::<Result<_, _>>()?;
        match (operands.iter().find(|operand| operand.is_date()), subject) {
            (Some(date), Subject::Field(_)) => {
                match operands
                    .iter()
                    .position(|other| other.value().is_string() && !other.is_date())
                {
                    Some(index) => place.index(index).mixed(date),
                    None => Ok(operands),
                }
            }
            _ => Ok(operands),
        }
    }

    /// Counts every part of a value, so that no operand is larger than a filter may be.
    fn operand(
        &mut self,
        subject: Subject<'_>,
        json: &Value,
        place: &Path<'_>,
        depth: usize,
    ) -> Result<Operand, FilterError> {
        self.count_parts(json, place, depth)?;
        match (subject, json) {
            (Subject::Field(_), _) => Ok(Operand::new(json.clone())),
            (Subject::ExpiresAt, Value::Null) => Ok(Operand::new(Value::Null)),
            (Subject::ExpiresAt, _) => {
                let operand = Operand::new(json.clone());
                match operand.is_date() {
                    true => Ok(operand),
                    false => place.fault(format!("{InvalidTimestamp}")),
                }
            }
            (Subject::Id, Value::String(_)) => Ok(Operand::of_id(json.clone())),
            (Subject::Id, Value::Number(id)) if id.is_i64() => Ok(Operand::of_id(json.clone())),
            (Subject::Id, Value::Number(_)) => {
                place.fault("must be a string or a 64-bit signed integer, is another number")
            }
            (Subject::Id, _) => place
                .fault(format!("must be a string or a 64-bit signed integer, is {}", kind(json))),
        }
    }

    fn count_parts(
        &mut self,
        json: &Value,
        place: &Path<'_>,
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

/// The bounds of one field must be compared in the same way: all in time, or all as text.
fn check_bounds(
    tests: &[Filter],
    object: &Map<String, Value>,
    place: &Path<'_>,
) -> Result<(), FilterError> {
    let bounds = || {
        tests.iter().zip(object.keys()).filter_map(|(test, operator)| match test {
            Filter::Field { test: Test::Ordered(_, bound), .. } => Some((operator, bound)),
            _ => None,
        })
    };
    let date = bounds().find(|(_, bound)| bound.is_date());
    let other = bounds().find(|(_, bound)| bound.value().is_string() && !bound.is_date());
    match (date, other) {
        (Some((_, date)), Some((operator, _))) => place.key(operator).mixed(date),
        _ => Ok(()),
    }
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
        refused(json!("year > 2000"), "filter: must be an object of conditions, is a string; a");
        refused(json!({"$where": "x"}), "filter.$where: is not an operator, allowed here are $and");
        refused(json!({"a": {"$gt": 1, "b": 2}}), "filter.a.b: is not an operator");
        refused(json!({"a": {"$gt": null}}), "filter.a.$gt: must be a number");
        refused(json!({"a": {"$in": 5}}), "filter.a.$in: must be a list");
        refused(json!({"a": {"$exists": 1}}), "filter.a.$exists: must be true or false");
        refused(json!({"a": {"$prefix": ["x"]}}), "filter.a.$prefix: must be a string, is a list");
        refused(json!({"a": {"$icontains": 1}}), "filter.a.$icontains: must be a string, is a num");
        refused(json!({"$and": []}), "filter.$and: must be a list");
        refused(json!({"$or": [{"a": 1}, 2]}), "filter.$or[1]: must be an object");
        refused(json!({"": 1}), "filter.: the name of a field");
        refused(json!({"$id": 1.5}), "filter.$id: must be a string or a 64-bit signed integer");
        refused(json!({"$id": {"$in": [1, null]}}), "filter.$id.$in[1]: must be a string or a");
        refused(
            json!({"$id": {"$exists": true}}),
            "filter.$id.$exists: is not an operator, allowed",
        );
        refused(json!({"$id": [1]}), "filter.$id: is a bare list");
        refused(json!({"$expires_at": "soon"}), "filter.$expires_at: is no moment in time");
        refused(json!({"$expires_at": {"$lt": 5}}), "filter.$expires_at.$lt: is no moment");
        refused(
            json!({"$expires_at": {"$prefix": "2030"}}),
            "filter.$expires_at.$prefix: is not an operator, allowed on the moment of expiry are $eq",
        );
        refused(json!({"$expires_at": ["2030-01-01"]}), "filter.$expires_at: is a bare list");
    }

    #[test]
    fn operators_of_others_are_told_as_they_are_here() {
        refused(
            json!({"$nor": []}),
            r#"filter.$nor: is not an operator here, write {"$not": {"$or""#,
        );
        refused(json!({"a": {"$regex": "x"}}), "filter.a.$regex: is not an operator here, write {");
        refused(
            json!({"a": {"$all": [1]}}),
            r#"filter.a.$all: is not an operator here, write {"$con"#,
        );
        refused(
            json!({"a": {"$startsWith": "x"}}),
            "filter.a.$startsWith: is not an operator here",
        );
    }

    #[test]
    fn what_was_meant_otherwise_is_told_how_it_is_written() {
        refused(
            json!({"year": {"gte": 1990, "lt": 2000}}),
            r#"filter.year: has operators without their dollar, write {"year":{"$gte":1990,"$lt":2000}}; to compare with this very object write {"year":{"$eq":{"gte":1990,"lt":2000}}} or {"year.gte":1990}"#,
        );
        refused(json!({"$or": [{"year": {"==": 1}}]}), "filter.$or[0].year: has operators without");
        refused(json!({"a": {"match": {"value": 1}}}), "filter.a: has operators without");
        refused(
            json!({"tags": ["a", "b"]}),
            r#"filter.tags: is a bare list, write {"tags":{"$in":["a","b"]}} for any of these values or {"tags":{"$eq":["a","b"]}} for this very list"#,
        );
        refused(json!({"tags": []}), "filter.tags: is a bare list");
        refused(json!({"year": {}}), "filter.year: is an empty object");
        for word in ["must", "should", "must_not", "and", "OR", "Not", "where", "filter", "bool"] {
            for below in
                [json!({"year": 1990}), json!([{"year": 1990}]), json!({"$or": [{"a": 1}]})]
            {
                refused(
                    json!({word: below}),
                    &format!("filter.{word}: is a word of another filter"),
                );
            }
        }
        refused(
            json!({"range": {"year": {"gte": 1}}}),
            "filter.range: is a word of another filter",
        );
        refused(json!({"key": "a", "match": {"value": 1}}), "filter.match: is a word of another");
    }

    /// The escapes: what the errors say to write, and fields that happen to have such names.
    #[test]
    fn fields_of_any_name_can_be_asked_for() {
        for filter in [
            json!({"must": 1, "where": "Paris", "and": null, "filter": true}),
            json!({"must": {"$eq": {"gte": 1}}, "where.street": "x", "and": {"$in": [[1], {}]}}),
            json!({"range": {"$gte": 5}, "match": {"$exists": true}, "not": {"$not": {"$eq": 1}}}),
            json!({"size": {"in": 1, "cm": 2}, "crew": {"director": "x"}, "eq": 5}),
            json!({"tags": {"$eq": []}, "year": {"$eq": {}}}),
        ] {
            assert!(Filter::parse(&filter, &Limits::default()).is_ok(), "{filter}");
        }
    }

    #[test]
    fn dates_are_not_mixed_with_other_strings() {
        let bounds = json!({"d": {"$gte": "2020-01-01", "$lt": "2020-02-30"}});
        refused(bounds, r#"filter.d.$lt: is no date, and "2020-01-01" beside it is one"#);
        let list = json!({"d": {"$in": [1, "soon", "2020-01-01 10:00:00"]}});
        refused(list, r#"filter.d.$in[1]: is no date, and "2020-01-01 10:00:00" beside it is one"#);
        for filter in [
            json!({"d": {"$gte": "2020-01-01", "$lt": "2020-01-01T10:00:00.123456"}}),
            json!({"d": {"$gte": "2020-02-30", "$lt": "soon"}}),
            json!({"d": {"$in": ["2020-01-01", null, 5]}}),
            json!({"d": {"$gte": "2020-01-01", "$ne": "soon"}}),
            json!({"$id": {"$in": ["2020-01-01", "soon"]}}),
        ] {
            assert!(Filter::parse(&filter, &Limits::default()).is_ok(), "{filter}");
        }
    }

    #[test]
    fn the_fields_that_are_asked_for_are_known() {
        let filter = json!({"a": 1, "$or": [{"b.c": 1}, {"$not": {"a": 2}}], "$id": "x"});
        assert_eq!(Filter::parse(&filter, &Limits::default()).unwrap().fields(), ["a", "b.c"]);
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
