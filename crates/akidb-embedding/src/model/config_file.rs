//! `config.json` of transformers, setting by setting, with errors that name each.
//!
//! Out of scope: which settings an architecture has.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::read_json;
use crate::error::ModelError;

/// The settings of one `config.json`.
pub(super) struct ConfigFile {
    file: PathBuf,
    settings: Map<String, Value>,
}

impl ConfigFile {
    pub(super) fn read(file: &Path) -> Result<Self, ModelError> {
        Ok(Self { file: file.to_owned(), settings: read_json(file)? })
    }

    /// A setting; one that is `null` is not there.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.settings.get(key).filter(|value| !value.is_null())
    }

    /// A setting as it is spelt, or `absent`.
    pub(super) fn text(&self, key: &str) -> String {
        self.get(key).map_or_else(|| "absent".to_owned(), spelling)
    }

    /// Refuses a setting that is there and none of `allowed`, of which the first is the default.
    pub(super) fn require(&self, key: &str, allowed: &[&str]) -> Result<(), ModelError> {
        match self.get(key).map(spelling) {
            Some(found) if !allowed.contains(&found.as_str()) => {
                Err(self.unsupported(key, &found, &allowed.join(" or ")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a setting that is there at all.
    pub(super) fn forbid(&self, key: &str) -> Result<(), ModelError> {
        match self.get(key) {
            None => Ok(()),
            Some(found) => Err(self.unsupported(key, &spelling(found), "no such setting")),
        }
    }

    /// All settings that `T` has.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, ModelError> {
        serde_json::from_value(Value::Object(self.settings.clone()))
            .map_err(|error| self.damaged(error.to_string()))
    }

    /// Refuses sizes of zero.
    pub(super) fn check_sizes(&self, sizes: &[(&str, u32)]) -> Result<(), ModelError> {
        match sizes.iter().find(|(_, size)| *size == 0) {
            Some((key, _)) => Err(self.damaged(format!("{key} is 0"))),
            None => Ok(()),
        }
    }

    /// Refuses a `divisor` that leaves a remainder of `number`, or is 0.
    pub(super) fn check_divides(
        &self,
        (number_key, number): (&str, u32),
        (divisor_key, divisor): (&str, u32),
    ) -> Result<(), ModelError> {
        if divisor != 0 && number.is_multiple_of(divisor) {
            return Ok(());
        }
        let reason = format!("{number_key} {number} cannot be divided by {divisor_key} {divisor}");
        Err(self.damaged(reason))
    }

    /// Refuses a number that is not finite and above zero.
    pub(super) fn check_positive(&self, key: &str, number: f64) -> Result<(), ModelError> {
        if number.is_finite() && number > 0.0 {
            return Ok(());
        }
        Err(self.damaged(format!("{key} is {number}")))
    }

    pub(super) fn damaged(&self, reason: String) -> ModelError {
        ModelError::Damaged { file: self.file.clone(), reason }
    }

    pub(super) fn unsupported(&self, key: &str, found: &str, supported: &str) -> ModelError {
        unsupported(&self.file, key, found, supported)
    }
}

fn spelling(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The error for a setting that this program does not do.
pub(super) fn unsupported(file: &Path, key: &str, found: &str, supported: &str) -> ModelError {
    ModelError::Unsupported {
        file: file.to_owned(),
        key: key.to_owned(),
        found: found.chars().take(80).collect(),
        supported: supported.to_owned(),
    }
}
