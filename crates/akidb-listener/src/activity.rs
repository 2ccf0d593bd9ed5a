//! What goes on on one connection, for the timers that end it.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::ListenerOptions;

/// Shared by the socket, the requests and the timers of a connection.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    /// When something last moved, in milliseconds since the connection was opened.
    progress_ms: AtomicU64,
    /// Whether there was a request, or a whole greeting of HTTP/2.
    is_greeted: AtomicBool,
    /// Requests whose reply has not ended.
    in_flight: AtomicUsize,
    /// Replies of which a part was handed over and the next one is not asked for yet.
    owed: AtomicUsize,
    /// Whether the socket takes no more bytes.
    is_blocked: AtomicBool,
    /// How long the client may take nothing of a reply, in milliseconds.
    patience_ms: AtomicU64,
}

/// What the timers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stay,
    /// Let what runs finish, and take nothing new.
    Finish,
    Close(&'static str),
}

impl Activity {
    pub(crate) fn starting_now(options: &ListenerOptions) -> Self {
        Self {
            opened: Instant::now(),
            progress_ms: AtomicU64::new(0),
            is_greeted: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            is_blocked: AtomicBool::new(false),
            patience_ms: AtomicU64::new(milliseconds(options.reply_idle_timeout)),
        }
    }

    pub(crate) fn progressed(&self) {
        self.progress_ms.store(milliseconds(self.opened.elapsed()), Relaxed);
    }

    pub(crate) fn greeted(&self) {
        self.is_greeted.store(true, Relaxed);
    }

    pub(crate) fn blocked(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Relaxed);
    }

    pub(crate) fn request_began(&self) {
        self.greeted();
        self.in_flight.fetch_add(1, Relaxed);
        self.progressed();
    }

    pub(crate) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
        self.progressed();
    }

    /// A part of a reply was handed over.
    pub(crate) fn owes(&self) {
        self.owed.fetch_add(1, Relaxed);
        self.progressed();
    }

    /// The next part of such a reply was asked for, or the reply has ended.
    pub(crate) fn paid(&self) {
        self.owed.fetch_sub(1, Relaxed);
        self.progressed();
    }

    /// Waits longer for the client of a reply that says so itself.
    pub(crate) fn has_patience(&self, patience: Duration) {
        self.patience_ms.fetch_max(milliseconds(patience), Relaxed);
    }

    /// What the timers say now. `finishing` is since when the connection was asked to end.
    pub(crate) fn verdict(&self, options: &ListenerOptions, finishing: Option<Instant>) -> Verdict {
        let age = self.opened.elapsed();
        let still = age.saturating_sub(Duration::from_millis(self.progress_ms.load(Relaxed)));
        let patience = Duration::from_millis(self.patience_ms.load(Relaxed));
        if !self.is_greeted.load(Relaxed) && age >= options.header_read_timeout {
            return Verdict::Close("no request came in time");
        }
        let waits_for_client = self.is_blocked.load(Relaxed) || self.owed.load(Relaxed) > 0;
        if waits_for_client && still >= patience {
            return Verdict::Close("the client takes nothing of a reply");
        }
        if self.in_flight.load(Relaxed) > 0 {
            return Verdict::Stay;
        }
        match finishing {
            Some(since) if since.elapsed() >= patience => {
                Verdict::Close("the client does not end the connection")
            }
            None if still >= options.idle_timeout => Verdict::Finish,
            _ => Verdict::Stay,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
