//! Other graphs, each in a Python process of its own. Each measures its own passes there.

use std::{ffi::OsStr, path::Path, time::Duration};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Built, EF_CONSTRUCTION, GraphEngine, M, Pass, Task};
use crate::{
    python::{Script, Threads},
    report::progress,
};

const SOURCE: &str = include_str!("../../python/vector_index.py");

/// One engine of the script.
pub(super) struct PythonEngine {
    script: Script,
    name: String,
    built: Built,
}

/// What the script says when it has built its index.
#[derive(Deserialize)]
struct Ready {
    /// `None` where the engine cannot be imported.
    engine: Option<String>,
    #[serde(default)]
    build_cpu_s: f64,
    memory_bytes: Option<u64>,
    peak_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Ask {
    ef: usize,
}

#[derive(Deserialize)]
struct Found {
    cpu_s: f64,
    found: Vec<Vec<u32>>,
}

impl PythonEngine {
    /// Builds one engine after the other from vectors in files that go when all have read them.
    pub(super) fn start_all(
        task: &Task,
        python: &Path,
        names: &[String],
    ) -> anyhow::Result<Vec<Self>> {
        let directory = TempDir::new().context("cannot make a temporary directory")?;
        let (vectors, queries) =
            (directory.path().join("vectors"), directory.path().join("queries"));
        task.vectors.write(&vectors)?;
        task.queries.write(&queries)?;
        let figures = [task.vectors.dimension(), task.limit, M as usize, EF_CONSTRUCTION as usize]
            .map(|figure| figure.to_string());
        let mut engines = Vec::new();
        for name in names {
            progress(format_args!("building {name}"));
            let mut arguments: Vec<&OsStr> =
                vec![name.as_ref(), vectors.as_os_str(), queries.as_os_str()];
            arguments.extend(figures.iter().map(OsStr::new));
            let mut script = Script::start(python, SOURCE, &arguments, Threads::Exactly(1))?;
            let ready: Ready = script.answer()?;
            let Some(name) = ready.engine else { continue };
            let built = Built {
                cpu_s: ready.build_cpu_s,
                memory_bytes: ready.memory_bytes,
                peak_bytes: ready.peak_bytes,
                hot_bytes: None,
            };
            engines.push(Self { script, name, built });
        }
        Ok(engines)
    }
}

impl GraphEngine for PythonEngine {
    fn name(&self) -> &str {
        &self.name
    }

    fn built(&self) -> Built {
        self.built
    }

    fn search_all(&mut self, ef: usize) -> anyhow::Result<Pass> {
        self.script.say(&Ask { ef })?;
        let Found { cpu_s, found } = self.script.answer()?;
        Ok(Pass { cpu: Duration::from_secs_f64(cpu_s), found, effort: None })
    }
}
