//! Backups through the commands and both doors of a running node, and restores that are killed.

use std::{fs, path::Path, process::Output, thread::sleep, time::Duration};

use serde_json::{Value, json as value};

use crate::{
    node::{Node, akidb, assert_failed, json, scratch, stderr},
    parity::{
        grpc::GrpcDoor,
        request::{Operation, Request},
        rest::RestDoor,
    },
};

/// Adds documents, up to a number, to a collection.
fn fill(node: &Node, collection: &str, documents: std::ops::Range<u32>) {
    let lines: Vec<String> = documents
        .map(|id| value!({"id": id, "vector": [id, 1], "metadata": {"n": id}}).to_string())
        .collect();
    let imported = node.akidb_with_stdin(["import", collection, "-"], &lines.join("\n"));
    assert!(imported.status.success(), "{}", stderr(&imported));
}

fn create(node: &Node, collection: &str) {
    json(&node.akidb(["collection", "create", collection, "--dimension", "2", "--output", "json"]));
}

fn count(node: &Node, collection: &str) -> Value {
    json(&node.akidb(["document", "count", collection, "--output", "json"]))["count"].clone()
}

/// A command that needs no node.
fn offline(data_dir: &Path, args: &[&str]) -> Output {
    let mut command = akidb(["backup"]);
    command.args(args).args(["--output", "json", "--data-dir"]).arg(data_dir);
    command.output().unwrap()
}

/// On a thread of its own, so that the connection of gRPC hears that the node stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_backup_is_made_verified_restored_and_pruned() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    create(&node, "films");
    create(&node, "books");
    fill(&node, "films", 0..300);
    fill(&node, "books", 0..20);
    let backup = json(&node.akidb(["backup", "create", "--output", "json"]));
    let id = backup["id"].as_str().unwrap();
    let collections = backup["collections"].as_array().unwrap().iter();
    let counts: Vec<_> = collections.map(|it| (&it["name"], &it["document_count"])).collect();
    assert_eq!(counts, [(&value!("books"), &value!(20)), (&value!("films"), &value!(300))]);
    // Both doors tell of it alike.
    let (rest, mut grpc) = (RestDoor::new(&node), GrpcDoor::connect(&node).await);
    for (operation, body) in
        [(Operation::ListBackups, value!({})), (Operation::GetBackup, value!({"id": id}))]
    {
        let asked = Request::new(operation, "", body);
        let answer = rest.ask(&asked).await.unwrap();
        assert_eq!(answer, grpc.ask(&asked).await.unwrap().unwrap(), "{asked}");
        let told = if operation == Operation::GetBackup { &answer } else { &answer["backups"][0] };
        assert_eq!(told, &backup);
    }
    let begun = Request::new(Operation::CreateBackup, "", value!({}));
    let task = grpc.ask(&begun).await.unwrap().unwrap();
    assert_eq!(task["kind"], "backup");
    let second = task["id"].as_str().unwrap();
    let shown = Request::new(Operation::GetTask, "", value!({"id": second}));
    while rest.ask(&shown).await.unwrap()["state"] != "succeeded" {
        sleep(Duration::from_millis(5));
    }
    let delete = Request::new(Operation::DeleteBackup, "", value!({"id": second}));
    assert_eq!(rest.ask(&delete).await.unwrap(), value!({"deleted": true}));
    assert!(rest.ask(&delete).await.is_err());

    fill(&node, "films", 300..400);
    json(&node.akidb(["collection", "delete", "books", "--output", "json"]));
    let tested = json(&offline(&data_dir, &["verify", "latest", "--restore-test"]));
    assert_eq!((&tested["documents"], &tested["faults"]), (&value!(320), &value!([])));
    assert_failed(&offline(&data_dir, &["restore", id]), 74, &["in use"]);
    assert!(node.stop().success());
    assert_failed(&offline(&data_dir, &["restore", id]), 1, &["has 1 collections", "--replace"]);
    assert_failed(&offline(&data_dir, &["restore", "../films"]), 1, &["no backup", id]);
    let restored = json(&offline(&data_dir, &["restore", "latest", "--replace"]));
    assert_eq!((&restored["id"], &restored["documents"]), (&value!(id), &value!(320)));

    let node = Node::start(&data_dir);
    assert_eq!((count(&node, "films"), count(&node, "books")), (value!(300), value!(20)));
    let tasks = json(&node.akidb(["task", "list", "--output", "json"]));
    assert_eq!(tasks["tasks"], value!([]), "the backup is not begun again");
    fill(&node, "films", 1_000..1_001);
    assert_eq!(count(&node, "films"), 301);
    for _ in 0..2 {
        json(&node.akidb(["backup", "create", "--output", "json"]));
    }
    let pruned = json(&node.akidb(["backup", "prune", "--keep", "2", "--output", "json"]));
    assert_eq!(pruned["deleted"][0]["id"], id);
    let listed = json(&node.akidb(["backup", "list", "--output", "json"]));
    assert_eq!(listed["backups"].as_array().unwrap().len(), 2);
}

#[test]
fn a_damaged_backup_is_told_as_that() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    create(&node, "films");
    fill(&node, "films", 0..20);
    let backup = json(&node.akidb(["backup", "create", "--output", "json"]));
    assert!(node.stop().success());
    let folder = data_dir.join("backups").join(backup["id"].as_str().unwrap());
    let collection = fs::read_dir(folder.join("collections")).unwrap().next().unwrap().unwrap();
    let database = collection.path().join("documents.db");
    let mut bytes = fs::read(&database).unwrap();
    bytes[10_000] ^= 1;
    fs::write(&database, bytes).unwrap();
    assert_failed(&offline(&data_dir, &["verify", "latest"]), 2, &["documents.db is wrong"]);
    let restore = offline(&data_dir, &["restore", "latest", "--replace"]);
    assert_failed(&restore, 2, &["documents.db is wrong"]);
    let node = Node::start(&data_dir);
    assert_eq!(count(&node, "films"), 20);
}

/// The data directory has what it had, or what the backup has, and nothing in between.
#[test]
fn a_restore_that_is_killed_leaves_one_of_the_two() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let names = ["a", "b", "c", "d"];
    for name in names {
        create(&node, name);
        fill(&node, name, 0..10);
    }
    json(&node.akidb(["backup", "create", "--output", "json"]));
    for name in names {
        fill(&node, name, 10..20);
    }
    assert!(node.stop().success());
    let backups = data_dir.join("backups");
    let (mut were, mut are) = (0, 0);
    for kill_after_ms in (0..20).map(|step| step * 8) {
        let (_folder, copy) = scratch();
        copy_folder(&data_dir, &copy);
        let mut command = akidb(["backup", "restore", "latest", "--replace", "--data-dir"]);
        let mut restore = command.arg(&copy).arg("--backup-dir").arg(&backups).spawn().unwrap();
        sleep(Duration::from_millis(kill_after_ms));
        restore.kill().unwrap();
        restore.wait().unwrap();
        let node = Node::start(&copy);
        let counts = names.map(|name| count(&node, name).as_u64().unwrap());
        match counts {
            [20, 20, 20, 20] => were += 1,
            [10, 10, 10, 10] => are += 1,
            mixed => panic!("killed after {kill_after_ms} ms: {mixed:?}"),
        }
        fill(&node, "a", 100..101);
        assert!(node.stop().success());
        let verified = akidb(["verify", "--data-dir"]).arg(&copy).output().unwrap();
        assert!(verified.status.success(), "{}", stderr(&verified));
    }
    assert_eq!(were + are, 20);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.file_name().unwrap().to_str() {
            Some("backups" | "LOCK") => {}
            _ if path.is_dir() => copy_folder(&path, &target),
            _ => _ = fs::copy(&path, &target).unwrap(),
        }
    }
}
