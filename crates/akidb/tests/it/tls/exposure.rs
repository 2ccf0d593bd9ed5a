//! What must stand between strangers and a node that they can reach.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use akidb_client::certificates::Authority;

use super::{log, name_files};
use crate::node::{akidb, assert_failed, scratch};

const ADMIN: [&str; 5] = ["key", "create", "ops", "--role", "admin"];

fn wide<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    serve("0.0.0.0:0", args)
}

fn serve<'a>(rest: &str, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = akidb(["serve", "--rest-addr", rest, "--grpc-addr", "127.0.0.1:0"]);
    command.args(args).env("AKIDB_EMBEDDING__BACKEND", "hash");
    command
}

/// The line by which a node says that it can be asked; it is killed then.
fn first_line(mut command: Command, data_dir: &std::path::Path) -> String {
    let log = File::create(data_dir.with_extension("log")).unwrap();
    let mut node = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
    node.kill().unwrap();
    node.wait().unwrap();
    line
}

#[test]
fn an_address_that_others_reach_needs_a_key_and_tls() {
    let (_folder, data_dir) = scratch();
    let data = ["--data-dir", data_dir.to_str().unwrap()];
    let refused = wide(data).output().unwrap();
    let says = ["server.rest_addr is 0.0.0.0:0", "without TLS", "hint: ", "--insecure"];
    assert_failed(&refused, 78, &says);
    assert!(!data_dir.exists());

    let folder = tempfile::tempdir().unwrap();
    let issued = Authority::new().unwrap().issue_for_loopback().unwrap();
    let files = issued.write(folder.path()).unwrap();
    let with_tls = || {
        let mut command = wide(data);
        name_files(&mut command, &files);
        command
    };
    let refused = with_tls().output().unwrap();
    assert_failed(
        &refused,
        78,
        &["server.rest_addr is ", "without a key", "hint: ", "akidb key create"],
    );

    let created = akidb(ADMIN).args(data).output().unwrap();
    assert!(created.status.success(), "{created:?}");
    let by_proxy = || {
        let mut command = wide(data);
        command.env("AKIDB_SERVER__TLS__ENDS_AT_PROXY", "true");
        command
    };
    for command in [with_tls(), by_proxy()] {
        let line = first_line(command, &data_dir);
        assert!(line.starts_with("akidb: ready"), "{line}");
    }
    let mut off = with_tls();
    off.env("AKIDB_AUTH__KEYS", "off");
    assert_failed(&off.output().unwrap(), 78, &["without a key"]);
}

#[test]
fn a_file_with_a_key_closes_a_new_node() {
    let (_folder, data_dir) = scratch();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    fs::write(&keys, "k".repeat(64)).unwrap();
    let mut command = wide(["--data-dir", data_dir.to_str().unwrap()]);
    command.env("AKIDB_AUTH__ADMIN_KEY_FILE", keys);
    command.env("AKIDB_SERVER__TLS__ENDS_AT_PROXY", "true");
    let line = first_line(command, &data_dir);
    assert!(line.starts_with("akidb: ready"), "{line}");
}

/// What is allowed by a flag is easily forgotten in a file that is copied.
#[test]
fn an_insecure_node_says_at_each_start_what_can_be_reached() {
    let (_folder, data_dir) = scratch();
    let args = ["--insecure", "--data-dir", data_dir.to_str().unwrap()];
    assert!(first_line(serve("127.0.0.1:0", args), &data_dir).starts_with("akidb: ready"));
    assert!(!log(&data_dir).contains("--insecure"), "loopback alone is listened on");
    assert!(first_line(wide(args), &data_dir).starts_with("akidb: ready"));
    let said = log(&data_dir);
    assert!(said.contains("without a key") && said.contains("without TLS"), "{said}");
}
