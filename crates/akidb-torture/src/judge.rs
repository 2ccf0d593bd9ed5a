//! What a node makes of damage: right, told of, or silent, which is the one thing it must not be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    agree::{Seen, agree},
    case::Context,
    files::Trust,
    node::{Launch, Node},
    oracle::{Answered, Operation, State, difference},
    scene::files_below,
    workload::{Request, outcome},
};

/// The id that is written after the damage; no scene has it.
const ID_AFTERWARDS: u64 = 399;

/// How a case ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is answered as before.
    Right,
    /// Something is missing, and the node says so.
    Told,
}

/// Judges a node over damaged data.
pub(crate) struct Judge<'a> {
    launch: &'a Launch,
    data_dir: &'a Path,
    expected: &'a State,
    databases: Databases,
}

impl<'a> Judge<'a> {
    /// To be called when the damage is done and no node has seen it yet.
    pub(crate) fn new(
        context: &'a Context,
        data_dir: &'a Path,
        expected: &'a State,
    ) -> Result<Self> {
        let databases = Databases::below(data_dir)?;
        Ok(Self { launch: &context.launch, data_dir, expected, databases })
    }

    /// Starts the node, reads it, writes to it, restarts it and reads it again.
    pub(crate) fn judge(&self, trust: Trust) -> Result<Verdict> {
        let node = match Node::start(self.launch, self.data_dir)? {
            Ok(node) => node,
            Err(refusal) => {
                let is_told = refusal.code.is_some_and(|code| code != 0 && code != 101)
                    && refusal.log.contains("error");
                if trust == Trust::Derived || !is_told {
                    bail!("the start fails with {:?}: {}", refusal.code, refusal.log);
                }
                self.nothing_is_deleted()?;
                return Ok(Verdict::Told);
            }
        };
        let seen = agree(&mut node.client())?;
        let verdict = self.weigh(&seen, trust).context("after the start")?;
        self.nothing_is_deleted()?;
        let written = self.write(&node, &seen)?;
        // Not in order, so that the next start recovers too.
        node.kill()?;
        let node = Node::must_start(self.launch, self.data_dir).context("the second start")?;
        let again = agree(&mut node.client())?;
        if let Some(fault) = again.forged.first() {
            bail!("after the second start: {fault}");
        }
        let differences = difference(&written, &again.state);
        if !differences.is_empty() && verdict == Verdict::Right {
            bail!("after the second start: {}", differences[..differences.len().min(5)].join("; "));
        }
        if verdict == Verdict::Told
            && !again.is_told_of()
            && !difference(self.expected, &again.state).is_empty()
        {
            // What was told once and is still missing must not be forgotten by a restart, except
            // for the document that was written since.
            let missing = difference(&written, &again.state);
            if !missing.is_empty() {
                bail!(
                    "silent after the second start: {}",
                    missing[..missing.len().min(5)].join("; ")
                );
            }
        }
        self.nothing_is_deleted()?;
        node.stop()?;
        Ok(verdict)
    }

    fn weigh(&self, seen: &Seen, trust: Trust) -> Result<Verdict> {
        if let Some(forged) = seen.forged.first() {
            bail!("{forged}");
        }
        let differences = difference(self.expected, &seen.state);
        let is_right = differences.is_empty() && seen.refused.is_empty();
        if is_right && seen.contradictions.is_empty() {
            return Ok(Verdict::Right);
        }
        let faults: Vec<_> =
            differences.iter().chain(&seen.contradictions).take(5).cloned().collect();
        let faults = faults.join("; ");
        if trust == Trust::Derived {
            bail!("a derived file matters: {faults} {}", seen.refused.join("; "));
        }
        if !seen.is_told_of() {
            bail!("silent: {faults}");
        }
        // What is lost is lost for every way to read alike. A row that is there and damaged may
        // count, and is served by none.
        let names_rows = seen.told.iter().any(|told| told.contains("damaged"));
        if let Some(blind) = seen.blind.first() {
            bail!("told of, and yet {blind}");
        }
        if !names_rows && let Some(contradiction) = seen.contradictions.first() {
            bail!("told of, and yet {contradiction}");
        }
        Ok(Verdict::Told)
    }

    /// Writes a document to each collection that takes it, and returns what is to be there then.
    fn write(&self, node: &Node, seen: &Seen) -> Result<State> {
        let mut client = node.client();
        let mut state = seen.state.clone();
        for name in seen.state.keys() {
            let documents = vec![(ID_AFTERWARDS, 90_000)];
            let operation = Operation::Upsert { collection: name.clone(), documents };
            let reply = Request::of(&operation, &state).send(&mut client);
            let outcome = outcome(&operation, &state, &reply).map_err(anyhow::Error::msg)?;
            if outcome == Answered::Done {
                operation.apply(&mut state);
            }
        }
        Ok(state)
    }

    /// Databases may be moved, never deleted or emptied.
    fn nothing_is_deleted(&self) -> Result<()> {
        let now = Databases::below(self.data_dir)?;
        if now.count < self.databases.count || now.bytes * 10 < self.databases.bytes * 7 {
            bail!(
                "databases were deleted: {} with {} bytes are left of {} with {}",
                now.count,
                now.bytes,
                self.databases.count,
                self.databases.bytes
            );
        }
        Ok(())
    }
}

/// The databases of collections, wherever they are by now.
struct Databases {
    count: usize,
    bytes: u64,
}

impl Databases {
    fn below(data_dir: &Path) -> Result<Self> {
        let files = files_below(data_dir)?;
        let is_database = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("documents") && !name.ends_with("-wal") && !name.ends_with("-shm")
        };
        let sizes: Vec<_> = files
            .iter()
            .filter(is_database)
            .filter_map(|path| fs::metadata(data_dir.join(path)).ok())
            .map(|metadata| metadata.len())
            .filter(|size| *size > 0)
            .collect();
        Ok(Self { count: sizes.len(), bytes: sizes.iter().sum() })
    }
}
