//! The right of one of several models to the processors: in each lane one batch runs at a time.
//!
//! Every backend uses all threads it was given, so two batches at once would only slow each other
//! down. The lanes do not wait for each other: a bulk batch runs where an interactive one leaves
//! the processors.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Lane;

/// What the queues of one node share; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct LaneLocks {
    lanes: Arc<[Queue; 2]>,
}

/// Those who want the lane, first come, first served.
#[derive(Debug, Default)]
struct Queue {
    tickets: Mutex<Tickets>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Tickets {
    next: u64,
    served: u64,
}

/// The right of one batch, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct LaneGuard<'a>(&'a Queue);

impl LaneLocks {
    /// Waits for the lane.
    pub(super) fn wait(&self, lane: Lane) -> LaneGuard<'_> {
        let [interactive, bulk] = &*self.lanes;
        let queue = match lane {
            Lane::Interactive => interactive,
            Lane::Bulk => bulk,
        };
        let mut tickets = queue.lock();
        let own = tickets.next;
        tickets.next += 1;
        while tickets.served != own {
            tickets = queue.changed.wait(tickets).unwrap_or_else(PoisonError::into_inner);
        }
        LaneGuard(queue)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LaneGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().served += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn one_at_a_time_in_each_lane() {
        let lane_locks = LaneLocks::default();
        let running = AtomicUsize::new(0);
        let _bulk = lane_locks.wait(Lane::Bulk);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _lane_guard = lane_locks.wait(Lane::Interactive);
                        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
