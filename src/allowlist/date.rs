// SPDX-License-Identifier: MIT OR Apache-2.0
//! Days, as the registry counts them.

use std::fmt;
use std::str::FromStr;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// A calendar day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(time::Date);

/// A text that names no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day such as 2026-11-22")]
pub struct DateError(String);

impl Date {
    /// The day of a number of seconds since 1970, UTC; nothing for a year that has more than four digits.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Option<Self> {
        time::OffsetDateTime::from_unix_timestamp(seconds).ok().map(|moment| Self(moment.date()))
    }
}

impl Date {
    /// The day that comes so many days later; none where there are no more.
    #[must_use]
    pub fn after_days(self, days: i64) -> Option<Self> {
        self.0.checked_add(time::Duration::days(days)).map(Self)
    }

    /// How many days it is after another; fewer than none if it is before it.
    #[must_use]
    pub fn days_since(self, other: Self) -> i64 {
        i64::from(self.0.to_julian_day()) - i64::from(other.0.to_julian_day())
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        time::Date::parse(text, FORMAT).map(Self).map_err(|_| DateError(text.to_owned()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn reads_and_writes_days() {
        let day: Date = "2026-02-28".parse().unwrap();
        assert_eq!(day.to_string(), "2026-02-28");
        assert!(day < "2026-03-01".parse().unwrap());
        for no in ["", "2026-2-28", "2026-02-30", "28.02.2026", "2026-02-28 "] {
            assert!(no.parse::<Date>().is_err(), "{no}");
        }
        assert_eq!(Date::from_unix(1_795_305_600).unwrap().to_string(), "2026-11-22");
        assert_eq!(Date::from_unix(i64::MAX), None);
    }
}
