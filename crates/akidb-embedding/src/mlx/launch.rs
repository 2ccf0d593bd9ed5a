//! From the settings to a worker that has opened its model and run a first text.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use super::{
    MlxFault, MlxSettings,
    interpreter::{self, Interpreter},
    program,
    protocol::{
        Failed, FailureKind, Hello, ModuleInfo, ModuleOptions, Open, PROTOCOL_VERSION, parse,
    },
    worker::{CallFailure, Worker},
};
use crate::{embedder::EncoderInput, identity::Pooling};

/// How long a program may take to say that it is a worker.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// The module must be of the same minor version as this program.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a worker is started with.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// How and where.
    pub(super) settings: MlxSettings,
    /// The model's name, for the log.
    pub(super) model: String,
    /// The model's directory.
    pub(super) directory: PathBuf,
    /// `f32`, `bf16` or `f16`.
    pub(super) precision: &'static str,
    /// The values of the model's vectors.
    pub(super) dimension: usize,
    /// Set when no worker is needed any more.
    pub(super) is_closed: Arc<AtomicBool>,
}

impl Launch {
    /// Starts a worker.
    pub(super) fn start(&self) -> Result<(Worker, ModuleInfo), MlxFault> {
        let program = program::find(self.settings.worker.as_deref())?;
        let interpreter = interpreter::find(self.settings.python.as_deref())?;
        let (worker, hello) = self.spawn(program, &interpreter)?;
        check_python(&interpreter, &hello)?;
        self.open(worker, &interpreter)
    }

    /// Starts the program and hears who it is.
    pub(super) fn spawn(
        &self,
        program: PathBuf,
        python: &Interpreter,
    ) -> Result<(Worker, Hello), MlxFault> {
        let library_dir = python.library_dir.as_deref();
        let closed = Arc::clone(&self.is_closed);
        let mut worker = match Worker::spawn(&program, &self.model, library_dir, closed) {
            Ok(worker) => worker,
            Err(source) => return Err(MlxFault::WorkerNotStarted { worker: program, source }),
        };
        let hello = match worker.hello(Instant::now() + HELLO_WITHIN) {
            Ok(frame) => parse::<Hello>(&frame).map_err(CallFailure::Broken),
            Err(failure) => Err(failure),
        };
        let reason = match hello {
            Ok(hello) if hello.protocol == PROTOCOL_VERSION => return Ok((worker, hello)),
            Ok(Hello { protocol, worker_version, .. }) => format!(
                "it is of {worker_version} and speaks protocol {protocol}, this program is of \
                 {OWN_VERSION} and speaks {PROTOCOL_VERSION}"
            ),
            Err(failure) => worker.end(&failure),
        };
        Err(MlxFault::WorkerOfAnotherVersion { worker: program, reason })
    }

    /// Lets a worker open the model and run one text of one token.
    pub(super) fn open(
        &self,
        mut worker: Worker,
        python: &Interpreter,
    ) -> Result<(Worker, ModuleInfo), MlxFault> {
        let limit = self.settings.start_deadline;
        let deadline = Instant::now() + limit;
        let info = worker
            .open(&self.request(python), deadline)
            .and_then(|frame| parse::<ModuleInfo>(&frame).map_err(CallFailure::Broken));
        let info = match info {
            Ok(info) => info,
            Err(failure) => return Err(self.explain(worker, &failure, python)),
        };
        self.check(&info, python)?;
        let mut vector = vec![0.0; self.dimension];
        let text = EncoderInput {
            token_ids: &[0],
            pooling: Pooling::Mean,
            normalize: false,
            document_start: None,
        };
        let first = worker
            .send_batch(&[text], deadline)
            .and_then(|request| worker.receive_vectors(request, &mut vector, deadline));
        match first {
            Ok(_) => Ok((worker, info)),
            Err(failure) => Err(self.explain(worker, &failure, python)),
        }
    }

    fn request(&self, python: &Interpreter) -> Open {
        let MlxSettings { memory_limit_bytes, cache_limit_bytes, .. } = self.settings;
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        Open {
            python: text(&python.executable),
            module_path: self.settings.module_path.as_ref().map(text),
            memory_limit_bytes,
            options: ModuleOptions {
                model_path: text(&self.directory),
                precision: self.precision.to_owned(),
                cache_limit_bytes,
                memory_limit_bytes,
                compile: self.settings.compile,
                max_batch_tokens: self.settings.max_batch_tokens,
                device: self.settings.device.clone(),
            },
        }
    }

    fn check(&self, info: &ModuleInfo, python: &Interpreter) -> Result<(), MlxFault> {
        let needed = interpreter::minor(OWN_VERSION);
        if interpreter::minor(&info.module_version) != needed {
            return Err(MlxFault::ModuleOfAnotherVersion {
                python: python.executable.clone(),
                found: info.module_version.clone(),
                needed: needed.to_owned(),
            });
        }
        if info.dimension != self.dimension {
            let (found, expected) = (info.dimension, self.dimension);
            return Err(MlxFault::WrongModel { found, expected });
        }
        Ok(())
    }

    /// Ends a worker that did not open its model, and says what that means.
    fn explain(&self, worker: Worker, failure: &CallFailure, python: &Interpreter) -> MlxFault {
        let python = python.executable.clone();
        let reason = worker.end(failure);
        match failure {
            // A module that belongs to Python itself: the library is not that of the packages.
            CallFailure::Answered(Failed { kind: FailureKind::ModuleMissing, message })
                if message.contains("No module named '_") =>
            {
                MlxFault::PythonOfAnotherBuild { python, reason }
            }
            CallFailure::Answered(Failed { kind: FailureKind::ModuleMissing, .. }) => {
                MlxFault::ModuleMissing { python, reason }
            }
            CallFailure::Answered(Failed { kind: FailureKind::Python, .. }) => {
                MlxFault::PythonBroken { python, reason }
            }
            CallFailure::Answered(_) => MlxFault::NotOpened { reason },
            CallFailure::OutOfTime => MlxFault::TooSlow { limit: self.settings.start_deadline },
            _ => MlxFault::Ended { reason },
        }
    }
}

/// Checks that the packages are for the Python in the worker.
pub(super) fn check_python(interpreter: &Interpreter, hello: &Hello) -> Result<(), MlxFault> {
    let hosted = interpreter::minor(&hello.python_version);
    if interpreter::minor(&interpreter.version) == hosted {
        return Ok(());
    }
    Err(MlxFault::PythonOfAnotherVersion {
        python: interpreter.executable.clone(),
        found: interpreter.version.clone(),
        hosted: hosted.to_owned(),
    })
}
