//! What a log has yet to be given a place in its database: room on the disk that is spoken for.

use prometheus::IntGauge;

use crate::connection::PAGE_BYTES;

/// The debt of one collection, which is a part of that of all.
#[derive(Debug)]
pub(super) struct LogDebt {
    bytes: i64,
    of_all: IntGauge,
}

impl LogDebt {
    pub(super) const fn none(of_all: IntGauge) -> Self {
        Self { bytes: 0, of_all }
    }

    /// So many pages of the log are not in the database.
    pub(super) fn set_pages(&mut self, pages: u32) {
        let bytes = i64::from(pages) * i64::from(PAGE_BYTES);
        self.of_all.add(bytes - self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for LogDebt {
    fn drop(&mut self) {
        self.set_pages(0);
    }
}
