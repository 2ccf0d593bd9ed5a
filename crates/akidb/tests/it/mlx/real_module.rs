//! The real module with the real model: the same vectors as the native backend, each for the text
//! that it was asked for.

use std::{process::Command, sync::Arc};

use akidb_client::process::plain_http;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::setup::{eventually, far_deadlines, python};
use crate::{
    node::{Backend, Node, scratch},
    rest_client::RestClient,
};

const CLIENTS: usize = 32;
/// In the usual test run; `AKIDB_TEST_MLX_TEXTS` makes it more.
const TEXTS: usize = 320;

/// Whether the Python of the tests has the module and MLX.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn has_module() -> bool {
    let Some(python) = python() else { return false };
    let import = Command::new(&python).args(["-c", "import akidb_mlx.worker"]).output().unwrap();
    if !import.status.success() {
        eprintln!("SKIPPED: {} has no akidb_mlx; `cargo xtask test` installs it", python.display());
    }
    import.status.success()
}

/// A text of its own, of a length between 1 and 40 words.
fn text(number: usize) -> String {
    let words = ["sea", "clock", "bread", "river", "planet", "letter", "engine", "garden"];
    let picked = (0..number * 7 % 40 + 1).map(|place| words[(number / (place + 1) + place) % 8]);
    format!("{number} {}", picked.collect::<Vec<_>>().join(" "))
}

async fn embed(client: &RestClient, texts: &[String]) -> Vec<Vec<f64>> {
    let answer = client.post("/embed", json!({ "texts": texts })).await;
    let vectors = answer["embeddings"].as_array().unwrap().iter();
    let numbers = |vector: &Value| -> Vec<f64> {
        vector["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    vectors.map(numbers).collect()
}

fn cosine(one: &[f64], other: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_that_of_its_text_whoever_asks_at_the_same_time() {
    if !has_module() {
        return;
    }
    let texts = std::env::var("AKIDB_TEST_MLX_TEXTS").ok();
    let texts: usize = texts.map_or(TEXTS, |texts| texts.parse().unwrap());
    let folders = [scratch(), scratch()];
    let mlx = Node::start_with(&folders[0].1, Backend::Mlx, |command| {
        far_deadlines(command).env("AKIDB_EMBEDDING__MLX__GIL_CONCURRENCY", "2");
    });
    let native = Node::start_with(&folders[1].1, Backend::Native, |command| {
        far_deadlines(command).env("AKIDB_EMBEDDING__PRECISION", "f32");
    });
    let (mlx, native) = (Arc::new(RestClient::new(&mlx)), Arc::new(RestClient::new(&native)));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (mlx, native) = (Arc::clone(&mlx), Arc::clone(&native));
        clients.spawn(async move {
            let mut least = 1.0_f64;
            for number in (client..texts).step_by(CLIENTS) {
                let text = [text(number)];
                let (one, other) = tokio::join!(embed(&mlx, &text), embed(&native, &text));
                least = least.min(cosine(&one[0], &other[0]));
            }
            least
        });
    }
    let least = clients.join_all().await.into_iter().fold(1.0, f64::min);
    eprintln!(
        "{texts} texts of {CLIENTS} clients, the least cosine with the native vector {least}"
    );
    assert!(least > 0.9999, "{least}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_killed_is_back_with_the_real_model() {
    if !has_module() {
        return;
    }
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Mlx, |command| {
        far_deadlines(command);
    });
    let workers = super::setup::children(node.pid(), "akidb-mlx-worke");
    let pid = rustix::process::Pid::from_raw(workers[0].try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let killed_at = std::time::Instant::now();
    let url = format!("{}/embed", node.url());
    let ask = || plain_http().post(&url).json(&json!({"texts": ["back?"]})).send();
    eventually("texts are embedded", async || ask().await.unwrap().status().is_success()).await;
    eprintln!("texts are embedded {:?} after the worker was killed", killed_at.elapsed());
}
