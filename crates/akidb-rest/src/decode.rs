//! JSON text to wire types, and an error that names the place where it could not be done.

mod explain;
mod synonyms;
#[cfg(test)]
mod tests;

use akidb_core::Error;
use serde::de::DeserializeOwned;

pub(crate) use self::explain::suggest;
use self::explain::{explain, explain_encoding};
use crate::wire::Object;

/// Decodes a body.
///
/// A good body is decoded without tracking where the decoder stands, because that takes three
/// times as long (256 vectors of 384 values: 12.5 ms instead of 3.8); a bad one is decoded again
/// with it.
///
/// # Errors
/// `unknown_field`, `limit_exceeded` for a list of absurd length, else `malformed_request`.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(body).map_err(|error| explain_encoding(body, error))?;
    match serde_json::from_str(text) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(explain::<Object<T>>(text, &error)),
    }
}
