//! The pipes to one worker, with a time after which nobody waits for it any more.
//!
//! Both ends are in non-blocking mode, also the one that is written: a worker that was stopped
//! reads nothing, and a batch is longer than what a pipe holds.

use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{ChildStdin, ChildStdout},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
};

/// What is written to a worker and read from it.
#[derive(Debug)]
pub(super) struct Pipes {
    to: OwnedFd,
    from: OwnedFd,
}

impl Pipes {
    /// Takes the pipes of a process that was just started.
    pub(super) fn new(stdin: ChildStdin, stdout: ChildStdout) -> io::Result<Self> {
        let pipes = Self { to: stdin.into(), from: stdout.into() };
        for end in [&pipes.to, &pipes.from] {
            fcntl_setfl(end, fcntl_getfl(end)? | OFlags::NONBLOCK)?;
        }
        Ok(pipes)
    }

    /// Reads until a time, after which it fails as timed out.
    pub(super) fn reader(&self, deadline: Instant) -> impl Read {
        Timed { end: self.from.as_fd(), deadline }
    }

    /// Writes until a time, after which it fails as timed out.
    pub(super) fn writer(&self, deadline: Instant) -> impl Write {
        Timed { end: self.to.as_fd(), deadline }
    }

    /// Waits until the worker has said something or has ended, or for a time.
    pub(super) fn has_answer(&self, until: Instant) -> io::Result<bool> {
        is_ready(self.from.as_fd(), PollFlags::IN, until)
    }
}

struct Timed<'a> {
    end: BorrowedFd<'a>,
    deadline: Instant,
}

impl Timed<'_> {
    fn retry(
        &self,
        flags: PollFlags,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match attempt(self.end) {
                Ok(count) => return Ok(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    if !is_ready(self.end, flags, self.deadline)? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.retry(PollFlags::IN, |end| rustix::io::read(end, &mut *bytes))
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(PollFlags::OUT, |end| rustix::io::write(end, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether an end can be used, or is broken, before a time.
fn is_ready(end: BorrowedFd<'_>, flags: PollFlags, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&end, flags)], Some(&timeout)) {
            Ok(0) if left > Duration::ZERO => {}
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn process(program: &str, args: &[&str]) -> (Child, Pipes) {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pipes = Pipes::new(child.stdin.take().unwrap(), child.stdout.take().unwrap()).unwrap();
        (child, pipes)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[test]
    fn a_process_that_reads_nothing_is_not_waited_for() {
        let (mut child, pipes) = process("sleep", &["3600"]);
        let bytes = vec![0; 1 << 20];
        let error = pipes.writer(soon()).write_all(&bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!pipes.has_answer(soon()).unwrap());
        let error = pipes.reader(soon()).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(pipes.has_answer(soon()).unwrap(), "its end is an answer");
        assert_eq!(pipes.reader(soon()).read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn more_than_a_pipe_holds_goes_there_and_comes_back() {
        let (mut child, pipes) = process("cat", &[]);
        let sent: Vec<u8> = (0..1 << 20).map(|number: u32| (number % 251) as u8).collect();
        let until = Instant::now() + Duration::from_secs(300);
        let mut came = vec![0; sent.len()];
        std::thread::scope(|scope| {
            scope.spawn(|| pipes.writer(until).write_all(&sent).unwrap());
            pipes.reader(until).read_exact(&mut came).unwrap();
        });
        assert!(came == sent);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
