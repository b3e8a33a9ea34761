//! How long something takes, how long ago it was, and when.

use super::{Arg, Both, Lang, both, one};
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// The largest whole unit, rounded down.
fn unit(seconds: u64) -> (&'static str, u64) {
    match seconds {
        0..60 => ("seconds", seconds),
        60..3_600 => ("minutes", seconds / 60),
        3_600..86_400 => ("hours", seconds / 3_600),
        _ => ("days", seconds / 86_400),
    }
}

/// A duration: «1 минута», "1 minute".
pub fn duration(seconds: u64) -> Both {
    let (unit, n) = unit(seconds);
    both(&format!("duration-{unit}"), &[("n", n.into())])
}

/// A duration as what lies between: «через 1 минуту», "in 1 minute".
pub fn within(seconds: u64) -> Both {
    let (unit, n) = unit(seconds);
    both(&format!("within-{unit}"), &[("n", n.into())])
}

/// How old something is: «2 часа назад», "2 hours ago". Never «только что»: that would be read as "checked just now", and the
/// answer may have been another check's.
pub fn ago(seconds: u64) -> Both {
    if seconds < 1 {
        return both("ago-less_than_second", &[]);
    }
    both("ago-told", &[("age", within(seconds).into())])
}

/// A moment of the interface (RFC 3339) for people, in UTC, which it says: «15 января 2027, 08:00 UTC». What is none, such as a position in the
/// log, is left as it stands.
pub fn moment(text: &str) -> Both {
    let Ok(at) = text.parse::<DateTime<Utc>>() else { return Both::from(text) };
    let time = format!("{:02}:{:02}", at.hour(), at.minute());
    both("moment-written", &[("day", written(at.date_naive()).into()), ("time", time.into())])
}

/// Where a text of a language has moments as [`moment`] writes them, in their order: the place, and the moment as the interface has it
/// (RFC 3339, to the minute). Whoever shows the text to somebody in another time zone writes them anew.
pub fn moments(lang: Lang, text: &str) -> Vec<(Range<usize>, String)> {
    static WRITTEN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\b(\d{1,2})\s(\p{L}+)\s(\d{4}), (\d{2}):(\d{2})\sUTC\b").ok());
    let read = |found: regex::Captures<'_>| {
        let part = |n: usize| found.get(n).map_or("", |part| part.as_str());
        let month = (1..=12).find(|n| one(lang, &format!("month-{n}"), &[]) == part(2))?;
        let day = NaiveDate::from_ymd_opt(part(3).parse().ok()?, month, part(1).parse().ok()?)?;
        let at = day.and_hms_opt(part(4).parse().ok()?, part(5).parse().ok()?, 0)?;
        Some((found.get(0)?.range(), at.and_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)))
    };
    WRITTEN.as_ref().into_iter().flat_map(|written| written.captures_iter(text)).filter_map(read).collect()
}

/// A date of the interface for people: «15 января 2027». What is none is left as it stands: sources may write anything.
pub fn day(text: &str) -> Both {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_or_else(|_| Both::from(text), written)
}

fn written(day: NaiveDate) -> Both {
    let args: [(&str, Arg); 3] = [
        ("day", day.day().to_string().into()),
        ("month", both(&format!("month-{}", day.month()), &[]).into()),
        ("year", day.year().to_string().into()),
    ];
    both("moment-day", &args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_say_their_zone() {
        let said = moment("2027-01-05T11:07:59.123+03:00");
        assert_eq!((said.ru.as_str(), said.en.as_str()), ("5 января 2027, 08:07 UTC", "5 January 2027, 08:07 UTC"));
        assert_eq!(moment("0:12"), Both::new("0:12", "0:12"));
        assert_eq!(day("2026-03-01"), Both::new("1 марта 2026", "1 March 2026"));
        assert_eq!(day("весна"), Both::new("весна", "весна"));
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        for (seconds, ru, en) in [
            (0, "меньше секунды назад", "less than a second ago"),
            (1, "1 секунду назад", "1 second ago"),
            (60, "1 минуту назад", "1 minute ago"),
            (21 * 60, "21 минуту назад", "21 minutes ago"),
            (2 * 3_600, "2 часа назад", "2 hours ago"),
            (11 * 86_400, "11 дней назад", "11 days ago"),
        ] {
            assert_eq!((ago(seconds).ru.as_str(), ago(seconds).en.as_str()), (ru, en));
        }
        assert_eq!(duration(14 * 86_400), Both::new("14 дней", "14 days"));
        assert_eq!((duration(60).ru.as_str(), within(60).ru.as_str()), ("1 минута", "1 минуту"));
    }

    #[test]
    fn what_is_written_is_found_again() {
        for month in 1..=12 {
            let at = format!("2026-{month:02}-07T18:10:00Z");
            for lang in Lang::ALL {
                let text = format!("срок, до {}; until.", moment(&at).get(lang));
                let found = moments(lang, &text);
                let [(place, read)] = found.as_slice() else { panic!("{text}: {found:?}") };
                assert_eq!((&text[place.clone()], read), (moment(&at).get(lang), &at));
            }
        }
        let two = format!(
            "{} — {}",
            moment("2026-01-01T00:00:00Z").get(Lang::En),
            moment("2026-02-01T00:00:00Z").get(Lang::En)
        );
        assert_eq!(moments(Lang::En, &two).len(), 2);
        for other in [
            "7 Dekabrya 2026, 18:10 UTC",
            "31 February 2026, 18:10 UTC",
            "7 December 2026",
            "7 December 2026, 25:10 UTC",
        ] {
            assert_eq!(moments(Lang::En, other), [], "{other}");
        }
    }
}
