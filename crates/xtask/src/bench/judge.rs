//! Judges readings of two commits that were taken in pairs: by how much one is slower, how sure that
//! is, and what follows. No clock is read here.
//!
//! The ratio of a turn is that of two readings one after the other, so that what changes slowly on
//! a machine changes both. The median of the ratios is judged. How sure it is, its spread, is the
//! interval between two of the sorted ratios that holds the true median in 95 of 100 cases,
//! whatever their distribution: from the least to the greatest of 6 to 8 ratios, and further in
//! where there are more (Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2).

use std::fmt;

/// How likely the true median is outside the spread, at most.
const DOUBT: f64 = 0.05;

/// The readings of one measure by one clock, in seconds: of each turn, one of each commit.
#[derive(Clone, Copy)]
pub(crate) struct Readings<'a> {
    pub(crate) base_s: &'a [f64],
    pub(crate) head_s: &'a [f64],
    /// The steps of the clock: a difference below this says nothing.
    pub(crate) step_s: f64,
}

/// HEAD over BASE, of all turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratios {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    /// What the median is sure to be within; absent where there are too few turns for any such
    /// interval.
    pub(crate) sure: Option<(f64, f64)>,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// HEAD is not slower than the bound allows.
    Passed,
    /// The median is beyond the bound, and the whole spread beyond 1.
    Slower,
    /// The median is beyond the bound, but the spread is not beyond 1, or there is none.
    SeemsSlower,
    /// The readings do not say.
    NotDecided(Doubt),
}

/// Why nothing is decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Doubt {
    /// One step of the clock is more of a reading than the bound.
    TooShort,
    /// No number of ratios as small as this has a spread.
    FewTurns,
    /// The spread, as a share of 1, is larger than the bound.
    Spread(f64),
}

impl Ratios {
    /// Of readings, at least one pair.
    pub(crate) fn of(readings: &Readings<'_>) -> Self {
        // A reading of zero would make a ratio of nothing; it is too short to be judged anyway.
        let reading = |seconds: f64| seconds.max(readings.step_s).max(1e-9);
        let pairs = readings.base_s.iter().zip(readings.head_s);
        let mut ratios: Vec<f64> =
            pairs.map(|(&base, &head)| reading(head) / reading(base)).collect();
        assert!(!ratios.is_empty(), "a measure has a reading");
        ratios.sort_unstable_by(f64::total_cmp);
        let last = ratios.len() - 1;
        let sure = left_out(ratios.len()).map(|out| (ratios[out], ratios[last - out]));
        Self {
            median: f64::midpoint(ratios[last / 2], ratios[last.div_ceil(2)]),
            least: ratios[0],
            greatest: ratios[last],
            sure,
        }
    }
}

/// How many of the sorted ratios lie outside the spread at each end, `None` where all of them are
/// too few. The number of ratios below the true median is binomial with a chance of 1/2.
fn left_out(count: usize) -> Option<usize> {
    let mut chance = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let (mut outside, mut out) = (0.0, None);
    for below in 0..count {
        outside += 2.0 * chance;
        if outside > DOUBT {
            break;
        }
        out = Some(below);
        chance *= (count - below) as f64 / (below + 1) as f64;
    }
    out
}

/// Judges by a bound, as a share of 1: 0.03 lets HEAD be 3 % slower.
///
/// A median beyond the bound is slower, however far the ratios are spread. One within it passes
/// only where the spread is no larger than the bound, or has nothing slower in it.
pub(crate) fn judge(readings: &Readings<'_>, ratios: &Ratios, bound: f64) -> Verdict {
    let both = readings.base_s.iter().chain(readings.head_s);
    let shortest_s = both.copied().fold(f64::INFINITY, f64::min);
    if readings.step_s > bound * shortest_s {
        return Verdict::NotDecided(Doubt::TooShort);
    }
    if ratios.median > 1.0 + bound {
        let is_sure = ratios.sure.is_some_and(|(low, _)| low > 1.0);
        return if is_sure { Verdict::Slower } else { Verdict::SeemsSlower };
    }
    match ratios.sure {
        None => Verdict::NotDecided(Doubt::FewTurns),
        Some((low, high)) if high - low > bound && high > 1.0 => {
            Verdict::NotDecided(Doubt::Spread(high - low))
        }
        Some(_) => Verdict::Passed,
    }
}

/// The worst of several: one that is slower is, whatever is not decided.
pub(crate) fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().fold(Verdict::Passed, |worst, verdict| {
        if worst.rank() < verdict.rank() { verdict } else { worst }
    })
}

impl Verdict {
    const fn rank(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::NotDecided(_) => 1,
            Self::SeemsSlower => 2,
            Self::Slower => 3,
        }
    }

    /// The name for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Slower => "slower",
            Self::SeemsSlower => "seems_slower",
            Self::NotDecided(_) => "not_decided",
        }
    }

    /// The last line for people.
    pub(crate) const fn summary(self) -> &'static str {
        match self {
            Self::Passed => "passed: no measure is slower than its bound allows",
            Self::Slower => "SLOWER: the median of a ratio is beyond its bound",
            Self::SeemsSlower => {
                "SLOWER, unless by chance: a median is beyond its bound, its spread is not"
            }
            Self::NotDecided(_) => "not decided: some readings are too spread or too few",
        }
    }

    /// What the process ends with.
    pub(crate) const fn exit_status(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Slower | Self::SeemsSlower => 1,
            Self::NotDecided(_) => 2,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => write!(f, "passed"),
            Self::Slower => write!(f, "SLOWER"),
            Self::SeemsSlower => write!(f, "SLOWER, unless by chance"),
            Self::NotDecided(doubt) => write!(f, "not decided: {doubt}"),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "too short for the clock, give more --documents"),
            Self::FewTurns => write!(f, "fewer than 6 turns have no spread, give more --turns"),
            Self::Spread(spread) => {
                write!(f, "spread of {:.1} %, give more --turns or a quiet machine", 100.0 * spread)
            }
        }
    }
}

#[cfg(test)]
mod tests;
