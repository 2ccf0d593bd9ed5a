//! Texts that cannot be embedded: a queue that is full, a deadline that passes, a model that is not
//! there. What was refused is not there, and vectors and reading go on.

use std::thread;

use anyhow::{Context as _, Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    client::Client,
    node::Node,
    oracle::{Answered, Operation, Oracle},
    scene::{Scene, copy},
    shared::part_of,
    workload::{Mix, Request, Worker, take},
};

const OPERATIONS: usize = 40;
const WORKERS: u64 = 4;
const MIX: Mix = Mix { catalogue: 0, batch: 40 };

/// What keeps texts from being embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Few tokens may wait.
    QueueFull,
    /// Requests have a few milliseconds.
    Deadline,
    /// The node is started without a model.
    NoModel,
}

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut random = context.random("embedder");
    let scene = Scene::of(context)?;
    let data_dir = context.folder.join("data");
    copy(&scene.clean, &data_dir)?;
    let faults = [Fault::QueueFull, Fault::Deadline, Fault::NoModel];
    let fault = faults[usize::try_from(context.number)? % faults.len()];
    let launch = match fault {
        Fault::QueueFull => context.launch.with("AKIDB_EMBEDDING__QUEUE_TOKENS", 64),
        Fault::Deadline => context.launch.clone(),
        Fault::NoModel => context.launch.with("AKIDB_EMBEDDING__ENABLED", "false"),
    };
    let node = Node::must_start(&launch, &data_dir)?;
    let mut workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let seed = StdRng::seed_from_u64(random.random());
            (Worker::new(number, seed, MIX), Oracle::new(part_of(&scene.state, number)))
        })
        .collect();
    let deadline_ms = random.random_range(1..6);
    let refused = thread::scope(|scope| -> Result<u64> {
        let writing: Vec<_> = workers
            .iter_mut()
            .map(|(worker, oracle)| {
                let client = match fault {
                    Fault::Deadline => {
                        node.client().with_header("x-request-timeout-ms", &deadline_ms.to_string())
                    }
                    _ => node.client(),
                };
                scope.spawn(move || write(fault, client, worker, oracle))
            })
            .collect();
        let refused = writing.into_iter().map(|worker| match worker.join() {
            Ok(refused) => refused,
            Err(_) => bail!("a worker panicked"),
        });
        refused.sum()
    })
    .with_context(|| format!("{fault:?}"))?;
    count(&mut tally, "requests that embedders refused", refused);
    must_take_vectors(&mut node.client())?;
    node.stop()?;
    let node = Node::must_start(&context.launch, &data_dir)?;
    let mut seen = agree(&mut node.client())?;
    seen.must_be_sound().map_err(anyhow::Error::msg)?;
    // The document of `must_take_vectors`.
    if let Some(vectors) = seen.state.get_mut("s-vectors") {
        vectors.documents.remove(&ID_OF_PROBE);
    }
    for (worker, oracle) in &mut workers {
        let mine = part_of(&seen.state, worker.number);
        let settled = oracle.settle(mine);
        settled.map_err(|found| anyhow::anyhow!("{fault:?}, worker {}: {found}", worker.number))?;
    }
    node.stop()?;
    Ok(tally)
}

const ID_OF_PROBE: u64 = 1_000_000;

fn write(
    fault: Fault,
    mut client: Client,
    worker: &mut Worker,
    oracle: &mut Oracle,
) -> Result<u64> {
    let mut refused = 0;
    for index in 0..OPERATIONS {
        let name = ["s-texts", "s-passages", "s-vectors"][index % 3];
        let operation = worker.write_to(name);
        let reply = Request::of(&operation, oracle.state()).send(&mut client);
        let reply_text = reply.as_ref().map(|reply| reply.text.clone()).unwrap_or_default();
        let outcome = match &reply {
            // Refused in time: nothing of it was done, and the reply says so.
            Ok(reply) if matches!(reply.status, 422 | 429) && reply.outcome() == "not_applied" => {
                Answered::NotApplied
            }
            _ => take(oracle, &operation, &reply)?,
        };
        let is_text = matches!(operation, Operation::Upsert { .. }) && name != "s-vectors";
        if fault == Fault::NoModel && is_text && outcome != Answered::NotApplied {
            bail!("a text was taken without a model: {reply_text}");
        }
        refused += u64::from(outcome == Answered::NotApplied);
    }
    Ok(refused)
}

/// Whatever becomes of texts, vectors are written.
fn must_take_vectors(client: &mut Client) -> Result<()> {
    let body = json!({"documents": [crate::document::document(
        crate::document::Form::Vectors, ID_OF_PROBE, 1,
    )]});
    let reply = client.send("POST", "/v1/collections/s-vectors/documents", Some(&body))?;
    if !reply.is_success() {
        bail!("a vector was refused: {}", reply.text);
    }
    Ok(())
}
