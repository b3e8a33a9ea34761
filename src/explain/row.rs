//! One row of a job: a need, its receipt, its task, and the time.

use super::Context;
use super::blocked::blocked_on;
use super::model::*;
use super::time::{parse, rfc3339, seconds};
use super::words::{self, Both, ago, both};
use crate::core::freshness::Freshness;
use crate::core::job::NARROWED;
use crate::core::persons;
use mirano_replay::history;
use mirano_replay::rows::{JobRow, NeedRow, NeedTaskRow, TaskRow, TaskState, key};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::*;

/// What the cause of a need begins with that was not asked, before the id of the need that has no answer.
const DEPENDS_ON: &str = "depends_on:";

/// A need with what its source's partition says of it.
pub(super) struct Joined<'a> {
    pub need: &'a NeedRow,
    pub named: Option<NeedTaskRow>,
    pub task: Option<TaskRow>,
    pub freshness: Freshness,
    pub state: RowState,
    /// What became of its task, where that was given up and nothing new is asked.
    pub dead_letter: Option<DeadLetterWord>,
}

impl<'a> Joined<'a> {
    pub fn load(ctx: &Context<'_>, job: &JobRow, need: &'a NeedRow) -> Result<Self, StoreError> {
        let (id, need_id) = (job.created.job, need.need.need_id);
        let named: Option<NeedTaskRow> = match &ctx.as_of {
            Some(moment) => history::need_task_at(ctx.rows, id, need_id, moment)?,
            None => ctx.rows.row(&key::need_task(id, need_id))?,
        };
        let task = match &named {
            Some(named) => ctx.rows.row::<TaskRow>(named.task.as_bytes())?,
            None => None,
        };
        let task = match &ctx.as_of {
            Some(moment) => task.and_then(|task| history::task_at(task, moment)),
            None => task,
        };
        let freshness = Freshness::of_receipt(need.receipt.as_ref().filter(|_| need.applicable()), ctx.now);
        let state = state(need, task.as_ref(), freshness);
        let given_up = need.applicable() && need.pending.is_none() && need.last_failure.is_some();
        let dead_letter = super::given_up::find(ctx, task.as_ref().filter(|_| given_up))?;
        Ok(Self { need, named, task, freshness, state, dead_letter })
    }

    /// Whether its source was asked: by the task that this need waits for now.
    pub fn started(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.attempts.is_empty())
    }

    pub fn updating(&self) -> bool {
        matches!(self.state, RowState::Running | RowState::Retrying | RowState::Queued)
    }

    /// The receipt, while what it names is shown.
    pub fn shown(&self) -> Option<&'a Receipt> {
        self.need.receipt.as_ref().filter(|_| self.need.applicable() && self.freshness.shown())
    }
}

fn state(need: &NeedRow, task: Option<&TaskRow>, freshness: Freshness) -> RowState {
    if !need.applicable() {
        return RowState::NotApplicable;
    }
    if let Some(pending) = &need.pending {
        return match task.map(|task| &task.state) {
            Some(TaskState::Running { .. }) => RowState::Running,
            Some(TaskState::Retrying { .. }) => RowState::Retrying,
            // The answer is on its way from the source's partition to the job's.
            Some(TaskState::Done { .. } | TaskState::Failed { .. }) if ended_since(task, pending.since) => {
                RowState::Running
            }
            _ => RowState::Queued,
        };
    }
    if need.waits_for_subject() {
        return RowState::WaitingForSubject;
    }
    match freshness {
        Freshness::Fresh => RowState::Fresh,
        Freshness::Stale => RowState::Stale,
        Freshness::Expired | Freshness::None => RowState::Failed,
    }
}

fn ended_since(task: Option<&TaskRow>, since: Timestamp) -> bool {
    let ended = task.and_then(|task| task.attempts.last()).and_then(|attempt| attempt.ended_at);
    ended.is_some_and(|ended| ended >= since)
}

/// The row as it is shown.
pub(super) fn view(
    ctx: &Context<'_>,
    job: &JobRow,
    row: &Joined<'_>,
    opened: &mut Vec<Subject>,
) -> Result<RowView, StoreError> {
    let need = &row.need.need;
    let receipt = row.need.receipt.as_ref().filter(|_| row.need.applicable());
    let shown = row.shown();
    let attempt = row.task.as_ref().filter(|_| row.updating()).and_then(|task| task.attempts.last());
    let failed_attempt = attempt.and_then(|attempt| Some((attempt.outcome?, attempt.cause.clone()?)));
    let last_failure = row.need.last_failure.as_ref();
    let outcome = match (shown, &failed_attempt) {
        (Some(receipt), _) => Some(receipt.outcome),
        (None, Some((outcome, _))) => Some(*outcome),
        (None, None) => last_failure.and_then(|failure| failure.outcome),
    };
    let cause = match shown {
        Some(_) => None,
        None => failed_attempt.map(|(_, cause)| cause).or_else(|| last_failure.map(|failure| failure.cause.clone())),
    };
    if let (Sealable::Sealed(_), Level::Person) = (&need.params, need.level) {
        opened.push(need.subject.clone());
    }
    let blocked = match (row.state, &row.task) {
        // How long the queue was at another time is not kept.
        (RowState::Queued | RowState::Retrying, Some(task)) if ctx.as_of.is_none() => blocked_on(ctx, task)?,
        _ => None,
    };
    let ttl_ms = receipt
        .map(|receipt| receipt.ttl_ms)
        .or_else(|| ctx.policy.document.sources.get(&need.source).map(|spec| spec.ttl.0));
    Ok(RowView {
        need_id: need.need_id.to_string(),
        receipt_id: shown.map(|receipt| receipt.receipt_id.to_string()),
        source: need.source.clone(),
        level: level_word(need.level).to_owned(),
        subject: need.subject.to_string(),
        params: persons::open(ctx.vault, &need.params),
        freshness: freshness_word(row.freshness),
        state: row.state,
        updating: row.updating(),
        joined: row.updating() && row.named.as_ref().is_some_and(|named| named.joined && !named.foreign),
        origin: shown.map_or(OriginWord::None, |receipt| origin_word(receipt.origin)),
        outcome: outcome.map(outcome_word),
        cause,
        facts: shown.map_or(0, |receipt| receipt.facts),
        complete: shown.is_some_and(|receipt| receipt.complete),
        reuse: shown.map(reuse),
        as_of: shown.and_then(|receipt| receipt.as_of.clone()),
        observed_at: receipt.map(|receipt| rfc3339(receipt.observed_at)),
        age_s: receipt.map(|receipt| seconds(ctx.now.since_ms(receipt.observed_at))),
        ttl_s: ttl_ms.map(seconds),
        fresh_until: receipt.map(|receipt| rfc3339(receipt.observed_at.plus_ms(receipt.ttl_ms))),
        last_failure: last_failure.map(|failure| FailureView {
            outcome: failure.outcome.map(outcome_word),
            cause: failure.cause.clone(),
            text: failure_words(ctx, job, failure),
            at: rfc3339(failure.at),
        }),
        task_id: row.named.as_ref().map(|named| named.alias.to_string()),
        attempts: attempts(job, row),
        dead_letter: row.dead_letter,
        blocked_on: blocked,
        note: note(ctx, job, row),
    })
}

fn attempts(job: &JobRow, row: &Joined<'_>) -> u32 {
    row.task.as_ref().map_or(0, |task| super::tasks::attempts_seen(job, task))
}

/// What was decided when the job took the data.
fn reuse(receipt: &Receipt) -> Reuse {
    let ReuseParts { reused, stale, missing } = receipt.parts;
    let all = stale == 0 && missing == 0;
    let decision = match receipt.origin {
        Origin::Reused if all => "reused",
        Origin::Reused | Origin::ServedStale if reused > 0 => "combined",
        Origin::Reused | Origin::ServedStale | Origin::Fetched | Origin::Coalesced => "fetched",
    };
    Reuse { decision: decision.to_owned(), reused, stale, missing, narrowed: receipt.reason == NARROWED }
}

fn note(ctx: &Context<'_>, job: &JobRow, row: &Joined<'_>) -> Both {
    let shown = row.shown();
    let plain = |id: &str| both(id, &[]);
    let pending = |id: &str| match shown {
        Some(receipt) => {
            let age = ago(seconds(ctx.now.since_ms(receipt.observed_at)));
            both("note-meanwhile", &[("note", plain(id).into()), ("age", age.into())])
        }
        None => plain(id),
    };
    match row.state {
        RowState::Running => pending("note-running"),
        RowState::Retrying => pending("note-retrying"),
        RowState::Queued => pending("note-queued"),
        RowState::WaitingForSubject => plain("note-waiting"),
        RowState::NotApplicable => super::unchecked::nothing_to_ask(ctx, job, row.need),
        RowState::Failed => {
            let why =
                |failure| super::given_up::told(failure_words(ctx, job, failure), row.dead_letter, attempts(job, row));
            match (&row.need.receipt, &row.need.last_failure) {
                (Some(_), None) => plain("note-too_old"),
                (Some(_), Some(failure)) => both("note-too_old_failed", &[("cause", why(failure).into())]),
                (None, Some(failure)) => why(failure),
                (None, None) => plain("note-no_answer"),
            }
        }
        RowState::Stale => plain("note-stale"),
        RowState::Fresh => fresh_note(shown),
    }
}

/// Why there is no answer, or no newer one. Who was not asked, because another source has no answer, did not fail to give one.
fn failure_words(ctx: &Context<'_>, job: &JobRow, failure: &Failure) -> Both {
    match parent(job, failure) {
        Some(parent) => words::not_asked(parent.map(|need| super::sentences::title(ctx, &need.source)).as_ref()),
        None => words::cause(&failure.cause, failure.outcome.map(Outcome::code)),
    }
}

/// The need that was to name whom to ask about, where the failure is that it has no answer: none within, if the job has no such need.
fn parent<'a>(job: &'a JobRow, failure: &Failure) -> Option<Option<&'a Need>> {
    let parent = failure.cause.strip_prefix(DEPENDS_ON)?;
    Some(job.needs.iter().map(|row| &row.need).find(|need| need.need_id.to_string() == parent))
}

/// The attempt to renew what a row shows that failed since: what is shown is of before.
pub(super) fn unrenewed(row: &RowView) -> Option<&FailureView> {
    let answered = row.receipt_id.as_ref().and(row.observed_at.as_deref()).and_then(parse)?;
    row.last_failure.as_ref().filter(|failure| parse(&failure.at).is_some_and(|failed| failed > answered))
}

/// Whether a row was not asked, because another one has no answer.
pub(super) fn depends_on(row: &RowView) -> bool {
    row.cause.as_deref().is_some_and(|cause| cause.starts_with(DEPENDS_ON))
}

fn fresh_note(shown: Option<&Receipt>) -> Both {
    let Some(receipt) = shown else { return Both::default() };
    let from = match receipt.origin {
        Origin::Reused if receipt.reason == NARROWED => both("from-narrowed", &[]),
        Origin::Reused | Origin::ServedStale => both("from-reused", &[]),
        Origin::Coalesced => both("from-coalesced", &[]),
        Origin::Fetched => both("from-fetched", &[]),
    };
    match receipt.outcome {
        Outcome::NothingFound => {
            let answer = both("answer-nothing_found", &[]);
            both("note-answered", &[("answer", answer.into()), ("from", from.into())])
        }
        _ => from,
    }
}

/// The word of a level.
pub fn level_word(level: Level) -> &'static str {
    match level {
        Level::Property => "property",
        Level::Developer => "developer",
        Level::Person => "person",
        Level::Source => "source",
    }
}

fn freshness_word(freshness: Freshness) -> FreshnessWord {
    match freshness {
        Freshness::None => FreshnessWord::None,
        Freshness::Expired => FreshnessWord::Expired,
        Freshness::Stale => FreshnessWord::Stale,
        Freshness::Fresh => FreshnessWord::Fresh,
    }
}

/// The word of an origin.
pub(super) fn origin_word(origin: Origin) -> OriginWord {
    match origin {
        Origin::Fetched => OriginWord::Fetched,
        Origin::Coalesced => OriginWord::Coalesced,
        Origin::Reused => OriginWord::Reused,
        Origin::ServedStale => OriginWord::ServedStale,
    }
}

/// The word of an outcome.
pub fn outcome_word(outcome: Outcome) -> OutcomeWord {
    match outcome {
        Outcome::Found => OutcomeWord::Found,
        Outcome::NothingFound => OutcomeWord::NothingFound,
        Outcome::Unavailable => OutcomeWord::Unavailable,
        Outcome::Blocked => OutcomeWord::Blocked,
        Outcome::Unparsable => OutcomeWord::Unparsable,
        Outcome::Refused => OutcomeWord::Refused,
        Outcome::Suspicious => OutcomeWord::Suspicious,
    }
}
