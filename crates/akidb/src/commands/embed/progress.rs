//! The progress bar of a long embedding, on stderr, where that is a terminal.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Shows how far it is, how fast, and when it will be done.
pub(super) struct Progress {
    bar: ProgressBar,
    texts: AtomicU64,
    started: Instant,
}

impl Progress {
    /// A bar over the bytes of the input, or a spinner where their number is not known.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), "{wide_bar} {percent}% {msg}, {eta} left"),
            None => (ProgressBar::new_spinner(), "{spinner} {bytes} read, {msg}, {elapsed}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW_EVERY);
        Self { bar, texts: AtomicU64::new(0), started: Instant::now() }
    }

    /// So many bytes and texts more are done.
    pub(super) fn add(&self, bytes: u64, texts: u64) {
        let texts = self.texts.fetch_add(texts, Ordering::Relaxed) + texts;
        let rate = texts as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!("{} texts, {rate:.0}/s", HumanCount(texts)));
        self.bar.inc(bytes);
    }

    /// Runs `print` while the bar is out of the way.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
