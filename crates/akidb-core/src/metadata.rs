//! The metadata of a document: a JSON object that filters can reach into.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Limits, filter::resolve};

/// A checked JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Map<String, Value>);

/// The given object can not be stored as metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// More bytes of JSON than the limit.
    #[error("has {given_bytes} bytes of JSON, allowed are at most {bytes_max}")]
    TooLarge {
        /// Bytes of the given metadata.
        given_bytes: usize,
        /// The limit `metadata_bytes`.
        bytes_max: usize,
    },
    /// More levels than the limit.
    #[error("is nested deeper than {depth_max} levels")]
    TooDeep {
        /// The limit `metadata_depth`.
        depth_max: usize,
    },
    /// A key that no filter could name.
    #[error("has the key {key:?}, keys must not be empty, start with $ or hold a NUL")]
    Key {
        /// The key.
        key: String,
    },
    /// A string value with a NUL.
    #[error("has a NUL character in the value of {key:?}")]
    Nul {
        /// The top-level key of the value.
        key: String,
    },
}

impl Metadata {
    /// Checks an object against the limits.
    ///
    /// # Errors
    /// When it is too large, too deep, or has a key or a string that is not allowed.
    pub fn new(object: Map<String, Value>, limits: &Limits) -> Result<Self, InvalidMetadata> {
        for (key, value) in &object {
            check_key(key)?;
            check_value(key, value, 2, limits.metadata_depth)?;
        }
        let metadata = Self(object);
        let given_bytes = metadata.to_json().len();
        if given_bytes > limits.metadata_bytes {
            let bytes_max = limits.metadata_bytes;
            return Err(InvalidMetadata::TooLarge { given_bytes, bytes_max });
        }
        Ok(metadata)
    }

    /// The object that was checked.
    #[must_use]
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The object that was checked, by value.
    #[must_use]
    pub fn into_object(self) -> Map<String, Value> {
        self.0
    }

    /// What a path leads to: the key itself where it is there, else key by key at the dots, through every object
    /// of an array.
    #[must_use]
    pub fn values_at(&self, path: &str) -> Vec<&Value> {
        let mut found = Vec::new();
        resolve(&self.0, path, &mut found);
        found
    }

    /// The object as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// Applies a merge patch (RFC 7396): null removes a key, objects merge, all else replaces.
    ///
    /// # Errors
    /// When the result breaks a limit.
    pub fn patched(
        &self,
        patch: &Map<String, Value>,
        limits: &Limits,
    ) -> Result<Self, InvalidMetadata> {
        let mut object = self.0.clone();
        merge(&mut object, patch);
        Self::new(object, limits)
    }
}

fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.shift_remove(key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(target) = slot {
                    merge(target, inner);
                }
            }
            other => {
                target.insert(key.clone(), other.clone());
            }
        }
    }
}

fn check_key(key: &str) -> Result<(), InvalidMetadata> {
    if key.is_empty() || key.starts_with('$') || key.contains('\0') {
        return Err(InvalidMetadata::Key { key: key.chars().take(80).collect() });
    }
    Ok(())
}

fn check_value(
    top_key: &str,
    value: &Value,
    depth: usize,
    depth_max: usize,
) -> Result<(), InvalidMetadata> {
    let children_too_deep = depth > depth_max;
    match value {
        Value::String(text) if text.contains('\0') => {
            Err(InvalidMetadata::Nul { key: top_key.to_owned() })
        }
        Value::Array(_) | Value::Object(_) if children_too_deep => {
            Err(InvalidMetadata::TooDeep { depth_max })
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| check_value(top_key, item, depth + 1, depth_max))
        }
        Value::Object(object) => object.iter().try_for_each(|(key, item)| {
            check_key(key)?;
            check_value(top_key, item, depth + 1, depth_max)
        }),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[track_caller]
    fn refused(value: Value) {
        let limits = Limits { metadata_bytes: 100, metadata_depth: 3, ..Limits::default() };
        assert!(Metadata::new(object(value.clone()), &limits).is_err(), "{value}");
    }

    #[test]
    fn objects_outside_the_limits_are_refused() {
        refused(json!({"": 1}));
        refused(json!({"$where": 1}));
        refused(json!({"a": {"$b": 1}}));
        refused(json!({"a": ["x\0"]}));
        refused(json!({"a": {"b": {"c": {}}}}));
        refused(json!({"a": "x".repeat(100)}));
        let limits = Limits { metadata_depth: 3, ..Limits::default() };
        assert!(Metadata::new(object(json!({"a": {"b": {"c": 1}}})), &limits).is_ok());
    }

    #[test]
    fn a_patch_merges_as_rfc_7396_says() {
        let limits = Limits::default();
        let before = object(json!({"a": "b", "c": {"d": "e", "f": "g"}, "h": 1}));
        let patch = object(json!({"a": "z", "c": {"f": null}, "h": {"i": {"j": null}}}));
        let after = Metadata::new(before, &limits).unwrap().patched(&patch, &limits).unwrap();
        assert_eq!(Value::Object(after.0), json!({"a": "z", "c": {"d": "e"}, "h": {"i": {}}}));
    }

    #[test]
    fn integers_and_key_order_come_back_as_given() {
        let given = r#"{"z":9007199254740993,"a":0.1,"m":[1,2.5,null]}"#;
        let metadata = Metadata::new(serde_json::from_str(given).unwrap(), &Limits::default());
        assert_eq!(metadata.unwrap().to_json(), given);
    }
}
