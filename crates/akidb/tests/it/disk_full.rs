//! A disk that fills up, as a file system of its own in memory: writes end before it is full, deletes
//! work even when another program has taken the rest, and writes begin again by themselves.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use akidb_client::process::plain_http;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node::{Backend, Node, stderr};

const DIMENSION: usize = 1_024;
const BATCH: usize = 100;

/// A small file system, gone when it is dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// None, with the reason on stderr, where this user may mount nothing.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn mount() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(disk.data_dir()).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs"])
            .arg(disk.data_dir())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(disk),
            refused => {
                eprintln!("SKIPPED: no tmpfs can be mounted here, root may: {refused:?}");
                None
            }
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn node(&self) -> Node {
        Node::start_with(&self.data_dir(), Backend::Hash, |command| {
            command.env("AKIDB_STORAGE__MIN_FREE", "24MiB");
        })
    }

    /// What another program does: it takes all that is left.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        for bytes in [1 << 20, 4 << 10] {
            while file.write_all(&vec![7; bytes]).is_ok() {}
        }
    }

    fn filler(&self) -> PathBuf {
        self.data_dir().join("filler")
    }

    fn ballast(&self) -> PathBuf {
        self.data_dir().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.data_dir()).output();
    }
}

struct Client(reqwest::Client, String);

impl Client {
    fn new(node: &Node) -> Self {
        Self(plain_http(), node.url())
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.1);
        let request = self.0.request(method.parse().unwrap(), url).json(&body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let retry_after = response.headers().contains_key("retry-after");
        let answer: Value = response.json().await.unwrap_or_default();
        assert!(status != 507 || retry_after, "{answer}");
        (status, answer)
    }

    /// Stores a batch of large vectors.
    async fn store(&self, batch: usize) -> (u16, Value) {
        let documents: Vec<_> = (0..BATCH)
            .map(|i| {
                let id = batch * BATCH + i;
                json!({"id": id, "vector": vec![id as f32 + 0.5; DIMENSION]})
            })
            .collect();
        self.ask("POST", "/v1/collections/c/documents", json!({"documents": documents})).await
    }

    async fn count(&self) -> usize {
        let (status, answer) =
            self.ask("POST", "/v1/collections/c/documents/count", json!({})).await;
        assert_eq!(status, 200, "{answer}");
        usize::try_from(answer["count"].as_u64().unwrap()).unwrap()
    }

    async fn metric(&self, name: &str) -> f64 {
        let page = self.0.get(format!("{}/metrics", self.1)).send().await.unwrap();
        let page = page.text().await.unwrap();
        let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until the write-ahead logs are empty, which may be room enough for writes.
    async fn has_room_after_checkpoint(&self, disk: &SmallDisk) -> bool {
        let has_room = async || self.storage().await["ready"] == true;
        until(async || wal_bytes(&disk.data_dir()) == 0 || has_room().await).await;
        // A look at the disk counts for a moment.
        tokio::time::sleep(Duration::from_millis(200)).await;
        has_room().await
    }

    /// The component `storage` of a node that is ready.
    async fn storage(&self) -> Value {
        let (status, ready) = self.ask("GET", "/readyz", Value::Null).await;
        assert_eq!((status, &ready["ready"]), (200, &json!(true)), "{ready}");
        let components = ready["components"].as_array().unwrap().iter();
        components.clone().find(|component| component["name"] == "storage").unwrap().clone()
    }
}

/// The test run ends one that waits for ever.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn refused((status, answer): &(u16, Value)) {
    let error = &answer["error"];
    let told = (*status, &error["code"], &error["retryable"], &error["outcome"]);
    assert_eq!(
        told,
        (507, &json!("storage_full"), &json!(true), &json!("not_applied")),
        "{answer}"
    );
}

fn wal_bytes(data_dir: &Path) -> u64 {
    let collections = fs::read_dir(data_dir.join("collections")).unwrap();
    let wals = collections.map(|folder| folder.unwrap().path().join("documents.db-wal"));
    wals.filter_map(|wal| Some(wal.metadata().ok()?.len())).sum()
}

#[tokio::test]
async fn writes_end_before_the_disk_is_full_and_begin_again_by_themselves() {
    let Some(disk) = SmallDisk::mount() else { return };
    let mut node = disk.node();
    let client = Client::new(&node);
    let create = json!({"name": "c", "dimension": DIMENSION});
    assert_eq!(client.ask("POST", "/v1/collections", create).await.0, 201);
    assert!(disk.ballast().exists());
    let mut stored = 0;
    let full = loop {
        match client.store(stored).await {
            (200, _) => stored += 1,
            full => {
                refused(&full);
                if !client.has_room_after_checkpoint(&disk).await {
                    break full;
                }
            }
        }
    };
    let message = full.1["error"]["message"].as_str().unwrap();
    assert!(message.contains("storage.min_free") && message.contains("deletes"), "{message}");
    assert!(stored > 5, "{stored} batches");

    // Nothing that takes room is taken, by whatever way; all else works, and says why.
    let patch = json!({"metadata": {"a": 1}});
    refused(&client.ask("PATCH", "/v1/collections/c/documents/1", patch).await);
    let create = json!({"name": "other", "dimension": 3});
    refused(&client.ask("POST", "/v1/collections", create).await);
    let line = format!("{{\"id\": 1, \"vector\": {:?}}}\n", vec![1.0; DIMENSION]);
    let import = node.akidb_with_stdin(["import", "c", "-"], &line);
    let said = stderr(&import);
    assert!(said.contains("storage_full") && said.contains("hint: delete documents"), "{said}");
    assert!(!said.contains("restore"), "{said}");
    let storage = client.storage().await;
    assert_eq!(storage["ready"], false);
    assert!(storage["detail"].as_str().unwrap().contains("read-only"), "{storage}");
    assert_eq!(client.metric("akidb_storage_read_only").await, 1.0);
    assert_eq!(client.metric("akidb_store_commit_errors_total").await, 0.0);
    let search = json!({"vector": vec![1.0; DIMENSION], "limit": 3});
    let (status, found) = client.ask("POST", "/v1/collections/c/search", search).await;
    assert_eq!((status, found["hits"].as_array().unwrap().len()), (200, 3));

    // Another program takes the rest, and what makes room still works.
    disk.fill();
    until(async || !disk.ballast().exists()).await;
    let ids: Vec<_> = (0..10).collect();
    let delete = json!({"ids": ids});
    let deleted = client.ask("POST", "/v1/collections/c/documents/delete", delete).await;
    assert_eq!(deleted, (200, json!({"deleted": 10})));
    let one = client.ask("DELETE", "/v1/collections/c/documents/10", Value::Null).await;
    assert_eq!(one, (200, json!({"deleted": 1})));
    assert_eq!(client.count().await, stored * BATCH - 11);

    fs::remove_file(disk.filler()).unwrap();
    remount(&disk, "96m");
    until(async || client.store(0).await.0 == 200).await;
    assert_eq!(client.storage().await["ready"], true);
    assert_eq!(client.metric("akidb_storage_read_only").await, 0.0);
    until(async || disk.ballast().exists()).await;

    node.signal(Signal::KILL);
    node.wait();
    let node = disk.node();
    assert_eq!(Client::new(&node).count().await, stored * BATCH);
}

/// Gives the disk another size.
fn remount(disk: &SmallDisk, size: &str) {
    let options = format!("remount,size={size}");
    let mut mount = Command::new("mount");
    let mounted = mount.args(["-o", &options]).arg(disk.data_dir()).status().unwrap();
    assert!(mounted.success());
}

#[tokio::test]
async fn a_node_starts_serves_and_drops_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else { return };
    let node = disk.node();
    let client = Client::new(&node);
    let create = json!({"name": "c", "dimension": DIMENSION});
    assert_eq!(client.ask("POST", "/v1/collections", create).await.0, 201);
    assert_eq!(client.store(0).await.0, 200);
    assert!(node.stop().success());

    disk.fill();
    let node = disk.node();
    let client = Client::new(&node);
    assert_eq!(client.count().await, BATCH);
    refused(&client.store(1).await);
    let dropped = client.ask("DELETE", "/v1/collections/c", Value::Null).await;
    assert!(dropped.0 < 300, "{dropped:?}");
    let list = client.ask("GET", "/v1/collections", Value::Null).await.1;
    assert_eq!(list["collections"], json!([]));
}
