//! The ceiling of the process' memory.
//!
//! It is watched, not set as a limit of the system: a limit on addresses would also count what a
//! GPU shares, and what is only reserved.

use std::{io, thread, time::Duration};

use akidb_embedding::mlx::protocol::{Failed, FailureKind, FrameKind};

use crate::{answers::Answers, streams};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Ends the process when it holds more than `limit_bytes`.
pub(crate) fn watch(limit_bytes: Option<u64>, answers: Answers) -> io::Result<()> {
    let Some(limit) = limit_bytes else { return Ok(()) };
    let look = move || {
        loop {
            if let Some(held) = resident_bytes().filter(|held| *held > limit) {
                let message = format!(
                    "the worker held {} MiB of memory, embedding.mlx.memory_limit is {} MiB",
                    held >> 20,
                    limit >> 20
                );
                let farewell = Failed { kind: FailureKind::Memory, message };
                // If the node cannot be told, it sees the process end.
                let _ = answers.message(FrameKind::Farewell, 0, &farewell);
                streams::end_at_once();
            }
            thread::sleep(LOOK_EVERY);
        }
    };
    thread::Builder::new().name("memory".to_owned()).spawn(look).map(drop)
}

/// The memory that the process holds, or, off Linux, the most that it ever held.
#[cfg(target_os = "linux")]
pub(crate) fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(resident * rustix::param::page_size() as u64)
}

/// The memory that the process holds, or, off Linux, the most that it ever held.
#[cfg(not(target_os = "linux"))]
#[expect(unsafe_code, reason = "the system fills a structure that is given by its address")]
pub(crate) fn resident_bytes() -> Option<u64> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the address is that of a whole `rusage`, which the call fills.
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    // SAFETY: zeroes are a valid `rusage` too.
    let usage = unsafe { usage.assume_init() };
    (status == 0).then_some(usage.ru_maxrss as u64)
}
