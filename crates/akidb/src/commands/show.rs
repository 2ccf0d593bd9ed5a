//! JSON values as cells and rows of tables for people.

use comfy_table::Table;
use serde_json::Value;

use crate::printer::{self, Printer};

/// The longest text shown in a cell, in characters; `--output json` has all of it.
const CELL_CHARS_MAX: usize = 400;

/// A value as a person would write it.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    shortened(&text)
}

/// The same text without control characters, which could move the cursor, and not too long.
fn shortened(text: &str) -> String {
    let visible = |char: char| {
        if char.is_control() && char != '\n' { ' ' } else { char }
    };
    let mut short: String = text.chars().take(CELL_CHARS_MAX).map(visible).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Every field of an object as a row; the fields of objects in it are named `outer.inner`.
pub(super) fn properties(object: &Value) -> Table {
    let mut rows = Vec::new();
    collect("", object, &mut rows);
    printer::properties(rows)
}

fn collect(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let separator = if name.is_empty() { "" } else { "." };
                collect(&format!("{name}{separator}{field}"), value, rows);
            }
        }
        other => rows.push((name.to_owned(), cell(other))),
    }
}

/// The objects of `list`, one a row, with these fields; `model.name` is `name` in `model`.
pub(super) fn rows(list: &Value, fields: &[&str]) -> Table {
    let mut table = printer::table(fields.iter().copied());
    for object in list.as_array().into_iter().flatten() {
        table.add_row(fields.iter().map(|field| cell(at(object, field))));
    }
    table
}

/// Tells of the fields that were asked for and that no document has.
pub(super) fn warn_of_unknown_fields(reply: &Value, printer: Printer) {
    for field in reply["unknown_fields"].as_array().into_iter().flatten() {
        printer.warning(format_args!("no document has the field {field}"));
    }
}

fn at<'a>(object: &'a Value, field: &str) -> &'a Value {
    field.split('.').fold(object, |value, name| value.get(name).unwrap_or(&Value::Null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_short_and_do_not_move_the_cursor() {
        assert_eq!(cell(&Value::Null), "-");
        assert_eq!(cell(&json!("a\u{1b}[2Jb")), "a [2Jb");
        assert_eq!(cell(&json!("x".repeat(1_000))).chars().count(), CELL_CHARS_MAX + 1);
    }

    #[test]
    fn nested_fields_are_named_by_their_path() {
        let table = properties(&json!({"name": "films", "model": {"name": "minilm"}})).to_string();
        assert!(table.contains("model.name") && table.contains("minilm"), "{table}");
        let table = rows(&json!([{"name": "films", "model": null}]), &["name", "model.name"]);
        assert!(table.to_string().contains("films"));
    }
}
