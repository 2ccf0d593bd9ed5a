//! The pipes to the node, taken out of Python's reach.
//!
//! Python, its modules and the libraries under them print to descriptors 1 and 2, and read 0. The
//! pipes move to other numbers, 0 becomes empty and 1 becomes 2, which is the node's log.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
};

use rustix::{
    fs::{Mode, OFlags},
    io::fcntl_dupfd_cloexec,
    process::{Signal, getpid, kill_process},
    stdio,
};

/// Far from the numbers that a library which counts up from 0 closes or writes to by mistake.
const FIRST_DESCRIPTOR: i32 = 100;

/// What the node asks, and where it is answered.
pub(crate) fn take_from_python() -> io::Result<(File, File)> {
    let requests = fcntl_dupfd_cloexec(stdio::stdin(), FIRST_DESCRIPTOR)?;
    let answers = fcntl_dupfd_cloexec(stdio::stdout(), FIRST_DESCRIPTOR)?;
    let nothing: OwnedFd =
        rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    stdio::dup2_stdin(&nothing)?;
    stdio::dup2_stdout(stdio::stderr())?;
    Ok((File::from(requests), File::from(answers)))
}

/// Ends the process without asking anyone, least of all Python, which may be in the middle of a
/// batch that nobody waits for any more.
pub(crate) fn end_at_once() -> ! {
    // Should the system refuse it, leaving by the front door is next.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::exit(1)
}

/// Tells the node's log something.
pub(crate) fn log(line: &str) {
    // Nobody is left to be told that the log is gone.
    let _ = writeln!(io::stderr().lock(), "{line}");
}
