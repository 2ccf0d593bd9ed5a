//! `log.level`: words and parts that exist. The filter itself takes any word for the name of a part,
//! and then logs nothing.

use crate::failure::{Failure, Result};

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The parts of this program, by the names of their crates.
const PARTS: [&str; 15] = [
    "akidb",
    "akidb_client",
    "akidb_core",
    "akidb_embedding",
    "akidb_engine",
    "akidb_grpc",
    "akidb_index",
    "akidb_listener",
    "akidb_local",
    "akidb_mlx_worker",
    "akidb_proto",
    "akidb_rest",
    "akidb_service",
    "akidb_store",
    "akidb_text",
];

/// Refuses a list in which something is neither a level nor a level of a part.
pub(super) fn check(list: &str) -> Result {
    let wrong = list.split(',').map(str::trim).find_map(|directive| {
        let (part, level) = directive.rsplit_once('=').unwrap_or(("", directive));
        let is_level = LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known));
        match (is_level, is_part(part)) {
            (false, _) => Some(level),
            (true, false) => Some(part),
            (true, true) => None,
        }
    });
    let fault = match wrong {
        Some(word) => format!("{word:?} is neither a level nor a part"),
        None => match tracing_subscriber::EnvFilter::try_new(list) {
            Ok(_) => return Ok(()),
            Err(error) => error.to_string(),
        },
    };
    Err(Failure::configuration(format!("log.level is {list:?}: {fault}")).hint(
        "allowed are error, warn, info, debug, trace, off, and lists such as info,akidb_store=debug",
    ))
}

/// Whether it is none, another program's, or one of ours or within it.
fn is_part(part: &str) -> bool {
    let own = part.split("::").next().unwrap_or(part);
    !own.starts_with("akidb") || PARTS.contains(&own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_no_levels_are_refused() {
        for list in [
            "info",
            "WARN",
            "off",
            "info,akidb_store=debug",
            "warn,akidb_rest::call=trace,hyper=info",
        ] {
            assert!(check(list).is_ok(), "{list}");
        }
        for (list, says) in [
            ("loud", "\"loud\""),
            ("info,verbose", "\"verbose\""),
            ("akidb_stor=debug", "\"akidb_stor\""),
            ("akidb_store=loud", "\"loud\""),
            ("", "\"\""),
            ("info,", "\"\""),
        ] {
            let failure = check(list).unwrap_err();
            assert!(failure.message.contains(says), "{list}: {failure}");
        }
    }

    #[test]
    fn every_crate_of_the_node_is_a_part() {
        let crates = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
        let names = crates.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let of_tools = ["akidb-bench", "akidb-fuzz", "akidb-torture"];
        for name in names.filter(|name| name.starts_with("akidb")) {
            let is_part = PARTS.contains(&&*name.replace('-', "_"));
            assert!(is_part || of_tools.contains(&&*name), "{name}");
        }
    }
}
