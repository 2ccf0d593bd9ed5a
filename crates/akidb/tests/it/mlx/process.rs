//! What a worker is to the node's process, and the node to it.

use std::{fs, path::Path};

use akidb_client::process::plain_http;
use rustix::process::Signal;

use super::setup::{MlxNode, eventually};
use crate::node::{Node, scratch};

/// Whether a process is there and has not ended.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

async fn assert_ends(pid: u32) {
    eventually(&format!("the worker {pid} has ended"), async || !is_alive(pid)).await;
}

const PRINTED_BY_EACH_BATCH: &str = "a line on stdout, which must not be taken for an answer";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_ends_with_its_node_however_that_ends() {
    for signal in [Signal::TERM, Signal::KILL] {
        for fault in ["", "hang"] {
            let Some(node) = MlxNode::start("", |_| {}) else { return };
            let workers = node.workers();
            assert_eq!(workers.len(), 1);
            node.module.set_fault(fault);
            if fault == "hang" {
                let url = format!("{}/embed", node.node.url());
                let body = serde_json::json!({"texts": ["a text that is never answered"]});
                let asked = plain_http().post(url).json(&body).send();
                tokio::spawn(asked);
                node.logged(PRINTED_BY_EACH_BATCH).await;
                // The node waits for the batch; a second signal does not.
                node.node.signal(signal);
                if signal == Signal::TERM {
                    node.logged("stopping, a second signal stops at once").await;
                }
            }
            node.node.signal(signal);
            assert_ends(workers[0]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_terminal_sends_to_the_node_does_not_reach_the_worker() {
    let Some(node) = MlxNode::start("", |_| {}) else { return };
    let group = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().to_owned()
    };
    assert_ne!(group(node.workers()[0]), group(node.node.pid()));
}

/// The limits of a process, and the signals that it blocks, ignores and catches.
fn limits_and_signals(pid: u32) -> (String, Vec<String>) {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let signals =
        status.lines().filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"));
    (limits, signals.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn python_changes_nothing_about_the_nodes_limits_and_signals() {
    let Some(node) = MlxNode::start("", |_| {}) else { return };
    assert_eq!(node.embed("a text").await.status, 200);
    let (_folder, data_dir) = scratch();
    let without = Node::start(&data_dir);
    assert_eq!(limits_and_signals(node.node.pid()), limits_and_signals(without.pid()));
}

#[tokio::test(flavor = "multi_thread")]
async fn pipes_and_processes_do_not_pile_up() {
    let Some(node) = MlxNode::start("", |_| {}) else { return };
    let open_files = || fs::read_dir(format!("/proc/{}/fd", node.node.pid())).unwrap().count();
    node.recovered().await;
    let before = open_files();
    for _ in 0..8 {
        let workers = node.workers();
        node.signal_workers(Signal::KILL);
        for worker in workers {
            assert_ends(worker).await;
        }
        node.recovered().await;
    }
    // A pipe is closed by whoever reads it to its end, which may come after the next worker's start.
    eventually("as few files are open as before", async || open_files() <= before + 2).await;
    assert_eq!(node.workers().len(), 1);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", node.node.pid()));
    if let Ok(children) = children {
        let zombies = children.split_whitespace().filter(|pid| !is_alive(pid.parse().unwrap()));
        assert_eq!(zombies.count(), 0, "nobody has taken note of their end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_worker_prints_and_what_it_counts_is_to_be_seen() {
    let Some(node) = MlxNode::start("", |_| {}) else { return };
    node.recovered().await;
    node.logged(PRINTED_BY_EACH_BATCH).await;
    let url = format!("{}/metrics", node.node.url());
    let read = async || plain_http().get(&url).send().await.unwrap().text().await.unwrap();
    // A worker is asked for its memory now and then.
    let peak = "akidb_embedding_worker_memory_bytes{kind=\"peak\",model=\"all-minilm-l6-v2\"} 2";
    eventually("the worker's memory is counted", async || read().await.contains(peak)).await;
    let metrics = read().await;
    for line in [
        "akidb_embedding_workers{model=\"all-minilm-l6-v2\"} 1",
        "akidb_embedding_worker_starts_total{model=\"all-minilm-l6-v2\"} 1",
        "akidb_embedding_worker_ends_total{model=\"all-minilm-l6-v2\",reason=\"memory\"} 0",
        "akidb_embedding_gil_wait_seconds_count{model=\"all-minilm-l6-v2\"}",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains("gil_wait_seconds_count{model=\"all-minilm-l6-v2\"} 0"));
    assert!(Path::new(&format!("/proc/{}", node.workers()[0])).is_dir());
}
