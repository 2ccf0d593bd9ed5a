//! What a node says of a certificate that it can not show, and that it does not start then.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Output};

use akidb_client::certificates::{Authority, Issued};

use super::name_files;
use crate::node::{akidb, assert_failed, scratch};

const NOW: (i32, i32) = (2020, 4000);

fn start(files: &[PathBuf; 2]) -> Output {
    let (_folder, data_dir) = scratch();
    let mut command = akidb(["serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(&data_dir).env("AKIDB_EMBEDDING__BACKEND", "hash");
    name_files(&mut command, files);
    command.output().unwrap()
}

#[track_caller]
fn check(issued: &Issued, says: &str) {
    let folder = tempfile::tempdir().unwrap();
    assert_failed(&start(&issued.write(folder.path()).unwrap()), 78, &[says, "hint: "]);
}

#[test]
fn what_no_client_would_take_is_not_shown() {
    let authority = Authority::new().unwrap();
    let good = authority.issue(&["localhost"], NOW).unwrap();
    check(&authority.issue(&["localhost"], (2000, 2001)).unwrap(), "has expired");
    check(&authority.issue(&["localhost"], (3000, 3001)).unwrap(), "is not valid yet");
    let other = authority.issue(&["localhost"], NOW).unwrap();
    check(&Issued { key: other.key, ..good.clone() }, "does not fit");
    check(&Issued { key: "garbage".to_owned(), ..good.clone() }, "no private key");
    check(&Issued { certificate: String::new(), ..good.clone() }, "no certificate");
    check(&Issued { certificate: good.certificate.replace("MII", "\u{e9}"), ..good }, "node.crt");
}

#[test]
fn a_key_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let issued = Authority::new().unwrap().issue(&["localhost"], NOW).unwrap();
    let files = issued.write(folder.path()).unwrap();
    fs::set_permissions(&files[1], fs::Permissions::from_mode(0o644)).unwrap();
    assert_failed(&start(&files), 78, &["has the mode 644", "hint: chmod 600"]);
    let absent = [files[0].clone(), folder.path().join("none")];
    assert_failed(&start(&absent), 78, &["none can not be read"]);
}

#[test]
fn a_certificate_and_its_key_belong_together() {
    let (_folder, data_dir) = scratch();
    for (given, missing) in [("CERTIFICATE", "server.tls.key"), ("KEY", "server.tls.certificate")] {
        let mut command = akidb(["serve", "--data-dir", data_dir.to_str().unwrap()]);
        command.env(format!("AKIDB_SERVER__TLS__{given}"), "/some/file");
        assert_failed(&command.output().unwrap(), 78, &[&format!("{missing} is missing")]);
    }
}
