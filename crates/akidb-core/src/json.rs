//! JSON read so that nothing of it is lost: a key that stands twice in an object, and an integer that
//! does not fit 64 bits, are faults and not a choice of the reader.
//!
//! Out of scope: which values metadata and filters may have.

use serde_json::{Map, Number, Value, map::Entry, value::RawValue};

use crate::{Error, ErrorCode};

/// Levels of lists and objects, as serde_json allows.
const DEPTH_MAX: usize = 128;

/// The longest key, and the longest path, that a fault repeats.
const KEY_CHARS_MAX: usize = 80;
const PATH_CHARS_MAX: usize = 240;

/// What is wrong with a key that an object has already.
pub const KEY_STANDS_TWICE: &str = "stands twice, a key may stand once in an object";

/// A JSON text that is no value, or would lose something as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{description}", path.strip_prefix('.').unwrap_or(path), if path.is_empty() { "" } else { ": " })]
pub struct JsonFault {
    /// Where below the value: `.crew[2].name`, empty for the value itself.
    pub path: String,
    /// What is wrong there.
    pub description: String,
}

impl JsonFault {
    fn here(description: impl Into<String>) -> Self {
        Self { path: String::new(), description: description.into() }
    }

    fn under_key(self, key: &str) -> Self {
        let key: String = key.chars().take(KEY_CHARS_MAX).collect();
        Self { path: format!(".{key}{}", self.path), ..self }
    }

    fn under_index(self, index: usize) -> Self {
        Self { path: format!("[{index}]{}", self.path), ..self }
    }

    /// The error of a request whose value at `field` this is.
    #[must_use]
    pub fn at(&self, field: &str) -> Error {
        let path = match self.path.char_indices().nth(PATH_CHARS_MAX) {
            Some((end, _)) => format!("{}...", &self.path[..end]),
            None => self.path.clone(),
        };
        let place = format!("{field}{path}");
        Error::at(ErrorCode::MalformedRequest, place, &self.description)
    }
}

/// Reads a text.
///
/// # Errors
/// When it is not JSON, nests deeper than 128 levels, has a key twice in one object, or has a number
/// that neither 64 bits nor a float hold.
pub fn read_json(text: &str) -> Result<Value, JsonFault> {
    let raw: &RawValue =
        serde_json::from_str(text).map_err(|error| JsonFault::here(error.to_string()))?;
    read_raw_json(raw)
}

/// Reads a part of a text whose syntax serde_json has checked.
///
/// # Errors
/// As [`read_json`].
pub fn read_raw_json(raw: &RawValue) -> Result<Value, JsonFault> {
    let mut reader = Reader { text: raw.get(), at: 0 };
    reader.value(DEPTH_MAX)
}

/// Where a reader stands in a text without faults of syntax.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self, levels_left: usize) -> Result<Value, JsonFault> {
        match self.next_byte() {
            Some(b'{') => self.object(levels_left).map(Value::Object),
            Some(b'[') => self.array(levels_left).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, levels_left: usize) -> Result<Map<String, Value>, JsonFault> {
        let levels_left = enter(levels_left)?;
        self.at += 1;
        let mut object = Map::new();
        while let Some(b'"') = self.next_byte() {
            match object.entry(self.string()?) {
                Entry::Occupied(twice) => {
                    return Err(JsonFault::here(KEY_STANDS_TWICE).under_key(twice.key()));
                }
                Entry::Vacant(place) => {
                    self.skip(b':');
                    let value = self.value(levels_left);
                    let value = value.map_err(|fault| fault.under_key(place.key()))?;
                    place.insert(value);
                }
            }
            self.skip(b',');
        }
        self.skip(b'}');
        Ok(object)
    }

    fn array(&mut self, levels_left: usize) -> Result<Vec<Value>, JsonFault> {
        let levels_left = enter(levels_left)?;
        self.at += 1;
        let mut items = Vec::new();
        while self.next_byte().is_some_and(|byte| byte != b']') {
            let item = self.value(levels_left);
            items.push(item.map_err(|fault| fault.under_index(items.len()))?);
            self.skip(b',');
        }
        self.skip(b']');
        Ok(items)
    }

    fn string(&mut self) -> Result<String, JsonFault> {
        let token = self.string_token();
        let plain = token.strip_prefix('"').and_then(|token| token.strip_suffix('"'));
        match plain.filter(|plain| !plain.contains('\\')) {
            Some(plain) => Ok(plain.to_owned()),
            None => serde_json::from_str(token).map_err(|error| {
                let message = error.to_string();
                let reason = message.rsplit_once(" at line ").map_or(&*message, |(why, _)| why);
                JsonFault::here(reason)
            }),
        }
    }

    /// A string with its quotes, as it is written.
    fn string_token(&mut self) -> &'t str {
        let start = self.at;
        let mut is_escaped = false;
        let inside = self.text.as_bytes().iter().skip(start + 1);
        let length = inside.take_while(|&&byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            !ends
        });
        self.at = (start + 1 + length.count() + 1).min(self.text.len());
        &self.text[start..self.at]
    }

    /// A number, a boolean or null.
    fn scalar(&mut self) -> Result<Value, JsonFault> {
        let rest = &self.text[self.at..];
        let ends = |byte: char| matches!(byte, ',' | ']' | '}') || byte.is_ascii_whitespace();
        let token = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += token.len();
        match token {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            number => read_number(number).map(Value::Number),
        }
    }

    /// The first byte that is no white space, where the reader then stands.
    fn next_byte(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, expected: u8) {
        self.at += usize::from(self.next_byte() == Some(expected));
    }
}

fn enter(levels_left: usize) -> Result<usize, JsonFault> {
    levels_left.checked_sub(1).ok_or_else(|| JsonFault::here("recursion limit exceeded"))
}

fn read_number(token: &str) -> Result<Number, JsonFault> {
    let digits = token.strip_prefix('-').unwrap_or(token);
    // The negative zero is a float, as an integer it would lose its sign.
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && token != "-0" {
        let number = token.parse::<i64>().map(Number::from);
        return number.or_else(|_| token.parse::<u64>().map(Number::from)).map_err(|_| {
            JsonFault::here(
                "is an integer beyond 64 bits, which would be changed; give it as a string, or as a \
                 float with an exponent",
            )
        });
    }
    let float = token.parse().ok().and_then(Number::from_f64);
    float.ok_or_else(|| JsonFault::here("number out of range"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        assert_eq!(read_json(text).unwrap_err().to_string(), expect, "{text}");
    }

    #[test]
    fn a_key_that_stands_twice_is_named() {
        refused(r#"{"a":1,"b":2,"a":3}"#, "a: stands twice, a key may stand once in an object");
        refused(r#"{"a":[0,{"b":{"c":1,"\u0063":1}}]}"#, &format!("a[1].b.c: {KEY_STANDS_TWICE}"));
        refused(r#"{"":1,"":1}"#, &format!(": {KEY_STANDS_TWICE}"));
        assert_eq!(read_json(r#"[{"a":1},{"a":{"a":1}}]"#), Ok(json!([{"a": 1}, {"a": {"a": 1}}])));
    }

    #[test]
    fn numbers_are_kept_or_refused() {
        for text in ["18446744073709551615", "-9223372036854775808", "9007199254740993", "-0", "0"]
        {
            assert_eq!(read_json(text).unwrap().to_string(), text.replace("-0", "-0.0"), "{text}");
        }
        for text in ["18446744073709551616", "-9223372036854775809", &"9".repeat(400)] {
            let error = read_json(&format!("{{\"n\":[{text}]}}")).unwrap_err();
            assert_eq!(error.path, ".n[0]");
            assert!(error.description.starts_with("is an integer beyond 64 bits"), "{error}");
        }
        refused(r#"{"n": 1e400}"#, "n: number out of range");
        refused(r#"{"n": -1e400}"#, "n: number out of range");
        assert_eq!(read_json("1e20"), Ok(json!(1e20)));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "NaN", "Infinity", "01", "{\"a\":1}}", "\"\\ud800\"", "[1 2]", "tru"]
        {
            assert!(read_json(text).is_err(), "{text}");
        }
        refused(
            &("[".repeat(129) + &"]".repeat(129)),
            &format!("{}: recursion limit exceeded", "[0]".repeat(128)),
        );
        assert!(read_json(&("[".repeat(128) + &"]".repeat(128))).is_ok());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no NaN", |x| x.is_finite()).prop_map(Value::from),
            "[\\PC\\\\\"\n]{0,6}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[\\PC\\\\\"]{0,3}", inner), 0..4)
                    .prop_map(|object| Value::Object(object.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn other_texts_are_read_as_serde_json_does(value in any_value()) {
            for text in [value.to_string(), format!("{value:#}")] {
                let expected: Value = serde_json::from_str(&text).unwrap();
                // Text, as 1 and 1.0 are not the same here.
                prop_assert_eq!(read_json(&text).unwrap().to_string(), expected.to_string());
            }
        }
    }
}
