//! Keys on the command line, and that no secret is written where others read.

use akidb_client::process::plain_http;
use serde_json::{Value, json};

use crate::node::{Node, akidb, assert_failed, json, scratch};

#[test]
fn a_node_is_closed_before_its_first_start_and_opened_by_its_key() {
    let (_folder, data_dir) = scratch();
    let data = data_dir.to_str().unwrap();
    let create = ["key", "create", "operators", "--role", "read", "--data-dir", data];
    let refused = akidb(create).output().unwrap();
    assert_failed(&refused, 1, &["the first key must be of the role admin"]);
    let json_of = |args: &[&str]| {
        let args = args.iter().copied().chain(["--output", "json"]);
        json(&akidb(args).output().unwrap())
    };
    let admin = json_of(&["key", "create", "operators", "--role", "admin", "--data-dir", data]);
    let secret = admin["secret"].as_str().unwrap().to_owned();
    // Whoever may read the directory needs none.
    let listed = json_of(&["key", "list", "--data-dir", data]);
    assert_eq!(listed["keys"], json!([admin["key"]]));

    let node = Node::start_with(&data_dir, crate::node::Backend::Hash, |command| {
        command.env("AKIDB_LOG__LEVEL", "trace");
    });
    let list = ["collection", "list", "--output", "json"];
    assert_failed(&node.akidb(list), 1, &["the node requires a key"]);
    let run = |args: &[&str], key: &str| {
        let mut command = akidb(args.iter().copied());
        command.env("AKIDB_URL", node.url()).env("AKIDB_API_KEY", key);
        command.output().unwrap()
    };
    assert_eq!(json(&run(&list, &secret)), json!({"collections": []}));
    let by_flag = node.akidb(list.into_iter().chain(["--key", &secret]));
    assert!(by_flag.status.success());
    assert_failed(&run(&list, "akidb_wrong"), 1, &["the key is not one of this node's"]);
    assert_failed(&run(&list, "not a key"), 64, &["visible ASCII"]);

    let with = |args: &[&str]| -> Value {
        let args: Vec<_> = args.iter().copied().chain(["--output", "json"]).collect();
        json(&run(&args, &secret))
    };
    let reader = with(&["key", "create", "shop", "--role", "read", "--collection", "films*"]);
    let id = reader["key"]["id"].as_str().unwrap();
    assert_eq!(reader["key"]["collections"], json!(["films*"]));
    let rotated = with(&["key", "rotate", id, "--grace-seconds", "60"]);
    let both = [&reader["secret"], &rotated["secret"]].map(|it| it.as_str().unwrap());
    for secret in both {
        assert!(run(&list, secret).status.success());
    }
    assert_failed(&run(&["key", "list"], both[0]), 1, &["needs a key of the role admin"]);
    assert_eq!(with(&["key", "revoke", id])["state"], "revoked");
    assert_failed(&run(&list, both[1]), 1, &["was revoked", id]);
    assert_failed(&run(&list, both[0]), 1, &["the key is not one of this node's"]);

    // The parts between the id and the end are what nobody may read.
    let metrics = metrics_of(&node, &secret);
    let log = {
        node.stop();
        std::fs::read_to_string(data_dir.with_extension("log")).unwrap()
    };
    for shown in [secret.as_str(), both[0], both[1]] {
        let hidden = shown.rsplit('_').next().unwrap();
        assert!(!log.contains(hidden) && !metrics.contains(hidden));
    }
    for entry in walk(&data_dir) {
        let bytes = std::fs::read(&entry).unwrap();
        let hidden = secret.rsplit('_').next().unwrap().as_bytes();
        let is_there = bytes.windows(hidden.len()).any(|part| part == hidden);
        assert!(!is_there, "{}", entry.display());
    }
}

fn metrics_of(node: &Node, secret: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let request = plain_http().get(format!("{}/metrics", node.url()));
        request.bearer_auth(secret).send().await.unwrap().text().await.unwrap()
    })
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] });
    below.collect()
}

#[test]
fn a_key_of_the_configuration_opens_a_node_that_has_none() {
    let (folder, data_dir) = scratch();
    let file = folder.path().join("admin-key");
    let secret = "s".repeat(32);
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let node = Node::start_with(&data_dir, crate::node::Backend::Hash, |command| {
        command.env("AKIDB_AUTH__ADMIN_KEY_FILE", &file);
    });
    let list = ["key", "list", "--output", "json"];
    assert_failed(&node.akidb(list), 1, &["the node requires a key"]);
    let listed = node.akidb(list.into_iter().chain(["--key", &secret]));
    assert_eq!(json(&listed), json!({"keys": []}));
    node.stop();
    std::fs::write(&file, "short\n").unwrap();
    let mut command = akidb(["serve", "--data-dir", data_dir.to_str().unwrap()]);
    command.env("AKIDB_AUTH__ADMIN_KEY_FILE", &file);
    assert_failed(&command.output().unwrap(), 78, &["auth.admin_key_file", "line 1"]);
}
