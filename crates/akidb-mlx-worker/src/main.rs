//! The process that hosts Python for AkiDB's MLX backend. The node starts it; people do not.
//!
//! It speaks the protocol of `akidb_embedding::mlx::protocol` over its stdin and stdout, which it
//! takes away from Python first. One thread, this one, loads the model and runs every batch,
//! because MLX's streams belong to a thread. Another reads what the node asks, and answers without
//! Python whether the process is alive; a third watches its memory.
//!
//! It ends when the node does: its stdin ends, and on Linux the kernel kills it.
//!
//! Out of scope: what a model is, which the Python module knows; when to start and end a worker,
//! which the node decides.

mod answers;
mod listener;
mod memory;
mod module;
mod python;
mod streams;

use std::{
    process::ExitCode,
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use akidb_embedding::mlx::protocol::{
    BatchView, FailureKind, FrameKind, Hello, Open, PROTOCOL_VERSION, ProtocolError, parse,
    read_frame,
};
use anyhow::{Context, Result, bail};
use pyo3::Python;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::{
    answers::Answers,
    listener::Job,
    module::{Failure, Module, RunBatch},
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Stderr is the node's log.
            streams::log(&format!("the worker ends: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (mut requests, answers) = streams::take_from_python()?;
    if cfg!(target_os = "linux") {
        set_parent_process_death_signal(Some(Signal::KILL)).context("cannot follow the node")?;
    }
    let answers = Answers::new(answers);
    answers.message(FrameKind::Hello, 0, &hello())?;
    let Some(first) = read_frame(&mut requests)? else { return Ok(()) };
    if first.kind != FrameKind::Open {
        bail!("the node's first request is {:?}; hint: the node starts this program", first.kind);
    }
    let open: Open = parse(&first)?;
    memory::watch(open.memory_limit_bytes, answers.clone())?;
    let (jobs_in, mut jobs) = mpsc::channel();
    listener::start(requests, answers.clone(), jobs_in)?;
    if let Err(message) = python::start(&open.python) {
        answers.failed(first.request, FailureKind::Python, message)?;
        bail!("Python did not start");
    }
    Python::attach(|py| serve(py, &open, first.request, &mut jobs, &answers))
}

fn hello() -> Hello {
    Hello {
        protocol: PROTOCOL_VERSION,
        worker_version: env!("CARGO_PKG_VERSION").to_owned(),
        python_version: python::version(),
    }
}

/// Opens the model and runs one batch after the other, until the node says nothing more.
fn serve(
    py: Python<'_>,
    open: &Open,
    request: u64,
    jobs: &mut Receiver<Job>,
    answers: &Answers,
) -> Result<()> {
    let (module, info) = match Module::open(py, open) {
        Ok(opened) => opened,
        Err(failure) => {
            answers.failed(request, failure.kind, failure.message)?;
            bail!("the model was not opened");
        }
    };
    answers.text(FrameKind::Opened, request, &info)?;
    loop {
        // Python's lock is only free while there is nothing to do, for what threads the module has.
        let jobs = &mut *jobs;
        let next = py.detach(move || jobs.recv().map(|job| (job, Instant::now())));
        let Ok((job, taken_at)) = next else { return Ok(()) };
        let gil_wait = taken_at.elapsed();
        answer(py, &module, &job, gil_wait, answers)?;
    }
}

fn answer(
    py: Python<'_>,
    module: &Module<'_>,
    job: &Job,
    gil_wait: Duration,
    answers: &Answers,
) -> Result<()> {
    let request = job.frame.request;
    let sent = match job.frame.kind {
        FrameKind::Encode => match encode(py, module, job, gil_wait)? {
            Ok(run) => answers.vectors(request, &run),
            Err(failure) => answers.failed(request, failure.kind, failure.message),
        },
        // The listener passes on nothing else.
        _ => match module.statistics() {
            Ok(text) => answers.text(FrameKind::StatisticsAnswer, request, &text),
            Err(failure) => answers.failed(request, failure.kind, failure.message),
        },
    };
    Ok(sent?)
}

/// Runs a batch, unless nobody waits for it any more.
fn encode(
    py: Python<'_>,
    module: &Module<'_>,
    job: &Job,
    gil_wait: Duration,
) -> Result<Result<RunBatch, Failure>, ProtocolError> {
    let batch = BatchView::parse(&job.frame.body)?;
    if job.arrived_at.elapsed() > Duration::from_millis(batch.head.deadline_ms.into()) {
        let message = "the batch was too old when its turn came".to_owned();
        return Ok(Err(Failure { kind: FailureKind::Expired, message }));
    }
    let started_at = Instant::now();
    let vectors = module.encode(py, &batch);
    let in_module = started_at.elapsed();
    Ok(vectors.map(|vectors| RunBatch { vectors, gil_wait, in_module }))
}
