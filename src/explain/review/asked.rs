//! Claims that do not say when: somebody was checked, data was updated, a source has answered.
//!
//! Without a time such words are read as "now, for this check". So they hold of what was asked for it; a claim that names its age, a date or
//! an earlier check is judged by that.

use super::claim::{Found, Instead};
use super::ground::{Ground, answered, asked, unrenewed};
use super::numbers;
use super::scope;
use super::text::{Clause, pattern};
use super::time::{partly, unsupported};
use crate::explain::model::{FreshnessWord, RowView};

// Whoever is said to be checked was asked about. Nouns and attributes («проверенный автор») claim nothing.
pattern!(
    CHECKED,
    r"\b(?:(?:re-?|cross-|double-)?(?:checked|verified|vetted|examined|inspected|screened|validated|investigated|audited|scrutini[sz]ed)|looked (?:into|at|through)|gone through|went through)\b|\b(?:was|were|is|are|been) (?:\w+ )?confirmed\b",
    r"|\b(?:пере|до|с)?провер(?:ен[аоы]?|ил[аио]?)\b|\bсверен[аоы]?\b|\bизучен[аоы]?\b|\bизучил[аи]?\b|\bисследован[аоы]?\b|\bосмотрен[аоы]?\b|\bпросмотрел[аи]?\b|\bверифицирова(?:н|л)[аоы]?\b|\bподтвержден[аоы]?\b|\bподтверждён\b|\bпрош(?:ёл|ел|ла|ло|ли) проверку\b"
);
pattern!(
    UPDATED,
    r"\b(?:updated|refreshed|renewed|synchroni[sz]ed|brought up[- ]to[- ]date)\b",
    r"|\bобновл(?:ен[аоы]?|ён)\b|\bобновил[аио]?(?:сь|ся)?\b|\bактуализирова(?:н|л)[аоы]?\b|\bсинхронизирован[аоы]?\b|\bосвежен[аоы]?\b|\bосвежил[аи]?\b"
);
pattern!(
    REPORTED,
    r"\b(?:answered|replied|responded|returned|reported|got back|came back|has come back|have come back|gave (?:an|their|its|us)|provided)\b",
    r"|\b(?:ответил|сообщил|вернул|прислал|предоставил|отозвал|подтвердил)\p{L}*\b|\bдал[аио]? (?:свой )?ответ\b"
);
// The whole of a value: "Courts: answered".
pattern!(
    VALUE_REPORTED,
    r"^\W*(?:(?:has|have) )?(?:already )?(?:answered|responded|replied|answer received|ответил\p{L}*|ответ (?:есть|получен))\W*$"
);
// Only meant, only possible, or under way.
pattern!(
    NOT_DONE,
    r"\b(?:being|can|cannot|to be|has yet|have yet|not|never|n't|nobody|no one|nothing|none|neither|no|without|unless)\b|n't\b",
    r"|\b(?:не|ни|ничего|никто|нельзя|можно|нужно|надо|без)\b"
);
pattern!(
    AT_ANOTHER_TIME,
    r"\b(?:earlier|previous(?:ly)?|prior|last|then|since|before|reused?|past|former|back then|at the time)\b",
    r"|\b(?:предыдущ\p{L}*|прежн\p{L}*|прошл\p{L}*|ранее|раньше|прежде|тогда|последн\p{L}*|взят\p{L}*|давно)\b"
);

/// The first such claim that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let text = clause.text;
    if NOT_DONE.is_match(text) {
        return None;
    }
    let mut own = scope::of_text(ground, text);
    let by_label = clause.value.as_deref().is_some_and(|value| VALUE_REPORTED.is_match(value));
    if by_label && !own.named {
        own = scope::of_text(ground, &clause.labelled);
    }
    if own.named && (by_label || REPORTED.is_match(text)) {
        let silent = ground.among(&own.rows, |row| !answered(row));
        if !silent.is_empty() && !own.not_asked {
            return Found::new("completeness.no_answer", silent, Instead::Rows);
        }
    }
    let timed = numbers::ago(text).is_some() || !numbers::dates(text).is_empty() || AT_ANOTHER_TIME.is_match(text);
    if timed || partly(text) {
        return None;
    }
    let holds: fn(&RowView) -> bool = if CHECKED.is_match(text) {
        asked
    } else if UPDATED.is_match(text) {
        |row| asked(row) && row.freshness == FreshnessWord::Fresh && !unrenewed(row)
    } else {
        return None;
    };
    let scope = scope::of(ground, clause);
    let many = numbers::alone(text).filter(|_| !scope.named);
    if many.is_some_and(|n| ground.among(&scope.rows, holds).len() as u64 == n) {
        return None;
    }
    unsupported(ground, &scope, holds)
}
