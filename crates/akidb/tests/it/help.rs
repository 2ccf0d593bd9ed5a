//! The help of every command, word for word, so that a change of the command line is seen.

use crate::node::akidb;

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
        "collection delete",
        "import",
        "search",
        "embed",
        "model",
        "model list",
        "model import",
        "model verify",
        "doctor",
        "config",
        "config show",
    ];
    for command in commands {
        let name = format!("akidb {command}").trim().replace(' ', "_");
        insta::assert_snapshot!(name, help(command));
    }
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
