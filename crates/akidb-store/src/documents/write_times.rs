//! Where the time of a commit goes.

use std::time::{Duration, Instant};

use crate::{StoreMetrics, metrics::COMMIT_PARTS};

/// The time of each part of a transaction.
#[derive(Debug, Default)]
pub(super) struct WriteTimes {
    /// Rows made ready: metadata and vectors as they are stored, and their checksums.
    pub(super) checksum: Duration,
    /// Statements found among those that are prepared, and values bound to them.
    pub(super) bind: Duration,
    /// Rows inserted into the trees of SQLite.
    pub(super) step: Duration,
    /// The log written and synced.
    pub(super) commit: Duration,
}

impl WriteTimes {
    /// A clock of which each lap is given to a part.
    pub(super) fn clock(&mut self) -> Clock<'_> {
        Clock { times: self, since: Instant::now() }
    }

    pub(super) fn report(&self, metrics: &StoreMetrics) {
        let Self { checksum, bind, step, commit } = self;
        for (part, took) in COMMIT_PARTS.into_iter().zip([checksum, bind, step, commit]) {
            metrics.commit_part_seconds.with_label_values(&[part]).observe(took.as_secs_f64());
        }
    }
}

/// See [`WriteTimes::clock`].
pub(super) struct Clock<'t> {
    times: &'t mut WriteTimes,
    since: Instant,
}

impl Clock<'_> {
    /// Gives the time since the lap before to a part.
    pub(super) fn lap(&mut self, part: impl FnOnce(&mut WriteTimes) -> &mut Duration) {
        let now = Instant::now();
        *part(self.times) += now - self.since;
        self.since = now;
    }
}
