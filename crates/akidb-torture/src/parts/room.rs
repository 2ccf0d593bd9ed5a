//! The disk is full: nothing is lost, reading and deleting go on, and writing again when there is
//! room, without a restart.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    client::Client,
    node::Node,
    oracle::{Answered, Operation, Oracle},
    scene::Scene,
    scene::copy,
    shared::SHARED,
    shim::{IS_AVAILABLE, Shim},
    workload::{IDS_PER_WORKER, Mix, Request, Worker, take},
};

/// Writes until the disk is full, at the most.
const WRITES_MAX: usize = 600;
/// How long a node may take to notice that there is room again.
const WRITABLE_WITHIN: Duration = Duration::from_secs(60);
const MIX: Mix = Mix { catalogue: 6, batch: 60 };

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    if !IS_AVAILABLE {
        return Ok(tally);
    }
    let mut random = context.random("room");
    let scene = Scene::of(context)?;
    let data_dir = context.folder.join("data");
    copy(&scene.clean, &data_dir)?;
    let shim = Shim::new(&data_dir, false)?;
    let room = [0, 64 << 10, 300 << 10, 1 << 20][usize::try_from(context.number)? % 4];
    let is_full_at_start = context.number % 8 >= 4;
    let launch = shim.launch(&context.launch);
    let told = format!("with room for {room} bytes, before the start: {is_full_at_start}");
    if is_full_at_start {
        shim.set_room(Some(room))?;
    }
    let node = match Node::start(&launch, &data_dir)? {
        Ok(node) => node,
        // Without any room there may be no start. It says why, and nothing is lost.
        Err(refusal) if refusal.code == Some(74) && refusal.log.contains("full") => {
            must_hold(context, &data_dir, &mut Oracle::new(scene.state.clone()))?;
            return Ok(tally);
        }
        Err(refusal) => {
            bail!("the start ends with {:?}, {told}: {}", refusal.code, refusal.log)
        }
    };
    if !is_full_at_start {
        shim.set_room(Some(room))?;
    }
    let mut oracle = Oracle::new(scene.state.clone());
    let worker = Worker::new(0, StdRng::seed_from_u64(random.random()), MIX);
    let filled = Filling { node, oracle: &mut oracle, worker, shim: &shim }.run().context(told)?;
    count(&mut tally, "writes to a disk that filled up", filled);
    must_hold(context, &data_dir, &mut oracle)?;
    Ok(tally)
}

/// Where there is room again, all is there.
fn must_hold(context: &Context, data_dir: &Path, oracle: &mut Oracle) -> Result<()> {
    let node = Node::must_start(&context.launch, data_dir)?;
    let seen = agree(&mut node.client())?;
    let found = seen.must_be_sound().and_then(|()| oracle.settle(seen.state));
    found.map_err(|fault| anyhow::anyhow!("after the disk was full: {fault}"))?;
    node.stop()
}

/// A node whose disk fills up.
struct Filling<'a> {
    node: Node,
    oracle: &'a mut Oracle,
    worker: Worker,
    shim: &'a Shim,
}

impl Filling<'_> {
    fn run(mut self) -> Result<u64> {
        let mut client = self.node.client();
        let writes = self.fill(&mut client)?;
        let seen = agree(&mut client).context("reading while the disk is full")?;
        let broken = seen.forged.iter().chain(&seen.contradictions).chain(&seen.refused);
        if let Some(broken) = broken.into_iter().next() {
            bail!("while the disk is full: {broken}");
        }
        let found = self.oracle.settle(seen.state);
        found.map_err(|fault| anyhow::anyhow!("while the disk is full: {fault}"))?;
        self.must_delete(&mut client)?;
        self.shim.set_room(Some(1 << 30))?;
        self.must_write_again(&mut client)?;
        self.shim.set_room(None)?;
        self.node.stop()?;
        Ok(writes)
    }

    /// Writes until a write is refused, and holds the node to what it answers then.
    fn fill(&mut self, client: &mut Client) -> Result<u64> {
        for index in 0..WRITES_MAX {
            let operation = self.worker.next(self.oracle.state());
            let reply = Request::of(&operation, self.oracle.state()).send(client);
            take(self.oracle, &operation, &reply)?;
            let reply = reply.context("a full disk ends the node")?;
            if reply.status == 507 {
                if reply.body["error"]["retryable"] != true || reply.text.contains("restore") {
                    bail!("a full disk is answered {}", reply.text);
                }
                self.must_tell(client)?;
                return Ok(index as u64);
            }
            if reply.status >= 500 {
                bail!("a full disk is answered {}", reply.text);
            }
        }
        // What is written over needs no room.
        Ok(WRITES_MAX as u64)
    }

    fn must_tell(&self, client: &mut Client) -> Result<()> {
        let ready = client.read("GET", "/readyz", None)?;
        let tells = ["full", "read-only", "read_only", "room", "space", "disk"];
        if ready.status == 200 && !tells.iter().any(|word| ready.text.contains(word)) {
            bail!("readyz does not tell that the disk is full: {}", ready.text);
        }
        Ok(())
    }

    /// Deletes are how room is made, so they are taken.
    fn must_delete(&mut self, client: &mut Client) -> Result<()> {
        for (name, _) in SHARED {
            let ids = (0..IDS_PER_WORKER / 8).collect();
            let operation = Operation::Delete { collection: name.to_owned(), ids };
            let reply = Request::of(&operation, self.oracle.state()).send(client);
            let outcome = take(self.oracle, &operation, &reply)?;
            if outcome != Answered::Done && self.oracle.state().contains_key(name) {
                let refused = self.shim.refused()?;
                bail!("a delete on a full disk is refused ({refused} calls): {reply:?}");
            }
        }
        Ok(())
    }

    fn must_write_again(&mut self, client: &mut Client) -> Result<()> {
        let started = Instant::now();
        loop {
            let documents = vec![(7, 50_000)];
            let operation = Operation::Upsert { collection: "s-vectors".to_owned(), documents };
            let reply = Request::of(&operation, self.oracle.state()).send(client);
            let outcome = take(self.oracle, &operation, &reply)?;
            if outcome == Answered::Done {
                return Ok(());
            }
            if started.elapsed() > WRITABLE_WITHIN {
                bail!("there is room again and writes are still refused: {reply:?}");
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}
