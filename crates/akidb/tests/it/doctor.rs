//! `akidb doctor`: what is as it must be, and what mends what is not.

use std::{net::TcpListener, process::Command};

use serde_json::Value;

use crate::node::{akidb, models_dir, scratch};

/// Runs it with free ports; answers its exit code and its findings.
fn doctor(adjust: impl FnOnce(&mut Command)) -> (Option<i32>, Vec<Value>) {
    let (_folder, data_dir) = scratch();
    let mut command = akidb(["doctor", "--output", "json"]);
    command.args(["--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0", "--data-dir"]);
    command.arg(data_dir).env("AKIDB_MODELS_DIR", models_dir());
    adjust(&mut command);
    let output = command.output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), answer["findings"].as_array().unwrap().clone())
}

#[test]
fn a_machine_that_is_ready_is_good() {
    let (exit, findings) = doctor(|_| {});
    assert_eq!(exit, Some(0), "{findings:?}");
    let subjects: Vec<&str> =
        findings.iter().map(|finding| finding["subject"].as_str().unwrap()).collect();
    let expected = [
        "version",
        "configuration",
        "data directory",
        "disk",
        "rest port",
        "grpc port",
        "model",
        "mlx",
    ];
    assert_eq!(subjects, expected);
    assert_eq!(findings[7]["state"], "skipped");
}

#[test]
fn what_is_missing_is_told_with_what_mends_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let cases: [(&str, &str, &str, &str, &str); 6] = [
        ("AKIDB_SERVER__REST_ADR", "x", "configuration", "unknown key", "AKIDB_SERVER__REST_ADDR?"),
        ("AKIDB_MODELS_DIR", "/none", "model", "was not found", "akidb model import"),
        (
            "AKIDB_STORAGE__DATA_DIR",
            "/dev/null/data",
            "data directory",
            "cannot be made",
            "--data-dir",
        ),
        ("AKIDB_SERVER__REST_ADDR", &port, "rest port", "cannot listen", "--rest-addr"),
        ("AKIDB_EMBEDDING__MLX__PYTHON", "/none/bin/python", "python", "/none/bin/python", "venv"),
        (
            "AKIDB_EMBEDDING__MLX__WORKER",
            "/none/worker",
            "mlx worker",
            "/none/worker",
            "cargo build",
        ),
    ];
    for (variable, value, subject, says, hint) in cases {
        let mut command = akidb(["doctor", "--output", "json"]);
        command
            .env("AKIDB_MODELS_DIR", models_dir())
            .env("AKIDB_STORAGE__DATA_DIR", scratch().1)
            .env("AKIDB_SERVER__REST_ADDR", "127.0.0.1:0")
            .env("AKIDB_SERVER__GRPC_ADDR", "127.0.0.1:0")
            .env(variable, value);
        if variable.contains("MLX") {
            command.env("AKIDB_EMBEDDING__BACKEND", "mlx");
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{variable}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = answer["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["subject"] == subject).unwrap();
        assert_eq!(finding["state"], "bad", "{finding}");
        assert!(finding["message"].as_str().unwrap().contains(says), "{finding}");
        assert!(finding["hint"].as_str().unwrap().contains(hint), "{finding}");
    }
}

#[test]
fn people_are_shown_a_table() {
    let (_folder, data_dir) = scratch();
    let ports = ["--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"];
    let mut command = akidb(["doctor"].into_iter().chain(ports).chain(["--data-dir"]));
    let output = command.arg(data_dir).env("AKIDB_EMBEDDING__BACKEND", "hash").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    for words in ["found", "data directory", "the hash backend needs none"] {
        assert!(table.contains(words), "{table}");
    }
    let mut command = akidb(["doctor", "--data-dir", "/dev/null/data"]);
    let output = command.env("AKIDB_EMBEDDING__BACKEND", "hash").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let mends = "what mends it:\n  data directory: `mkdir -p /dev/null/data` as a user who may";
    assert!(shown.contains(mends), "{shown}");
}
