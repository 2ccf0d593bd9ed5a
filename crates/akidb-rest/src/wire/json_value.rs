//! JSON of the user's own: metadata and filters.

use akidb_core::{Error, ErrorCode, JsonFault, read_raw_json};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, value::RawValue};

/// A value that is read whole or not at all: with a key that stands twice, or an integer beyond 64
/// bits, it is a fault of the request that names the place.
///
/// The fault is kept until the value's place is known.
#[derive(Debug)]
pub(crate) struct JsonValue(Result<Value, JsonFault>);

impl<'de> Deserialize<'de> for JsonValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(read_raw_json(<&RawValue>::deserialize(deserializer)?)))
    }
}

impl JsonValue {
    /// The value that stands at `field`.
    ///
    /// # Errors
    /// `malformed_request`, at its place below `field`.
    pub(crate) fn at(self, field: &str) -> Result<Value, Error> {
        self.0.map_err(|fault| fault.at(field))
    }

    /// The object that stands at `field`.
    ///
    /// # Errors
    /// As [`at`](Self::at), also where it is no object.
    pub(crate) fn object_at(self, field: &str) -> Result<Map<String, Value>, Error> {
        match self.at(field)? {
            Value::Object(object) => Ok(object),
            other => {
                let kind = match other {
                    Value::Null => "null",
                    Value::Bool(_) => "a boolean",
                    Value::Number(_) => "a number",
                    Value::String(_) => "a string",
                    Value::Array(_) | Value::Object(_) => "a list",
                };
                let fault = format!("must be an object, is {kind}");
                Err(Error::at(ErrorCode::MalformedRequest, field, fault))
            }
        }
    }
}
