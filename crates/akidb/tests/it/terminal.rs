//! What only a terminal is shown: tables as wide as it is, and that something takes its time.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::node::{Backend, Node, akidb, scratch};

/// Runs a command on a terminal of so many columns; answers all that it wrote there.
fn on_terminal(mut command: Command, columns: u16) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let theirs = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&theirs, size).unwrap();
    let stderr = theirs.try_clone().unwrap();
    let command = command.stdin(Stdio::null()).stdout(theirs).stderr(stderr).env("TERM", "xterm");
    let mut child = command.spawn().unwrap();
    // Our copies of its side close, so that reading ends when the command does.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
    let mut ours = File::from(ours);
    while let Ok(read @ 1..) = ours.read(&mut piece) {
        shown.extend_from_slice(&piece[..read]);
    }
    child.wait().unwrap();
    String::from_utf8(shown).unwrap()
}

#[test]
fn tables_fit_the_terminal() {
    let (folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let file = folder.path().join("films.jsonl");
    let text = "a long text of a film ".repeat(12);
    let line = serde_json::json!({"id": "a-rather-long-id-of-a-document", "text": text,
        "metadata": {"title": "Unbreakable".repeat(9), "year": 1997}});
    std::fs::write(&file, line.to_string()).unwrap();
    let description = "every film that was ever shown anywhere, and some that never were";
    let create = ["collection", "create", "films-of-the-twentieth-century", "--description"];
    assert!(node.akidb(create.into_iter().chain([description])).status.success());
    let import = ["import", create[2], file.to_str().unwrap()];
    assert!(node.akidb(import).status.success());

    let commands: [&[&str]; 6] = [
        &["collection", "list"],
        &["collection", "show", create[2]],
        &["search", create[2], "film", "--explain"],
        &["doctor", "--data-dir", "/a/rather/long/path/that/is/not/there/at/all/on/this/machine"],
        &["config", "show"],
        &["model", "status"],
    ];
    for columns in [60, 80] {
        for command in commands {
            let mut command_line = akidb(command.iter().copied());
            command_line.env("AKIDB_URL", node.url());
            let shown = on_terminal(command_line, columns);
            let lines: Vec<&str> =
                shown.lines().filter(|line| line.starts_with(['│', '┌'])).collect();
            assert!(lines.len() >= 3, "{command:?}: {shown}");
            for line in lines {
                let width = line.trim_end().chars().count();
                assert!(width <= usize::from(columns), "{width} columns of {columns}:\n{shown}");
            }
        }
    }
}

/// Nobody who waits is left to wonder, and no file is filled with what only a person needs.
#[test]
fn what_takes_a_while_says_so_on_a_terminal_alone() {
    let wait = || akidb(["ready", "--wait", "1", "--url", "http://127.0.0.1:1"]);
    let shown = on_terminal(wait(), 80);
    assert!(shown.contains("waiting for the node to be ready"), "{shown}");
    let said = wait().output().unwrap();
    assert!(!String::from_utf8_lossy(&said.stderr).contains("waiting"), "{said:?}");
}

#[test]
fn an_import_shows_how_far_it_is() {
    let (folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    assert!(node.akidb(["collection", "create", "films"]).status.success());
    let file = folder.path().join("films.jsonl");
    let line = |i| format!("{{\"id\":{i},\"text\":\"{}\"}}\n", "a film of words ".repeat(20));
    std::fs::write(&file, (0..5_000).map(line).collect::<String>()).unwrap();
    let mut import = akidb(["import", "films", file.to_str().unwrap()]);
    import.env("AKIDB_URL", node.url());
    let shown = on_terminal(import, 100);
    assert!(shown.contains("documents, ") && shown.contains("left"), "{shown}");
}

#[test]
fn the_build_of_an_index_is_waited_for() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |_| {});
    let lines: String =
        (0..3_000).map(|i| format!("{{\"id\":{i},\"text\":\"film {i}\"}}\n")).collect();
    assert!(node.akidb(["collection", "create", "films"]).status.success());
    assert!(node.akidb_with_stdin(["import", "films", "-"], &lines).status.success());
    let update = ["collection", "update", "films", "--m", "32", "--wait", "--output", "json"];
    let changed = crate::node::json(&node.akidb(update));
    assert_eq!((&changed["index"]["m"], &changed["index"]["state"]), (&32.into(), &"ready".into()));
}
