//! Numbers that contradict the receipts: of answers, of sources asked, of records.

use super::claim::{Found, Instead};
use super::ground::{Ground, answered, asked};
use super::numbers::{WORDS, value};
use super::scope;
use super::text::{Clause, pattern};
use super::time::claims_asking;
use regex::Regex;
use std::sync::LazyLock;

/// A number in figures or words, as a pattern.
fn number() -> String {
    let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).filter(|word| *word != "a" && *word != "an").collect();
    format!(r"(?:\d{{1,6}}|{})", words.join("|"))
}

static OF_SOURCES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"(?i)\b(?P<n>{0})\s+(?:of|out of|из)\s+(?:the\s+)?(?P<m>{0})\b(?P<rest>.*)", number()))
        .unwrap_or_else(|_| super::text::never())
});
static COUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"(?i)\b(?P<n>{0})\s+(?P<what>\p{{L}}+(?:\s+\p{{L}}+){{0,2}})|(?P<before>\p{{L}}+(?:\s+\p{{L}}+)?)\s*(?:[:—–-]\s*)?\b(?P<n2>{0})\s*(?:$|[,.;])", number()))
        .unwrap_or_else(|_| super::text::never())
});
pattern!(REUSED, r"\b(?:reused|earlier|previous)\b|\b(?:предыдущ\p{L}*|прежн\p{L}*|переиспольз\p{L}*)\b");
pattern!(STALE, r"\b(?:stale|TTL|expired|outdated)\b|\b(?:устар\p{L}*|просроч\p{L}*|срок\p{L}* годности)\b");
pattern!(
    ANSWERS,
    r"\b(?:answer\w*|respond\w*|repl\w+|sources?|registers?|databases?)\b|\b(?:ответ\p{L}*|источник\p{L}*|реестр\p{L}*|баз\p{L}*)\b"
);
pattern!(SCORE, r"\b(?:risk|score|points?)\b|\b(?:риск\p{L}*|балл\p{L}*|оценк\p{L}*)\b|\b(?:of|из|/)\s*100\b");
pattern!(
    OTHER_UNIT,
    r"^(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|percent|rubles?|roubles?|секунд\p{L}*|минут\p{L}*|час\p{L}{0,2}|дн\p{L}*|день|сут\p{L}*|недел\p{L}*|месяц\p{L}*|лет|год\p{L}*|руб\p{L}*|процент\p{L}*|кв|кварт\p{L}*|of|из|января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря)\b"
);
pattern!(
    EXACT,
    r"\b(?:only|just|exactly|total|in all|altogether|found|were|are|is|was|returned|lists?|shows?|there)\b|\b(?:только|лишь|всего|ровно|найден\p{L}*|обнаружен\p{L}*|вернул\p{L}*|показ\p{L}*|числится|итого)\b"
);

// A part of them by what it is: fewer than all may be meant.
pattern!(
    NARROWED,
    r"\b(?:defendants?|plaintiffs?|claimants?|debtors?|closed|open|won|lost|dismissed|pending|active|of them|of these|above|over|against|since|worth|including|last year|this year|recent)\b",
    r"|\b(?:ответчик\p{L}*|истец|истц\p{L}*|должник\p{L}*|закрыт\p{L}*|открыт\p{L}*|выигран\p{L}*|проигран\p{L}*|прекращ\p{L}*|рассматрива\p{L}*|рассмотрен\p{L}*|действующ\p{L}*|из них|на сумму|свыше|больше|против|начиная|за \d{4}|с \d{4}|в \d{4}|в том числе)\b"
);
// What is counted is no record: an answer, a source, a check.
pattern!(
    NO_RECORD,
    r"^(?:answers?|repl(?:y|ies)|responses?|sources?|registers?|databases?|checks?|times?|sellers?|quer(?:y|ies)|requests?|attempts?|flats?|houses?|floors?|rooms?)\b",
    r"|^(?:ответ\p{L}*|источник\p{L}*|реестр\p{L}*|баз\p{L}*|провер\p{L}*|раз\p{L}{0,1}|запрос\p{L}*|попыт\p{L}*|продав\p{L}*|квартир\p{L}*|дом\p{L}{0,2}|этаж\p{L}*|комнат\p{L}*)\b"
);

/// The first number that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    if SCORE.is_match(clause.text) {
        return None;
    }
    of_sources(ground, clause).or_else(|| of_records(ground, clause))
}

/// "Four of six".
fn of_sources(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let found = OF_SOURCES.captures(clause.text)?;
    let (n, m) = (value(found.name("n")?.as_str())?, value(found.name("m")?.as_str())?);
    let progress = ground.view.progress;
    let applicable = ground.applicable();
    let (total, answers) = (u64::from(progress.total), u64::from(progress.answered));
    if m != total && m != answers {
        return None; // of something else
    }
    let have = if REUSED.is_match(clause.text) {
        u64::from(progress.reused)
    } else if claims_asking(clause.text) {
        ground.among(&applicable, |row| answered(row) && asked(row)).len() as u64
    } else if STALE.is_match(clause.text) {
        u64::from(progress.stale)
    } else if ANSWERS.is_match(clause.text) || found.name("rest").is_none_or(|rest| rest.as_str().trim().len() < 3) {
        answers
    } else {
        return None; // of what, is not said
    };
    let rows = ground.among(&applicable, |row| !asked(row));
    if n == have { None } else { Found::new("count.sources", rows, Instead::Whole) }
}

/// «12.01.2027», "08:00", "in 2026": a number, but of no records.
fn is_date(text: &str, found: &regex::Captures<'_>) -> bool {
    let Some(number) = found.name("n").or_else(|| found.name("n2")) else { return false };
    let year = number.as_str().len() == 4 && (number.as_str().starts_with("19") || number.as_str().starts_with("20"));
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut behind = text.get(number.end()..).unwrap_or_default().chars();
    let mut ahead = text.get(..number.start()).unwrap_or_default().chars().rev();
    let joined = |c: Option<char>| c.is_some_and(|c| ".:/-".contains(c));
    year || (joined(behind.next()) && digit(behind.next())) || (joined(ahead.next()) && digit(ahead.next()))
}

/// "Twelve court cases".
fn of_records(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    for found in COUNT.captures_iter(clause.text) {
        let (n, what) = match (found.name("n"), found.name("what"), found.name("n2"), found.name("before")) {
            (Some(n), Some(what), ..) => (n.as_str(), what.as_str()),
            (_, _, Some(n), Some(before)) => (n.as_str(), before.as_str()),
            _ => continue,
        };
        let Some(n) = value(n) else { continue };
        if OTHER_UNIT.is_match(what) || NO_RECORD.is_match(what) || is_date(clause.text, &found) {
            continue;
        }
        let scope = scope::of_text(ground, what);
        if !scope.named || scope.concluded || scope.nobody {
            continue;
        }
        let known = ground.among(&scope.rows, answered);
        if known.is_empty() {
            return Found::new("count.no_answer", scope.rows, Instead::Rows);
        }
        let of_row = |row: &usize| ground.view.sources.get(*row).map_or(0, |row| u64::from(row.facts));
        let most: u64 = known.iter().map(of_row).sum();
        let holds = n == most || known.iter().any(|row| of_row(row) == n);
        // Fewer may be a part of them, unless it is said that these are all.
        let all = !NARROWED.is_match(clause.text);
        if !holds
            && (n > most || (all && (EXACT.is_match(clause.text) || clause.text.trim_end_matches('.').ends_with(what))))
        {
            return Found::new("count.records", known, Instead::Rows);
        }
    }
    None
}
