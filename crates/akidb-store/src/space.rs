//! Room on the disk: writes end before it is full, so that what makes room still works.
//!
//! SQLite cannot delete on a full disk: a deletion is a transaction, which the WAL must hold first.
//! Writes are therefore refused while less than [`DiskSpace::min_free_bytes`] are free beside what logs
//! still have to be copied into, and begin again by themselves. Other programs fill a disk too; for that there is a *ballast*, a file that
//! is removed when hardly anything is left. Out of scope: what of the disk is looked at ([`room`]),
//! and when something changes ([`watch`]).

mod ballast;
mod room;
mod watch;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub(crate) use self::room::is_for_want_of_space;
use self::{
    ballast::Ballast,
    room::Room,
    watch::{Step, Watch},
};
use crate::{StoreError, StoreMetrics};

/// How long a look at the disk counts. A disk that takes 1 GB/s loses less than the reserve
/// meanwhile.
const LOOK_COUNTS_FOR: Duration = Duration::from_millis(100);

/// How long after a write met a full disk, and after a trial that failed, the disk is tried again.
/// A trial may write the ballast twice over.
const TRIAL_AFTER: Duration = Duration::from_secs(2);

/// The room on the disk of a data directory, and whether writes may take of it.
#[derive(Debug)]
pub struct DiskSpace {
    root: PathBuf,
    ballast: Ballast,
    metrics: StoreMetrics,
    trial_after: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    watch: Watch,
    looked: Option<Instant>,
    /// When a disk that was full may be tried.
    trial_due: Option<Instant>,
    room: Room,
}

impl DiskSpace {
    /// Looks for the first time, and gives the ballast back where hardly anything is left.
    /// `min_free_bytes` is 256 MiB or a hundredth of the disk where it is absent, whichever is more;
    /// 0 refuses nothing.
    #[must_use]
    pub fn open(root: &Path, min_free_bytes: Option<u64>, metrics: StoreMetrics) -> Self {
        let space = Self {
            root: root.to_owned(),
            ballast: Ballast::new(root),
            metrics,
            trial_after: TRIAL_AFTER,
            state: Mutex::new(State {
                watch: Watch::new(min_free_bytes),
                looked: None,
                trial_due: None,
                room: Room::default(),
            }),
        };
        space.look();
        space
    }

    /// Free bytes of a disk, and those below which writes would be refused. Changes nothing.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn measure(path: &Path, min_free_bytes: Option<u64>) -> io::Result<(u64, u64)> {
        let room = Room::of(path, 0)?;
        Ok((room.free_bytes, Watch::new(min_free_bytes).min_free_bytes(room)))
    }

    /// Looks at the disk, where the last look was a moment ago at least. Writes end or begin again
    /// with it, and the ballast is removed or made. Says whether writes are taken.
    pub fn look(&self) -> bool {
        let mut state = self.lock();
        self.look_locked(&mut state);
        !state.watch.is_read_only()
    }

    /// Free bytes below which writes are refused.
    #[must_use]
    pub fn min_free_bytes(&self) -> u64 {
        let state = self.lock();
        state.watch.min_free_bytes(state.room)
    }

    /// Why no writes are taken, as of a moment ago.
    ///
    /// # Errors
    /// [`StoreError::LowSpace`].
    pub fn check(&self) -> Result<(), StoreError> {
        let mut state = self.lock();
        self.look_locked(&mut state);
        if !state.watch.is_read_only() {
            return Ok(());
        }
        let min_free_bytes = state.watch.min_free_bytes(state.room);
        Err(StoreError::LowSpace { free_bytes: state.room.left_bytes(), min_free_bytes })
    }

    /// Whether so many bytes more leave what is kept free.
    ///
    /// # Errors
    /// [`StoreError::LowSpace`] where no writes are taken, [`StoreError::NoSpaceFor`].
    pub fn check_for(&self, needed_bytes: u64) -> Result<(), StoreError> {
        self.check()?;
        let state = self.lock();
        let (free_bytes, min_free_bytes) =
            (state.room.left_bytes(), state.watch.min_free_bytes(state.room));
        if free_bytes.saturating_sub(min_free_bytes) < needed_bytes {
            return Err(StoreError::NoSpaceFor { needed_bytes, free_bytes, min_free_bytes });
        }
        Ok(())
    }

    /// Takes up that a write met a full disk, be it that the last look was too long ago or that a
    /// quota leaves less than the disk has. The ballast stays for what makes room.
    pub fn note_full(&self) {
        self.take_up_full(&mut self.lock());
    }

    /// Takes up that something that makes room met a full disk. Says whether the ballast was given
    /// back for it, so that it may be tried again. The ballast is not made anew for a while: it
    /// would take back what it just gave.
    pub fn give_back_ballast(&self) -> bool {
        let mut state = self.lock();
        self.take_up_full(&mut state);
        let was_there = self.ballast.exists();
        self.ballast.remove();
        was_there
    }

    fn take_up_full(&self, state: &mut State) {
        let was_read_only = state.watch.is_read_only();
        state.watch.note_full();
        state.trial_due = Some(Instant::now() + self.trial_after);
        state.looked = None;
        self.tell(state, was_read_only);
        self.look_locked(state);
    }

    /// Takes up that other work than a write, such as a snapshot, met a full disk, where one of the
    /// causes of its failure says so.
    pub fn note_failure(&self, error: &(dyn std::error::Error + 'static)) {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(is_for_want_of_space) {
                self.note_full();
                return;
            }
            cause = error.source();
        }
    }

    /// An error that a full disk caused, told as such: SQLite has other codes for it where it opens
    /// or extends a file, and for a quota.
    #[must_use]
    pub fn explain(&self, error: StoreError) -> StoreError {
        match error.is_for_want_of_space() {
            Some(true) => StoreError::Full,
            None if !room::takes_a_block(&self.root) => StoreError::Full,
            _ => error,
        }
    }

    fn look_locked(&self, state: &mut State) {
        if state.looked.is_some_and(|looked| looked.elapsed() < LOOK_COUNTS_FOR) {
            return;
        }
        state.looked = Some(Instant::now());
        let log_bytes = u64::try_from(self.metrics.log_bytes.get()).unwrap_or(0);
        match Room::of(&self.root, log_bytes) {
            Ok(room) => state.room = room,
            Err(error) => {
                let error = io::Error::from(error);
                tracing::warn!(%error, "the room on the disk of the data directory is not known");
                return;
            }
        }
        let was_read_only = state.watch.is_read_only();
        match state.watch.step(state.room, self.ballast.exists()) {
            Step::Nothing => {}
            Step::RemoveBallast => self.ballast.remove(),
            Step::MakeBallast { .. } if state.trial_due.is_some_and(|due| due > Instant::now()) => {
            }
            Step::MakeBallast { bytes } => {
                // What the ballast gave back does not prove that there is room for writes.
                let spare = if state.watch.has_met_full() { bytes } else { 0 };
                match self.ballast.make(bytes, spare) {
                    Ok(()) => state.watch.note_ballast_made(),
                    Err(error) => {
                        state.trial_due = Some(Instant::now() + self.trial_after);
                        tracing::debug!(%error, bytes, "the ballast cannot be made");
                    }
                }
            }
        }
        self.tell(state, was_read_only);
    }

    /// To the log when it changes, and to the metrics.
    fn tell(&self, state: &State, was_read_only: bool) {
        let free_bytes = state.room.left_bytes();
        let min_free_bytes = state.watch.min_free_bytes(state.room);
        let is_read_only = state.watch.is_read_only();
        self.metrics.read_only.set(is_read_only.into());
        self.metrics.min_free_bytes.set(i64::try_from(min_free_bytes).unwrap_or(i64::MAX));
        match (was_read_only, is_read_only) {
            (false, true) => tracing::error!(
                free_bytes,
                min_free_bytes,
                "the disk of the data directory is nearly full, writes are refused until there is \
                 room (storage.min_free); deletes and searches go on"
            ),
            (true, false) => {
                tracing::info!(free_bytes, min_free_bytes, "there is room again, writes are taken");
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALLAST_BYTES: u64 = 1 << 20;

    fn open(root: &Path) -> DiskSpace {
        let space = DiskSpace::open(
            root,
            Some(4 * BALLAST_BYTES),
            StoreMetrics::register(&prometheus::Registry::new()).unwrap(),
        );
        assert!(space.look() && space.ballast.exists(), "this disk has no room for the test");
        // No trial comes by itself however slow the machine is.
        DiskSpace { trial_after: Duration::from_secs(3_600), ..space }
    }

    fn try_now(space: &DiskSpace) -> bool {
        let mut state = space.lock();
        (state.looked, state.trial_due) = (None, None);
        drop(state);
        space.look()
    }

    #[test]
    fn a_full_disk_is_a_state_whatever_the_system_says_is_free() {
        let root = tempfile::tempdir().unwrap();
        let space = open(root.path());
        space.note_full();
        assert!(space.check().is_err() && space.ballast.exists(), "a deletion may need it yet");
        assert!(try_now(&space), "a disk that takes more beside the ballast is not full");
        assert!(space.give_back_ballast());
        assert!(!space.ballast.exists(), "it took back at once what a deletion needs");
        assert!(matches!(space.check(), Err(StoreError::LowSpace { .. })));
        assert_eq!(space.metrics.read_only.get(), 1);
        assert!(try_now(&space) && space.ballast.exists());
        assert_eq!(root.path().join("ballast").metadata().unwrap().len(), BALLAST_BYTES);
        assert_eq!(space.metrics.read_only.get(), 0);
    }

    #[test]
    fn a_failure_is_of_a_full_disk_where_a_cause_of_it_is() {
        let root = tempfile::tempdir().unwrap();
        for (kind, is_full) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::QuotaExceeded, true),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            let space = open(root.path());
            space.note_failure(&StoreError::io("writing", root.path())(kind.into()));
            assert_eq!(space.check().is_err(), is_full, "{kind}");
        }
    }
}
