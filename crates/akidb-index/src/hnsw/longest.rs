//! The longest vectors of a graph, from which walks under the inner product begin too.
//!
//! A vector much longer than all others is nearest to half of all queries, wherever they point, and
//! the few lists that lead to it are near it alone. What is linked after it finds it; of what was
//! linked before, most walks would pass it by.

use std::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
};

use akidb_core::Metric;
use parking_lot::Mutex;

use crate::{exact::State, scoring::Scoring};

/// How many are kept: enough for a few outliers, few enough to be measured by each walk.
const KEPT: usize = 16;

/// Where there is none.
const NONE: u32 = u32::MAX;

/// The slots of the longest vectors that are linked, under the inner product; none under other
/// metrics.
#[derive(Debug)]
pub(super) struct Longest {
    slots: [AtomicU32; KEPT],
    /// Squared lengths and slots, longest first.
    ranked: Mutex<Vec<(f32, u32)>>,
}

impl Default for Longest {
    fn default() -> Self {
        Self { slots: [const { AtomicU32::new(NONE) }; KEPT], ranked: Mutex::default() }
    }
}

impl Longest {
    /// Looks at the live vectors of a range.
    pub(super) fn look_at(&self, state: &State, scoring: Scoring, slots: Range<u32>) {
        if scoring.metric() != Metric::Dot {
            return;
        }
        let mut ranked = self.ranked.lock();
        ranked.retain(|&(_, slot)| state.is_live(slot));
        let mut squared = [0.0];
        for slot in slots {
            let Some(row) = state.row(slot) else { continue };
            scoring.measure(row, &[row], &mut squared);
            let is_full = ranked.len() == KEPT;
            if is_full && ranked.last().is_some_and(|&(least, _)| squared[0] <= least) {
                continue;
            }
            let place = ranked.partition_point(|&(longer, _)| longer >= squared[0]);
            ranked.insert(place, (squared[0], slot));
            ranked.truncate(KEPT);
        }
        let known = ranked.iter().map(|&(_, slot)| slot).chain(std::iter::repeat(NONE));
        for (kept, slot) in self.slots.iter().zip(known) {
            kept.store(slot, Ordering::Release);
        }
    }

    /// Their slots, the longest first.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        let slots = self.slots.iter().map(|slot| slot.load(Ordering::Acquire));
        slots.take_while(|&slot| slot != NONE)
    }
}
