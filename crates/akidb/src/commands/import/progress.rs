//! The progress bar of an import, on stderr, where that is a terminal.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::Counts;

const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Shows how far an import is, how fast, and when it will be done.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over the bytes of the input, or a spinner where their number is not known.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        let (bar, template) = match bytes {
            Some(bytes) => {
                (ProgressBar::new(bytes), "{wide_bar} {bytes} of {total_bytes}, {msg}, {eta} left")
            }
            None => (ProgressBar::new_spinner(), "{spinner} {bytes} done, {msg}, {elapsed}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW_EVERY);
        Self { bar }
    }

    /// So many bytes are done by now, and this is stored.
    pub(super) fn show(&self, bytes: u64, counts: &Counts) {
        if self.bar.is_hidden() {
            return;
        }
        let seconds = counts.started.elapsed().as_secs_f64().max(0.001);
        let (documents, tokens) =
            (counts.stored() as f64 / seconds, counts.tokens as f64 / seconds);
        let stored = HumanCount(counts.stored());
        let failed = match counts.failed {
            0 => String::new(),
            failed => format!(", {} failed", HumanCount(failed)),
        };
        self.bar.set_message(format!(
            "{stored} documents, {documents:.0}/s, {tokens:.0} tokens/s{failed}"
        ));
        self.bar.set_position(bytes);
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
