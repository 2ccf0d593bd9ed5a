//! A node as a process of its own: started on free ports, waited for, stopped, killed when dropped.
//!
//! ```no_run
//! use std::{path::Path, time::Duration};
//!
//! use akidb_client::{Client, process::Launch};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut launch = Launch::new(Path::new("akidb"), Path::new("data"));
//! launch.command().env("AKIDB_EMBEDDING__BACKEND", "hash");
//! let mut node = launch.spawn()?;
//! let addresses = node.ready(Duration::from_secs(60))?;
//! let client = Client::new(&addresses.rest_url())?;
//! // ...
//! node.stop(Duration::from_secs(60))?;
//! # Ok(())
//! # }
//! ```

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::{
    io::Errno,
    process::{Pid, kill_process},
};

/// Asks in plain HTTP whatever has no method in [`Client`](crate::Client). `reqwest` alone would look for
/// the authorities of the system, and for cryptography that this program does not have.
///
/// # Panics
/// The system's own resolver can not be prepared.
#[must_use]
#[expect(clippy::expect_used, reason = "there is nothing to set up that could fail")]
pub fn plain_http() -> reqwest::Client {
    plain_http_builder().build().expect("an HTTP client")
}

/// The same, for whoever sets more of it.
///
/// # Panics
/// As [`plain_http`].
#[expect(clippy::expect_used, reason = "there is nothing to set up that could fail")]
#[expect(clippy::disallowed_methods, reason = "here it gets its own cryptography")]
pub fn plain_http_builder() -> reqwest::ClientBuilder {
    let tls = crate::tls::of_nobody().expect("TLS that takes no certificate");
    reqwest::Client::builder().tls_backend_preconfigured(tls)
}

const POLL_EVERY: Duration = Duration::from_millis(3);
/// A node says one line there before it is ready.
const STDOUT_BYTES: usize = 4 << 10;
/// Lines of the log that an error quotes.
const LOG_LINES: usize = 10;

/// How a node is started.
#[derive(Debug)]
pub struct Launch {
    command: Command,
    log: Option<PathBuf>,
}

/// Where a ready node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// REST.
    pub rest: SocketAddr,
    /// gRPC.
    pub grpc: SocketAddr,
}

/// The process of a node, killed when it is dropped.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    stdout: File,
    log: Option<PathBuf>,
    is_ours: bool,
}

/// Why there is no ready node, or no orderly end of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It could not be started, asked or told something.
    #[error("cannot {tried}")]
    Io {
        /// What was tried.
        tried: String,
        /// Why not.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("the node ended before it was ready: {status}{log}")]
    NotStarted {
        /// How it ended.
        status: ExitStatus,
        /// The end of its log, where it has one.
        log: String,
    },
    /// It ended otherwise than well.
    #[error("the node did not stop in order: {status}{log}")]
    NotStopped {
        /// How it ended.
        status: ExitStatus,
        /// The end of its log, where it has one.
        log: String,
    },
    /// It took longer than it may, and is killed.
    #[error("the node was not {what} after {within:?}{log}")]
    Late {
        /// What it should have become.
        what: &'static str,
        /// The time it had.
        within: Duration,
        /// The end of its log, where it has one.
        log: String,
    },
}

impl Addresses {
    /// The base of its REST routes.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// Where its gRPC services are.
    #[must_use]
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }
}

impl Launch {
    /// A node of this program over a data directory, on free ports of this machine. Its log goes
    /// where this program's goes.
    #[must_use]
    pub fn new(akidb: &Path, data_dir: &Path) -> Self {
        let mut command = Command::new(akidb);
        command
            .args(["serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data_dir)
            .stdin(Stdio::null());
        Self { command, log: None }
    }

    /// The command, for more flags and variables.
    pub const fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// The same with a file that its log is added to.
    #[must_use]
    pub fn log(self, path: &Path) -> Self {
        Self { log: Some(path.to_owned()), ..self }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// The program can not be run, or the log not be written.
    pub fn spawn(mut self) -> Result<NodeProcess, ProcessError> {
        let program = Path::new(self.command.get_program()).display().to_string();
        let failed = |source| ProcessError::Io { tried: format!("start {program}"), source };
        // A file without a name, and not a pipe: it is read without waiting for the node, and
        // outlives this program where the node does.
        let stdout = tempfile::tempfile().map_err(failed)?;
        if let Some(path) = &self.log {
            let log = File::options().create(true).append(true).open(path);
            let tried = || format!("write {}", path.display());
            let log = log.map_err(|source| ProcessError::Io { tried: tried(), source })?;
            self.command.stderr(log);
        }
        self.command.stdout(stdout.try_clone().map_err(failed)?);
        let child = self.command.spawn().map_err(failed)?;
        Ok(NodeProcess { child, stdout, log: self.log, is_ours: true })
    }
}

impl NodeProcess {
    /// Where it listens, as soon as it has said so, which it does when it can be asked.
    ///
    /// # Errors
    /// It has ended without saying so.
    pub fn announced(&mut self) -> Result<Option<Addresses>, ProcessError> {
        let status = self.ended()?;
        match (addresses_in(&self.said()), status) {
            (None, Some(status)) => Err(ProcessError::NotStarted { status, log: self.log_tail() }),
            (addresses, _) => Ok(addresses),
        }
    }

    /// Waits until it has said where it listens.
    ///
    /// # Errors
    /// It has ended, or does not within this time.
    pub fn ready(&mut self, within: Duration) -> Result<Addresses, ProcessError> {
        let began = Instant::now();
        loop {
            if let Some(addresses) = self.announced()? {
                return Ok(addresses);
            }
            if began.elapsed() > within {
                return Err(ProcessError::Late { what: "ready", within, log: self.log_tail() });
            }
            sleep(POLL_EVERY);
        }
    }

    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; one that has ended already needs none.
    ///
    /// # Errors
    /// The system refuses that.
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let pid = self.child.id().try_into().ok().and_then(Pid::from_raw);
        match pid.map_or(Ok(()), |pid| kill_process(pid, signal)) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(failed("send the node a signal", error.into())),
        }
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        self.child.try_wait().map_err(|source| failed("ask for the state of the node", source))
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It does not within this time.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, ProcessError> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if began.elapsed() > within {
                return Err(ProcessError::Late { what: "gone", within, log: self.log_tail() });
            }
            sleep(POLL_EVERY);
        }
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// It does not within this time, or ends otherwise than well.
    pub fn stop(mut self, within: Duration) -> Result<(), ProcessError> {
        self.signal(Signal::TERM)?;
        let status = self.wait(within)?;
        if status.success() {
            return Ok(());
        }
        Err(ProcessError::NotStopped { status, log: self.log_tail() })
    }

    /// Kills it, as a loss of power would end it.
    ///
    /// # Errors
    /// The system refuses that.
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map(drop).map_err(|source| failed("kill the node", source))
    }

    /// Leaves the process running behind this program and answers its number.
    #[must_use]
    pub fn leave_running(mut self) -> u32 {
        self.is_ours = false;
        self.pid()
    }

    /// The beginning of its stdout, read without moving the place at which it writes.
    fn said(&self) -> String {
        let mut said = vec![0; STDOUT_BYTES];
        let length = self.stdout.read_at(&mut said, 0).unwrap_or_default();
        String::from_utf8_lossy(&said[..length]).into_owned()
    }

    /// The last lines of the log, as the end of an error; nothing without a log of its own.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let Some(path) = &self.log else { return String::new() };
        let log = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        format!("\n{tail}\nhint: the whole log is {}", path.display())
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        if self.is_ours {
            // It may have ended by itself.
            let _ = self.kill();
        }
    }
}

fn failed(tried: &str, source: io::Error) -> ProcessError {
    ProcessError::Io { tried: tried.to_owned(), source }
}

/// Reads `akidb: ready rest=127.0.0.1:8080 grpc=127.0.0.1:9090`, once the whole line is there.
fn addresses_in(said: &str) -> Option<Addresses> {
    let (whole_lines, _) = said.rsplit_once('\n')?;
    let fields = whole_lines.lines().find_map(|line| line.strip_prefix("akidb: ready "))?;
    let address = |name| fields.split(' ').find_map(|field| field.strip_prefix(name)?.parse().ok());
    Some(Addresses { rest: address("rest=")?, grpc: address("grpc=")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_ready_line_is_taken() {
        let rest = SocketAddr::from(([127, 0, 0, 1], 8080));
        let grpc = SocketAddr::from(([127, 0, 0, 1], 9090));
        let whole = Some(Addresses { rest, grpc });
        for (said, addresses) in [
            ("akidb: ready rest=127.0.0.1:8080 grpc=127.0.0.1:9090\n", whole),
            ("a word before\nakidb: ready rest=127.0.0.1:8080 grpc=127.0.0.1:9090\nmore", whole),
            ("akidb: ready rest=127.0.0.1:8080 grpc=127.0.0.1:9090", None),
            ("rest=127.0.0.1:8080 grpc=127.0.0.1:9090\n", None),
        ] {
            assert_eq!(addresses_in(said), addresses, "{said}");
        }
    }

    #[test]
    fn a_program_that_ends_is_no_node() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut ended = Launch::new(Path::new("false"), folder.path()).log(&log).spawn().unwrap();
        let error = ended.ready(Duration::from_secs(600)).unwrap_err();
        assert!(matches!(error, ProcessError::NotStarted { .. }), "{error}");
        let absent = Launch::new(Path::new("akidb-is-not-here"), folder.path()).spawn();
        assert_eq!(absent.unwrap_err().to_string(), "cannot start akidb-is-not-here");
    }
}
