//! The help of every command, word for word, so that a change of the command line is seen.

use crate::node::{akidb, assert_failed};

fn help(command: &str) -> String {
    let output = akidb(command.split_whitespace().chain(["--help"])).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_of_every_command() {
    let commands = [
        "",
        "serve",
        "collection",
        "collection create",
        "collection list",
        "collection show",
        "collection update",
        "collection rename",
        "collection copy",
        "collection reembed",
        "collection drop-previous",
        "collection delete",
        "alias",
        "alias list",
        "alias change",
        "task",
        "task list",
        "task show",
        "task cancel",
        "backup",
        "backup create",
        "backup list",
        "backup verify",
        "backup restore",
        "backup delete",
        "backup prune",
        "document",
        "document get",
        "document update",
        "document delete",
        "document count",
        "import",
        "search",
        "facets",
        "embed",
        "rerank",
        "model",
        "model list",
        "model import",
        "model verify",
        "model status",
        "model load",
        "model unload",
        "key",
        "key create",
        "key list",
        "key revoke",
        "key rotate",
        "doctor",
        "verify",
        "repair",
        "config",
        "config show",
        "ready",
        "completions",
        "man",
    ];
    for command in commands {
        let name = format!("akidb {command}").trim().replace(' ', "_");
        insta::assert_snapshot!(name, help(command));
    }
}

#[test]
fn the_reference_is_what_the_commands_say() {
    let output = akidb(["reference"]).output().unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    assert!(
        std::fs::read(page).is_ok_and(|page| page == output.stdout),
        "docs/reference/cli.md is stale\nhint: run `cargo xtask generate` and commit what it writes"
    );
}

#[test]
fn shells_and_man_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = akidb(["completions", shell]).output().unwrap();
        let script = String::from_utf8(script.stdout).unwrap();
        for word in ["collection", "verify", "min-score"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(akidb(["man"]).arg(folder.path()).output().unwrap().status.success());
    let page = std::fs::read_to_string(folder.path().join("akidb-collection-create.1")).unwrap();
    assert!(page.contains("akidb collection create books"), "{page}");
    let output = akidb(["man", "/dev/null/pages"]).output().unwrap();
    assert_failed(&output, 74, &["cannot write man pages to /dev/null/pages", "hint: "]);
}

#[test]
fn help_and_version_succeed_and_wrong_usage_does_not() {
    let exit = |args: &[&str]| akidb(args.iter().copied()).output().unwrap().status.code();
    assert_eq!(exit(&["--help"]), Some(0));
    assert_eq!(exit(&["--version"]), Some(0));
    assert_eq!(exit(&["help", "import"]), Some(0));
    assert_eq!(exit(&[]), Some(64));
    assert_eq!(exit(&["frobnicate"]), Some(64));
    assert_eq!(exit(&["search", "films"]), Some(64));
    assert_eq!(exit(&["import", "films", "-", "--batch-size", "0"]), Some(64));
}
