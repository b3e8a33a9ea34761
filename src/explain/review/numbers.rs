//! Numbers in figures and in words, and stretches of time.

use super::text::pattern;
use regex::Captures;

/// What stands for a number in a pattern; [`value`] reads it.
pub(super) const WORDS: &[(&str, u64)] = &[
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("fifteen", 15),
    ("twenty", 20),
    ("thirty", 30),
    ("an", 1),
    ("a", 1),
    ("один", 1),
    ("одна", 1),
    ("одно", 1),
    ("одного", 1),
    ("два", 2),
    ("две", 2),
    ("двух", 2),
    ("три", 3),
    ("трёх", 3),
    ("трех", 3),
    ("четыре", 4),
    ("четырёх", 4),
    ("четырех", 4),
    ("пять", 5),
    ("пяти", 5),
    ("шесть", 6),
    ("шести", 6),
    ("семь", 7),
    ("семи", 7),
    ("восемь", 8),
    ("восьми", 8),
    ("девять", 9),
    ("девяти", 9),
    ("десять", 10),
    ("десяти", 10),
    ("двенадцать", 12),
    ("двенадцати", 12),
    ("пятнадцать", 15),
    ("двадцать", 20),
    ("двадцати", 20),
    ("тридцать", 30),
    ("тридцати", 30),
];

/// A number in figures or words.
pub(super) fn value(text: &str) -> Option<u64> {
    let lower = text.trim().to_lowercase();
    lower.parse().ok().or_else(|| WORDS.iter().find(|(word, _)| *word == lower).map(|(_, n)| *n))
}

pattern!(
    NUMBER_OF_ROWS,
    r"\b(?P<n>\d{1,2}|\p{L}+)\s+(?:of (?:them|these)|из них|sources?|источник\p{L}*|answers?|ответ\p{L}*|were|was|are|have been|been|опрошен\p{L}*|запрошен\p{L}*|получен\p{L}*|спрошен\p{L}*|проверен\p{L}*)\b"
);

/// How many sources or answers a clause is about: "two were asked", «два опрошены».
pub(super) fn alone(text: &str) -> Option<u64> {
    NUMBER_OF_ROWS.captures_iter(text).find_map(|found| value(found.name("n")?.as_str()))
}

/// A stretch of time that a draft names: `n` of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// How many; none for "a few".
    pub n: Option<u64>,
    /// Seconds of the unit.
    pub unit_s: u64,
}

pattern!(
    AGO,
    r"\b(?:(?P<n>\d+|\p{L}+)\s+)?(?P<unit>seconds?|minutes?|hours?|days?|weeks?|months?|years?)\s+(?:ago|old)\b",
    r"|\b(?:within|in|over)\s+the\s+(?:last|past)\s+(?P<n2>\d+|\p{L}+\s+)?\s*(?P<unit2>seconds?|minutes?|hours?|days?|weeks?|months?)\b",
    r"|\b(?:(?P<n3>\d+|\p{L}+)\s+)?(?P<unit3>секунд\p{L}*|минут\p{L}*|час\p{L}{0,2}|дн\p{L}+|день|сут\p{L}+|недел\p{L}+|месяц\p{L}*|лет|год\p{L}*)\s+назад\b",
    r"|\b(?P<day>yesterday|вчера)\b"
);

/// What a draft says of how long ago something was.
pub(super) fn ago(text: &str) -> Option<Stretch> {
    let found = AGO.captures(text)?;
    if found.name("day").is_some() {
        return Some(Stretch { n: Some(1), unit_s: 86_400 });
    }
    let get = |names: [&str; 3]| names.iter().find_map(|name| found.name(name)).map(|found| found.as_str());
    let unit_s = unit(get(["unit", "unit2", "unit3"])?)?;
    let n = match get(["n", "n2", "n3"]) {
        // «минуту назад», "within the last minute": one.
        None => Some(1),
        Some(word) => value(word).or_else(|| singular(&found).then_some(1)),
    };
    Some(Stretch { n, unit_s })
}

/// «час назад» behind a word that is no number: one hour.
fn singular(found: &Captures<'_>) -> bool {
    let unit = found.name("unit3").map(|unit| unit.as_str().to_lowercase());
    unit.is_some_and(|unit| {
        matches!(unit.as_str(), "секунду" | "минуту" | "час" | "день" | "сутки" | "неделю" | "месяц" | "год")
    })
}

fn unit(word: &str) -> Option<u64> {
    let word = word.to_lowercase();
    const UNITS: &[(&str, u64)] = &[
        ("sec", 1),
        ("min", 60),
        ("hour", 3_600),
        ("day", 86_400),
        ("week", 604_800),
        ("month", 2_592_000),
        ("year", 31_536_000),
        ("секунд", 1),
        ("минут", 60),
        ("час", 3_600),
        ("дн", 86_400),
        ("ден", 86_400),
        ("сут", 86_400),
        ("недел", 604_800),
        ("месяц", 2_592_000),
        ("лет", 31_536_000),
        ("год", 31_536_000),
    ];
    UNITS.iter().find(|(begin, _)| word.starts_with(begin)).map(|(_, seconds)| *seconds)
}

impl Stretch {
    /// Whether an age may be told so: to the unit, rounded either way.
    pub fn fits(self, age_s: u64) -> bool {
        match self.n {
            Some(n) => {
                let (down, up) = (age_s / self.unit_s, age_s.div_ceil(self.unit_s));
                // "a minute ago" of a few seconds is vague, and not younger than the truth.
                let rounded = (down..=up.max(1)).contains(&n) || (n == 1 && self.unit_s <= 60 && age_s <= 60);
                // Seconds pass while a draft is written.
                rounded || (self.unit_s == 1 && (n..=n.saturating_add(60)).contains(&age_s))
            }
            // "a few minutes", «несколько дней»: less than the next unit.
            None => age_s < self.unit_s * if self.unit_s < 86_400 { 30 } else { 7 },
        }
    }
}

const MONTHS: &[(&str, u32)] = &[
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("may", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("янв", 1),
    ("фев", 2),
    ("мар", 3),
    ("апр", 4),
    ("мая", 5),
    ("июн", 6),
    ("июл", 7),
    ("авг", 8),
    ("сен", 9),
    ("окт", 10),
    ("ноя", 11),
    ("дек", 12),
];

pattern!(
    DATE,
    r"\b(?P<iso>\d{4}-\d{2}-\d{2})\b|\b(?P<d>\d{1,2})\.(?P<m>\d{2})\.(?P<y>\d{4})\b",
    r"|\b(?P<d2>\d{1,2})(?:st|nd|rd|th)?\s+(?P<m2>january|february|march|april|may|june|july|august|september|october|november|december|января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря)(?:,?\s+(?P<y2>\d{4}))?",
    r"|\b(?P<m3>january|february|march|april|may|june|july|august|september|october|november|december)\s+(?P<d3>\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(?P<y3>\d{4}))?\b"
);

/// The dates that a draft names: day, month, and the year where it is given.
pub(super) fn dates(text: &str) -> Vec<(u32, u32, Option<i32>)> {
    let mut out = Vec::new();
    for found in DATE.captures_iter(text) {
        let get = |names: [&str; 3]| names.iter().find_map(|name| found.name(name)).map(|found| found.as_str());
        if let Some(iso) = found.name("iso") {
            let mut parts = iso.as_str().split('-');
            let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok());
            if let (Some(year), Some(month), Some(day)) = (next(), next(), next()) {
                out.push((day, month, i32::try_from(year).ok()));
            }
            continue;
        }
        let day = get(["d", "d2", "d3"]).and_then(|day| day.parse().ok());
        let month = get(["m", "m2", "m3"]).and_then(|word| {
            let word = word.to_lowercase();
            word.parse().ok().or_else(|| MONTHS.iter().find(|(begin, _)| word.starts_with(begin)).map(|(_, n)| *n))
        });
        if let (Some(day), Some(month)) = (day, month) {
            out.push((day, month, get(["y", "y2", "y3"]).and_then(|year| year.parse().ok())));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_and_dates_are_read() {
        let of = |text| ago(text).map(|stretch| (stretch.n, stretch.unit_s));
        assert_eq!(of("asked 3 days ago"), Some((Some(3), 86_400)));
        assert_eq!(of("спрошен три дня назад"), Some((Some(3), 86_400)));
        assert_eq!(of("опрошен час назад"), Some((Some(1), 3_600)));
        assert_eq!(of("within the last few minutes"), Some((None, 60)));
        assert_eq!(of("несколько минут назад"), Some((None, 60)));
        assert_eq!(of("минуту назад"), Some((Some(1), 60)));
        assert_eq!(of("within its TTL"), None);
        assert_eq!(
            dates("3 January 2027, 2027-01-03, 03.01.2027, January 3"),
            [(3, 1, Some(2027)), (3, 1, Some(2027)), (3, 1, Some(2027)), (3, 1, None)]
        );
        assert_eq!(dates("15 мая"), [(15, 5, None)]);
        assert!(Stretch { n: Some(3), unit_s: 86_400 }.fits(3 * 86_400 + 5_000));
        assert!(!Stretch { n: Some(1), unit_s: 3_600 }.fits(3 * 86_400));
    }
}
