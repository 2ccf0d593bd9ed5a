//! What a block printed against what the page says that it prints.

use serde_json::{Deserializer, Value};

/// Texts that a page may promise word for word. All else, such as scores, times and generated ids,
/// only has to be of the same kind.
const FIXED: [&str; 4] = ["status", "code", "name", "model"];

/// Says how the shown answer differs from the last values that were printed.
///
/// A shown object may leave out fields, a shown list its later items, and `"…"` stands for anything.
///
/// # Errors
/// The first difference, with its place.
pub(super) fn compare(shown: &str, printed: &str) -> Result<(), String> {
    let shown = values(shown).map_err(|err| format!("the answer on the page is no JSON: {err}"))?;
    let printed = values(printed).map_err(|err| format!("what was printed is no JSON: {err}"))?;
    let Some(skipped) = printed.len().checked_sub(shown.len()) else {
        return Err(format!("{} values are shown, {} printed", shown.len(), printed.len()));
    };
    shown.iter().zip(&printed[skipped..]).try_for_each(|(shown, printed)| same("", shown, printed))
}

/// Whether an answer is an error of the node, which `curl` takes for a success.
pub(super) fn is_error(printed: &str) -> bool {
    let values = values(printed).unwrap_or_default();
    values.iter().any(|value| value.get("request_id").is_some() && value["error"].is_object())
}

fn values(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    Deserializer::from_str(text).into_iter().collect()
}

fn same(place: &str, shown: &Value, printed: &Value) -> Result<(), String> {
    match (shown, printed) {
        (Value::String(any), _) if any == "…" => Ok(()),
        (Value::Object(shown), Value::Object(printed)) => {
            shown.iter().try_for_each(|(key, shown)| {
                let place = format!("{place}.{key}");
                let printed = printed.get(key).ok_or(format!("{place} is not printed"))?;
                let is_fixed = FIXED.contains(&key.as_str()) && shown.is_string() && shown != "…";
                if is_fixed && shown != printed {
                    return Err(format!("{place} is {printed}, shown is {shown}"));
                }
                same(&place, shown, printed)
            })
        }
        (Value::Array(shown), Value::Array(printed)) => {
            shown.iter().enumerate().try_for_each(|(i, shown)| match printed.get(i) {
                Some(printed) => same(&format!("{place}[{i}]"), shown, printed),
                None if shown == "…" => Ok(()),
                None => Err(format!("{place}[{i}] is not printed")),
            })
        }
        (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => Ok(()),
        _ if shown == printed => Ok(()),
        _ => Err(format!("{place} is {printed}, shown is {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_compared() {
        for (shown, printed) in [
            (r#"{"a": 1}"#, r#"{"a": 2.5, "b": []}"#),
            (r#"[1, "…"]"#, "[3, 4, 5]"),
            (r#"{"hits": [{"id": "x"}]}"#, r#"{"first": 1} {"hits": [{"id": "y"}, {"id": "z"}]}"#),
            (r#"{"status": "…", "id": "…"}"#, r#"{"status": "created", "id": 7}"#),
            ("1\n2", "0\n1\n2"),
        ] {
            assert_eq!(compare(shown, printed), Ok(()), "{shown} {printed}");
        }
        for (shown, printed) in [
            (r#"{"a": 1}"#, r#"{"b": 1}"#),
            (r#"{"a": "1"}"#, r#"{"a": 1}"#),
            (r#"{"a": true}"#, r#"{"a": false}"#),
            (r#"{"status": "updated"}"#, r#"{"status": "created"}"#),
            (r#"{"hits": [{"id": "x"}]}"#, r#"{"hits": []}"#),
            ("1\n2", "2"),
            ("{", "{}"),
            ("{}", "a table"),
        ] {
            assert!(compare(shown, printed).is_err(), "{shown} {printed}");
        }
    }

    #[test]
    fn errors_of_the_node_are_seen() {
        assert!(is_error(r#"{"error":{"code":"invalid_text"},"request_id":"r"}"#));
        assert!(!is_error(r#"{"line":2,"error":{"code":"invalid_text"}}"#));
        assert!(!is_error("error"));
    }
}
