//! The numbers that the documentation says of limits and defaults, against those of the code.

use std::{fs, path::Path};

use akidb_core::Limits;
use akidb_service::{SCROLL_LIMIT_DEFAULT, SEARCH_LIMIT_DEFAULT};

/// Everything that is written for users: the pages, the protocol, and the description of REST.
fn written() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut texts = Vec::new();
    let mut folders = vec![root.join("docs"), root.join("proto")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Decisions say what was so when they were made.
            if path.is_dir() && !path.ends_with("adr") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md" || it == "proto" || it == "json")
            {
                texts.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    texts.push(("README.md".to_owned(), fs::read_to_string(root.join("README.md")).unwrap()));
    texts
}

/// What stands between two words, wherever both stand on one line.
fn between<'t>(text: &'t str, before: &str, behind: &str) -> impl Iterator<Item = &'t str> {
    text.split(before).skip(1).filter_map(move |rest| {
        let line = rest.lines().next()?;
        Some(line.split_once(behind)?.0)
    })
}

/// A number as the documentation writes it.
fn spelled(value: usize) -> String {
    match value {
        _ if value >= 1 << 20 && value.is_multiple_of(1 << 20) => format!("{} MiB", value >> 20),
        _ if value >= 1 << 10 && value.is_multiple_of(1 << 10) && value >= 1 << 16 => {
            format!("{} KiB", value >> 10)
        }
        1_000.. => format!("{},{:03}", value / 1_000, value % 1_000),
        _ => value.to_string(),
    }
}

#[test]
fn limits_are_documented_with_their_values() {
    let mut seen = 0;
    for (path, text) in written() {
        for (name, value, _) in Limits::TABLE {
            for said in between(&text, &format!("`{name}` ("), ")") {
                if said.starts_with(|it: char| it.is_ascii_digit()) {
                    assert_eq!(said, spelled(*value), "{name} in {path}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen >= 20, "{seen} limits are said with their values");
}

#[test]
fn defaults_of_pages_are_documented_with_their_values() {
    for (of, default) in
        [("Hits wanted", SEARCH_LIMIT_DEFAULT), ("Documents a page", SCROLL_LIMIT_DEFAULT)]
    {
        let (mut in_protocol, mut in_openapi) = (0, 0);
        for (path, text) in written() {
            for said in between(&text, &format!("{of}, "), " where absent") {
                assert_eq!(said, default.to_string(), "{of} in {path}");
                in_protocol += usize::from(path.ends_with(".proto"));
                in_openapi += usize::from(path.ends_with("openapi.json"));
            }
        }
        assert!(in_protocol > 0 && in_openapi > 0, "{of}: {in_protocol}, {in_openapi}");
    }
}
