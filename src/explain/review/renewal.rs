//! Claims about asking again: that a re-check went well, that a source answered it, that nothing failed.
//!
//! A source whose last attempt failed still shows what it answered before. So such a claim holds of what was asked for this check and has
//! not failed since.

use super::answers::OF_SOURCES;
use super::asked::{CHECKED, REPORTED, UPDATED};
use super::claim::{Found, Instead};
use super::ground::{Ground, answered, asked, unrenewed};
use super::numbers;
use super::scope::{self, Scope};
use super::text::{Clause, pattern};
use super::time::{ANEW, FOR_THIS, claims_asking, partly, unsupported};
use crate::explain::model::{RowState, RowView};

// The round that is spoken of is this check's.
pattern!(
    THIS_ROUND,
    r"\b(?:re-?checks?|(?:this|current) (?:check|request|query|time|round)|(?:second|repeated|new) (?:round|time|check|request|query|attempt))\b",
    r"|\bперепровер\p{L}*|\b(?:эт\p{L}{1,2}|текущ\p{L}{2}|нынешн\p{L}{2}) (?:проверк|запрос)\p{L}*|\bповторн\p{L}+ (?:проверк|запрос|опрос|обновлени)\p{L}*|\bна этот раз\b"
);
pattern!(BEFORE, r"\b(?:before|prior to)\b|\bдо\b");
pattern!(BROUGHT, r"\b(?:brought|yielded|got|obtained|received|produced)\b[^.]{0,20}\banswers?\b");
pattern!(
    NEW_ANSWER,
    r"\bnew answers? (?:came|arrived|was|were|has|have)\b",
    r"|\b(?:получен|приш[её]л|пришл|дал)\p{L}*\b[^.]{0,15}\bнов(?:ый|ые) ответ\p{L}*"
);
pattern!(
    WENT_WELL,
    r"\b(?:re-?check|check|update|refresh|renewal|attempt|request|query|round|retry)s?\b[^.]{0,40}\b(?:succeeded|success(?:ful(?:ly)?)?|went (?:well|fine|ok|okay|smoothly|through)|worked|came through|ran smoothly)\b",
    r"|\bsuccessfully\b[^.]{0,25}\b(?:re-?\w+|updated|checked|asked|answered|queried|requested)\b|\b(?:re-?\w+|updated|asked|answered|queried) successfully\b",
    r"|\b(?:перепроверк|проверк|обновлени|запрос|попытк|опрос)\p{L}*\b[^.]{0,40}\b(?:успешн\p{L}*|удачн\p{L}*|удал(?:ась|ось|ся|ись)|прош(?:ёл|ел|ла|ло|ли) (?:гладко|нормально|хорошо))",
    r"|\b(?:успешно|удачно)\s+(?:\p{L}+\s+)?(?:перепровер|обновл|обновил|опро|запро|ответил|провер)\p{L}*|\b(?:перепровер|обновл|опрошен|запрошен)\p{L}*\s+(?:успешно|удачно)\b"
);
pattern!(
    REACHED,
    r"\b(?:sources?|registers?|registr(?:y|ies)|databases?|services?|everyone)\b[^.]{0,30}\b(?:(?:is|are|was|were|be) (?:\w+ )?(?:reached|reachable|available|accessible|online|responsive|working|operational|up)|up and running)\b",
    r"|\b(?:источник|реестр|баз|сервис)\p{L}*\b[^.]{0,30}\b(?:доступ(?:ен|н[аоы])|работа(?:ет|ют)|на связи)\b|\bудалось\b[^.]{0,20}\b(?:достуч|дозвон|связ)\p{L}*"
);
pattern!(
    NO_FAILURE,
    r"\b(?:no|zero|without(?: any)?|not a single|not one|none of the)\s+(?:\w+\s+){0,2}(?:fail\w*|errors?|outages?|timeouts?|hiccups?|breakdowns?|refus\w+)\b|\bnot (?:a single|one)\b[^.]{0,30}\b(?:failed|errors?|refused|timed out)\b",
    r"|\bnothing (?:\w+ )?(?:failed|broke|timed out)\b|\b(?:did not|didn't|never) fail\b|\b(?:failures?|errors?|failed|outages?)\s*[:—–-]\s*(?:none|nothing|nobody|no|nil|zero|0)\W*$",
    r"|\bни (?:один|одного|одна)\b[^.]{0,30}\bне (?:отказал|подв[её]л|подвел|упал|сломал)\p{L}*|\bничего не (?:слом|отказ|упал|сорвал)\p{L}*",
    r"|\b(?:сбо(?:ев|я|и)|ошиб(?:ок|ки)|отказ(?:ов|а)|перебоев|неудач|неудачных попыток)\b[^.]{0,20}\b(?:нет|не (?:было|возник\p{L}*|случ\p{L}*|произош\p{L}*|наблюд\p{L}*))",
    r"|\b(?:нет|без|ни одного|никаких)\s+(?:\p{L}+\s+)?(?:сбо|ошиб|отказ|перебо|неудач)\p{L}*|\b(?:сбои|ошибки|отказы|неудачи)\s*[:—–-]\s*(?:нет|ноль|0|отсутству\p{L}*)\W*$"
);
// The same sentence tells that it failed: then the rest of it is not read as success.
pattern!(
    ADMITTED,
    r"\b(?:failed|fails|failure|unsuccessful\w*|in vain|without (?:success|an answer)|could not|couldn't|(?:not|n't|never) (?:\w+ )?(?:answer|respond|repl|succe)\w*|errors?)\b",
    r"|\b(?:не уда\p{L}*|неуда\p{L}*|безуспешн\p{L}*|безрезультатн\p{L}*|не (?:ответил|отвеча)\p{L}*|ошибк\p{L}*|сбо[йея]\p{L}*|отказ\p{L}*)"
);
// "Not all of them": no claim that they did.
pattern!(NOT, r"\b(?:not|never|no|nobody|none|neither|cannot)\b|n't\b|\b(?:не|ни|никто)\b");

/// Whether a text is about this check's own asking, as against what was there before.
pub(super) fn of_this_round(text: &str) -> bool {
    (THIS_ROUND.is_match(text) || ANEW.is_match(text)) && !BEFORE.is_match(text) && !FOR_THIS.is_match(text)
}

/// Whether a text is about what was there before this check asked again.
pub(super) fn of_before(text: &str) -> bool {
    THIS_ROUND.is_match(text) && BEFORE.is_match(text)
}

/// Whether a text tells of a failure.
pub(super) fn admits(text: &str) -> bool {
    ADMITTED.is_match(text)
}

/// Whether it was asked for this check, and nothing failed since.
pub(super) fn renewed(row: &RowView) -> bool {
    answered(row) && asked(row) && !unrenewed(row)
}

/// The first such claim that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let text = if clause.value.is_some() { clause.labelled.as_str() } else { clause.text };
    let scope = scope::of(ground, clause);
    if NO_FAILURE.is_match(text) {
        return nothing_failed(ground, &scope);
    }
    if NOT.is_match(text) || partly(text) {
        return None;
    }
    if REACHED.is_match(text) {
        return nothing_failed(ground, &scope);
    }
    if WENT_WELL.is_match(text) {
        return went_well(ground, &scope);
    }
    // How many of how many is judged by their number.
    if OF_SOURCES.is_match(text) {
        return None;
    }
    let done = REPORTED.is_match(text) || CHECKED.is_match(text) || UPDATED.is_match(text) || claims_asking(text);
    let anew = (done || BROUGHT.is_match(text)) && of_this_round(text);
    if !(anew || NEW_ANSWER.is_match(text)) || (admits(clause.sentence) && !scope::of_text(ground, text).named) {
        return None;
    }
    let many = numbers::alone(text).filter(|_| !scope.named);
    if many.is_some_and(|n| ground.among(&scope.rows, renewed).len() as u64 == n) {
        return None;
    }
    unsupported(ground, &scope, if admits(clause.sentence) { asked } else { renewed })
}

fn nothing_failed(ground: &Ground<'_>, scope: &Scope) -> Option<Found> {
    let failed = ground.among(&scope.rows, |row| unrenewed(row) || row.state == RowState::Failed);
    if failed.is_empty() { None } else { Found::new("completeness.failed", failed, Instead::Rows) }
}

/// Of what was asked at all: reuse is no failure, and no success either.
fn went_well(ground: &Ground<'_>, scope: &Scope) -> Option<Found> {
    let against = ground.among(&scope.rows, |row| !answered(row) || unrenewed(row));
    match against.as_slice() {
        [] => None,
        rows if rows.iter().any(|row| ground.view.sources.get(*row).is_some_and(unrenewed)) => {
            Found::new("time.not_renewed", against, Instead::Rows)
        }
        _ => Found::new("completeness.no_answer", against, Instead::Rows),
    }
}
