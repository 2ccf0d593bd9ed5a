//! The end of a node whose disk can not be told from what it believes.

use std::sync::Arc;

use tokio::sync::watch;

/// Told of commits whose outcome is unknown, by whoever made them: not by the request, whose client
/// may be gone. Clones share it.
///
/// The node should end then, so that a restart reads back what the disk really has.
#[derive(Clone, Debug, Default)]
pub struct FailStop {
    stopped: Arc<watch::Sender<bool>>,
}

impl FailStop {
    /// Says that something has failed and nobody can know how far it came.
    pub fn stop(&self, what: &str) {
        tracing::error!(what, "what is on the disk is not known, the node has to end");
        self.stopped.send_replace(true);
    }

    /// Whether that was said.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Returns when that is said, or was.
    pub async fn stopped(&self) {
        // The sender lives as long as `self`.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Says so where the thread panics before the guard is dropped.
    #[must_use]
    pub fn on_panic(&self, what: &'static str) -> impl Drop + Send + use<> {
        PanicGuard { fail_stop: self.clone(), what }
    }
}

struct PanicGuard {
    fail_stop: FailStop,
    what: &'static str,
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail_stop.stop(self.what);
        }
    }
}
