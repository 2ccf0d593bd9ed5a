//! The years, months, days and hours that moments are in, in UTC.

use std::str::FromStr;

use super::instant::{DAY_SECONDS, civil_of, days_since_epoch};
use crate::{Error, search_mode::one_of};

/// A unit of the calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DateInterval {
    /// From the first of January on.
    Year,
    /// From its first day on.
    Month,
    /// From midnight on.
    Day,
    /// 60 minutes.
    Hour,
}

/// The first second of the year 0000.
const FIRST: i64 = -719_528 * DAY_SECONDS;

/// The last second of the year 9999.
const LAST: i64 = 2_932_897 * DAY_SECONDS - 1;

impl DateInterval {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Year, Self::Month, Self::Day, Self::Hour];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }

    /// The first second of the interval that a second since the Unix epoch is in, and the one after its
    /// last. What a zone has moved out of the years 0000 to 9999 is in the first or the last interval,
    /// which have no end on that side.
    #[must_use]
    pub fn around(self, second: i64) -> (Option<i64>, Option<i64>) {
        let second = second.clamp(FIRST, LAST);
        let days = second.div_euclid(DAY_SECONDS);
        let (year, month, _) = civil_of(days);
        let (from, to) = match self {
            Self::Year => (first_of(year, 1), first_of(year + 1, 1)),
            Self::Month if month == 12 => (first_of(year, 12), first_of(year + 1, 1)),
            Self::Month => (first_of(year, month), first_of(year, month + 1)),
            Self::Day => (days * DAY_SECONDS, (days + 1) * DAY_SECONDS),
            Self::Hour => {
                let from = second - second.rem_euclid(3_600);
                (from, from + 3_600)
            }
        };
        ((from > FIRST).then_some(from), (to <= LAST).then_some(to))
    }
}

impl FromStr for DateInterval {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        one_of("interval", "unit of time", given, Self::ALL.map(|it| (it.as_str(), it)))
    }
}

/// Midnight of the first day of a month.
fn first_of(year: i64, month: i64) -> i64 {
    days_since_epoch(year, month, 1).map_or(LAST, |days| days * DAY_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::{super::instant::Instant, *};
    use crate::Timestamp;

    #[test]
    fn every_day_of_the_calendar_is_its_own() {
        for days in FIRST / DAY_SECONDS..=LAST / DAY_SECONDS {
            let (year, month, day) = civil_of(days);
            assert_eq!(days_since_epoch(year, month, day), Some(days), "{year}-{month}-{day}");
        }
        assert_eq!(days_since_epoch(0, 1, 1).unwrap() * DAY_SECONDS, FIRST);
        assert_eq!(days_since_epoch(9_999, 12, 31).unwrap() * DAY_SECONDS, LAST + 1 - DAY_SECONDS);
    }

    #[test]
    fn intervals_are_those_of_the_calendar() {
        let around = |interval: DateInterval, text: &str| {
            let second = Instant::read(text).unwrap().seconds;
            let (from, to) = interval.around(second);
            let written = |second: i64| Timestamp::from_unix_ms(second * 1_000).to_string();
            (from.map(written), to.map(written))
        };
        for (interval, text, from, to) in [
            (DateInterval::Year, "2024-02-29", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            (
                DateInterval::Month,
                "2024-02-29T23:59:59Z",
                "2024-02-01T00:00:00Z",
                "2024-03-01T00:00:00Z",
            ),
            (DateInterval::Month, "1969-12-31", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            (
                DateInterval::Day,
                "1969-12-31T23:59:59.9",
                "1969-12-31T00:00:00Z",
                "1970-01-01T00:00:00Z",
            ),
            (
                DateInterval::Day,
                "2024-01-01T00:30:00+01:00",
                "2023-12-31T00:00:00Z",
                "2024-01-01T00:00:00Z",
            ),
            (
                DateInterval::Hour,
                "1969-12-31T23:59:59Z",
                "1969-12-31T23:00:00Z",
                "1970-01-01T00:00:00Z",
            ),
        ] {
            assert_eq!(
                around(interval, text),
                (Some(from.to_owned()), Some(to.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_zone_moves_beyond_the_calendar_is_at_its_ends() {
        for interval in DateInterval::ALL {
            let before = Instant::read("0000-01-01T00:00:00+01:00").unwrap().seconds;
            let first = interval.around(before);
            assert_eq!(first, interval.around(FIRST));
            assert_eq!(first.0, None);
            let after = Instant::read("9999-12-31T23:59:59-01:00").unwrap().seconds;
            let last = interval.around(after);
            assert_eq!(last, interval.around(LAST));
            assert_eq!(last.1, None);
        }
    }
}
