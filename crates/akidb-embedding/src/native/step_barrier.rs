//! Threads that end a step barrier, so that none of them falls asleep between two steps.
//!
//! A thread of the pool that finds nothing to do sleeps after some microseconds, and to wake it
//! takes longer than its share of a step of few tokens: the thread that hands out the shares then
//! does them all by itself. Who is done early here waits awake for those who are not, and is there
//! when the next step is handed out.
//!
//! Out of scope: what is done in a step, and the pool.

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
pub(super) struct StepBarrier {
    begun: AtomicUsize,
    done: AtomicUsize,
}

impl StepBarrier {
    /// Does a share of the step, and waits for the shares that were begun meanwhile. One that was
    /// not begun yet may be this thread's own to do next, and is not waited for.
    pub(super) fn run(&self, share: impl FnOnce()) {
        let mut done_at = None;
        self.run_while(share, || done_at.get_or_insert_with(Instant::now).elapsed() < AWAKE);
    }

    /// The same; `is_worth_waiting` is asked again and again while others work.
    fn run_while(&self, share: impl FnOnce(), mut is_worth_waiting: impl FnMut() -> bool) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        share();
        self.done.fetch_add(1, Ordering::SeqCst);
        while self.others_work() && is_worth_waiting() {
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
    fn who_has_not_begun_is_not_waited_for() {
        StepBarrier::default().run_while(|| (), || panic!("nobody else works"));
    }

    #[test]
    fn who_works_is_waited_for() {
        let (barrier, both_work, waits) =
            (StepBarrier::default(), Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.run(|| {
                    both_work.wait();
                    waits.wait();
                });
            });
            let mut has_waited = false;
            let is_worth_waiting = || {
                // Only now may the other one end.
                if !std::mem::replace(&mut has_waited, true) {
                    waits.wait();
                }
                true
            };
            let work = || {
                both_work.wait();
            };
            barrier.run_while(work, is_worth_waiting);
            assert!(!barrier.others_work());
        });
    }

    #[test]
    fn nobody_is_waited_for_for_ever() {
        let (barrier, both_work, is_back) =
            (StepBarrier::default(), Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.run(|| {
                    both_work.wait();
                    is_back.wait();
                });
            });
            let mut looks = 3;
            let is_worth_waiting = || {
                looks -= 1;
                looks > 0
            };
            let work = || {
                both_work.wait();
            };
            barrier.run_while(work, is_worth_waiting);
            assert!(barrier.others_work());
            is_back.wait();
        });
    }
}
