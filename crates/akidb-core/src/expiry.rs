//! When documents expire.

use std::{fmt, str::FromStr};

use crate::filter::instant::{Instant, civil_of};

/// A moment in UTC, in whole milliseconds, of the years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    unix_ms: i64,
}

/// The given string is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no moment in time, which is written as 2030-01-31, 2030-01-31T23:59:59Z or \
     2030-01-31T23:59:59.123+01:00"
)]
pub struct InvalidTimestamp;

/// What a write says of the moment from which on a document is there no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing: it is that of its collection, and that of before where a document is changed.
    #[default]
    Unsaid,
    /// The document stays until it is deleted.
    Never,
    /// This one.
    At(Timestamp),
}

impl Timestamp {
    const FIRST_MS: i64 = -62_167_219_200_000;
    const LAST_MS: i64 = 253_402_300_799_999;

    /// The moment so many milliseconds after 1970-01-01T00:00:00Z; one that is earlier or later than all is the
    /// first or the last there is.
    #[must_use]
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        Self { unix_ms: unix_ms.clamp(Self::FIRST_MS, Self::LAST_MS) }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.unix_ms
    }

    /// The moment so many seconds later.
    #[must_use]
    pub fn after_seconds(self, seconds: u64) -> Self {
        let milliseconds = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Self::from_unix_ms(self.unix_ms.saturating_add(milliseconds))
    }
}

/// A moment, or `never`.
impl FromStr for Expiry {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::NEVER { Ok(Self::Never) } else { text.parse().map(Self::At) }
    }
}

/// Reads what filters hold for a date; without a zone it is UTC, and what is finer than a millisecond is cut.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Instant { seconds, fraction } = Instant::read(text).ok_or(InvalidTimestamp)?;
        let milliseconds = (0..3).fold(0, |sum, place| {
            let digit = fraction.as_bytes().get(place).map_or(0, |digit| digit - b'0');
            sum * 10 + i64::from(digit)
        });
        Ok(Self::from_unix_ms(seconds * 1_000 + milliseconds))
    }
}

/// As RFC 3339 has it, with milliseconds where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, milliseconds) =
            (self.unix_ms.div_euclid(1_000), self.unix_ms.rem_euclid(1_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_of(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match milliseconds {
            0 => f.write_str("Z"),
            _ => write!(f, ".{milliseconds:03}Z"),
        }
    }
}

impl Expiry {
    /// How it is written that a document stays.
    pub const NEVER: &str = "never";

    /// The moment that it says.
    #[must_use]
    pub const fn moment(self) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(moment),
            Self::Unsaid | Self::Never => None,
        }
    }

    /// The moment, where a document that said nothing has `unsaid`.
    #[must_use]
    pub fn or(self, unsaid: impl FnOnce() -> Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Unsaid => unsaid(),
            said => said.moment(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_written_as_they_are_read() {
        for (given, expect) in [
            ("2030-01-31", "2030-01-31T00:00:00Z"),
            ("2030-01-31 10:00", "2030-01-31T10:00:00Z"),
            ("2030-01-31T10:00:00.5+02:00", "2030-01-31T08:00:00.500Z"),
            ("2030-01-31T10:00:00.0019999Z", "2030-01-31T10:00:00.001Z"),
            ("0000-02-29T00:00:00Z", "0000-02-29T00:00:00Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999Z"),
        ] {
            let moment: Timestamp = given.parse().unwrap();
            assert_eq!(moment.to_string(), expect, "{given}");
        }
        for wrong in ["", "soon", "2030-02-30", "1893456000", "P1D", "2030-01-31T10:00:00 UTC"] {
            assert_eq!(wrong.parse::<Timestamp>(), Err(InvalidTimestamp), "{wrong}");
        }
    }

    #[test]
    fn no_moment_is_beyond_the_first_and_the_last() {
        let last = Timestamp::from_unix_ms(0).after_seconds(u64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_unix_ms(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn every_moment_is_read_back(unix_ms in Timestamp::FIRST_MS..=Timestamp::LAST_MS) {
            let moment = Timestamp::from_unix_ms(unix_ms);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
            prop_assert_eq!(moment.unix_ms(), unix_ms);
        }
    }
}
