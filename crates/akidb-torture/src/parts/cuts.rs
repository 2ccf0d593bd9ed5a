//! The power fails: images of the disk are made from recorded writes and syncs, at moments around
//! each sync, and the node must open each as it would any other disk.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    client::Client,
    disk::{Disk, Event, Unsynced, read_trace},
    node::Node,
    oracle::{Answered, Operation, Oracle, State},
    shared::{SHARED, part_of},
    shim::{IS_AVAILABLE, Shim},
    workload::{Mix, Request, Worker, take},
};

const IMAGES: usize = 40;
const OPERATIONS: usize = 90;
const WORKERS: u64 = 2;
const MIX: Mix = Mix { catalogue: 15, batch: 25 };

/// One operation and the records that there were before it was sent and after its reply.
struct Mark {
    before: u64,
    after: u64,
    operation: Operation,
    outcome: Answered,
}

/// What was recorded.
struct Recording {
    events: Vec<Event>,
    /// The marks of each worker.
    marks: Vec<Vec<Mark>>,
}

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    if !IS_AVAILABLE {
        return Ok(tally);
    }
    let mut random = context.random("cuts");
    let recording = record(context, &mut random)?;
    let mut disk = Disk::empty();
    let mut played = 0;
    for (number, position) in positions(&recording.events, &mut random).into_iter().enumerate() {
        for event in &recording.events[played..position] {
            disk.play(event)?;
        }
        played = position;
        let unsynced = Unsynced::ALL[random.random_range(0..Unsynced::ALL.len())];
        let names_kept = random.random();
        let cuts_again = random.random_ratio(1, 5);
        let image = context.folder.join(format!("image-{number}"));
        disk.write_image(&image, unsynced, names_kept, &mut random)?;
        let told = format!(
            "cut {number} after {position} of {} records, unsynced data {unsynced:?}, unsynced \
             names kept: {names_kept}, cut again: {cuts_again}",
            recording.events.len()
        );
        let (image, images) = match cuts_again {
            true => (recut(context, &image, &mut random).with_context(|| told.clone())?, 2),
            false => (image, 1),
        };
        check(context, &image, &recording, position).with_context(|| told)?;
        fs::remove_dir_all(&image)?;
        count(&mut tally, "power cuts", images);
    }
    Ok(tally)
}

/// Runs a node from its first start on, and records what it writes.
fn record(context: &Context, random: &mut StdRng) -> Result<Recording> {
    let data_dir = context.folder.join("data");
    let shim = Shim::new(&data_dir, true)?;
    let idle = random.random_range(50..2_000);
    let launch = shim.launch(&context.launch).with("AKIDB_STORAGE__IDLE_CLOSE_AFTER_MS", idle);
    let node = Node::must_start(&launch, &data_dir)?;
    let marks = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| {
                let worker = Worker::new(number, StdRng::seed_from_u64(random.random()), MIX);
                let (client, shim) = (node.client(), &shim);
                scope.spawn(move || work(worker, client, shim))
            })
            .collect();
        let marks = workers.into_iter().map(|worker| match worker.join() {
            Ok(marks) => marks,
            Err(_) => bail!("a worker panicked"),
        });
        marks.collect::<Result<Vec<_>>>()
    })?;
    let is_killed = random.random();
    if is_killed {
        node.kill()?;
    } else {
        node.stop()?;
    }
    let trace = shim.trace.as_deref().context("the shim records nothing")?;
    let events = read_trace(trace, &data_dir)?;
    let mut whole = Disk::empty();
    events.iter().try_for_each(|event| whole.play(event))?;
    let differences = whole.differences(&data_dir)?;
    // A kill may come between a write and its line in the trace.
    if !is_killed && !differences.is_empty() {
        bail!("the harness did not record every write: {}", differences.join(", "));
    }
    Ok(Recording { events, marks })
}

/// One worker; the first one creates the shared collections in the course of it.
fn work(mut worker: Worker, mut client: Client, shim: &Shim) -> Result<Vec<Mark>> {
    let mut oracle = Oracle::new(State::new());
    let mut marks = Vec::new();
    // Others' collections are not this worker's, so each has shared ones of its own name.
    let own: Vec<_> = SHARED
        .into_iter()
        .map(|(name, form)| Operation::Create {
            collection: format!("{}{name}", worker.own_prefix()),
            form,
            description: 1,
        })
        .collect();
    for index in 0..OPERATIONS {
        let operation = match own.get(index / 4) {
            Some(create) if index % 4 == 0 => create.clone(),
            _ => worker.next(oracle.state()),
        };
        let request = Request::of(&operation, oracle.state());
        let before = shim.records()?;
        let reply = request.send(&mut client);
        let after = shim.records()?;
        let outcome = take(&mut oracle, &operation, &reply)?;
        if outcome == Answered::Unknown {
            bail!("{operation:?} was not answered on a sound disk: {reply:?}");
        }
        marks.push(Mark { before, after, operation, outcome });
        if worker.random.random_ratio(1, 10) {
            // Time for what goes on in the background: links, snapshots, idle closing.
            thread::sleep(Duration::from_millis(worker.random.random_range(5..120)));
        }
    }
    Ok(marks)
}

/// Moments around syncs, ascending.
fn positions(events: &[Event], random: &mut StdRng) -> Vec<usize> {
    let syncs: Vec<_> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| {
            matches!(event, Event::Sync { .. } | Event::Rename { .. } | Event::Remove { .. })
        })
        .map(|(index, _)| index)
        .collect();
    let mut positions: Vec<_> = (0..IMAGES)
        .map(|_| {
            let sync = syncs.get(random.random_range(0..syncs.len().max(1))).copied().unwrap_or(0);
            (sync + random.random_range(0..3)).min(events.len())
        })
        .collect();
    positions.sort_unstable();
    positions
}

/// Starts the node over an image, cuts the power during or after its recovery, and returns what is
/// left then.
fn recut(context: &Context, image: &Path, random: &mut StdRng) -> Result<PathBuf> {
    let mut disk = Disk::of(image)?;
    let shim = Shim::new(image, true)?;
    let node = Node::must_start(&shim.launch(&context.launch), image)?;
    // Collections are recovered when they open.
    agree(&mut node.client())?;
    node.kill()?;
    let trace = shim.trace.as_deref().context("the shim records nothing")?;
    let events = read_trace(trace, image)?;
    for event in &events[..random.random_range(0..=events.len())] {
        disk.play(event)?;
    }
    let second = image.with_extension("again");
    let unsynced = Unsynced::ALL[random.random_range(0..Unsynced::ALL.len())];
    disk.write_image(&second, unsynced, random.random(), random)?;
    fs::remove_dir_all(image)?;
    Ok(second)
}

/// Opens an image and compares it with what was acknowledged before the cut.
fn check(context: &Context, image: &Path, recording: &Recording, position: usize) -> Result<()> {
    let node = Node::must_start(&context.launch, image)?;
    let seen = agree(&mut node.client())?;
    seen.must_be_sound().map_err(anyhow::Error::msg)?;
    for (worker, marks) in recording.marks.iter().enumerate() {
        let mut oracle = Oracle::new(State::new());
        for mark in marks.iter().filter(|mark| mark.before < position as u64) {
            let is_answered = mark.after <= position as u64;
            let outcome = match &mark.outcome {
                Answered::Done | Answered::Lines { .. } if !is_answered => &Answered::Unknown,
                outcome => outcome,
            };
            oracle.note(&mark.operation, outcome);
        }
        let found = oracle.settle(part_of(&seen.state, worker as u64));
        found.map_err(|fault| anyhow::anyhow!("worker {worker}: {fault}"))?;
    }
    node.stop()
}
