//! Vectors on the wire.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Unexpected, Visitor},
};
use serde_json::value::RawValue;

/// How a vector begins that is given as text: base64 of its values as little-endian 32-bit floats.
const BASE64: &str = "base64:";

/// A vector of a request: a list of numbers, or their bytes as base64.
///
/// A number beyond the range of f32 becomes infinite, so that the service refuses it at its
/// place like any other value that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vector(pub(crate) Vec<f32>);

/// One number, read from its text.
///
/// serde_json's own f32 would refuse numbers that overflow. Both take 39 ns for a number and round
/// correctly.
struct Number(f32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        // The standard library also reads `inf` and `nan`, but those are not JSON.
        text.parse().map(Number).map_err(|_| not_a_number(text))
    }
}

fn not_a_number<E: Error>(text: &str) -> E {
    let given = match text.as_bytes().first() {
        Some(b'"') => Unexpected::Other("string"),
        Some(b'[') => Unexpected::Seq,
        Some(b'{') => Unexpected::Map,
        Some(b'n') => Unexpected::Other("null"),
        _ => Unexpected::Other("boolean"),
    };
    E::invalid_type(given, &"a number")
}

struct VectorVisitor;

impl<'de> Visitor<'de> for VectorVisitor {
    type Value = Vector;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a list of numbers, or \"base64:\" and the base64 of little-endian 32-bit floats",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vector, E> {
        let unexpected = || E::invalid_value(Unexpected::Other("another string"), &self);
        let encoded = text.strip_prefix(BASE64).ok_or_else(unexpected)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|error| E::custom(format_args!("the vector is not sound base64: {error}")))?;
        let (values, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            let fault = format_args!("the vector has {} bytes, a value has 4", bytes.len());
            return Err(E::custom(fault));
        }
        Ok(Vector(values.iter().map(|value| f32::from_le_bytes(*value)).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Vector, A::Error> {
        let mut values = Vec::new();
        while let Some(Number(value)) = numbers.next_element()? {
            values.push(value);
        }
        Ok(Vector(values))
    }
}

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VectorVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_a_list_or_base64() {
        let read = |json: &str| serde_json::from_str::<Vector>(json).map(|vector| vector.0);
        assert_eq!(read("[1, -2.5]").unwrap(), [1.0, -2.5]);
        assert_eq!(read(r#""base64:AACAPwAAIMA=""#).unwrap(), [1.0, -2.5]);
        assert_eq!(read(r#""base64:""#).unwrap(), [0.0; 0]);
        for (json, fault) in [
            (r#""AACAPwAAIMA=""#, "another string, expected a list of numbers"),
            (r#""base64:AACAPw""#, "is not sound base64"),
            (r#""base64:AACA""#, "has 3 bytes"),
            (r#"{"values": [1]}"#, "expected a list of numbers"),
            ("1", "expected a list of numbers"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(fault), "{json}: {error}");
        }
    }
}
