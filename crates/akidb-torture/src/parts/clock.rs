//! Stopped and continued, and with a wall clock that jumps: as a laptop that sleeps, a virtual
//! machine that is moved, and a time server that corrects a day.

use std::{thread, time::Duration};

use anyhow::{Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    node::{Node, Signal},
    oracle::Oracle,
    shared::{create_shared, part_of},
    shim::{IS_AVAILABLE, Shim},
    workload::{Mix, Worker},
};

const OPERATIONS: usize = 60;
const JUMPS: i64 = 12;
const MIX: Mix = Mix { catalogue: 10, batch: 20 };

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    if !IS_AVAILABLE {
        return Ok(tally);
    }
    let mut random = context.random("clock");
    let data_dir = context.folder.join("data");
    let shim = Shim::new(&data_dir, false)?;
    let launch = shim.launch(&context.launch).with("AKIDB_STORAGE__IDLE_CLOSE_AFTER_MS", 300);
    let node = Node::must_start(&launch, &data_dir)?;
    let state = create_shared(&mut node.client())?;
    let mut workers: Vec<_> = (0..2)
        .map(|number| {
            let random = StdRng::seed_from_u64(random.random());
            (Worker::new(number, random, MIX), Oracle::new(part_of(&state, number)))
        })
        .collect();
    thread::scope(|scope| -> Result<()> {
        let writing: Vec<_> = workers
            .iter_mut()
            .map(|(worker, oracle)| {
                let mut client = node.client();
                scope.spawn(move || -> Result<()> {
                    worker.work_answered(oracle, &mut client, OPERATIONS)
                })
            })
            .collect();
        for _ in 0..JUMPS {
            thread::sleep(Duration::from_millis(random.random_range(10..80)));
            shim.shift_clock(random.random_range(-200_000..200_000))?;
            node.signal(Signal::STOP)?;
            thread::sleep(Duration::from_millis(random.random_range(5..300)));
            node.signal(Signal::CONT)?;
        }
        writing.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(_) => bail!("a worker panicked"),
        })
    })?;
    count(&mut tally, "stops and jumps of the clock", JUMPS.unsigned_abs());
    check(&node, &mut workers)?;
    match random.random() {
        true => node.stop()?,
        false => node.kill()?,
    }
    // A clock that goes back between two starts.
    shim.shift_clock(-400_000)?;
    let node = Node::must_start(&launch, &data_dir)?;
    check(&node, &mut workers)?;
    node.stop()?;
    Ok(tally)
}

fn check(node: &Node, workers: &mut [(Worker, Oracle)]) -> Result<()> {
    let seen = agree(&mut node.client())?;
    seen.must_be_sound().map_err(anyhow::Error::msg)?;
    for (worker, oracle) in workers {
        oracle.settle(part_of(&seen.state, worker.number)).map_err(anyhow::Error::msg)?;
    }
    Ok(())
}
