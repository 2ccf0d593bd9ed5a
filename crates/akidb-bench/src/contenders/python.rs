//! FAISS and NumPy, in one Python process on one thread. Each measures its own search there.

use std::{cell::RefCell, ffi::OsStr, path::Path, rc::Rc, time::Duration};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Answer, Contender, Task};
use crate::{
    python::{Script, Threads},
    timing::Took,
};

const SOURCE: &str = include_str!("../../python/exact_search.py");

/// One engine of the script.
pub(super) struct PythonEngine {
    script: Rc<RefCell<Script>>,
    engine: usize,
    name: String,
}

/// What the script says when it has loaded everything.
#[derive(Deserialize)]
struct Ready {
    engines: Vec<String>,
}

#[derive(Serialize)]
struct Ask {
    engine: usize,
    query: usize,
}

#[derive(Deserialize)]
struct Found {
    wall_s: f64,
    cpu_s: f64,
    slots: Vec<u32>,
}

impl PythonEngine {
    /// Starts the script and hands over the vectors in files that go when it has read them.
    pub(super) fn start_all(task: &Task, python: &Path) -> anyhow::Result<Vec<Self>> {
        let directory = TempDir::new().context("cannot make a temporary directory")?;
        let (vectors, queries) =
            (directory.path().join("vectors"), directory.path().join("queries"));
        task.vectors.write(&vectors)?;
        task.queries.write(&queries)?;
        let (dimension, limit) = (task.vectors.dimension().to_string(), task.limit.to_string());
        let arguments: [&OsStr; 5] = [
            vectors.as_os_str(),
            queries.as_os_str(),
            dimension.as_ref(),
            task.metric.as_str().as_ref(),
            limit.as_ref(),
        ];
        let mut script = Script::start(python, SOURCE, &arguments, Threads::Exactly(1))?;
        let Ready { engines } = script.answer()?;
        let script = Rc::new(RefCell::new(script));
        let engines = engines.into_iter().enumerate();
        let engine = |(engine, name)| Self { script: Rc::clone(&script), engine, name };
        Ok(engines.map(engine).collect())
    }
}

impl Contender for PythonEngine {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn threads(&self) -> usize {
        1
    }

    fn search(&mut self, query: usize) -> anyhow::Result<Answer> {
        let mut script = self.script.borrow_mut();
        script.say(&Ask { engine: self.engine, query })?;
        let Found { wall_s, cpu_s, slots } = script.answer()?;
        let [wall, cpu] = [wall_s, cpu_s].map(Duration::from_secs_f64);
        Ok(Answer { slots, took: Took { wall, cpu } })
    }
}
