//! Numbers, durations and dates as the reader's language writes them. Dates are UTC here; the script localises them.

use super::Lang;
use super::words::{self, WordError};
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(super) use crate::words::integer;

/// The largest whole unit of a length of time, rounded down: an age is never shown younger than a unit allows.
fn unit(seconds: i64) -> (&'static str, i64) {
    match seconds.max(0) {
        s if s >= 2 * 86_400 => ("days", s / 86_400),
        s if (86_400..90_000).contains(&s) => ("days", 1),
        s if s >= 3_600 => ("hours", s / 3_600),
        s if s >= 60 => ("minutes", s / 60),
        s => ("seconds", s),
    }
}

/// A length of time: «1 минута», "1 minute".
pub(super) fn duration(lang: Lang, seconds: i64) -> Result<String, WordError> {
    let (unit, n) = unit(seconds);
    words::say(lang, &format!("duration-{unit}"), &[("n", n.into())])
}

/// A length of time that something lasts or lies back: «на 1 минуту», "for 1 minute".
pub(super) fn within(lang: Lang, seconds: i64) -> Result<String, WordError> {
    let (unit, n) = unit(seconds);
    words::say(lang, &format!("within-{unit}"), &[("n", n.into())])
}

/// A duration as the interface takes it (`"90s"`, `"8h"`, `"1d"`) for people; what is none is left as it stands.
pub(super) fn span(lang: Lang, text: &str) -> Result<String, WordError> {
    match text.parse::<crate::core::policy::DurationMs>() {
        Ok(duration) => within(lang, i64::try_from(duration.0 / 1_000).unwrap_or(i64::MAX)),
        Err(_) => Ok(text.to_owned()),
    }
}

/// How long ago, for example "3 days ago".
pub(super) fn ago(lang: Lang, seconds: i64) -> Result<String, WordError> {
    if seconds < 60 {
        return words::plain(lang, "ago-less_than_minute");
    }
    words::say(lang, "ago-told", &[("age", within(lang, seconds)?.into())])
}

/// How old something is now; what is no moment is none.
pub(super) fn since(lang: Lang, text: &str) -> Result<String, WordError> {
    match text.parse::<DateTime<Utc>>() {
        Ok(time) => ago(lang, (Utc::now() - time).num_seconds()),
        Err(_) => Ok(String::new()),
    }
}

/// A day like "24 ноября 2026" or "24 November 2026"; what is no date is left as it stands.
pub(super) fn day(lang: Lang, text: &str) -> Result<String, WordError> {
    match text.get(..10).and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()) {
        Some(date) => written(lang, date),
        None => Ok(text.to_owned()),
    }
}

fn written(lang: Lang, date: NaiveDate) -> Result<String, WordError> {
    let month = words::plain(lang, &format!("month-{}", date.month()))?;
    Ok(format!("{}\u{a0}{month} {}", date.day(), date.year()))
}

/// A moment in UTC, for who reads without the script. `precision` is `second`, `milli`, or anything else for minutes.
pub(super) fn moment(lang: Lang, text: &str, precision: &str) -> Result<String, WordError> {
    let Ok(time) = text.parse::<DateTime<Utc>>() else { return Ok(text.to_owned()) };
    let (minute, second) = (format!("{:02}:{:02}", time.hour(), time.minute()), format!("{:02}", time.second()));
    let clock = match precision {
        "second" => format!("{minute}:{second}"),
        "milli" => {
            let point = if lang == Lang::Ru { ',' } else { '.' };
            format!("{minute}:{second}{point}{:03}", time.timestamp_subsec_millis())
        }
        _ => minute,
    };
    Ok(format!("{}, {clock}\u{a0}UTC", written(lang, time.date_naive())?))
}

/// A text cut at the moments and days in it, so that the page can show them in the reader's time zone: pieces `{text}` or `{at}`.
pub(super) fn pieces(lang: Lang, words: &str) -> Vec<Value> {
    static TIME: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)?\b").ok());
    let coded = TIME.as_ref().into_iter().flat_map(|time| time.find_iter(words));
    let mut found: Vec<_> = coded.map(|found| (found.range(), found.as_str().to_owned())).collect();
    found.extend(crate::words::moments(lang, words));
    found.sort_by_key(|(place, _)| place.start);
    let (mut pieces, mut end) = (Vec::new(), 0);
    for (place, at) in found {
        pieces.extend(words.get(end..place.start).filter(|text| !text.is_empty()).map(|text| json!({"text": text})));
        pieces.push(json!({"at": at}));
        end = place.end;
    }
    pieces.extend(words.get(end..).filter(|rest| !rest.is_empty()).map(|text| json!({"text": text})));
    pieces
}

/// How exactly each of these times (RFC 3339) is written so that no two read alike: all with seconds where two lie in one minute, and
/// with thousandths those that share a second.
pub(super) fn precision(times: &[&str]) -> Vec<&'static str> {
    const MINUTE: usize = "2026-01-01T00:00".len();
    const SECOND: usize = "2026-01-01T00:00:00".len();
    let shared = |long: usize| {
        let mut seen: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        times.iter().for_each(|time| *seen.entry(time.get(..long)).or_default() += 1);
        seen
    };
    let (minutes, seconds) = (shared(MINUTE), shared(SECOND));
    let usual = if minutes.values().any(|times| *times > 1) { "second" } else { "" };
    let of = |time: &&str| if seconds.get(&time.get(..SECOND)).is_some_and(|n| *n > 1) { "milli" } else { usual };
    times.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::{ago, duration, json, moment, pieces, precision, span};
    use crate::ui::Lang::{En, Ru};

    #[test]
    fn ages_round_down() {
        let said = |seconds| duration(En, seconds).expect("known words");
        assert_eq!(said(59), "59 seconds");
        assert_eq!(said(119), "1 minute");
        assert_eq!(said(86_400), "1 day");
        assert_eq!(said(90_000), "25 hours");
        assert_eq!(said(172_800), "2 days");
        assert_eq!(ago(Ru, 86_400 * 3).expect("known words"), "3 дня назад");
        assert_eq!(span(En, "8h").expect("known words"), "8 hours");
        assert_eq!(span(Ru, "1d").expect("known words"), "1 день");
        assert_eq!(span(Ru, "скоро").expect("known words"), "скоро");
        assert_eq!(ago(Ru, 60).expect("known words"), "1 минуту назад");
    }

    #[test]
    fn moments_say_their_zone() {
        let said = |lang, precision| moment(lang, "2026-11-24T09:05:59.25Z", precision).expect("known words");
        assert_eq!(said(En, ""), "24\u{a0}November 2026, 09:05\u{a0}UTC");
        assert_eq!(said(En, "second"), "24\u{a0}November 2026, 09:05:59\u{a0}UTC");
        assert_eq!(said(Ru, "milli"), "24\u{a0}ноября 2026, 09:05:59,250\u{a0}UTC");
        assert_eq!(moment(Ru, "не время", "").expect("known words"), "не время");
    }

    #[test]
    fn two_moments_never_read_alike() {
        assert_eq!(precision(&["2026-11-24T09:05:59Z", "2026-11-24T09:06:59Z"]), ["", ""]);
        let three = ["2026-11-24T09:05:59.1Z", "2026-11-24T09:05:01Z", "2026-11-24T09:05:59.25Z"];
        assert_eq!(precision(&three), ["milli", "second", "milli"]);
        assert_eq!(precision(&["", "нет", ""]), ["milli", "milli", "milli"], "what is no time is no panic");
    }

    #[test]
    fn times_in_a_sentence_become_times_of_the_page() {
        let cut = pieces(En, "asked, by 2026-03-01; until 2026-12-07T11:03:15.630Z.");
        let want = json!([{"text": "asked, by "}, {"at": "2026-03-01"}, {"text": "; until "}, {"at": "2026-12-07T11:03:15.630Z"}, {"text": "."}]);
        assert_eq!(json!(cut), want);
        // As the interface writes them for people as well; a day alone has no zone.
        let cut = pieces(Ru, "на 15 июня 2026; до 7 декабря 2026, 18:10 UTC.");
        assert_eq!(
            json!(cut),
            json!([{"text": "на 15 июня 2026; до "}, {"at": "2026-12-07T18:10:00Z"}, {"text": "."}])
        );
        assert_eq!(json!(pieces(En, "7707083893 and 12026-03-011")), json!([{"text": "7707083893 and 12026-03-011"}]));
        assert!(pieces(En, "").is_empty());
    }
}
