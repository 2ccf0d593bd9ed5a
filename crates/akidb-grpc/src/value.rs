//! JSON values on the wire and in the service.
//!
//! The wire can say what JSON can not: NaN, the infinities, and no value at all; and a key twice. Each
//! is an error that names its place. Both directions recurse; the way in is bounded by prost's limit of 100
//! nested messages, the way out by the limits on stored metadata.

use akidb_core::{Error, ErrorCode, KEY_STANDS_TWICE, Result};
use akidb_proto::collection::v1::{ListValue, NullValue, Struct, Value as WireValue, value::Kind};
use serde_json::{Map, Number, Value, map::Entry};

const KEY_CHARS_MAX: usize = 80;

/// Reads an object that stands at `field` of the request.
pub(crate) fn object(code: ErrorCode, field: &str, given: Struct) -> Result<Map<String, Value>> {
    members(given).map_err(|fault| fault.at(code, field))
}

/// Reads a list that stands at `field` of the request.
pub(crate) fn list(code: ErrorCode, field: &str, given: ListValue) -> Result<Vec<Value>> {
    elements(given).map_err(|fault| fault.at(code, field))
}

/// What is wrong, and where below the object.
struct Fault {
    path: String,
    description: &'static str,
}

impl Fault {
    fn here(description: &'static str) -> Self {
        Self { path: String::new(), description }
    }

    fn at(self, code: ErrorCode, field: &str) -> Error {
        let place = format!("{field}{}", self.path);
        // Said alike through every door.
        let is_twice = self.description == KEY_STANDS_TWICE;
        let code = if is_twice { ErrorCode::MalformedRequest } else { code };
        Error::at(code, place, self.description)
    }

    fn under(self, step: impl FnOnce() -> String) -> Self {
        Self { path: step() + &self.path, ..self }
    }
}

fn members(given: Struct) -> Result<Map<String, Value>, Fault> {
    let mut members = Map::with_capacity(given.fields.len());
    for member in given.fields {
        match members.entry(member.key) {
            Entry::Occupied(twice) => {
                return Err(Fault::here(KEY_STANDS_TWICE).under(|| step(twice.key())));
            }
            Entry::Vacant(place) => {
                let value = value(member.value.unwrap_or_default());
                let value = value.map_err(|fault| fault.under(|| step(place.key())))?;
                place.insert(value);
            }
        }
    }
    Ok(members)
}

fn step(key: &str) -> String {
    format!(".{}", key.chars().take(KEY_CHARS_MAX).collect::<String>())
}

fn value(given: WireValue) -> Result<Value, Fault> {
    Ok(match given.kind {
        None => return Err(Fault::here("has no kind set, use null_value for null")),
        Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(given)) => Value::Bool(given),
        Some(Kind::Int64Value(given)) => Value::Number(given.into()),
        Some(Kind::Uint64Value(given)) => Value::Number(given.into()),
        Some(Kind::DoubleValue(given)) => Value::Number(
            Number::from_f64(given).ok_or_else(|| Fault::here("must be a finite number"))?,
        ),
        Some(Kind::StringValue(given)) => Value::String(given),
        Some(Kind::ListValue(given)) => Value::Array(elements(given)?),
        Some(Kind::StructValue(given)) => Value::Object(members(given)?),
    })
}

fn elements(given: ListValue) -> Result<Vec<Value>, Fault> {
    let elements = given.values.into_iter().enumerate();
    elements
        .map(|(index, given)| value(given).map_err(|fault| fault.under(|| format!("[{index}]"))))
        .collect()
}

/// An object for the wire.
pub(crate) fn wire_object(object: Map<String, Value>) -> Struct {
    object.into_iter().map(|(key, value)| (key, wire_value(value))).collect()
}

/// A value for the wire.
pub(crate) fn wire_value(value: Value) -> WireValue {
    let kind = match value {
        Value::Null => Kind::NullValue(NullValue::Unspecified.into()),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(value) => wire_number(&value),
        Value::String(value) => Kind::StringValue(value),
        Value::Array(values) => {
            Kind::ListValue(ListValue { values: values.into_iter().map(wire_value).collect() })
        }
        Value::Object(object) => Kind::StructValue(wire_object(object)),
    };
    WireValue { kind: Some(kind) }
}

fn wire_number(number: &Number) -> Kind {
    let integer = number.as_i64().map(Kind::Int64Value);
    let integer = integer.or_else(|| number.as_u64().map(Kind::Uint64Value));
    // A JSON number that is no integer is a finite double.
    integer.unwrap_or_else(|| Kind::DoubleValue(number.as_f64().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use prost::Message;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no NaN", |x| x.is_finite()).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..8).prop_map(Value::Array),
                vec((".{0,8}", inner), 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_json_object_survives_the_wire(members in vec((".{0,8}", any_value()), 0..8)) {
            let given: Map<String, Value> = members.into_iter().collect();
            let bytes = wire_object(given.clone()).encode_to_vec();
            let received = Struct::decode(bytes.as_slice()).unwrap();
            let received = object(ErrorCode::InvalidMetadata, "metadata", received).unwrap();
            // Text, since -0.0 and 0.0 compare as equal, as 1.0 and 1 do not.
            let text = |object| Value::Object(object).to_string();
            prop_assert_eq!(text(received), text(given));
        }
    }

    #[track_caller]
    fn check_refused(kind: Option<Kind>, expect: &str) {
        let bad = WireValue { kind };
        let list = Kind::ListValue(ListValue { values: vec![wire_value(json!(1)), bad] });
        let inner = Struct::from([("b".to_owned(), WireValue { kind: Some(list) })]);
        let value = WireValue { kind: Some(Kind::StructValue(inner)) };
        let given = Struct::from([("a".to_owned(), value)]);
        let error = object(ErrorCode::InvalidFilter, "filter", given).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidFilter);
        assert_eq!(error.message, expect);
    }

    #[test]
    fn what_json_can_not_say_is_refused_with_its_place() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let kind = Some(Kind::DoubleValue(number));
            check_refused(kind, "filter.a.b[1]: must be a finite number");
        }
        check_refused(None, "filter.a.b[1]: has no kind set, use null_value for null");
    }

    /// A map would have kept the last of them.
    #[test]
    fn a_key_that_comes_twice_is_refused() {
        let member = |value| ("b".to_owned(), wire_value(json!(value)));
        let inner =
            WireValue { kind: Some(Kind::StructValue(Struct::from([member(1), member(2)]))) };
        let bytes = Struct::from([("a".to_owned(), inner)]).encode_to_vec();
        let received = Struct::decode(bytes.as_slice()).unwrap();
        let error = object(ErrorCode::InvalidMetadata, "metadata", received).unwrap_err();
        let expect = "metadata.a.b: stands twice, a key may stand once in an object";
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::MalformedRequest, expect));
    }

    fn nested(levels: usize) -> Struct {
        let mut object = Map::new();
        for _ in 0..levels {
            object = Map::from_iter([("a".to_owned(), Value::Object(object))]);
        }
        wire_object(object)
    }

    #[test]
    fn nesting_is_bounded_well_above_the_limits_of_metadata_and_filters() {
        assert!(Struct::decode(nested(30).encode_to_vec().as_slice()).is_ok());
        assert!(Struct::decode(nested(50).encode_to_vec().as_slice()).is_err());
    }
}
