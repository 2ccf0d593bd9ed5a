//! One worker: its process, the requests that were sent to it, and how it ends.
//!
//! Out of scope: when it is started and given up, which the supervisor decides.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    iter,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    log::{self, LastLines},
    pipe::Pipes,
    protocol::{
        BatchHead, Failed, Frame, FrameKind, FrameWriter, ModuleStatistics, Open, Pong,
        ProtocolError, VectorsHead, parse, read_frame, read_vectors,
    },
};
use crate::embedder::EncoderInput;

/// How often a worker that is busy is asked whether it lives. Its answer needs no Python.
const PING_EVERY: Duration = Duration::from_secs(1);
/// One that does not answer for so long is stopped, or its machine is.
pub(super) const ALIVE_WITHIN: Duration = Duration::from_secs(3);
/// How long a process whose pipe has ended may take to end itself.
const ENDS_WITHIN: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A process that has been started. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    pipes: Pipes,
    writer: FrameWriter,
    last_request: u64,
    last_lines: LastLines,
    /// Set when nobody needs the worker any more, whatever it is doing.
    is_closed: Arc<AtomicBool>,
    /// Failures of Python since the last batch that went well.
    pub(super) raised_in_a_row: u32,
}

/// A request was not answered as hoped.
#[derive(Debug)]
pub(super) enum CallFailure {
    /// The worker says why; it is well itself.
    Answered(Failed),
    /// It did not answer in time.
    OutOfTime,
    /// It does not say that it is alive.
    Silent,
    /// It has ended, perhaps with a last word.
    Gone(Option<Failed>),
    /// What it says is not to be trusted.
    Broken(ProtocolError),
    /// Nobody needs it any more.
    Closed,
}

impl CallFailure {
    /// A short stable name, the label `reason` of a metric.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::OutOfTime => "out_of_time",
            Self::Silent => "silent",
            Self::Gone(Some(_)) => "memory",
            Self::Gone(None) | Self::Closed => "ended",
            Self::Answered(_) | Self::Broken(_) => "protocol",
        }
    }
}

impl Worker {
    /// Starts the program `worker` for `model`, which loads the Python library in `library_dir`, or
    /// where there is none the one that it was built with. It is in a process group of its own, so
    /// that what the terminal sends to the node does not reach it.
    pub(super) fn spawn(
        worker: &Path,
        model: &str,
        library_dir: Option<&Path>,
        is_closed: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let mut command = Command::new(worker);
        if let Some(folder) = library_dir {
            command.env(LIBRARY_PATH, before_others(folder)?);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pipes = match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => {
                let pipes = Pipes::new(stdin, stdout);
                pipes.and_then(|pipes| Ok((pipes, log::follow(stderr, model, child.id())?)))
            }
            _ => Err(io::Error::other("its pipes are not there")),
        };
        match pipes {
            Ok((pipes, last_lines)) => Ok(Self {
                child,
                pipes,
                writer: FrameWriter::default(),
                last_request: 0,
                last_lines,
                is_closed,
                raised_in_a_row: 0,
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The number of its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its first words.
    pub(super) fn hello(&mut self, deadline: Instant) -> Result<Frame, CallFailure> {
        self.receive(0, FrameKind::Hello, deadline)
    }

    /// Opens a model; answers what the module says of it.
    pub(super) fn open(&mut self, open: &Open, deadline: Instant) -> Result<Frame, CallFailure> {
        let request = self.next_request();
        let Self { writer, pipes, .. } = self;
        let sent = writer.send(&mut pipes.writer(deadline), FrameKind::Open, request, open);
        written(sent)?;
        self.receive(request, FrameKind::Opened, deadline)
    }

    /// Sends texts; answers the number of the request, with which their vectors are received.
    pub(super) fn send_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        deadline: Instant,
    ) -> Result<u64, CallFailure> {
        let request = self.next_request();
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        let deadline_ms = u32::try_from(left).unwrap_or(u32::MAX);
        let Self { writer, pipes, .. } = self;
        let frame = writer.frame(FrameKind::Encode, request, |bytes| {
            BatchHead::write(deadline_ms, texts, bytes);
        });
        written(pipes.writer(deadline).write_all(frame))?;
        Ok(request)
    }

    /// Waits for the vectors of a batch that was sent.
    pub(super) fn receive_vectors(
        &mut self,
        request: u64,
        vectors: &mut [f32],
        deadline: Instant,
    ) -> Result<VectorsHead, CallFailure> {
        let frame = self.receive(request, FrameKind::Vectors, deadline)?;
        read_vectors(&frame, vectors).map_err(CallFailure::Broken)
    }

    /// Asks whether it lives and what it holds; `None` of the second where the module cannot say.
    pub(super) fn look(
        &mut self,
        deadline: Instant,
    ) -> Result<(Pong, Option<ModuleStatistics>), CallFailure> {
        let request = self.ask(FrameKind::Ping, deadline)?;
        let pong = self.receive(request, FrameKind::Pong, deadline)?;
        let pong = parse(&pong).map_err(CallFailure::Broken)?;
        let request = self.ask(FrameKind::Statistics, deadline)?;
        match self.receive(request, FrameKind::StatisticsAnswer, deadline) {
            Ok(frame) => Ok((pong, parse(&frame).ok())),
            Err(CallFailure::Answered(_)) => Ok((pong, None)),
            Err(failure) => Err(failure),
        }
    }

    /// Ends the process and says how it ended, for people.
    pub(super) fn end(mut self, failure: &CallFailure) -> String {
        let status = self.reap(matches!(failure, CallFailure::Gone(None)));
        let what = match failure {
            CallFailure::Answered(Failed { message, .. })
            | CallFailure::Gone(Some(Failed { message, .. })) => message.clone(),
            CallFailure::OutOfTime => "a batch did not end in time".to_owned(),
            CallFailure::Silent => format!("the worker gave no sign of life for {ALIVE_WITHIN:?}"),
            CallFailure::Gone(None) => format!("the worker ended ({status})"),
            CallFailure::Broken(error) => format!("the worker cannot be trusted: {error}"),
            CallFailure::Closed => "the worker is not needed any more".to_owned(),
        };
        match self.last_lines.joined() {
            said if said.is_empty() || matches!(failure, CallFailure::Answered(_)) => what,
            said => format!("{what}; it last printed: {said}"),
        }
    }

    /// Makes sure that the process has ended; one that is about to may say how itself.
    fn reap(&mut self, may_end_itself: bool) -> String {
        let asked_at = Instant::now();
        while may_end_itself && asked_at.elapsed() < ENDS_WITHIN {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.to_string();
            }
            thread::sleep(LOOK_EVERY);
        }
        // It fails where the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    fn next_request(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    fn ask(&mut self, kind: FrameKind, deadline: Instant) -> Result<u64, CallFailure> {
        let request = self.next_request();
        let Self { writer, pipes, .. } = self;
        written(pipes.writer(deadline).write_all(writer.frame(kind, request, |_| {})))?;
        Ok(request)
    }

    /// Waits for the answer to a request, and asks now and then whether the worker still lives.
    fn receive(
        &mut self,
        request: u64,
        kind: FrameKind,
        deadline: Instant,
    ) -> Result<Frame, CallFailure> {
        // The worker listens once it has been told what to open.
        let listens = !matches!(kind, FrameKind::Hello | FrameKind::Pong);
        let (mut heard_at, mut asked_at) = (Instant::now(), Instant::now());
        loop {
            let until = deadline.min(asked_at + PING_EVERY);
            if !self.pipes.has_answer(until).map_err(|error| CallFailure::Broken(error.into()))? {
                self.check_life(heard_at, listens, deadline)?;
                if listens && Instant::now() >= asked_at + PING_EVERY {
                    self.ask(FrameKind::Ping, deadline)?;
                }
                asked_at = Instant::now();
                continue;
            }
            heard_at = Instant::now();
            let frame = self.read(deadline)?;
            match frame.kind {
                FrameKind::Pong if kind != FrameKind::Pong || frame.request != request => {}
                FrameKind::Farewell => {
                    return Err(CallFailure::Gone(parse(&frame).ok()));
                }
                FrameKind::Failed if frame.request == request => {
                    return Err(match parse(&frame) {
                        Ok(failed) => CallFailure::Answered(failed),
                        Err(error) => CallFailure::Broken(error),
                    });
                }
                found if found == kind && frame.request == request => return Ok(frame),
                found => {
                    let request = frame.request;
                    let error = ProtocolError::Unexpected { found, request };
                    return Err(CallFailure::Broken(error));
                }
            }
        }
    }

    fn check_life(
        &self,
        heard_at: Instant,
        listens: bool,
        deadline: Instant,
    ) -> Result<(), CallFailure> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(CallFailure::Closed);
        }
        if Instant::now() >= deadline {
            return Err(CallFailure::OutOfTime);
        }
        if listens && heard_at.elapsed() > ALIVE_WITHIN {
            return Err(CallFailure::Silent);
        }
        Ok(())
    }

    fn read(&self, deadline: Instant) -> Result<Frame, CallFailure> {
        match read_frame(&mut self.pipes.reader(deadline)) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(CallFailure::Gone(None)),
            Err(ProtocolError::Pipe(error)) if error.kind() == io::ErrorKind::TimedOut => {
                Err(CallFailure::OutOfTime)
            }
            Err(ProtocolError::Pipe(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(CallFailure::Gone(None))
            }
            Err(error) => Err(CallFailure::Broken(error)),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.reap(false);
    }
}

/// The variable of the folders in which the system looks for libraries before any others.
const LIBRARY_PATH: &str =
    if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };

/// The folders of [`LIBRARY_PATH`] with this one before them.
fn before_others(folder: &Path) -> io::Result<OsString> {
    let known = env::var_os(LIBRARY_PATH).unwrap_or_default();
    let known = env::split_paths(&known).filter(|known| !known.as_os_str().is_empty());
    env::join_paths(iter::once(folder.to_owned()).chain(known)).map_err(io::Error::other)
}

/// A worker that has ended does not read; why it has ended it may have said before, so that is
/// read first.
fn written(result: io::Result<()>) -> Result<(), CallFailure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(CallFailure::OutOfTime),
        Err(error) => Err(CallFailure::Broken(error.into())),
    }
}
