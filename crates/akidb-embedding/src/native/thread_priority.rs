//! Threads that give way to the others of the process.
//!
//! Out of scope: what they do.

/// How nice bulk threads are: at 10 they get a tenth of what a thread at 0 gets of the same core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lowers the priority of the calling thread. A system that refuses is told of and lived with.
pub(super) fn give_way() {
    // On Linux the priority of "the process" is that of the calling thread alone.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "bulk threads run at the priority of the others");
    }
}
