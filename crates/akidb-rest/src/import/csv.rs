//! Rows of CSV (RFC 4180) as documents.

use serde_json::{Number, Value};

/// What may divide the cells of a row.
pub(super) const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// What divides the cells of a header: of those that may the one that it has most of, a comma where
/// it has none.
pub(super) fn delimiter(header: &[u8]) -> u8 {
    let count = |wanted: u8| header.iter().filter(|&&byte| byte == wanted).count();
    // Of equals the last counts.
    let best = DELIMITERS.into_iter().rev().max_by_key(|&delimiter| count(delimiter));
    best.unwrap_or(b',')
}

/// The cells of a row, without their quotes.
pub(super) fn cells(row: &str, delimiter: u8) -> Vec<String> {
    let delimiter = char::from(delimiter);
    let row = row.strip_suffix('\r').unwrap_or(row);
    let mut cells = vec![String::new()];
    let mut chars = row.chars().peekable();
    let (mut is_start, mut quoted) = (true, false);
    while let Some(char) = chars.next() {
        let Some(cell) = cells.last_mut() else { break };
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if is_start => quoted = true,
            _ if char == delimiter && !quoted => {
                cells.push(String::new());
                is_start = true;
                continue;
            }
            _ => cell.push(char),
        }
        is_start = false;
    }
    cells
}

/// What a cell of metadata means: a number or a truth value where it is written as JSON writes it,
/// else a text. An empty cell is no value. Numbers that would be changed stay texts.
pub(super) fn value(cell: &str) -> Option<Value> {
    match cell {
        "" => None,
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => Some(number(cell).map_or_else(|| Value::from(cell), Value::Number)),
    }
}

/// The id that a cell names: an integer, else a text.
pub(super) fn id(cell: &str) -> Option<Value> {
    match cell {
        "" => None,
        _ => Some(integer(cell).map_or_else(|| Value::from(cell), Value::from)),
    }
}

/// An integer that is written as it would be printed: `007` is a text.
fn integer(cell: &str) -> Option<i64> {
    cell.parse::<i64>().ok().filter(|number| number.to_string() == cell)
}

fn number(cell: &str) -> Option<Number> {
    if let Some(integer) = integer(cell) {
        return Some(integer.into());
    }
    // What has neither a point nor an exponent is an integer that does not fit.
    let is_fraction = cell.contains(['.', 'e', 'E']);
    let number = serde_json::from_str::<Number>(cell).ok()?;
    (is_fraction && number.as_f64().is_some_and(f64::is_finite)).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_read_as_rfc_4180_writes_them() {
        for (row, expect) in [
            ("1,a b,", &["1", "a b", ""][..]),
            ("\"a,b\",\"say \"\"x\"\"\"\r", &["a,b", "say \"x\""]),
            ("5\" pipe,\"\"", &["5\" pipe", ""]),
        ] {
            assert_eq!(cells(row, b','), expect, "{row}");
        }
        assert_eq!(cells("a;b,c", b';'), ["a", "b,c"]);
        assert_eq!([delimiter(b"id;a,b;c"), delimiter(b"id\tb"), delimiter(b"id")], *b";\t,");
    }

    #[test]
    fn cells_of_metadata_mean_what_they_look_like() {
        for (cell, expect) in [
            ("1997", json!(1997)),
            ("-2.5", json!(-2.5)),
            ("true", json!(true)),
            ("007", json!("007")),
            ("1e3", json!(1e3)),
            ("18446744073709551616", json!("18446744073709551616")),
            ("1,5", json!("1,5")),
            ("null", json!("null")),
        ] {
            assert_eq!(value(cell), Some(expect), "{cell}");
        }
        assert_eq!((value(""), id("12"), id("012")), (None, Some(json!(12)), Some(json!("012"))));
    }
}
