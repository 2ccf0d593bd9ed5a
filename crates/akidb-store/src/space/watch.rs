//! When writes end and begin again, and when the ballast goes and comes, by what a disk has.

use super::room::Room;

/// The least room that is kept by default.
const MIN_FREE_BYTES: u64 = 256 << 20;
/// The share of the disk that is kept by default: one in this many.
const MIN_FREE_ONE_IN: u64 = 100;
/// The largest ballast: the WAL of a deletion up to its checkpoint, twice.
const BALLAST_BYTES_MAX: u64 = 64 << 20;
/// The ballast as a share of what is kept free: one in this many.
const BALLAST_ONE_IN: u64 = 4;
/// What must be free beyond the least before writes begin again, as a share of it: one in this
/// many. Without it the node would change its mind with every write.
const MARGIN_ONE_IN: u64 = 8;

/// What was decided by the last look.
#[derive(Debug)]
pub(super) struct Watch {
    min_free_bytes: Option<u64>,
    is_read_only: bool,
    /// A write met a full disk. Free bytes that the disk names do not prove that it takes them; a
    /// ballast that could be made does.
    met_full: bool,
}

/// What is to be done about the ballast.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    RemoveBallast,
    MakeBallast { bytes: u64 },
}

impl Watch {
    pub(super) const fn new(min_free_bytes: Option<u64>) -> Self {
        Self { min_free_bytes, is_read_only: false, met_full: false }
    }

    pub(super) const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Whether a write met a full disk and no ballast could be made since.
    pub(super) const fn has_met_full(&self) -> bool {
        self.met_full
    }

    /// Free bytes below which writes are refused.
    pub(super) fn min_free_bytes(&self, room: Room) -> u64 {
        self.min_free_bytes.unwrap_or(MIN_FREE_BYTES.max(room.size_bytes / MIN_FREE_ONE_IN))
    }

    /// Refuses writes until a ballast could be made, where room is kept at all.
    pub(super) fn note_full(&mut self) {
        self.met_full = self.min_free_bytes != Some(0);
        self.is_read_only |= self.met_full;
    }

    /// Takes up that the disk took a ballast.
    pub(super) fn note_ballast_made(&mut self) {
        if self.met_full {
            self.met_full = false;
            self.is_read_only = false;
        }
    }

    /// Decides by a look at the disk.
    pub(super) fn step(&mut self, room: Room, has_ballast: bool) -> Step {
        let min_free = self.min_free_bytes(room);
        let enough = min_free + min_free / MARGIN_ONE_IN;
        let ballast = (min_free / BALLAST_ONE_IN).min(BALLAST_BYTES_MAX);
        let has_room = room.left_bytes() >= if self.is_read_only { enough } else { min_free };
        self.is_read_only = !has_room || self.met_full;
        match has_ballast {
            true if room.free_bytes < ballast => Step::RemoveBallast,
            true if !self.met_full => Step::Nothing,
            // One that is there is made again where it is: the trial is of what it needs beside it.
            _ if ballast > 0 && room.free_bytes >= enough + ballast => {
                Step::MakeBallast { bytes: ballast }
            }
            _ => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn room(free_mib: u64) -> Room {
        Room { size_bytes: 10_000 * MIB, free_bytes: free_mib * MIB, log_bytes: 0 }
    }

    #[test]
    fn the_larger_of_two_is_kept_free_unless_said_otherwise() {
        let kept = |given, size_mib| {
            let room = Room { size_bytes: size_mib * MIB, ..Room::default() };
            Watch::new(given).min_free_bytes(room) / MIB
        };
        assert_eq!(kept(None, 10_000), 256);
        assert_eq!(kept(None, 1_000_000), 10_000);
        assert_eq!(kept(Some(8 * MIB), 1_000_000), 8);
    }

    #[test]
    fn writes_end_below_the_least_and_begin_with_a_margin() {
        let mut watch = Watch::new(Some(80 * MIB));
        for (free_mib, is_read_only) in [
            (500, false),
            (80, false),
            (79, true),
            (85, true),
            (89, true),
            (90, false),
            (80, false),
        ] {
            watch.step(room(free_mib), true);
            assert_eq!(watch.is_read_only(), is_read_only, "{free_mib}");
        }
    }

    #[test]
    fn what_logs_are_to_take_is_not_free_for_writes_and_costs_no_ballast() {
        let mut watch = Watch::new(Some(80 * MIB));
        for (log_mib, is_read_only) in
            [(0, false), (20, false), (21, true), (11, true), (10, false)]
        {
            let room = Room { log_bytes: log_mib * MIB, ..room(100) };
            assert_eq!(watch.step(room, true), Step::Nothing);
            assert_eq!(watch.is_read_only(), is_read_only, "{log_mib}");
        }
    }

    #[test]
    fn the_ballast_goes_when_it_is_needed_and_never_takes_what_writes_need() {
        let mut watch = Watch::new(Some(80 * MIB));
        let made = Step::MakeBallast { bytes: 20 * MIB };
        for (free_mib, has_ballast, step) in [
            (110, false, made),
            (90, true, Step::Nothing),
            (20, true, Step::Nothing),
            (19, true, Step::RemoveBallast),
            (39, false, Step::Nothing),
            (109, false, Step::Nothing),
        ] {
            assert_eq!(watch.step(room(free_mib), has_ballast), step, "{free_mib}");
        }
    }

    #[test]
    fn a_disk_that_refuses_what_it_says_is_free_is_believed_when_it_takes_a_ballast() {
        let mut watch = Watch::new(Some(80 * MIB));
        watch.note_full();
        for has_ballast in [true, false] {
            assert_eq!(watch.step(room(500), has_ballast), Step::MakeBallast { bytes: 20 * MIB });
            assert!(watch.is_read_only());
        }
        watch.note_ballast_made();
        assert!(!watch.is_read_only());
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_asked_for() {
        let mut watch = Watch::new(Some(0));
        watch.note_full();
        assert_eq!(watch.step(room(0), false), Step::Nothing);
        assert!(!watch.is_read_only());
    }
}
