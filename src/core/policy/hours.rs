//! Hours of the day, UTC: when something may, or may not, begin.

use mirano_schemas::{Hours, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;

/// `"22:00-06:00"`: from the first minute on, until before the last; over midnight where the end is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayHours(pub Hours);

/// Not hours of a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not two different times of the day like \"22:00-06:00\": {0:?}")]
pub struct ParseHoursError(pub String);

impl DayHours {
    /// Whether a moment is within.
    pub fn hold(self, at: Timestamp) -> bool {
        let (from, to, minute) = (i64::from(self.0.from), i64::from(self.0.to), minute_of(at));
        if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    /// Whether some minute of the day is in neither.
    pub fn leave_a_minute_with(self, other: Self) -> bool {
        let minutes = (0..DAY_MINUTES).map(|minute| Timestamp(minute * MINUTE_MS));
        minutes.into_iter().any(|at| !self.hold(at) && !other.hold(at))
    }

    /// When they begin next.
    pub fn begin_after(self, at: Timestamp) -> Timestamp {
        next_minute(at, self.0.from)
    }

    /// When they end next.
    pub fn end_after(self, at: Timestamp) -> Timestamp {
        next_minute(at, self.0.to)
    }

    /// How long they are, in milliseconds.
    pub fn long_ms(self) -> u64 {
        let minutes = (i64::from(self.0.to) - i64::from(self.0.from)).rem_euclid(DAY_MINUTES).max(1);
        u64::try_from(minutes * MINUTE_MS).unwrap_or(1)
    }
}

/// The minute of the day.
fn minute_of(at: Timestamp) -> i64 {
    at.0.div_euclid(MINUTE_MS).rem_euclid(DAY_MINUTES)
}

/// The next beginning of a minute of the day, later than `at`.
fn next_minute(at: Timestamp, minute: u16) -> Timestamp {
    let start = at.0.div_euclid(MINUTE_MS) * MINUTE_MS;
    let ahead = (i64::from(minute) - minute_of(at) - 1).rem_euclid(DAY_MINUTES) + 1;
    Timestamp(start + ahead * MINUTE_MS)
}

impl FromStr for DayHours {
    type Err = ParseHoursError;
    fn from_str(text: &str) -> Result<Self, ParseHoursError> {
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let hours = text.split_once('-').and_then(|(from, to)| {
            let (from, to) = (minute(from)?, minute(to)?);
            (from != to).then_some(Self(Hours { from, to }))
        });
        hours.ok_or_else(|| ParseHoursError(text.to_owned()))
    }
}

impl fmt::Display for DayHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hours { from, to } = self.0;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl Serialize for DayHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DayHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_and_written() {
        for text in ["22:00-06:30", "00:00-00:01", "23:59-00:00"] {
            assert_eq!(text.parse::<DayHours>().map(|hours| hours.to_string()).as_deref(), Ok(text));
        }
        for bad in ["", "22:00", "24:00-01:00", "10:60-11:00", "10:00-10:00", "a-b", "1-2"] {
            assert!(bad.parse::<DayHours>().is_err(), "{bad}");
        }
    }

    #[test]
    fn they_begin_and_end_every_day() {
        let day = Timestamp(1_800_057_600_000); // midnight
        let at = |hour: u64, minute: u64| day.plus_ms((hour * 60 + minute) * 60_000);
        let night: DayHours = "22:00-06:00".parse().expect("hours");
        for (moment, within) in [(at(5, 59), true), (at(6, 0), false), (at(21, 59), false), (at(22, 0), true)] {
            assert_eq!(night.hold(moment), within);
        }
        assert_eq!((night.begin_after(at(7, 30)), night.end_after(at(7, 30))), (at(22, 0), at(30, 0)));
        assert_eq!(
            (night.begin_after(at(22, 0)), night.end_after(at(6, 0))),
            (at(46, 0), at(30, 0)),
            "never the same moment"
        );
        assert_eq!(night.end_after(at(5, 59).plus_ms(59_999)), at(6, 0));
        assert_eq!(night.long_ms(), 8 * 3_600_000);
    }

    #[test]
    fn two_of_them_may_cover_the_day() {
        let hours = |text: &str| text.parse::<DayHours>().expect("hours");
        let left = |one: &str, other: &str| hours(one).leave_a_minute_with(hours(other));
        assert!(!left("00:00-12:00", "12:00-00:00"));
        assert!(!left("22:00-13:00", "12:30-22:30"));
        assert!(left("00:00-12:00", "12:01-00:00"), "a minute at noon");
        assert!(left("22:00-06:00", "23:00-05:00"));
    }
}
