//! `docs/ARCHITECTURE.md` against the workspace: every crate stands in its table, and uses only
//! those above it.

use std::{fs, path::Path};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Tools around the code, not part of it.
const OUTSIDE: [&str; 1] = ["xtask"];

/// Crates, and what each of them does without although it stands above: storage is behind a
/// contract, and what is in front of it knows neither SQLite nor a graph.
const NEVER: [(&str, &str); 11] = [
    ("akidb-service", "akidb-store"),
    ("akidb-service", "akidb-index"),
    ("akidb-service", "akidb-text"),
    ("akidb-service", "akidb-local"),
    ("akidb-engine", "akidb-index"),
    ("akidb-engine", "akidb-text"),
    ("akidb-rest", "akidb-engine"),
    ("akidb-grpc", "akidb-engine"),
    ("akidb-local", "akidb-embedding"),
    ("akidb", "akidb-store"),
    ("akidb", "akidb-index"),
];

#[test]
fn the_crates_are_layered_as_the_documentation_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documented =
        documented_crates(&fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap());
    let metadata = workspace(&root);
    let members: Vec<&Package> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| !OUTSIDE.contains(&package.name.as_str()))
        .collect();

    let mut names: Vec<&str> = members.iter().map(|package| package.name.as_str()).collect();
    let mut documented_names: Vec<&str> = documented.iter().map(String::as_str).collect();
    names.sort_unstable();
    documented_names.sort_unstable();
    assert_eq!(names, documented_names, "the crates of the workspace and of the table");

    for (package, dependency) in NEVER {
        let package = members.iter().find(|it| it.name == package).unwrap();
        let uses = normal_dependencies(package, &documented);
        assert!(!uses.contains(&dependency), "{} uses {dependency}", package.name);
    }
    for package in members {
        for dependency in normal_dependencies(package, &documented) {
            assert!(
                layer(dependency, &documented) < layer(&package.name, &documented),
                "{} uses {dependency}, which does not stand above it",
                package.name
            );
        }
    }
}

/// The first column of the table whose first heading is `crate`, top to bottom.
fn documented_crates(text: &str) -> Vec<String> {
    let cells = text.lines().map(|line| line.split('|').nth(1).map(str::trim));
    let table = cells.skip_while(|cell| *cell != Some("crate")).skip(2);
    table
        .map_while(|cell| cell)
        .filter_map(|cell| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned()))
        .collect()
}

fn workspace(root: &Path) -> Metadata {
    MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec().unwrap()
}

fn normal_dependencies<'a>(package: &'a Package, documented: &[String]) -> Vec<&'a str> {
    let dependencies = package.dependencies.iter();
    dependencies
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| documented.iter().any(|documented| documented == name))
        .collect()
}

fn layer(name: &str, documented: &[String]) -> usize {
    documented.iter().position(|documented| documented == name).unwrap()
}

#[test]
fn the_table_is_read_top_to_bottom() {
    let text = "# x\n\n| other | y |\n|---|---|\n| `z` | |\n\n| crate | what |\n|---|---|\n\
                | `akidb-core` | words |\n| `akidb` | binary |\n\n| `not this` |\n";
    assert_eq!(documented_crates(text), ["akidb-core", "akidb"]);
}
