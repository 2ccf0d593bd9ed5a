//! The n-th call of an operation fails: the reply says what became of it, and a reopening agrees.
//!
//! A case is one operation and one n. The client waits for its reply or goes away at once; a fault
//! that only one of the two is told of is the kind that is overlooked.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{LazyLock, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    client::Reply,
    document::Form,
    node::{Node, Signal},
    oracle::{Answered, Operation, Oracle, State},
    scene::{Left, Scene, copy},
    shim::{CallError, Failure, IS_AVAILABLE, Shim, kind},
    workload::{Mix, Request, Worker, take},
};

/// How long a node may take to end by itself, or to say that it is not ready.
const TELLS_WITHIN: Duration = Duration::from_secs(20);
/// How long calls must have rested for an operation to be over.
const QUIET_FOR: Duration = Duration::from_millis(120);

/// What is done while a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Create,
    Drop,
    Settings,
    Rebuild,
    Rename,
    Alias,
    /// A field is added and dropped.
    Field,
    UpsertVectors,
    UpsertTexts,
    UpsertPassages,
    UpsertFields,
    Delete,
    DeleteMatching,
    Patch,
    Import,
    /// Writes enough for a checkpoint and a snapshot.
    Many,
    /// SIGTERM: everything is closed.
    Stop,
    /// The node starts and every collection is opened.
    Start,
}

const STEPS: [Step; 18] = [
    Step::Create,
    Step::Drop,
    Step::Settings,
    Step::Rebuild,
    Step::Rename,
    Step::Alias,
    Step::Field,
    Step::UpsertVectors,
    Step::UpsertTexts,
    Step::UpsertPassages,
    Step::UpsertFields,
    Step::Delete,
    Step::DeleteMatching,
    Step::Patch,
    Step::Import,
    Step::Many,
    Step::Stop,
    Step::Start,
];

/// Which calls of which steps fail, and who is there to be told of it.
struct Choice {
    steps: &'static [Step],
    /// Part of the path of the calls that count, empty for all.
    path: &'static str,
    /// From the n of a round to that of the next.
    stride: u64,
    client_may_leave: bool,
    /// Whether the node may end in order, which puts right some of what a crash would find.
    may_stop: bool,
}

pub(crate) fn run(context: &Context) -> Result<Tally> {
    // The rounds spread over all n: a few show the kinds of faults, and many show every n.
    let choice =
        Choice { steps: &STEPS, path: "", stride: 7, client_may_leave: true, may_stop: true };
    run_one_of(context, &choice)
}

/// The same for commits of the catalogue that are answered. A drop is none of them: what is in its
/// folder makes the collection again.
pub(super) fn of_catalogue(context: &Context) -> Result<Tally> {
    let choice = Choice {
        steps: &[Step::Create, Step::Settings],
        path: "akidb.db",
        stride: 1,
        client_may_leave: false,
        may_stop: false,
    };
    run_one_of(context, &choice)
}

fn run_one_of(context: &Context, choice: &Choice) -> Result<Tally> {
    let &Choice { steps, path, stride, client_may_leave, may_stop } = choice;
    let mut tally = Tally::new();
    if !IS_AVAILABLE {
        return Ok(tally);
    }
    let mut random = context.random("calls");
    let step = steps[usize::try_from(context.number)? % steps.len()];
    let round = context.number / steps.len() as u64;
    let calls = calls_of(context, step)?;
    let number = match calls {
        0 => return Ok(tally),
        _ => 1 + (round * stride + round / calls) % calls,
    };
    let failure = Failure {
        kinds: kind::CHANGES,
        path: path.to_owned(),
        number,
        error: CallError::ALL[random.random_range(0..CallError::ALL.len())],
        sticky: random.random_ratio(1, 3),
    };
    let client_leaves = random.random_ratio(1, 3) && client_may_leave;
    let end = if may_stop && random.random() { Signal::TERM } else { Signal::KILL };
    let told = format!(
        "{step:?} with call {number} of {calls} {failure:?}, client leaves: {client_leaves}, ended \
         by {end:?}"
    );
    let trial = Trial::new(context, step)?;
    let fired = trial.run(context, &failure, client_leaves, end).with_context(|| told)?;
    count(&mut tally, "failing calls", fired);
    Ok(tally)
}

/// Calls of a step, by where its scene is.
type Calls = HashMap<(PathBuf, Step), u64>;

/// How many calls a step makes, found once a process.
fn calls_of(context: &Context, step: Step) -> Result<u64> {
    static FOUND: LazyLock<Mutex<Calls>> = LazyLock::new(Mutex::default);
    let key = (context.shared.clone(), step);
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
    if let Some(found) = found {
        return Ok(found);
    }
    let never = Failure {
        kinds: kind::CHANGES,
        path: String::new(),
        number: u64::MAX,
        error: CallError::Io,
        sticky: false,
    };
    let trial = Trial::named(context, step, "probe")?;
    let shim = Shim::new(&trial.data_dir, false)?;
    trial
        .do_step(context, &shim, &never, false)
        .with_context(|| format!("{step:?} without a fault"))?;
    let calls = shim.matched()?;
    FOUND.lock().unwrap_or_else(PoisonError::into_inner).insert(key, calls);
    Ok(calls)
}

/// One step over a copy of the scene.
struct Trial {
    step: Step,
    data_dir: PathBuf,
    state: State,
}

/// What a step left.
struct Ended {
    node: Option<Node>,
    oracle: Oracle,
}

impl Trial {
    fn new(context: &Context, step: Step) -> Result<Self> {
        Self::named(context, step, "data")
    }

    fn named(context: &Context, step: Step, name: &str) -> Result<Self> {
        let scene = Scene::of(context)?;
        let left = if step == Step::Start { Left::Killed } else { Left::Clean };
        let data_dir = context.folder.join(name);
        copy(scene.folder(left), &data_dir)?;
        Ok(Self { step, data_dir, state: scene.state.clone() })
    }

    /// Does the step with a failing call, ends the node by a signal and compares what the next one
    /// finds with what was said. Returns how many calls failed.
    fn run(
        &self,
        context: &Context,
        failure: &Failure,
        client_leaves: bool,
        end: Signal,
    ) -> Result<u64> {
        let shim = Shim::new(&self.data_dir, false)?;
        let Ended { node, mut oracle } = self.do_step(context, &shim, failure, client_leaves)?;
        let fired = shim.fired()?;
        let fired_at = shim.fired_at()?;
        if let Some(mut node) = node {
            if fired > 0 {
                self.must_tell_of_refusals(&mut node, &mut oracle)
                    .with_context(|| format!("after {fired_at} failed"))?;
            }
            shim.disarm()?;
            // It may have ended by itself, which is one way to say so.
            if node.ended()?.is_none() {
                node.signal(end)?;
                if node.wait(Duration::from_secs(60)).is_err() {
                    bail!("the node did not stop after {fired_at} failed");
                }
            }
        }
        let node = Node::must_start(&context.launch, &self.data_dir)
            .with_context(|| format!("after {fired_at} failed"))?;
        let seen = agree(&mut node.client())?;
        let found = seen.must_be_sound().and_then(|()| oracle.settle(seen.state));
        found.map_err(|fault| anyhow::anyhow!("after {fired_at} failed: {fault}"))?;
        node.stop()?;
        Ok(fired)
    }

    /// Arms the failure, does the step and waits until it is over.
    fn do_step(
        &self,
        context: &Context,
        shim: &Shim,
        failure: &Failure,
        client_leaves: bool,
    ) -> Result<Ended> {
        let mut oracle = Oracle::new(self.state.clone());
        let launch = shim.launch(&context.launch);
        if self.step == Step::Start {
            shim.arm(failure)?;
            let Ok(node) = Node::start(&launch, &self.data_dir)? else {
                return Ok(Ended { node: None, oracle });
            };
            // Collections open with their first use; what they refuse is told.
            agree(&mut node.client()).map(drop).or_else(|error| gone(&error))?;
            return Ok(Ended { node: Some(node), oracle });
        }
        let mut node = Node::must_start(&launch, &self.data_dir)?;
        let mut client = node.client();
        for (name, form) in crate::shared::SHARED {
            // Open before the failure is armed, so that the n-th call is one of the step.
            for mut search in form.searches() {
                search["limit"] = json!(1);
                client.read("POST", &format!("/v1/collections/{name}/search"), Some(&search))?;
            }
        }
        wait_until_quiet(shim)?;
        shim.arm(failure)?;
        if self.step == Step::Stop {
            node.signal(Signal::TERM)?;
            node.wait(Duration::from_secs(60))?;
            return Ok(Ended { node: None, oracle });
        }
        for operation in self.operations() {
            if node.ended()?.is_some() {
                break;
            }
            let request = Request::of(&operation, oracle.state());
            if client_leaves {
                // A node that is gone already did not take it.
                let _ = request.send_and_leave(&mut client);
                oracle.note(&operation, &Answered::Unknown);
                wait_until_quiet(shim)?;
                continue;
            }
            let reply = request.send(&mut client);
            take(&mut oracle, &operation, &reply)?;
        }
        wait_until_quiet(shim)?;
        Ok(Ended { node: Some(node), oracle })
    }

    fn operations(&self) -> Vec<Operation> {
        let mix = Mix { catalogue: 0, batch: 20 };
        let mut worker = Worker::new(0, StdRng::seed_from_u64(5), mix);
        let upsert = |collection: &str, worker: &mut Worker, ids: std::ops::Range<u64>| {
            let documents = ids.map(|id| (id, 10_000 + worker.version())).collect();
            Operation::Upsert { collection: collection.to_owned(), documents }
        };
        let collection = "s-vectors".to_owned();
        match self.step {
            Step::Create => {
                let collection = "w0-new".to_owned();
                vec![Operation::Create { collection, form: Form::Passages, description: 5 }]
            }
            Step::Drop => vec![Operation::Drop { collection }],
            Step::Settings => vec![Operation::Settings { collection, description: 77, ef: 60 }],
            Step::Rebuild => vec![
                upsert("s-vectors", &mut worker, 0..40),
                Operation::Settings { collection, description: 78, ef: 61 },
            ],
            Step::Rename => vec![Operation::Rename { collection, to: "s-renamed".to_owned() }],
            Step::Alias => {
                vec![Operation::Alias { alias: "a0-new".to_owned(), collection: Some(collection) }]
            }
            Step::Field => [true, false]
                .map(|is_added| Operation::Extra { collection: collection.clone(), is_added })
                .into(),
            Step::UpsertVectors => vec![upsert("s-vectors", &mut worker, 0..20)],
            Step::UpsertTexts => vec![upsert("s-texts", &mut worker, 0..20)],
            Step::UpsertPassages => vec![upsert("s-passages", &mut worker, 0..20)],
            Step::UpsertFields => vec![upsert("s-fields", &mut worker, 0..20)],
            Step::Delete => vec![Operation::Delete { collection, ids: (0..30).collect() }],
            Step::DeleteMatching => vec![Operation::DeleteMatching { collection, filter: 1 }],
            Step::Patch => {
                let id = self.state["s-vectors"].documents.keys().next().copied().unwrap_or(0);
                vec![Operation::Patch { collection, id, patch: 9 }]
            }
            Step::Import => {
                let documents = (0..20).map(|id| (id, 20_000 + id)).collect();
                vec![Operation::Import { collection, documents }]
            }
            Step::Many => (0..6)
                .map(|_| upsert("s-texts", &mut worker, 0..120))
                .chain([Operation::Delete {
                    collection: "s-texts".to_owned(),
                    ids: (0..120).collect(),
                }])
                .collect(),
            Step::Stop | Step::Start => Vec::new(),
        }
    }

    /// Where writes are refused from now on, the node ends or says that it is not ready.
    fn must_tell_of_refusals(&self, node: &mut Node, oracle: &mut Oracle) -> Result<()> {
        let started = Instant::now();
        let names: Vec<_> = oracle.state().keys().cloned().collect();
        let mut client = node.client();
        loop {
            if let Some(status) = node.ended()? {
                return match status.code() {
                    Some(74) => Ok(()),
                    _ => bail!("the node ended with {status}, not with 74"),
                };
            }
            let mut refused = None;
            for name in &names {
                let operation = Operation::Delete { collection: name.clone(), ids: vec![399] };
                let reply = Request::of(&operation, oracle.state()).send(&mut client);
                let outcome = take(oracle, &operation, &reply)?;
                // What may be dropped may be not there.
                let is_gone = reply.as_ref().is_ok_and(|reply| reply.status == 404);
                if outcome != Answered::Done && !is_gone {
                    refused = Some((name, reply.map(|reply| reply.text).unwrap_or_default()));
                }
            }
            let Some((name, reply)) = refused else { return Ok(()) };
            let ready = client.read("GET", "/readyz", None);
            // A full disk leaves the node ready for what works, and its storage is told of.
            let tells = |ready: &Reply| {
                let components = ready.body["components"].as_array();
                let mut components = components.into_iter().flatten();
                ready.status != 200
                    || components.any(|it| it["name"] == "storage" && it["ready"] == false)
            };
            if ready.is_ok_and(|ready| tells(&ready)) {
                return Ok(());
            }
            if started.elapsed() > TELLS_WITHIN {
                bail!("{name} refuses writes and the node says that it is ready: {reply}");
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A node that ends while it is read is no failure of the harness.
fn gone(error: &anyhow::Error) -> Result<()> {
    match error.downcast_ref::<std::io::Error>() {
        Some(_) => Ok(()),
        None => bail!("{error:#}"),
    }
}

/// Waits until the node has made no call for a while.
fn wait_until_quiet(shim: &Shim) -> Result<()> {
    let started = Instant::now();
    let (mut before, mut since) = (shim.records()?, Instant::now());
    while since.elapsed() < QUIET_FOR && started.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(10));
        let now = shim.records()?;
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    Ok(())
}
