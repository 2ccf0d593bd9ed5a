//! Variables that are meant for this program and would not be read.
//!
//! Out of scope: which variable sets which key ([`super::resolve`]). Not every variable with our
//! prefix is ours: an orchestrator sets `AKIDB_PORT_8080_TCP` and the like where a service is
//! called akidb. So only those are refused that are near to a name that is read.

use std::collections::BTreeMap;

use crate::failure::{Failure, Result};

const PREFIX: &str = "AKIDB_";

/// Read elsewhere: by the command line, by the Python module of MLX, by tests.
const READ_ELSEWHERE: [&str; 7] = [
    "AKIDB_API_KEY",
    "AKIDB_CA",
    "AKIDB_CONFIG",
    "AKIDB_URL",
    "AKIDB_OPENBLAS",
    "AKIDB_MODELS",
    "AKIDB_WRITE_REFERENCE",
];
const TESTS: &str = "AKIDB_TEST_";

/// What other programs call a key of ours.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("port", "server.rest_addr"),
    ("http_port", "server.rest_addr"),
    ("rest_port", "server.rest_addr"),
    ("host", "server.rest_addr"),
    ("listen", "server.rest_addr"),
    ("grpc_port", "server.grpc_addr"),
    ("data", "storage.data_dir"),
    ("data_path", "storage.data_dir"),
    ("data_directory", "storage.data_dir"),
    ("storage_path", "storage.data_dir"),
    ("log", "log.level"),
    ("loglevel", "log.level"),
];

/// Fails where a variable almost has the name of one that is read. `keys` are all that can be set,
/// `aliases` the short names of some.
pub(super) fn refuse_near_misses(
    environment: &BTreeMap<String, String>,
    keys: &[String],
    aliases: &[(&str, &str)],
) -> Result {
    for (name, value) in environment {
        let is_read = READ_ELSEWHERE.contains(&&**name)
            || name.starts_with(TESTS)
            || aliases.iter().any(|(alias, _)| alias == name);
        if is_read || is_of_a_service(value) {
            continue;
        }
        if let Some(meant) = meant(name, keys, aliases) {
            let message = format!("the environment variable {name} sets nothing");
            return Err(Failure::configuration(message)
                .hint(format!("did you mean {meant}? Unset what is not meant for this program")));
        }
    }
    Ok(())
}

/// The name that a key has as a variable.
pub(super) fn name_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// Whether it tells of a service, as orchestrators do.
fn is_of_a_service(value: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
}

/// What a variable is likely meant to be, where it is not read as it is.
fn meant(name: &str, keys: &[String], aliases: &[(&str, &str)]) -> Option<String> {
    let given = plain(name);
    let words = given.strip_prefix(&plain(PREFIX))?.trim_matches('_').to_owned();
    if name.starts_with(PREFIX) && name[PREFIX.len()..].contains("__") {
        // Its key is looked up, and told where it is unknown.
        return None;
    }
    if let Some((_, key)) = OTHER_WORDS.iter().find(|(word, _)| *word == words) {
        return Some(name_of(key));
    }
    let of_keys = keys.iter().flat_map(|key| {
        let own = key.rsplit('.').next().unwrap_or(key);
        [(key.replace('.', "_"), name_of(key)), (own.to_owned(), name_of(key))]
    });
    let others = READ_ELSEWHERE.iter().chain(aliases.iter().map(|(alias, _)| alias));
    let of_others = others.map(|other| {
        let plain_name = plain(other);
        (plain_name[PREFIX.len()..].to_owned(), (*other).to_owned())
    });
    of_others
        .chain(of_keys)
        .map(|(words_of, meant)| (strsim::damerau_levenshtein(&words, &words_of), meant))
        .filter(|(distance, _)| *distance <= tolerance(&words))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, meant)| meant)
}

/// Typing errors that a name of this length may have and still be known.
const fn tolerance(words: &str) -> usize {
    match words.len() {
        0..=4 => 0,
        5..=9 => 1,
        _ => 2,
    }
}

/// In small letters, with one underscore for whatever divides words.
fn plain(name: &str) -> String {
    let letters = name.chars().map(|char| match char {
        '-' | '.' => '_',
        char => char.to_ascii_lowercase(),
    });
    let mut plain = String::new();
    for char in letters {
        if char != '_' || !plain.ends_with('_') {
            plain.push(char);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, expect: Option<&str>) {
        let keys = ["storage.data_dir", "log.level", "server.rest_addr", "embedding.mlx.python"];
        let keys: Vec<_> = keys.map(str::to_owned).into();
        let environment = [(name.to_owned(), value.to_owned())].into();
        let aliases = [("AKIDB_MODELS_DIR", "embedding.models_dir")];
        let refused = refuse_near_misses(&environment, &keys, &aliases).err();
        let hint = refused.and_then(|failure| failure.hint);
        let meant = hint.as_deref().map(|hint| hint.split(['?', ' ']).nth(3).unwrap());
        assert_eq!(meant, expect, "{name}");
    }

    #[test]
    fn names_that_are_nearly_ours_are_refused_with_the_right_one() {
        for (name, meant) in [
            ("AKIDB_DATA_DIR", "AKIDB_STORAGE__DATA_DIR"),
            ("AKIDB_STORAGE_DATA_DIR", "AKIDB_STORAGE__DATA_DIR"),
            ("akidb_storage__data_dir", "AKIDB_STORAGE__DATA_DIR"),
            ("AKIDB_STORAGE.DATA_DIR", "AKIDB_STORAGE__DATA_DIR"),
            ("AKIDB_LOG_LEVEL", "AKIDB_LOG__LEVEL"),
            ("AKIDB_EMBEDDING_MLX_PYTHON", "AKIDB_EMBEDDING__MLX__PYTHON"),
            ("AKIDB_REST_ADR", "AKIDB_SERVER__REST_ADDR"),
            ("AKIDB_PORT", "AKIDB_SERVER__REST_ADDR"),
            ("AKIDB_MODEL_DIR", "AKIDB_MODELS_DIR"),
            ("AKIDB_CONFG", "AKIDB_CONFIG"),
        ] {
            check(name, "9000", Some(meant));
        }
    }

    #[test]
    fn what_is_read_or_is_another_programs_is_left_alone() {
        for name in [
            "AKIDB_MODELS_DIR",
            "AKIDB_CONFIG",
            "AKIDB_URL",
            "AKIDB_TEST_BACKEND",
            "AKIDB_STORAGE__DATA_DIR",
            "AKIDB_SERVICE_HOST",
            "AKIDB_SERVICE_PORT",
            "AKIDB_SERVICE_PORT_REST",
            "AKIDB_API_KEY",
            "DATA_DIR",
        ] {
            check(name, "x", None);
        }
        check("AKIDB_PORT", "tcp://10.0.0.1:8080", None);
        check("AKIDB_PORT_8080_TCP", "tcp://10.0.0.1:8080", None);
        check("AKIDB_PORT_8080_TCP_ADDR", "10.0.0.1", None);
    }
}
