//! The vocabulary of AkiDB.
//!
//! What lives here: types that carry their preconditions, the limits, the filter tree and the one
//! table of error codes. What does not: anything that reads a file, a socket or a clock.

mod metric;

pub use metric::{Metric, UnknownMetric};
