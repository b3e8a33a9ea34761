//! Tasks: the queue, leases, permits and health of `source/<id>` streams.

use super::charge::{charge, total};
use super::queue::{self, WeightsRow};
use super::{ApplyError, At, dangling, health};
use crate::history;
use crate::rows::*;
use crate::store::{ReadExt, Table, Write, WriteExt, encode_row};
use mirano_schemas::*;

/// The source's row, which must be put again.
fn source_row(store: &mut impl Write, source: &str) -> Result<SourceRow, ApplyError> {
    Ok(store.row_to_change(source.as_bytes())?.unwrap_or_default())
}

/// The task's row, which must be put again.
fn task_row(store: &mut impl Write, at: At, event: &'static str, task: TaskId) -> Result<TaskRow, ApplyError> {
    store.row_to_change(task.as_bytes())?.ok_or_else(|| dangling(at, event, task))
}

/// Notes under which name the job of `requester` sees the task.
fn name_for(
    store: &mut impl Write,
    at: At,
    task: TaskId,
    requester: &Requester,
    joined: bool,
    foreign: bool,
) -> Result<(), ApplyError> {
    let Requester { job, need_id, .. } = *requester;
    let alias = task_alias(job, need_id, task);
    store.put_row(alias.as_bytes(), &AliasRow { job, need_id, task })?;
    let row = NeedTaskRow { task, alias, joined, foreign };
    let from = history::need_task_key(job, need_id, at.recorded_at, at.position.seq);
    store.put(Table::NeedTaskFrom, &from, encode_row(&row)?);
    Ok(store.put_row(&key::need_task(job, need_id), &row)?)
}

pub(super) fn scheduled(store: &mut impl Write, at: At, event: &TaskScheduled) -> Result<(), ApplyError> {
    let mut query = store
        .row_to_change::<QueryRow>(event.query.as_bytes())?
        .unwrap_or_else(|| QueryRow::new(event.source.clone(), event.subject.clone(), event.params.clone()));
    query.in_flight = Some(event.task);
    store.put_last(event.query.as_bytes(), query)?;
    store.put(Table::SubjectQuery, &key::subject_query(&event.subject, Some(event.query)), Vec::new());
    let mut source = source_row(store, &event.source)?;
    source.queued += 1;
    let weights = WeightsRow::of(store, at.position.partition)?;
    let turn = weights.enter(&mut source, &event.requester.tenant, event.priority);
    store.put_last(event.source.as_bytes(), source)?;
    let mut row = TaskRow {
        scheduled: event.clone(),
        requesters: 1,
        priority: event.priority,
        enqueued_at: at.recorded_at,
        enqueued_seq: at.position.seq,
        turn,
        attempts: Vec::new(),
        state: TaskState::Queued,
        partition: at.position.partition,
        moves: Vec::new(),
    };
    row.move_to(at.recorded_at, at.position, TaskState::Queued);
    store.put(Table::Ready, &key::ready(&row), Vec::new());
    store.put_last(event.task.as_bytes(), row)?;
    name_for(store, at, event.task, &event.requester, false, false)
}

pub(super) fn joined(store: &mut impl Write, at: At, event: &TaskJoined) -> Result<(), ApplyError> {
    let mut row = task_row(store, at, "TaskJoined", event.task)?;
    row.requesters += 1;
    // It has its turn when a task of the one who joins would have had it, if that is sooner.
    let mut source = source_row(store, &event.source)?;
    let weights = WeightsRow::of(store, at.position.partition)?;
    let sooner = weights.turn(&source, &event.requester.tenant, event.priority) < row.turn;
    let turn = match row.state {
        TaskState::Queued if sooner => weights.enter(&mut source, &event.requester.tenant, event.priority),
        TaskState::Queued => weights.forward(&source, row.turn, event.priority),
        _ => row.turn,
    };
    store.put_last(event.source.as_bytes(), source)?;
    if (event.priority, turn) != (row.priority, row.turn) {
        let queued = row.state == TaskState::Queued;
        if queued {
            store.delete(Table::Ready, &key::ready(&row));
        }
        (row.priority, row.turn) = (event.priority, turn);
        if queued {
            store.put(Table::Ready, &key::ready(&row), Vec::new());
        }
    }
    let foreign = row.scheduled.requester.tenant != event.requester.tenant;
    store.put_last(event.task.as_bytes(), row)?;
    name_for(store, at, event.task, &event.requester, true, foreign)
}

pub(super) fn started(store: &mut impl Write, at: At, event: &TaskStarted) -> Result<(), ApplyError> {
    let mut source = source_row(store, &event.source)?;
    queue::fall_due(store, at, &event.source, &mut source)?;
    let mut row = task_row(store, at, "TaskStarted", event.task)?;
    match row.state {
        // Behind more of them than one start moves.
        TaskState::Retrying { at: due } => {
            store.delete(Table::Delayed, &key::delayed(&event.source, due, event.task));
            source.delayed = source.delayed.saturating_sub(1);
            let weights = WeightsRow::of(store, at.position.partition)?;
            row.turn = weights.enter_again(&mut source, &row.scheduled.requester.tenant, row.priority);
            queue::begin(&mut source, row.turn);
        }
        _ => {
            store.delete(Table::Ready, &key::ready(&row));
            queue::begin(&mut source, row.turn);
            source.queued = source.queued.saturating_sub(1);
        }
    }
    charge(store, at, &mut source, &event.grant)?;
    if let Some(proxy) = &event.proxy {
        total(store, at, proxy, |row| row.in_use += 1)?;
        let health = source.proxies.entry(proxy.clone()).or_default();
        health.in_use += 1;
        health.last_used = Some(at.recorded_at);
    }
    let lease = LeaseRow {
        task: event.task,
        attempt: event.attempt,
        deadline: event.deadline,
        started_at: at.recorded_at,
        permits: 1,
        gave_back: false,
        proxy: event.proxy.clone(),
    };
    source.leases.insert(event.lease, lease);
    store.put_last(event.source.as_bytes(), source)?;
    lease_ends(store, at, &event.source, event.task, event.lease, event.deadline)?;
    row.attempts.push(AttemptRow {
        n: event.attempt,
        lease: event.lease,
        started_at: at.recorded_at,
        ended_at: None,
        worker: event.worker.clone(),
        proxy: event.proxy.clone(),
        outcome: None,
        cause: None,
        http_status: None,
        evidence: Vec::new(),
    });
    let running = TaskState::Running { lease: event.lease, deadline: event.deadline };
    row.move_to(at.recorded_at, at.position, running);
    Ok(store.put_last(event.task.as_bytes(), row)?)
}

fn lease_ends(
    store: &mut impl Write,
    at: At,
    source: &str,
    task: TaskId,
    lease: LeaseToken,
    deadline: Timestamp,
) -> Result<(), ApplyError> {
    let row = LeaseEndRow { source: source.to_owned(), task };
    Ok(store.put_row(&key::lease_end(at.position.partition, deadline, lease), &row)?)
}

fn move_deadline(
    store: &mut impl Write,
    at: At,
    event: &'static str,
    source: &mut SourceRow,
    name: &str,
    lease: LeaseToken,
    deadline: Timestamp,
) -> Result<(), ApplyError> {
    let held = source.leases.get_mut(&lease).ok_or_else(|| dangling(at, event, lease))?;
    store.delete(Table::LeaseEnd, &key::lease_end(at.position.partition, held.deadline, lease));
    held.deadline = deadline;
    let task = held.task;
    lease_ends(store, at, name, task, lease, deadline)?;
    let mut row = task_row(store, at, event, task)?;
    row.state = TaskState::Running { lease, deadline };
    Ok(store.put_last(task.as_bytes(), row)?)
}

pub(super) fn granted(store: &mut impl Write, at: At, event: &PermitsGranted) -> Result<(), ApplyError> {
    let mut source = source_row(store, &event.source)?;
    for grant in &event.grants {
        charge(store, at, &mut source, grant)?;
    }
    move_deadline(store, at, "PermitsGranted", &mut source, &event.source, event.lease, event.deadline)?;
    if let Some(lease) = source.leases.get_mut(&event.lease) {
        lease.permits += u32::try_from(event.grants.len()).unwrap_or(u32::MAX);
    }
    Ok(store.put_last(event.source.as_bytes(), source)?)
}

pub(super) fn returned(store: &mut impl Write, _: At, event: &PermitsReturned) -> Result<(), ApplyError> {
    let mut source = source_row(store, &event.source)?;
    let rate = source.rates.entry(String::new()).or_default();
    rate.returned.extend(event.permits.iter().copied());
    rate.returned.sort_by_key(|permit| permit.not_before);
    if let Some(lease) = source.leases.get_mut(&event.lease) {
        lease.gave_back = true;
    }
    Ok(store.put_last(event.source.as_bytes(), source)?)
}

pub(super) fn extended(store: &mut impl Write, at: At, event: &LeaseExtended) -> Result<(), ApplyError> {
    let mut source = source_row(store, &event.source)?;
    move_deadline(store, at, "LeaseExtended", &mut source, &event.source, event.lease, event.deadline)?;
    Ok(store.put_last(event.source.as_bytes(), source)?)
}

/// Takes the lease back, with its proxy.
fn release(
    store: &mut impl Write,
    at: At,
    source: &mut SourceRow,
    lease: LeaseToken,
) -> Result<Option<LeaseRow>, ApplyError> {
    let Some(held) = source.leases.remove(&lease) else { return Ok(None) };
    if let Some(proxy) = &held.proxy {
        total(store, at, proxy, |row| row.in_use = row.in_use.saturating_sub(1))?;
    }
    store.delete(Table::LeaseEnd, &key::lease_end(at.position.partition, held.deadline, lease));
    if let Some(health) = held.proxy.as_ref().and_then(|proxy| source.proxies.get_mut(proxy)) {
        health.in_use = health.in_use.saturating_sub(1);
    }
    // The attempt's permits that nobody used are worthless now.
    if let Some(rate) = source.rates.get_mut("") {
        rate.returned.retain(|permit| permit.not_after >= at.recorded_at);
    }
    let smoothed = |before: u64, last: u64| if before == 0 { last } else { (before * 7 + last) / 8 };
    source.attempt_ms = smoothed(source.attempt_ms, at.recorded_at.since_ms(held.started_at));
    source.permits_milli = smoothed(source.permits_milli, u64::from(held.permits) * 1_000);
    Ok(Some(held))
}

pub(super) fn attempt_failed(store: &mut impl Write, at: At, event: &TaskAttemptFailed) -> Result<(), ApplyError> {
    let mut row = task_row(store, at, "TaskAttemptFailed", event.task)?;
    let mut source = source_row(store, &event.source)?;
    let held = release(store, at, &mut source, event.lease)?;
    source.rest_until = source.rest_until.max(event.rest_until);
    let proxy = held.and_then(|held| held.proxy);
    // What was lost on our side is nobody's failure: not the source's, and not the proxy's.
    if !lost_on_our_side(&event.cause) {
        match lost_to_proxy(&event.cause, proxy.as_deref()) {
            Some(proxy) => health::note_lost_to(&mut source, proxy),
            None => {
                source.failures += 1;
                source.last_outcome = Some((event.outcome, at.recorded_at, event.cause.clone()));
                let failed = matches!(event.outcome, Outcome::Unavailable | Outcome::Blocked);
                health::note(&mut source, proxy.as_deref(), failed);
            }
        }
        if let Some(proxy) = proxy {
            source.proxies.entry(proxy).or_default().failures += 1;
        }
    }
    if let Some(attempt) = row.attempts.iter_mut().rev().find(|attempt| attempt.lease == event.lease) {
        attempt.ended_at = Some(at.recorded_at);
        attempt.outcome = Some(event.outcome);
        attempt.cause = Some(event.cause.clone());
        attempt.http_status = event.http_status;
        attempt.evidence = event.evidence.clone();
    }
    // Parts of an answer that was never completed are worth nothing.
    for part in store.keys(Table::Chunk, event.lease.as_bytes(), &[], usize::MAX)? {
        store.delete(Table::Chunk, &part);
    }
    if let Some(retry_at) = event.retry_at {
        row.move_to(at.recorded_at, at.position, TaskState::Retrying { at: retry_at });
        source.delayed += 1;
        store.put(Table::Delayed, &key::delayed(&event.source, retry_at, event.task), Vec::new());
    }
    if event.outcome == Outcome::Suspicious {
        let query = row.scheduled.query;
        if let Some(mut known) = store.row_to_change::<QueryRow>(query.as_bytes())? {
            known.suspicious_since.get_or_insert(at.recorded_at);
            known.suspicious_times = known.suspicious_times.saturating_add(1);
            store.put_last(query.as_bytes(), known)?;
        }
    }
    store.put_last(event.source.as_bytes(), source)?;
    Ok(store.put_last(event.task.as_bytes(), row)?)
}

/// Takes a task that ends without another attempt out of its queue.
fn unqueue(store: &mut impl Write, row: &TaskRow) -> Result<(), ApplyError> {
    let TaskScheduled { source: name, task, .. } = &row.scheduled;
    if !matches!(row.state, TaskState::Queued | TaskState::Retrying { .. }) {
        return Ok(());
    }
    let mut source = source_row(store, name)?;
    match row.state {
        TaskState::Queued => {
            store.delete(Table::Ready, &key::ready(row));
            source.queued = source.queued.saturating_sub(1);
        }
        TaskState::Retrying { at } => {
            store.delete(Table::Delayed, &key::delayed(name, at, *task));
            source.delayed = source.delayed.saturating_sub(1);
        }
        _ => {}
    }
    Ok(store.put_last(name.as_bytes(), source)?)
}

pub(super) fn failed(store: &mut impl Write, at: At, event: &TaskFailed) -> Result<(), ApplyError> {
    let mut row = task_row(store, at, "TaskFailed", event.task)?;
    unqueue(store, &row)?;
    let given_up = TaskState::Failed { outcome: event.outcome, cause: event.cause.clone() };
    row.move_to(at.recorded_at, at.position, given_up);
    store.put_last(event.task.as_bytes(), row)?;
    store.put(Table::DeadLetter, &key::dead_letter(&event.source, at.recorded_at, event.task), Vec::new());
    if let Some(mut query) = store.row_to_change::<QueryRow>(event.query.as_bytes())? {
        query.in_flight = None;
        query.last_failure =
            Some(Failure { outcome: Some(event.outcome), cause: event.cause.clone(), at: at.recorded_at });
        store.put_last(event.query.as_bytes(), query)?;
    }
    Ok(())
}

/// Somebody saw to a task that was given up.
pub(super) fn seen_to(store: &mut impl Write, source: &str, at: Timestamp, task: TaskId) -> Result<(), ApplyError> {
    store.delete(Table::DeadLetter, &key::dead_letter(source, at, task));
    Ok(())
}

pub(super) fn completed(store: &mut impl Write, at: At, event: &TaskCompleted) -> Result<(), ApplyError> {
    let mut row = task_row(store, at, "TaskCompleted", event.task)?;
    let mut source = source_row(store, &event.source)?;
    let proxy = release(store, at, &mut source, event.lease)?.and_then(|held| held.proxy);
    health::note(&mut source, proxy.as_deref(), false);
    if let Some(proxy) = proxy {
        source.proxies.entry(proxy).or_default().failures = 0;
    }
    source.failures = 0;
    source.last_answer = Some(at.recorded_at);
    let outcome = store.shared::<ObservationRow>(event.observation.as_bytes())?.map(|row| row.recorded.outcome);
    if let Some(outcome) = outcome {
        source.last_outcome = Some((outcome, at.recorded_at, String::new()));
    }
    store.put_last(event.source.as_bytes(), source)?;
    if let Some(attempt) = row.attempts.iter_mut().rev().find(|attempt| attempt.lease == event.lease) {
        attempt.ended_at = Some(at.recorded_at);
        attempt.outcome = outcome;
        attempt.http_status = event.http_status;
    }
    row.move_to(at.recorded_at, at.position, TaskState::Done { observation: event.observation });
    let query = row.scheduled.query;
    store.put_last(event.task.as_bytes(), row)?;
    if let Some(mut known) = store.row_to_change::<QueryRow>(query.as_bytes())? {
        known.in_flight = None;
        known.last_failure = None;
        known.suspicious_since = None;
        known.suspicious_times = 0;
        store.put_last(query.as_bytes(), known)?;
    }
    Ok(())
}
