//! Numbers of records that contradict the receipts; those of answers are judged in [`super::answers`].

use super::answers;
use super::claim::{Found, Instead};
use super::ground::{Ground, answered};
use super::numbers::{WORDS, value};
use super::scope;
use super::text::{Clause, pattern};
use regex::Regex;
use std::sync::LazyLock;

/// A number in figures or words, as a pattern.
pub(super) fn number() -> String {
    let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).filter(|word| *word != "a" && *word != "an").collect();
    format!(r"(?:\d{{1,6}}|{})", words.join("|"))
}

pub(super) static COUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"(?i)\b(?P<n>{0})\s+(?P<what>\p{{L}}+(?:\s+\p{{L}}+){{0,2}})|(?P<before>\p{{L}}+(?:\s+\p{{L}}+)?)\s*(?:[:—–-]\s*)?\b(?P<n2>{0})\s*(?:$|[,.;])", number()))
        .unwrap_or_else(|_| super::text::never())
});
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
    if SCORE.is_match(&clause.labelled) {
        return None;
    }
    answers::judge(ground, clause).or_else(|| of_label(ground, clause)).or_else(|| of_records(ground, clause))
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

// A label whose value is a number, but none of records.
pattern!(
    OTHER_LABEL,
    r"\b(?:areas?|values?|amounts?|sums?|totals?|prices?|ratings?|years?|numbers?|nos?|inn|ogrn|dates?|ages?|floors?|rooms?|debts?)\b",
    r"|\b(?:площад|стоимост|сумм|цен[аы]|рейтинг|год|номер|дат|возраст|этаж|комнат|инн|огрн|долг|задолженност)\p{L}*"
);
pub(super) static VALUE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(
        r"(?i)^\W*(?P<n>{})\s*(?:records?|entries|items|facts?|cases?|запис\p{{L}}+|дел[ао]?|фактов|факта?)?\W*$",
        number()
    ))
    .unwrap_or_else(|_| super::text::never())
});

/// "Court cases: 12", with nothing that says of which part.
fn of_label(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let value = clause.value.as_deref()?;
    let n = self::value(VALUE.captures(value)?.name("n")?.as_str())?;
    let label = clause.labelled.strip_suffix(value)?;
    let scope = scope::of_text(ground, label);
    if !scope.named || scope.concluded || scope.nobody || OTHER_LABEL.is_match(label) || NARROWED.is_match(label) {
        return None;
    }
    let known = ground.among(&scope.rows, answered);
    if known.is_empty() {
        return Found::new("count.no_answer", scope.rows, Instead::Rows);
    }
    let of_row = |row: &usize| ground.view.sources.get(*row).map_or(0, |row| u64::from(row.facts));
    let holds = n == known.iter().map(of_row).sum::<u64>() || known.iter().any(|row| of_row(row) == n);
    if holds { None } else { Found::new("count.records", known, Instead::Rows) }
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
