//! The configuration: a file, and variables.

use std::collections::BTreeMap;

use crate::settings::{Sources, resolve};

/// The first part of the input is the file. What follows a NUL are variables, a line each.
///
/// # Panics
/// When a refusal does not say what was wrong.
pub fn configuration(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let text = |part: Option<&[u8]>| String::from_utf8_lossy(part.unwrap_or_default()).into_owned();
    let (file, variables) = (text(parts.next()), text(parts.next()));
    let environment: BTreeMap<String, String> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let sources =
        Sources { file: Some(("akidb.toml".into(), file)), environment, flags: Vec::new() };
    match resolve(&sources) {
        Ok(resolved) => {
            let _ = resolved.entries();
        }
        Err(failure) => assert!(!failure.message.is_empty(), "a refusal without a reason"),
    }
}
