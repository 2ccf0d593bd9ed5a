//! Faults of Python and of its process, one after the other, while others ask for vectors: those
//! never notice, texts fail with a reason and are embedded again.
//!
//! No test here depends on the speed of the machine: a deadline is far away unless the fault is that
//! a batch does not end. How soon a worker is started again is a matter of the breaker, whose own
//! tests are given the time.
//!
//! `AKIDB_TEST_MLX_FAULTS=1000` makes it as many faults; it takes about half an hour then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use rustix::process::Signal;
use serde_json::json;

use super::setup::MlxNode;

/// In the usual test run.
const FAULTS: usize = 26;
/// For batches that never end.
const SHORT_DEADLINE_MS: &str = "1500";
/// For all others: no batch of theirs meets it.
const FAR_DEADLINE_MS: &str = "600000";
const MEMORY_LIMIT: &str = "512MiB";

/// What the module does in batches that end, and what texts are told then.
const THAT_END: [(&str, u16, &str); 12] = [
    ("raise", 503, "RuntimeError: [metal::malloc] no memory"),
    ("refuse", 500, "ValueError: the text is not to be liked"),
    ("exit", 503, "ended while it ran the batch"),
    ("system_exit", 503, "SystemExit"),
    ("abort", 503, "ended while it ran the batch"),
    ("segfault", 503, "ended while it ran the batch"),
    ("scribble", 503, "cannot be trusted"),
    ("eat_memory", 503, "embedding.mlx.memory_limit is 512 MiB"),
    ("list", 503, "returned no buffer"),
    ("wrong_shape", 503, "returned the shape [385]"),
    ("doubles", 503, "returned no buffer of float32"),
    ("nan", 500, "not finite"),
];

/// What it does in batches that never end.
const THAT_HANG: [(&str, u16, &str); 2] =
    [("hang", 504, "did not end within 1.5s"), ("hang_with_lock", 504, "did not end within 1.5s")];

/// What happens to the process, in any order with the others.
const OF_THE_PROCESS: [&str; 2] = ["killed", "stopped"];

async fn node(batch_deadline_ms: &str) -> Option<Arc<MlxNode>> {
    let node = MlxNode::start("", |command| {
        command
            .env("AKIDB_EMBEDDING__MLX__BATCH_DEADLINE_MS", batch_deadline_ms)
            .env("AKIDB_EMBEDDING__MLX__MEMORY_LIMIT", MEMORY_LIMIT)
            .env("AKIDB_EMBEDDING__QUERY_CACHE_BYTES", "0");
    })?;
    for (name, dimension) in [("own", json!(4)), ("texts", json!(null))] {
        let body = json!({"name": name, "dimension": dimension});
        let created = node.post("/v1/collections", body).await;
        assert!(created.status < 300, "{created:?}");
    }
    let documents = json!({"documents": [{"id": 1, "text": "there before all faults"}]});
    let stored = node.post("/v1/collections/texts/documents", documents).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    Some(Arc::new(node))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_module_is_told_as_what_it_is() {
    for (deadline, faults) in
        [(FAR_DEADLINE_MS, THAT_END.as_slice()), (SHORT_DEADLINE_MS, THAT_HANG.as_slice())]
    {
        let Some(node) = node(deadline).await else { return };
        for (fault, status, says) in faults {
            node.module.set_fault(fault);
            let refused = node.embed("what is told").await;
            assert_eq!(refused.status, *status, "{fault}: {refused:?}\n{}", node.log());
            assert!(refused.message().contains(says), "{fault}: {refused:?}");
            refused.assert_typed();
            node.module.set_fault("");
            node.recovered().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_never_notice_faults_and_texts_come_back() {
    let Some(node) = node(SHORT_DEADLINE_MS).await else { return };
    let faults = std::env::var("AKIDB_TEST_MLX_FAULTS").ok();
    let faults = faults.map_or(FAULTS, |faults| faults.parse().unwrap());
    let is_over = Arc::new(AtomicBool::new(false));
    let vectors = tokio::spawn(ask_for_vectors(Arc::clone(&node), Arc::clone(&is_over)));
    let lives = tokio::spawn(ask_for_life(Arc::clone(&node), Arc::clone(&is_over)));

    let of_the_module = THAT_END.iter().chain(&THAT_HANG);
    let names: Vec<&str> = of_the_module.map(|(name, ..)| *name).chain(OF_THE_PROCESS).collect();
    let mut random = StdRng::seed_from_u64(7);
    let (mut failures, mut slowest) = (0, Duration::ZERO);
    for number in 0..faults {
        let fault = names.get(number).copied().or_else(|| names.choose(&mut random).copied());
        failures += inject(&node, fault.unwrap()).await;
        slowest = slowest.max(node.recovered().await);
    }
    is_over.store(true, Ordering::Relaxed);
    let vectors = vectors.await.unwrap();
    let mut lives = lives.await.unwrap();
    lives.sort_unstable();
    let p99 = lives[lives.len() * 99 / 100];
    eprintln!(
        "{faults} faults, {failures} texts refused, all typed; texts taken again after at most \
         {slowest:?}; {vectors} vector requests, none failed; /livez p99 {p99:?} of {}",
        lives.len()
    );
    assert!(failures >= faults / 2, "the faults are faults");
}

/// Lets a fault happen until a text meets it, and ends it. Answers how many texts were refused.
async fn inject(node: &MlxNode, fault: &str) -> usize {
    let ask = || async {
        let answer = node.embed("in the middle of it").await;
        (answer.status != 200).then(|| answer.assert_typed()).is_some()
    };
    match fault {
        "killed" => {
            let (refused, ()) = tokio::join!(ask(), async {
                node.signal_workers(Signal::KILL);
            });
            usize::from(refused)
        }
        "stopped" => {
            node.signal_workers(Signal::STOP);
            let refused = ask().await;
            node.signal_workers(Signal::CONT);
            usize::from(refused)
        }
        _ => {
            node.module.set_fault(fault);
            // Two at once, and one that comes while the worker is away.
            let (one, two) = tokio::join!(ask(), ask());
            let after = ask().await;
            node.module.set_fault("");
            [one, two, after].into_iter().filter(|refused| *refused).count()
        }
    }
}

/// Writes and searches vectors all the time; every request must succeed. Answers their number.
async fn ask_for_vectors(node: Arc<MlxNode>, is_over: Arc<AtomicBool>) -> usize {
    let mut asked = 0;
    let text_vector: Vec<f32> = (0..384).map(|value| value as f32).collect();
    while !is_over.load(Ordering::Relaxed) {
        let id = asked % 1_000;
        let documents = json!({"documents": [{"id": id, "vector": [id, 1, 2, 3]}]});
        let stored = node.post("/v1/collections/own/documents", documents).await;
        assert_eq!(stored.status, 200, "{stored:?}");
        let search = json!({"vector": [id, 1, 2, 3], "limit": 1});
        let found = node.post("/v1/collections/own/search", search).await;
        assert_eq!(found.status, 200, "{found:?}");
        let search = json!({"vector": text_vector, "limit": 1});
        let found = node.post("/v1/collections/texts/search", search).await;
        assert_eq!((found.status, &found.body["hits"][0]["id"]), (200, &json!(1)), "{found:?}");
        asked += 3;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asked
}

async fn ask_for_life(node: Arc<MlxNode>, is_over: Arc<AtomicBool>) -> Vec<Duration> {
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let alive = node.get("/livez").await;
        assert_eq!(alive.status, 200);
        times.push(alive.took);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_is_noticed_before_the_batch_is_out_of_time() {
    let Some(node) = node(FAR_DEADLINE_MS).await else { return };
    node.recovered().await;
    node.signal_workers(Signal::STOP);
    let refused = node.embed("while it is stopped").await;
    // 504 would say that nothing was noticed until the deadline.
    assert_eq!(refused.status, 503, "{refused:?}");
    refused.assert_typed();
    node.recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_text_among_good_ones_fails_alone() {
    let Some(node) = node(FAR_DEADLINE_MS).await else { return };
    node.module.set_fault("refuse");
    let refused = node.post("/embed", json!({"texts": ["one", "two"]})).await;
    assert_eq!((refused.status, refused.code()), (500, "embedding_failed"), "{refused:?}");
    assert!(refused.message().contains("texts["), "{refused:?}");
    node.module.set_fault("");
    assert_eq!(node.embed("three").await.status, 200, "the worker goes on");
    assert!(!node.log().contains("an MLX worker ended"), "{}", node.log());
}
