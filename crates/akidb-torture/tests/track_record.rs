//! `docs/reliability.md`: the tests that its track record names are there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Sources of the workspace.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_tests_that_the_track_record_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let (_, record) = page.split_once("## Track record").unwrap();
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    let code: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut named = 0;
    for row in record.lines().filter(|line| line.starts_with("| ")) {
        let guards = row.trim_end_matches(" |").rsplit('|').next().unwrap();
        for name in guards.split('`').skip(1).step_by(2) {
            let is_test = code.contains(&format!("fn {name}()"));
            let is_part = code.contains(&format!("name: \"{name}\""));
            assert!(is_test || is_part, "{name} is no test and no part of the torture set: {row}");
            named += 1;
        }
    }
    assert!(named > 20, "the table was not read: {named} tests");
}
