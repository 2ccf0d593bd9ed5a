//! The progress bar of an import, on stderr, where that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Shows how far an import is, how fast, and when it will be done.
pub(super) struct Progress {
    bar: ProgressBar,
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
        Self { bar, started: Instant::now() }
    }

    /// So many bytes more are done, and so many documents are stored now.
    pub(super) fn add(&self, bytes: u64, stored: u64) {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = stored as f64 / seconds;
        self.bar.set_message(format!("{} documents, {rate:.0}/s", HumanCount(stored)));
        self.bar.inc(bytes);
    }

    /// Runs `print` while the bar is out of the way.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
