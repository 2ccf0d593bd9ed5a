//! Other engines, in a Python process that answers JSON lines with JSON lines.
//!
//! Scope: starting the process and talking to it. Out of scope: what is said; the scripts stand
//! under `python/` and import only what the given environment has.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, bail};
use serde::{Serialize, de::DeserializeOwned};

/// Libraries of arithmetic read these when they are loaded.
const THREAD_COUNTS: [&str; 4] =
    ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"];

/// How many threads the libraries of a script may use for one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// As many as what they are compared with.
    Exactly(usize),
    AsTheyLike,
}

/// A running script. Its stderr is ours.
pub(crate) struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Script {
    /// Starts `source` in the interpreter at `python`.
    pub(crate) fn start(
        python: &Path,
        source: &str,
        arguments: &[&OsStr],
        threads: Threads,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(python);
        command.arg("-c").arg(source).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Threads::Exactly(count) = threads {
            command.envs(THREAD_COUNTS.map(|name| (name, count.to_string())));
        }
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", python.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the script has no stdout")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Sends one line.
    pub(crate) fn say(&mut self, message: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(message)?;
        line.push('\n');
        let input = self.input.as_mut().context("the script takes no more input")?;
        input.write_all(line.as_bytes()).context("the script does not listen any more")
    }

    /// Waits for the next line; `None` when the script has ended well.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            if !status.success() {
                bail!("the script failed with {status}");
            }
            return Ok(None);
        }
        let answer = serde_json::from_str(&line);
        answer.map(Some).with_context(|| format!("the script answered {line:?}"))
    }

    /// Waits for a line that must come.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        self.hear()?.context("the script ended without an answer")
    }
}

impl Drop for Script {
    /// A script ends when its input does; one that is busy is not waited for.
    fn drop(&mut self) {
        drop(self.input.take());
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
