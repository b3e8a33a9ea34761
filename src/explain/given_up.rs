//! What became of the task of a need that ended without an answer: whether it waits on the operators' list of dead letters.

use super::Context;
use super::model::DeadLetterWord;
use super::words::{Both, both};
use mirano_replay::rows::{QueryRow, TaskRow, TaskState, key};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_schemas::{TaskId, Timestamp};

/// Letters that are looked through behind the task's last attempt; of a task that is not among so many nothing is said.
const MOST: usize = 1_000;

/// Where the letter of a task is; none: it is none, or its question was answered since, by whatever task. When a letter was seen to is
/// not kept, so of an earlier moment only that is said which no one has seen to yet.
pub(super) fn find(ctx: &Context<'_>, task: Option<&TaskRow>) -> Result<Option<DeadLetterWord>, StoreError> {
    let Some(task) = task.filter(|task| matches!(task.state, TaskState::Failed { .. })) else { return Ok(None) };
    let (source, id) = (&task.scheduled.source, task.scheduled.task);
    // It was given up with its last attempt or after it.
    let ended = task.attempts.last().and_then(|attempt| attempt.ended_at).unwrap_or(task.enqueued_at);
    let from = key::dead_letter(source, ended, TaskId([0; 16]));
    let (mut seen, mut listed) = (0, false);
    ctx.rows.scan(Table::DeadLetter, &key::source_prefix(source), &from, &mut |place, _| {
        seen += 1;
        listed = key::tail(place).map(TaskId) == Some(id);
        !listed && seen < MOST
    })?;
    let known: Option<QueryRow> = ctx.rows.row(task.scheduled.query.as_bytes())?;
    let answered = known.and_then(|known| known.last).map(|last| last.observed_at);
    let answered = answered.is_some_and(|at: Timestamp| at > ended && at <= ctx.now);
    Ok(word(listed, seen, answered).filter(|word| *word == DeadLetterWord::Waiting || ctx.as_of.is_none()))
}

fn word(listed: bool, seen: usize, answered_since: bool) -> Option<DeadLetterWord> {
    match (answered_since, listed) {
        (true, _) => None,
        (false, true) => Some(DeadLetterWord::Waiting),
        (false, false) => (seen < MOST).then_some(DeadLetterWord::SeenTo),
    }
}

/// Why there is no answer, with what became of the task after so many attempts.
pub(super) fn told(cause: Both, letter: Option<DeadLetterWord>, attempts: u32) -> Both {
    let id = match letter {
        None => return cause,
        Some(DeadLetterWord::Waiting) => "note-given_up",
        Some(DeadLetterWord::SeenTo) => "note-seen_to",
    };
    both(id, &[("cause", cause.into()), ("n", attempts.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        assert_eq!(word(true, 3, false), Some(DeadLetterWord::Waiting));
        assert_eq!(word(false, 3, false), Some(DeadLetterWord::SeenTo));
        assert_eq!(word(false, MOST, false), None, "it may be behind those that were looked through");
        assert_eq!(word(true, 3, true), None, "another task has answered");
    }

    #[test]
    fn a_letter_is_told_in_both_languages() {
        let told =
            |letter| told(Both::new("источник не ответил вовремя", "the source did not answer in time"), letter, 3);
        assert_eq!(
            told(Some(DeadLetterWord::Waiting)),
            Both::new(
                "источник не ответил вовремя (запрос оставлен, попыток: 3; ждёт оператора, который может его повторить)",
                "the source did not answer in time (given up, attempts: 3; it waits for an operator, who can have it tried again)"
            )
        );
        assert_eq!(
            told(Some(DeadLetterWord::SeenTo)).en,
            "the source did not answer in time (given up, attempts: 3; an operator has seen to it)"
        );
        assert_eq!(told(None).en, "the source did not answer in time");
    }
}
