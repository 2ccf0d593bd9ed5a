//! Threads that end a step together, so that none of them falls asleep between two steps.
//!
//! A thread of the pool that finds nothing to do sleeps after some microseconds, and to wake it
//! takes longer than its share of a step of few tokens: the thread that hands out the shares then
//! does them all by itself. Who is done early here waits awake for those who are not, and is there
//! when the next step is handed out.
//!
//! What does not live here: what is done in a step, and the pool.

use std::{
    hint,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// How long a thread waits awake at the most. Shares are alike, so that it is only longer where the
/// system has given the other thread's core to somebody else, who may keep it for milliseconds.
const AWAKE: Duration = Duration::from_micros(200);
/// Looks at the others between two looks at the clock.
const LOOKS: usize = 32;

/// The threads that are at work on one step.
#[derive(Debug, Default)]
pub(super) struct Together {
    begun: AtomicUsize,
    done: AtomicUsize,
}

impl Together {
    /// Does a share of the step, and waits for the shares that were begun meanwhile. One that was
    /// not begun yet may be this thread's own to do next, and is not waited for.
    pub(super) fn run(&self, share: impl FnOnce()) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        share();
        self.done.fetch_add(1, Ordering::SeqCst);
        let done_at = Instant::now();
        while self.others_work() && done_at.elapsed() < AWAKE {
            for _ in 0..LOOKS {
                hint::spin_loop();
            }
        }
    }

    fn others_work(&self) -> bool {
        self.done.load(Ordering::SeqCst) < self.begun.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    #[test]
    fn who_is_done_waits_for_who_works_but_not_for_ever_and_not_for_who_has_not_begun() {
        let alone = Instant::now();
        Together::default().run(|| ());
        assert!(alone.elapsed() < AWAKE);
        let (together, both_work) = (Together::default(), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                together.run(|| {
                    both_work.wait();
                    thread::sleep(AWAKE / 2);
                });
            });
            together.run(|| {
                both_work.wait();
            });
            // It has come back since the other one is done, or since its time was over.
            let waited = Instant::now();
            assert!(!together.others_work() || waited.elapsed() < AWAKE);
        });
        assert!(!together.others_work());
    }
}
