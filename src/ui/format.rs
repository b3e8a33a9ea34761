//! Numbers, durations and dates as the reader's language writes them. Dates are UTC here; the script localises them.

use super::Lang;
use super::words::{WordError, Words};
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// Between thousands, and between a number and its unit.
const NARROW: char = '\u{202f}';

/// A whole number with its thousands apart.
pub(super) fn integer(lang: Lang, number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "\u{2212}" } else { "" };
    format!("{sign}{}", grouped(lang, &digits))
}

fn grouped(lang: Lang, digits: &str) -> String {
    // Four digits stay together in Russian, as its typography wants.
    if lang == Lang::Ru && digits.len() <= 4 {
        return digits.to_owned();
    }
    let separator = if lang == Lang::Ru { NARROW } else { ',' };
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

/// A decimal of the interface (`"1234567.5"`) for people; what is none is left as it stands.
pub(super) fn decimal(lang: Lang, text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("\u{2212}", rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    let point = if lang == Lang::Ru { "," } else { "." };
    let fraction = if fraction.is_empty() { String::new() } else { format!("{point}{fraction}") };
    format!("{sign}{}{fraction}", grouped(lang, whole))
}

/// A sum of roubles.
pub(super) fn money(lang: Lang, text: &str) -> String {
    match lang {
        Lang::Ru => format!("{}\u{a0}₽", decimal(lang, text)),
        Lang::En => format!("₽{}", decimal(lang, text)),
    }
}

/// A length of time by its largest whole unit, rounded down: an age is never shown younger than a unit allows.
pub(super) fn duration(lang: Lang, seconds: i64) -> Result<String, WordError> {
    let (key, n) = match seconds.max(0) {
        s if s >= 2 * 86_400 => ("duration.days", s / 86_400),
        s if s >= 3_600 => ("duration.hours", s / 3_600),
        s if s >= 60 => ("duration.minutes", s / 60),
        s => ("duration.seconds", s),
    };
    let (key, n) = if key == "duration.hours" && n == 24 { ("duration.days", 1) } else { (key, n) };
    Words::of(lang).say(key, &[("n", n.to_string())])
}

/// How long ago, for example "3 days ago".
pub(super) fn ago(lang: Lang, seconds: i64) -> Result<String, WordError> {
    if seconds < 60 {
        return Words::of(lang).plain("duration.moments_ago");
    }
    Words::of(lang).say("duration.ago", &[("age", duration(lang, seconds)?)])
}

/// A day like "24 ноября 2026" or "24 November 2026"; what is no date is left as it stands.
pub(super) fn day(lang: Lang, text: &str) -> Result<String, WordError> {
    match text.get(..10).and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()) {
        Some(date) => written(lang, date),
        None => Ok(text.to_owned()),
    }
}

fn written(lang: Lang, date: NaiveDate) -> Result<String, WordError> {
    let month = Words::of(lang).plain(&format!("month.{}", date.month()))?;
    Ok(format!("{}\u{a0}{month} {}", date.day(), date.year()))
}

/// A moment in UTC, for who reads without the script.
pub(super) fn moment(lang: Lang, text: &str) -> Result<String, WordError> {
    match text.parse::<DateTime<Utc>>() {
        Ok(time) => {
            Ok(format!("{}, {:02}:{:02}\u{a0}UTC", written(lang, time.date_naive())?, time.hour(), time.minute()))
        }
        Err(_) => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{ago, decimal, duration, moment, money};
    use crate::ui::Lang::{En, Ru};

    #[test]
    fn numbers_are_written_as_each_language_does() {
        assert_eq!(decimal(Ru, "1234567.5"), "1\u{202f}234\u{202f}567,5");
        assert_eq!(decimal(En, "-1234567.5"), "\u{2212}1,234,567.5");
        assert_eq!(decimal(Ru, "2024"), "2024");
        assert_eq!(decimal(En, "7707-x"), "7707-x");
        assert_eq!(money(Ru, "12000000"), "12\u{202f}000\u{202f}000\u{a0}₽");
    }

    #[test]
    fn ages_round_down() {
        let said = |seconds| duration(En, seconds).expect("known words");
        assert_eq!(said(59), "59 seconds");
        assert_eq!(said(119), "1 minute");
        assert_eq!(said(86_400), "1 day");
        assert_eq!(said(90_000), "25 hours");
        assert_eq!(said(172_800), "2 days");
        assert_eq!(ago(Ru, 86_400 * 3).expect("known words"), "3 дня назад");
    }

    #[test]
    fn moments_say_their_zone() {
        assert_eq!(moment(En, "2026-11-24T09:05:59Z").expect("known words"), "24\u{a0}November 2026, 09:05\u{a0}UTC");
        assert_eq!(moment(Ru, "не время").expect("known words"), "не время");
    }
}
