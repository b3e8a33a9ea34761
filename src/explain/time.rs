//! Moments and durations as the interface writes them.

use mirano_schemas::Timestamp;

/// RFC 3339 in UTC, to the millisecond.
pub fn rfc3339(at: Timestamp) -> String {
    let moment = chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Reads RFC 3339, with any offset.
pub fn parse(text: &str) -> Option<Timestamp> {
    // A `+` of an offset that was not percent-encoded arrives as a space.
    let text = text.replace(' ', "+");
    chrono::DateTime::parse_from_rfc3339(&text).ok().map(|moment| Timestamp(moment.timestamp_millis()))
}

/// Reads RFC 3339, or a date: its first moment in UTC.
pub fn parse_or_day(text: &str) -> Option<Timestamp> {
    let day = || {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)?;
        Some(Timestamp(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()))
    };
    parse(text).or_else(day)
}

/// Whole seconds, downwards: an age is never said to be greater than it is.
pub fn seconds(ms: u64) -> u64 {
    ms / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_round_trip() {
        for text in ["2026-11-24T15:00:00.000Z", "1970-01-01T00:00:00.001Z"] {
            assert_eq!(rfc3339(parse(text).expect(text)), text);
        }
        assert_eq!(parse("2026-11-24T18:00:00+03:00"), parse("2026-11-24T15:00:00Z"));
        assert_eq!(parse("2026-11-24"), None);
        assert_eq!(parse_or_day("2026-11-24"), parse("2026-11-24T00:00:00Z"));
        for bad in ["2026-11-31", "2026-1-1", "24.11.2026", "soon", ""] {
            assert_eq!(parse_or_day(bad), None, "{bad}");
        }
    }
}
