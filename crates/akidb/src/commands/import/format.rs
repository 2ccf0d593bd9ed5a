//! What an input is, by what the user says, its name and how it begins.

use akidb_rest::ImportFormat;

use crate::{
    commands::file_kind,
    failure::{Failure, Result},
};

/// Whether the bytes by which a kind of file is known have come; a text has none.
pub(super) fn shows_magic(start: &[u8]) -> bool {
    start.len() >= 4 || start.first().is_some_and(|first| matches!(first, b'{' | b'['))
}

/// Whether a text has come so far that [`of`] can tell its format: to its first line, unless it
/// begins as JSON.
pub(super) fn shows_format(start: &[u8]) -> bool {
    let text = text_of(start);
    text.contains(&b'\n') || text.first().is_some_and(|first| matches!(first, b'{' | b'['))
}

fn text_of(start: &[u8]) -> &[u8] {
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start()
}

/// The format of an input that begins with `start`.
///
/// # Errors
/// It is of another kind, with one hint instead of one for each line.
pub(super) fn of(
    name: &str,
    start: &[u8],
    asked: Option<ImportFormat>,
    is_column: impl Fn(&str) -> bool,
) -> Result<ImportFormat> {
    if let Some(asked) = asked {
        return Ok(asked);
    }
    file_kind::refuse_archives(name, start)?;
    let text = text_of(start);
    let is_named = |end: &str| {
        let name = name.to_ascii_lowercase();
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        name.ends_with(end)
    };
    match text.first() {
        None | Some(b'{') => Ok(ImportFormat::Lines),
        Some(b'[') => Ok(ImportFormat::Array),
        Some(_) if is_named(".csv") || is_named(".tsv") || is_header(text, is_column) => {
            Ok(ImportFormat::Csv)
        }
        // The node tells what is wrong with a line of a file that says what it is.
        Some(_) if is_named(".jsonl") || is_named(".ndjson") => Ok(ImportFormat::Lines),
        Some(_) => Err(Failure::usage(format!(
            "{name} is neither JSON Lines nor a JSON list, nor CSV with a column of texts"
        ))
        .hint("--format csv reads it as CSV; --text-field names the column of texts")),
    }
}

/// Whether the first line names columns that make a document.
fn is_header(text: &[u8], is_column: impl Fn(&str) -> bool) -> bool {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut columns = line.split([',', ';', '\t']).map(|column| column.trim().trim_matches('"'));
    columns.any(is_column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, start: &str, expect: Option<ImportFormat>) {
        let is_column = |column: &str| column == "text";
        let found = of(name, start.as_bytes(), None, is_column);
        assert_eq!(found.ok(), expect, "{name} {start:?}");
    }

    #[test]
    fn formats_are_known_by_their_beginning_and_their_name() {
        let (lines, array, csv) = (ImportFormat::Lines, ImportFormat::Array, ImportFormat::Csv);
        check("stdin", "", Some(lines));
        check("films.csv", "\u{feff}\n {\"id\":1}", Some(lines));
        check("films.jsonl", " [1]", Some(array));
        check("films.csv.gz", "title;year\n", Some(csv));
        check("stdin", "id,\"text\"\n1,a\n", Some(csv));
        check("films.jsonl", "not json\n", Some(lines));
        check("stdin", "Once upon a time, there was\n", None);
        check("films", "PK\u{3}\u{4}", None);
        check("films", "PAR1", None);
        check("films.xml", "<films>", None);
    }
}
