//! Whether a search walks the graph or scans, and how far a walk may go.
//!
//! A scan costs in proportion to the slots that may be returned, a walk in proportion to `ef` and to
//! how rare these slots are, as it has to find `ef` of them. The numbers were measured, see each.

use super::{search::Search, space::Coder};
use crate::Approach;

/// Vectors that a walk compares for each candidate it keeps: 1,915 at an `ef` of 100 over 141,000
/// sentence vectors.
const COMPARED_PER_CANDIDATE: f64 = 19.0;

/// What comparing a vector in a scan costs, where comparing one in a walk costs 1: 13 ns and 26 ns,
/// for 14,000 of 141,000 vectors of 384 components with codes of bytes and sketches, none of which
/// a cache holds.
const SCAN_COST: f64 = 0.5;

/// Whether scanning is expected to cost less than walking.
pub(super) fn prefers_scan(search: &Search<'_>) -> bool {
    match search.approach {
        Approach::Planned => {}
        Approach::Walk => return false,
        Approach::Scan => return true,
    }
    let returnable = search.returnable_max() as f64;
    let share = returnable / search.state.slot_count().max(1) as f64;
    let walk = search.ef as f64 * COMPARED_PER_CANDIDATE / share.max(f64::MIN_POSITIVE);
    returnable * SCAN_COST <= walk
}

/// How many vectors a walk may compare: what costs as much as the scan.
pub(super) fn compared_max(search: &Search<'_>) -> u64 {
    if search.approach == Approach::Walk {
        return u64::MAX;
    }
    (search.returnable_max() as f64 * SCAN_COST) as u64
}

/// How many candidates are scored in full: all of them where codes are of bits.
pub(super) fn rescored_max(search: &Search<'_>) -> usize {
    if matches!(search.space.coder, Coder::Binary(_)) {
        return search.ef;
    }
    (search.request.limit.saturating_mul(2).saturating_add(10)).max(search.ef / 2)
}
