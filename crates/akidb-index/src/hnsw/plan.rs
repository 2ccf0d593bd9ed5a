//! Whether a search walks the graph or scans, and how far a walk may go.
//!
//! A scan costs in proportion to the slots that may be returned, a walk in proportion to `ef` and to
//! how rare these slots are, as it has to find `ef` of them. The numbers were measured, see each.

use std::time::Duration;

use super::{search::Search, walk::Checkpoint};
use crate::Approach;

/// Vectors that a walk compares for each candidate it keeps: 1,915 at an `ef` of 100 over 141,000
/// sentence vectors.
const COMPARED_PER_CANDIDATE: f64 = 19.0;

/// What comparing a vector in a scan costs, where comparing one in a walk costs 1: 13 ns and 26 ns,
/// for 14,000 of 141,000 vectors of 384 components with codes of bytes and sketches, none of which
/// a cache holds.
const SCAN_COST: f64 = 0.5;

/// How many times as many of the vectors compared have to be returnable as of all, for a walk to go on
/// where its vectors seem to lie near the query.
const NEAR_RATIO: f64 = 3.0;

/// A walk that is planned.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedWalk {
    /// How many vectors it may compare.
    pub(super) compared_max: u64,
    /// What it has to have found by then to go on.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// The walk to make, or `None` where scanning is expected to cost less, or where an answer may hold
/// all there is: what a walk overlooks would have no place in it.
///
/// Where the returnable vectors lie decides what a walk costs: near the query it costs as little as
/// one over all, elsewhere as much as one over everything in between. So where only the least that it
/// may cost is less than a scan, it is tried: it ends soon unless what it comes upon is returnable far
/// more often than elsewhere, and at half of what the scan costs in any case.
pub(super) fn walk(search: &Search<'_>) -> Option<PlannedWalk> {
    let returnable = search.returnable_max() as f64;
    let scan = returnable * SCAN_COST;
    let compared = |compared: f64| PlannedWalk { compared_max: compared as u64, checkpoint: None };
    match search.approach {
        Approach::Walk => return Some(compared(f64::INFINITY)),
        Approach::Scan => return None,
        Approach::Planned if search.returnable_max() <= search.scan_max => return None,
        Approach::Planned => {}
    }
    let share = returnable / search.state.slot_count().max(1) as f64;
    let least = search.ef as f64 * COMPARED_PER_CANDIDATE;
    if least / share.max(f64::MIN_POSITIVE) < scan {
        return Some(compared(scan));
    }
    (least < scan / 2.0).then(|| {
        let ef = search.ef as f64;
        let kept = (2.0 * ef * share * NEAR_RATIO).min(0.9 * ef);
        let checkpoint = Checkpoint { compared: 2 * search.ef as u64, kept: kept as usize };
        PlannedWalk { checkpoint: Some(checkpoint), ..compared(scan / 2.0) }
    })
}

/// What decides how long a search takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Slots that may be returned.
    pub(super) returnable: usize,
    pub(super) slots: usize,
    /// Slots that the graph does not hold, which are scanned.
    pub(super) unlinked: usize,
    /// Candidates kept.
    pub(super) ef: usize,
    pub(super) code_bytes: usize,
}

/// What a comparison in a walk takes, whatever the code, and for each byte of it: 26 ns for 384 bytes.
const COMPARED_NS: f64 = 10.0;
const CODE_BYTE_NS: f64 = 16.0 / 384.0;

/// About how long a search takes on one core: as long as the walk, or the scan where that costs less, and
/// the scan of what is not linked.
pub(super) fn expected_time(expected: &Expected) -> Duration {
    let Expected { returnable, slots, unlinked, ef, code_bytes } = *expected;
    let share = returnable as f64 / slots.max(1) as f64;
    let scan = returnable as f64 * SCAN_COST;
    let walk = ef as f64 * COMPARED_PER_CANDIDATE / share.max(f64::MIN_POSITIVE);
    let compared = walk.min(scan) + unlinked as f64 * share * SCAN_COST;
    let nanoseconds = compared * (COMPARED_NS + code_bytes as f64 * CODE_BYTE_NS);
    Duration::from_nanos(nanoseconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search is worth another thread by what it does, not by how many vectors there are.
    #[test]
    fn what_a_search_takes_follows_from_what_it_compares() {
        let all = Expected {
            returnable: 1_000_000,
            slots: 1_000_000,
            unlinked: 0,
            ef: 100,
            code_bytes: 384,
        };
        let microseconds = |expected: Expected| expected_time(&expected).as_micros();
        let plain = microseconds(all);
        assert!((30..100).contains(&plain), "{plain}");
        assert_eq!(microseconds(Expected { slots: 50_000, returnable: 50_000, ..all }), plain);
        assert!(microseconds(Expected { ef: 1_000, ..all }) > 5 * plain);
        assert!(microseconds(Expected { returnable: 1_000, ..all }) < plain);
        assert!(microseconds(Expected { returnable: 100_000, ..all }) > 5 * plain);
        assert!(microseconds(Expected { unlinked: 100_000, ..all }) > 10 * plain);
        assert_eq!(microseconds(Expected { returnable: 0, ..all }), 0);
    }
}
