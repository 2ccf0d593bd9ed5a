//! What people write who know another system's filters, and how it is written here.
//!
//! Taken as it stands, such a filter would compare a field that no document has, and answer nothing.

use serde_json::{Map, Value, json};

/// Characters of a filter that an error repeats.
const SHOWN_CHARS_MAX: usize = 120;

/// Operators without their dollar, by the names that other systems have for them as well.
const OPERATORS: &[(&str, &str)] = &[
    ("$eq", "eq equal equals is = =="),
    ("$ne", "ne neq not_equal not_equals != <>"),
    ("$gt", "gt greater_than >"),
    ("$gte", "gte ge greater_than_or_equal greater_than_equal >="),
    ("$lt", "lt less_than <"),
    ("$lte", "lte le less_than_or_equal less_than_equal <="),
    ("$in", "in any_of match_any containsany contains_any"),
    ("$nin", "nin not_in notin except match_except"),
    ("$exists", "exists is_null isnull is_empty"),
    ("$contains", "contains all containsall contains_all array_contains"),
    ("$prefix", "prefix starts_with startswith begins_with"),
    ("$icontains", "icontains ilike like regex match_text fulltext search"),
    ("$not", "not"),
];

/// Operators that are written below a field elsewhere, and have a form of their own here.
const SHAPES: &str = "match match_phrase range between term terms";

/// Words that stand where a field stands, with a condition or a list of them below.
const WORDS: &[(&str, &str)] = &[
    ("where_document", r#"{"$text": {"$contains": ".."}}"#),
    ("must and all_of operands conditions", r#"{"$and": [..]}"#),
    ("should or any_of", r#"{"$or": [..]}"#),
    ("must_not not none_of nor", r#"{"$not": {..}}"#),
    ("where filter filters bool query", "what stands below it, in its place"),
    ("term terms match match_phrase range key", r#"{"year": {"$gte": 2000}}"#),
];

/// Operators with a dollar that are not of this language.
const UNKNOWN: &[(&str, &str)] = &[
    ("$all", r#"{"$contains": [..]}"#),
    ("$nor", r#"{"$not": {"$or": [..]}}"#),
    ("$elemmatch", "a path with dots, which goes through lists of objects"),
    ("$startswith", r#"{"$prefix": ".."}"#),
    ("$regex", r#"{"$prefix": ".."}, {"$contains": ".."} or {"$icontains": ".."}"#),
    ("$like", r#"{"$prefix": ".."}, {"$contains": ".."} or {"$icontains": ".."}"#),
    ("$ilike", r#"{"$icontains": ".."}"#),
    ("$text", r#"{"$icontains": ".."}"#),
    ("$search", r#"{"$text": {"$match": ".."}}"#),
    ("$not_contains", r#"{"$not": {"$contains": ".."}}"#),
    ("$notin", r#"{"$nin": [..]}"#),
    ("$neq", "$ne"),
    ("$between", r#"{"$gte": .., "$lte": ..}"#),
];

/// Why the value of a field can not be meant as it stands, where it has no operator.
pub(super) fn fault_of_value(field: &str, value: &Value) -> Option<String> {
    match value {
        Value::Array(_) => {
            let (any, same) = (json!({field: {"$in": value}}), json!({field: {"$eq": value}}));
            Some(format!(
                "is a bare list, write {} for any of these values or {} for this very list",
                shown(&any),
                shown(&same)
            ))
        }
        Value::Object(object) => fault_of_object(field, object),
        _ => None,
    }
}

fn fault_of_object(field: &str, object: &Map<String, Value>) -> Option<String> {
    let itself = || shown(&json!({field: {"$eq": object}}));
    if object.is_empty() {
        return Some(format!(
            "is an empty object, write {} to ask whether the field is there or {} for this very \
             object",
            shown(&json!({field: {"$exists": true}})),
            itself()
        ));
    }
    let is_of_shape = |key: &str| listed(SHAPES, key);
    if !object.keys().all(|key| operator(key).is_some() || is_of_shape(key)) {
        return None;
    }
    let (key, value) = object.iter().next()?;
    let with_dollars = object.iter().map(|(key, value)| Some((operator(key)?, value.clone())));
    let meant = match with_dollars
        .map(|pair| pair.map(|(key, value)| (key.to_owned(), value)))
        .collect::<Option<Map<_, _>>>()
    {
        Some(operators) => shown(&json!({field: operators})),
        None => shown(&json!({field: {"$gte": 2000, "$lt": 2010}})),
    };
    let dotted = format!("{field}.{key}");
    Some(format!(
        "has operators without their dollar, write {meant}; to compare with this very object write {} \
         or {}",
        itself(),
        shown(&json!({dotted: value}))
    ))
}

/// Why a field can not be meant as one: it is another system's word, with that word's shape below.
pub(super) fn fault_of_word(field: &str, value: &Value) -> Option<String> {
    let is_condition = |value: &Value| {
        value.as_object().is_some_and(|object| !object.keys().any(|key| key.starts_with('$')))
    };
    let has_its_shape = match value {
        Value::Object(object) => !object.is_empty() && (is_condition(value) || is_logical(object)),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        _ => false,
    };
    let (_, meant) = WORDS.iter().find(|(words, _)| listed(words, field))?;
    has_its_shape.then(|| {
        format!(
            "is a word of another filter language, here it is {meant}; a field of this name is \
             compared by {} or {}",
            shown(&json!({field: {"$eq": ".."}})),
            shown(&json!({format!("{field}.KEY"): ".."})),
        )
    })
}

/// Whether an object is a filter: its operators are those of filters, not of fields.
fn is_logical(object: &Map<String, Value>) -> bool {
    object.keys().any(|key| matches!(key.as_str(), "$and" | "$or"))
}

/// What to write in place of an operator that there is not.
pub(super) fn instead_of(operator: &str) -> Option<&'static str> {
    let lower = operator.to_ascii_lowercase();
    UNKNOWN.iter().find(|(unknown, _)| *unknown == lower).map(|(_, instead)| *instead)
}

/// The operator that a key is without its dollar.
fn operator(key: &str) -> Option<&'static str> {
    OPERATORS.iter().find(|(_, names)| listed(names, key)).map(|(operator, _)| *operator)
}

fn listed(names: &str, given: &str) -> bool {
    names.split(' ').any(|name| name.eq_ignore_ascii_case(given))
}

/// JSON for people, cut where it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
