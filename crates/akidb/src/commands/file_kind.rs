//! Files that are no lines of text: told at once and with a way out, not as thousands of bad lines.

use std::{fs::File, io::Read, path::Path};

use crate::failure::{Failure, Result};

struct Kind {
    /// What its files begin with.
    start: &'static [u8],
    name: &'static str,
    /// A command that makes lines of it, for `FILE`.
    way_out: &'static str,
    /// No command reads it, whatever the form of its lines.
    is_archive: bool,
}

const KINDS: &[Kind] = &[
    Kind {
        start: b"\x1f\x8b",
        name: "compressed by gzip",
        way_out: "zcat FILE | COMMAND",
        is_archive: false,
    },
    Kind {
        start: b"\x28\xb5\x2f\xfd",
        name: "compressed by zstd",
        way_out: "zstdcat FILE | COMMAND",
        is_archive: false,
    },
    Kind {
        start: b"PK\x03\x04",
        name: "a zip archive",
        way_out: "unzip -p FILE | COMMAND",
        is_archive: true,
    },
    Kind {
        start: b"PAR1",
        name: "a Parquet file",
        way_out: "duckdb -jsonlines -c \"FROM 'FILE'\" | COMMAND",
        is_archive: true,
    },
    Kind {
        start: b"[",
        name: "a JSON array",
        way_out: "jq -c '.[]' FILE | COMMAND",
        is_archive: false,
    },
];

/// Fails where what is imported begins as an archive of other files, or a file of tables.
pub(super) fn refuse_archives(name: &str, start: &[u8]) -> Result {
    let is_it = |kind: &&Kind| kind.is_archive && start.starts_with(kind.start);
    let Some(kind) = KINDS.iter().find(is_it) else { return Ok(()) };
    let way_out =
        kind.way_out.replace("FILE", name).replace("COMMAND", "akidb import COLLECTION -");
    let message = format!("{name} is {}, expected are JSON Lines, a JSON list or CSV", kind.name);
    Err(Failure::usage(message).hint(format!("`{way_out}`")))
}

/// Fails where `path` is a file of a kind that `command` does not read; that its lines come from
/// stdin is part of the command.
pub(super) fn refuse_other_kinds(path: &Path, command: &str) -> Result {
    if path.is_dir() {
        let message = format!("{} is a folder, expected is a file", path.display());
        return Err(Failure::usage(message).hint("name a file in it, one at a time"));
    }
    // A device or a pipe must not lose its first bytes; what cannot be opened is told by who reads.
    if !path.is_file() {
        return Ok(());
    }
    let mut start = Vec::new();
    let Ok(file) = File::open(path) else { return Ok(()) };
    let _ = file.take(4).read_to_end(&mut start);
    let Some(kind) = KINDS.iter().find(|kind| start.starts_with(kind.start)) else {
        return Ok(());
    };
    let shown = path.display().to_string();
    let way_out = kind.way_out.replace("FILE", &shown).replace("COMMAND", command);
    Err(Failure::usage(format!(
        "{shown} is {}, expected is one text or document a line",
        kind.name
    ))
    .hint(format!("`{way_out}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_refused_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("films");
        for (content, says, way_out) in [
            (&b"\x1f\x8b\x08\x00"[..], "gzip", "`zcat "),
            (b"PAR1\x15", "Parquet", "`duckdb "),
            (b"[{\"id\":1}]", "JSON array", "`jq -c '.[]' "),
        ] {
            std::fs::write(&path, content).unwrap();
            let failure = refuse_other_kinds(&path, "akidb import films -").unwrap_err();
            assert!(failure.message.contains(says), "{failure}");
            let hint = failure.hint.unwrap();
            assert!(
                hint.starts_with(way_out) && hint.ends_with("| akidb import films -`"),
                "{hint}"
            );
        }
        for content in [&b"{\"id\":1}\n"[..], b"", b"\xef\xbb\xbf{}"] {
            std::fs::write(&path, content).unwrap();
            assert!(refuse_other_kinds(&path, "akidb embed").is_ok());
        }
        assert!(refuse_other_kinds(folder.path(), "akidb embed").is_err());
        assert!(refuse_other_kinds(Path::new("-"), "akidb embed").is_ok());
    }
}
