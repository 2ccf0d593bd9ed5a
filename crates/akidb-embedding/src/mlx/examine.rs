//! What MLX needs, looked at step by step, for `akidb doctor`.

use std::time::Instant;

use super::{
    MlxFault, MlxSettings,
    embedder::launch,
    interpreter,
    launch::{Launch, check_python},
    program,
};
use crate::{error::ModelError, identity::Precision, model::ModelDirectory};

/// How something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Good,
    /// Not as it must be.
    Bad,
    /// Not looked at, because of something before it.
    Skipped,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, such as `python`.
    pub subject: &'static str,
    /// How it was found.
    pub verdict: Verdict,
    /// What was found, and where.
    pub message: String,
    /// What mends it.
    pub hint: Option<String>,
}

impl Finding {
    /// Something that is as it must be.
    #[must_use]
    pub const fn good(subject: &'static str, message: String) -> Self {
        Self { subject, verdict: Verdict::Good, message, hint: None }
    }

    /// Something that is not; a hint at the end of the message becomes the hint.
    #[must_use]
    pub fn bad(subject: &'static str, message: &str) -> Self {
        let (message, hint) = match message.split_once("; hint: ") {
            Some((message, hint)) => (message, Some(hint.to_owned())),
            None => (message, None),
        };
        Self { subject, verdict: Verdict::Bad, message: message.to_owned(), hint }
    }

    /// Something that was not looked at.
    #[must_use]
    pub const fn skipped(subject: &'static str, message: String) -> Self {
        Self { subject, verdict: Verdict::Skipped, message, hint: None }
    }
}

/// Looks at the worker's program, Python, whether they fit, and whether MLX runs the model; without
/// a model the last is not looked at. Starts a worker and ends it.
#[must_use]
pub fn examine(
    settings: &MlxSettings,
    model: Option<(&ModelDirectory, &str)>,
    precision: Precision,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let program = program::find(settings.worker.as_deref());
    let python = interpreter::find(settings.python.as_deref());
    findings.push(found("mlx worker", &program, |path| path.display().to_string()));
    findings.push(found("python", &python, |python| {
        format!("{} is Python {}", python.executable.display(), python.version)
    }));
    let (Ok(program), Ok(python)) = (program, python) else {
        findings.push(skipped("the worker or Python is missing"));
        return findings;
    };
    let Some((directory, name)) = model else {
        findings.push(skipped("there is no model to run"));
        return findings;
    };
    let launch = match launch(directory, name, precision, settings) {
        Ok(launch) => launch,
        Err(error) => {
            findings.push(Finding::bad("mlx", &ModelError::to_string(&error)));
            return findings;
        }
    };
    findings.push(run(&launch, program, &python));
    findings
}

/// Whether a worker runs the model.
fn run(launch: &Launch, program: std::path::PathBuf, python: &interpreter::Interpreter) -> Finding {
    let started_at = Instant::now();
    let opened = launch.spawn(program, python).and_then(|(worker, hello)| {
        check_python(python, &hello)?;
        launch.open(worker, python).map(|(_, info)| info)
    });
    found("mlx", &opened, |info| {
        format!(
            "akidb_mlx {} with MLX {} runs {} on {}{}, ready after {:.1} s",
            info.module_version,
            info.mlx_version,
            launch.model,
            info.device,
            info.blas.as_ref().map(|blas| format!(" ({blas})")).unwrap_or_default(),
            started_at.elapsed().as_secs_f64(),
        )
    })
}

fn found<T>(
    subject: &'static str,
    result: &Result<T, MlxFault>,
    describe: impl FnOnce(&T) -> String,
) -> Finding {
    match result {
        Ok(found) => Finding::good(subject, describe(found)),
        Err(fault) => Finding::bad(subject, &fault.to_string()),
    }
}

fn skipped(reason: &str) -> Finding {
    Finding::skipped("mlx", format!("not tried: {reason}"))
}
