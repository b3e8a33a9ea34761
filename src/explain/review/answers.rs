//! Numbers of answers that contradict the receipts: how many sources answered, were asked, are stale, how many answers come from earlier checks.

use super::claim::{Found, Instead};
use super::counts::number;
use super::ground::{Ground, answered, asked, unrenewed};
use super::numbers::value;
use super::renewal::{admits, of_before, of_this_round, renewed};
use super::scope;
use super::text::{Clause, pattern};
use super::time::claims_asking;
use crate::explain::model::RowState;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// What may stand between a number and "of": "4 sources of 6".
const COUNTED: &str = r"(?:sources?|answers?|registers?|источник\p{L}*|ответ\p{L}*|реестр\p{L}*)";

fn compiled(pattern: &str) -> Regex {
    Regex::new(&format!("(?i){pattern}")).unwrap_or_else(|_| super::text::never())
}

pub(super) static OF_SOURCES: LazyLock<Regex> = LazyLock::new(|| {
    let of = r"(?:of|out of|из)\s+(?:the\s+|all\s+|всех\s+)?";
    compiled(&format!(r"\b(?P<n>{0})\s+(?:{COUNTED}\s+)?{of}(?P<m>{0})\b(?P<rest>.*)", number()))
});
/// "Three of them", «из них три».
pub(super) static OF_THEM: LazyLock<Regex> = LazyLock::new(|| {
    let few = format!(r"{}|none|all|ни один|ни одного|все", number());
    let behind = format!(r"\b(?P<n>{few})\s+(?:of (?:them|these|those|which)|из (?:них|этих))\b");
    compiled(&format!(r"{behind}|\b(?:из (?:них|этих|которых)|of (?:them|these|which))\s*[,:—–-]?\s+(?P<n2>{few})\b"))
});
/// "Nine sources".
pub(super) static SO_MANY: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(
        r"\b(?P<n>{})\s+(?:\p{{L}}+\s+){{0,1}}?(?:{COUNTED}|databases?|registr(?:y|ies)|баз[аы]?)\b",
        number()
    ))
});
/// The whole of a value: "Answers: 6", «Повторно использовано: нет».
pub(super) static VALUE: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"^\W*(?P<n>{}|none|no|нет|ни одного)(?:\s+{COUNTED})?\W*$", number())));
pattern!(
    REUSED,
    r"\b(?:reused?|earlier|previous|past checks?|carried over)\b|\b(?:прошл\p{L}+ провер|предыдущ\p{L}*|прежн\p{L}*|переиспольз\p{L}*|повторно (?:использ|взят)\p{L}*)\b"
);
pattern!(STALE, r"\b(?:stale|TTL|expired|outdated)\b|\b(?:устар\p{L}*|просроч\p{L}*|срок\p{L}* годности)\b");
pattern!(
    ANSWERS,
    r"\b(?:answer\w*|respond\w*|repl\w+|sources?|registers?|databases?)\b|\b(?:ответ\p{L}*|источник\p{L}*|реестр\p{L}*|баз\p{L}*)\b"
);
pattern!(
    ANSWERED,
    r"\b(?:answer(?:s|ed)?|responded|replied|reported|answering)\b|\b(?:ответил\p{L}*|ответов|ответа|ответы|отозвал\p{L}*)\b"
);
pattern!(
    MISSING,
    r"\b(?:missing|outstanding|silent|unanswered|pending|failed|without (?:an )?answers?)\b|\b(?:not|never|n't|no)\b[^.]{0,15}\b(?:answer\w*|respond\w*|repl\w+)\b",
    r"|\bне (?:\p{L}+ )?(?:ответил|отвечает|отвечают|дал|дали|хватает)\p{L}*|\b(?:нет|без) ответ\p{L}*|\bмолч\p{L}+"
);
// Behind it nothing more is said of which sources are meant.
pattern!(BARE_END, r"(?:answered|responded|replied|sources?|ответил\p{L}*|источник\p{L}*)\W*$");
// Some of them: so many are not all.
pattern!(
    SOME,
    r"\b(?:only|other|others|another|first|last|more|at least|over|further)\b|\b(?:друг\p{L}*|ещё|еще|остальн\p{L}*|перв\p{L}*|последн\p{L}*|не менее|больше)\b"
);

/// How many it really is.
struct Real {
    total: u64,
    answers: u64,
    reused: u64,
    stale: u64,
    asked: u64,
    /// Asked for this check, and nothing failed since.
    renewed: u64,
    /// Of these an attempt failed last.
    failed: u64,
}

impl Real {
    fn of(ground: &Ground<'_>) -> Self {
        let progress = ground.view.progress;
        Self {
            total: progress.total.into(),
            answers: progress.answered.into(),
            reused: progress.reused.into(),
            stale: progress.stale.into(),
            asked: ground.among(&ground.applicable(), |row| answered(row) && asked(row)).len() as u64,
            renewed: ground.among(&ground.applicable(), renewed).len() as u64,
            failed: ground.among(&ground.applicable(), |row| unrenewed(row) || row.state == RowState::Failed).len()
                as u64,
        }
    }

    /// The number that a text is about; none: it does not say.
    fn said(&self, text: &str) -> Option<u64> {
        match () {
            () if of_before(text) => Some(self.answers.saturating_sub(self.renewed)),
            () if of_this_round(text) && MISSING.is_match(text) => Some(self.total.saturating_sub(self.renewed)),
            () if of_this_round(text) && admits(text) => Some(self.failed),
            () if REUSED.is_match(text) => Some(self.reused),
            () if MISSING.is_match(text) => Some(self.total.saturating_sub(self.answers)),
            () if of_this_round(text) => Some(self.renewed),
            () if claims_asking(text) => Some(self.asked),
            () if STALE.is_match(text) => Some(self.stale),
            () => None,
        }
    }

    /// A number in figures or words; all and none included.
    fn read(&self, text: &str) -> Option<u64> {
        match text.to_lowercase().as_str() {
            "none" | "no" | "нет" | "ни один" | "ни одного" => Some(0),
            "all" | "все" => Some(self.answers),
            number => value(number),
        }
    }
}

/// The first number of answers that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let real = Real::of(ground);
    let wrong = match OF_SOURCES.captures(&clause.labelled) {
        Some(found) => of_all(ground, clause, &real, &found),
        None => of_them(ground, clause, &real)
            .or_else(|| labelled(ground, clause, &real))
            .or_else(|| bare(ground, clause, &real)),
    };
    if wrong != Some(true) {
        return None;
    }
    Found::new("count.sources", ground.among(&ground.applicable(), |row| !asked(row)), Instead::Whole)
}

/// "Four of six": whether that is wrong; none: it is of something else.
fn of_all(ground: &Ground<'_>, clause: &Clause<'_>, real: &Real, found: &Captures<'_>) -> Option<bool> {
    let text = clause.labelled.as_str();
    let (n, m) = (value(found.name("n")?.as_str())?, value(found.name("m")?.as_str())?);
    let rest = found.name("rest").map_or("", |rest| rest.as_str());
    if m != real.total && m != real.answers {
        // Of all sources there are: those that had nothing to ask are no answers.
        let rows = ground.view.sources.len() as u64;
        let known = m == rows || m == ground.sources.len() as u64;
        let of_sources = ANSWERS.is_match(text) && !scope::of_text(ground, text).named;
        return (of_sources && ANSWERED.is_match(text) && !MISSING.is_match(text))
            .then_some(!known || n != real.answers);
    }
    let have = match real.said(text) {
        Some(have) => have,
        None if ANSWERS.is_match(text) || rest.trim().len() < 3 => real.answers,
        None => return None, // of what, is not said
    };
    Some(n != have)
}

/// "Three of them are from earlier checks", where the sentence counts answers.
fn of_them(ground: &Ground<'_>, clause: &Clause<'_>, real: &Real) -> Option<bool> {
    let found = OF_THEM.captures(clause.text)?;
    if !ANSWERS.is_match(clause.sentence) || scope::of_text(ground, clause.sentence).named {
        return None;
    }
    let n = real.read(found.name("n").or_else(|| found.name("n2"))?.as_str())?;
    real.said(clause.text).map(|have| n != have)
}

/// "Sources answered: 6."
fn labelled(ground: &Ground<'_>, clause: &Clause<'_>, real: &Real) -> Option<bool> {
    let value = clause.value.as_deref()?;
    let n = real.read(VALUE.captures(value)?.name("n")?.as_str())?;
    let label = clause.labelled.strip_suffix(value)?;
    if scope::of_text(ground, label).named {
        return None;
    }
    let counted = ANSWERS.is_match(&clause.labelled);
    match real.said(label) {
        // "Reused: none" needs no noun; "Checked: 6" may be of anything.
        Some(have) if counted || REUSED.is_match(label) => Some(n != have),
        Some(_) => None,
        None if ANSWERED.is_match(label) => Some(n != real.answers),
        None => None,
    }
}

/// "Nine sources answered."
fn bare(ground: &Ground<'_>, clause: &Clause<'_>, real: &Real) -> Option<bool> {
    let text = clause.text;
    let found = SO_MANY.captures(text)?;
    if scope::of_text(ground, clause.sentence).named {
        return None;
    }
    let n = value(found.name("n")?.as_str())?;
    let some = SOME.is_match(text);
    if let Some(have) = real.said(text) {
        // That these were asked is judged by when they were; more than there are were not.
        return Some(if claims_asking(text) { n > real.total } else { n > have || (n < have && !some) });
    }
    if !ANSWERED.is_match(text) {
        return None;
    }
    let whole = clause.text == clause.sentence && BARE_END.is_match(text) && !some;
    Some(n > real.answers || (whole && n < real.answers))
}
