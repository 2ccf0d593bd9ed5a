//! `kill -9` while workers write: what was acknowledged is there, what was not sent is not.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    node::Node,
    oracle::{Answered, Oracle, State},
    shared::{create_shared, part_of},
    workload::{Mix, Request, Worker, take},
};

const CYCLES: u64 = 10;
const WORKERS: u64 = 3;
const MIX: Mix = Mix { catalogue: 8, batch: 20 };

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut random = context.random("kills");
    let data_dir = context.folder.join("data");
    let mut tally = Tally::new();
    let mut node = Node::must_start(&context.launch, &data_dir)?;
    let state = create_shared(&mut node.client())?;
    let mut workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let random = StdRng::seed_from_u64(random.random());
            (Worker::new(number, random, MIX), Oracle::new(part_of(&state, number)))
        })
        .collect();
    for cycle in 0..CYCLES {
        let written = write_until_killed(node, &mut workers, random.random_range(20..400))
            .with_context(|| format!("cycle {cycle}"))?;
        count(&mut tally, "acknowledged requests", written.requests);
        count(&mut tally, "acknowledged writes", written.documents);
        count(&mut tally, "kills", 1);
        if random.random_ratio(1, 4) {
            // Recovery can be killed too.
            let mut starting = context.launch.spawn(&data_dir)?;
            thread::sleep(Duration::from_millis(random.random_range(1..150)));
            starting.kill()?;
            count(&mut tally, "kills", 1);
        }
        node = Node::must_start(&context.launch, &data_dir)?;
        let seen = agree(&mut node.client())?;
        if let Err(fault) = seen.must_be_sound() {
            bail!("cycle {cycle}: {fault}");
        }
        for (worker, oracle) in &mut workers {
            let mine = part_of(&seen.state, worker.number);
            if let Err(fault) = oracle.settle(mine) {
                bail!("cycle {cycle}, worker {}: {fault}", worker.number);
            }
        }
    }
    node.stop()?;
    Ok(tally)
}

/// What was acknowledged before the kill.
#[derive(Default)]
struct Written {
    requests: u64,
    documents: u64,
}

fn write_until_killed(
    node: Node,
    workers: &mut [(Worker, Oracle)],
    after_ms: u64,
) -> Result<Written> {
    thread::scope(|scope| {
        let running: Vec<_> = workers
            .iter_mut()
            .map(|(worker, oracle)| {
                let client = node.client();
                scope.spawn(move || write(worker, oracle, client))
            })
            .collect();
        thread::sleep(Duration::from_millis(after_ms));
        node.kill()?;
        let mut written = Written::default();
        for worker in running {
            let one = worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
            written.requests += one.requests;
            written.documents += one.documents;
        }
        Ok(written)
    })
}

/// Writes until the node is gone.
fn write(
    worker: &mut Worker,
    oracle: &mut Oracle,
    mut client: crate::client::Client,
) -> Result<Written> {
    let mut written = Written::default();
    loop {
        let state: &State = oracle.state();
        let operation = worker.next(state);
        let reply = Request::of(&operation, state).send(&mut client);
        let outcome = take(oracle, &operation, &reply)?;
        match outcome {
            Answered::Done => {
                written.requests += 1;
                written.documents += operation.document_count();
            }
            Answered::NotApplied => {}
            // The node goes away within moments; what was in flight stays unknown.
            Answered::Unknown | Answered::Lines { .. } => return Ok(written),
        }
    }
}
