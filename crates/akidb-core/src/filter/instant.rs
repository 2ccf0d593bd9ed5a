//! Dates and date-times of metadata as instants.
//!
//! Read are the forms that programs write: RFC 3339, and around it a space for the `T`, a time
//! without a zone (taken as UTC), without seconds, or with any number of digits behind them. What has
//! another form is no date, and is compared as text.

/// A moment in time, exact to the last digit that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant<'t> {
    /// Seconds since the Unix epoch, rounded down.
    pub(crate) seconds: i64,
    /// The digits of the fraction, without zeros at their end: they are ordered as text.
    pub(crate) fraction: &'t str,
}

/// Longer strings are no dates, however many digits of a second they have.
pub(super) const TEXT_BYTES_MAX: usize = 128;

pub(super) const DAY_SECONDS: i64 = 86_400;

/// Days from the first of March of the year 0 to 1970-01-01.
const DAYS_TO_EPOCH_FROM_MARCH_0000: i64 = 719_468;

/// Days in 400 years.
const ERA_DAYS: i64 = 146_097;

impl<'t> Instant<'t> {
    /// Reads a date, which is its midnight in UTC, or a date-time. The years are 0000 to 9999.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        if !(10..=TEXT_BYTES_MAX).contains(&text.len()) {
            return None;
        }
        let mut rest = Rest(text);
        let year = rest.number(4)?;
        rest.take(b'-')?;
        let month = rest.number(2)?;
        rest.take(b'-')?;
        let days = days_since_epoch(year, month, rest.number(2)?)?;
        if rest.0.is_empty() {
            return Some(Self { seconds: days * DAY_SECONDS, fraction: "" });
        }
        rest.take_any(b"Tt ")?;
        let (time_seconds, is_leap_second, fraction) = rest.time()?;
        let seconds = days * DAY_SECONDS + time_seconds - rest.zone_seconds()?;
        // A leap second is at the end of a day in UTC.
        let is_sound = rest.0.is_empty() && (!is_leap_second || seconds % DAY_SECONDS == 0);
        is_sound.then_some(Self { seconds, fraction })
    }
}

/// What is still to be read.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        self.0 = rest;
        number.parse().ok().filter(|_| is_number)
    }

    /// A number of two digits up to a limit.
    fn two_digits(&mut self, most: i64) -> Option<i64> {
        self.number(2).filter(|number| *number <= most)
    }

    fn take_any(&mut self, expected: &[u8]) -> Option<u8> {
        let first = *self.0.as_bytes().first().filter(|first| expected.contains(first))?;
        self.0 = &self.0[1..];
        Some(first)
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        self.take_any(&[expected]).map(|_| ())
    }

    /// The seconds of a day, whether they end with a leap second, and the digits of the fraction.
    fn time(&mut self) -> Option<(i64, bool, &'t str)> {
        let hour = self.two_digits(23)?;
        self.take(b':')?;
        let minute = self.two_digits(59)?;
        if self.take(b':').is_none() {
            return Some((hour * 3_600 + minute * 60, false, ""));
        }
        let second = self.two_digits(60)?;
        let mut fraction = "";
        if self.take_any(b".,").is_some() {
            let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
            (fraction, self.0) = self.0.split_at(digits);
            if fraction.is_empty() {
                return None;
            }
        }
        let seconds = hour * 3_600 + minute * 60 + second;
        Some((seconds, second == 60, fraction.trim_end_matches('0')))
    }

    /// How far the zone is ahead of UTC. Without one it is UTC.
    fn zone_seconds(&mut self) -> Option<i64> {
        let Some(sign) = self.take_any(b"Zz+-") else { return Some(0) };
        if matches!(sign, b'Z' | b'z') {
            return Some(0);
        }
        let mut seconds = self.two_digits(23)? * 3_600;
        for unit_seconds in [60, 1] {
            if !self.0.is_empty() {
                let _colon = self.take(b':');
                seconds += self.two_digits(59)? * unit_seconds;
            }
        }
        Some(if sign == b'-' { -seconds } else { seconds })
    }
}

/// Days of the proleptic Gregorian calendar since 1970-01-01; `None` where there is no such day.
pub(super) fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(is_leap_year),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_of_month).contains(&day) {
        return None;
    }
    // Years that begin in March have their leap day at the end; the first of 400 is year 0 itself.
    let years = if month > 2 { year } else { year - 1 };
    let leap_days = years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    let months_since_march = (month + 9) % 12;
    // 30 or 31 days each: 153 days in five months from March on.
    let days_before_month = (153 * months_since_march + 2) / 5;
    Some(years * 365 + leap_days + days_before_month + day - 1 - DAYS_TO_EPOCH_FROM_MARCH_0000)
}

/// The year, month and day of a day since 1970-01-01: the other way round.
pub(crate) const fn civil_of(days_since_epoch: i64) -> (i64, i64, i64) {
    let days = days_since_epoch + DAYS_TO_EPOCH_FROM_MARCH_0000;
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    // Without the leap days of 4 years, all but one of 100, and that of 400.
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / (ERA_DAYS - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: i64, fraction: &str) {
        assert_eq!(Instant::read(text), Some(Instant { seconds, fraction }), "{text}");
    }

    #[test]
    fn the_forms_that_programs_write_are_dates() {
        check("1970-01-01", 0, "");
        check("1970-01-02T00:00:00Z", 86_400, "");
        check("2020-01-01T10:00:00", 1_577_872_800, "");
        check("2020-01-01 10:00:00.123456", 1_577_872_800, "123456");
        check("2020-01-01T10:00:00,5+02:00", 1_577_865_600, "5");
        check("2020-01-01t10:00:00.5000z", 1_577_872_800, "5");
        check("2020-01-01 10:00", 1_577_872_800, "");
        check("2020-01-01 10:00:00-0330", 1_577_885_400, "");
        check("2020-01-01 10:00:00+01", 1_577_869_200, "");
        check("2020-01-01T10:00:00+00:00:01", 1_577_872_799, "");
        let digits = "1234567890".repeat(10) + "1";
        check(&format!("2020-01-01T10:00:00.{digits}Z"), 1_577_872_800, &digits);
    }

    #[test]
    fn the_range_is_that_of_rfc_3339() {
        check("0000-01-01T00:00:00Z", -62_167_219_200, "");
        check("0000-02-29T00:00:00+23:59", -62_162_121_600 - 86_340, "");
        check("9999-12-31T23:59:59.999999999999Z", 253_402_300_799, "999999999999");
        check("9999-12-31T23:59:59-23:59", 253_402_300_799 + 86_340, "");
        check("1969-12-31T23:59:59.5Z", -1, "5");
        // The second that a day is longer is the first of the next one, as Unix counts.
        check("1990-12-31T23:59:60Z", 662_688_000, "");
        check("1990-12-31T15:59:60.25-08:00", 662_688_000, "25");
    }

    #[test]
    fn what_has_another_form_is_no_date() {
        for text in [
            "",
            "2020",
            "2020-1-1",
            "2020-13-01",
            "2020-02-30",
            "2021-02-29",
            "1900-02-29",
            "2020-01-00",
            "20200101T000000Z",
            "2020-01-01T",
            "2020-01-01T24:00:00Z",
            "2020-01-01T10:60:00Z",
            "2020-01-01T10:00:60Z",
            "2020-01-01T10:00:00.Z",
            "2020-01-01T10:00:00+24:00",
            "2020-01-01T10:00:00Z ",
            "2020-01-01 10:00:00 UTC",
            "2020-01-01x10:00:00",
            "-020-01-01",
            "+020-01-01",
            "2020-01-01T10:00:00Z[UTC]",
            "02020-01-01",
            "２０２０-01-01",
            "2020-01-01T10:00.5",
        ] {
            assert_eq!(Instant::read(text), None, "{text}");
        }
        let long = format!("2020-01-01T10:00:00.{}Z", "1".repeat(TEXT_BYTES_MAX));
        assert_eq!(Instant::read(&long), None);
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = days_since_epoch(0, 1, 1).unwrap();
        for year in 0..=9_999 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(days) = days_since_epoch(year, month, day) {
                        assert_eq!(days, expected, "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
        assert_eq!(days_since_epoch(1970, 1, 1), Some(0));
        assert_eq!(expected, days_since_epoch(9_999, 12, 31).unwrap() + 1);
    }
}
