//! The thread that looks after the indexes of all collections.
//!
//! It takes a step of maintenance for each collection in turn, so that a large one does not hold up
//! the others, on threads that give way to those of requests.

use std::{
    sync::{Arc, Weak, mpsc},
    thread,
};

use super::Shared;

/// How nice the threads are: at 10 they get a tenth of what a thread at 0 gets of the same core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Calls the thread; clones call the same one. It ends when the last of them is dropped.
#[derive(Clone)]
pub(crate) struct Maintainer {
    calls: mpsc::Sender<Weak<Shared>>,
}

impl Maintainer {
    /// Starts the thread, and as many to link vectors as there are processors.
    ///
    /// # Errors
    /// When the system starts no more threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|thread| format!("akidb-link-{thread}"))
            .start_handler(|_| give_way())
            .build()
            .map_err(std::io::Error::other)?;
        let (calls, called) = mpsc::channel();
        let work = move || run(&called, &threads);
        thread::Builder::new().name("akidb-index".to_owned()).spawn(work)?;
        Ok(Self { calls })
    }

    /// Has a step taken for a collection, and more as long as it has work.
    pub(super) fn call(&self, collection: Weak<Shared>) {
        // The thread ends after the last sender.
        let _ = self.calls.send(collection);
    }
}

fn run(called: &mpsc::Receiver<Weak<Shared>>, threads: &rayon::ThreadPool) {
    give_way();
    while let Ok(collection) = called.recv() {
        if let Some(collection) = collection.upgrade() {
            let again = threads.install(|| collection.take_step());
            if again {
                collection.indexing.maintainer.call(Arc::downgrade(&collection));
            }
        }
    }
}

/// Lowers the priority of the calling thread. A system that refuses is told of and lived with.
fn give_way() {
    // On Linux the priority of "the process" is that of the calling thread alone.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "index threads run at the priority of the others");
    }
}
