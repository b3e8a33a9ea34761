//! How far off forecasts are: when a task is queued, it is noted when its first attempt should begin; when that begins, the
//! difference is a measurement (`mirano_eta_error_seconds`, and `mirano_eta_ratio`, what came against what was told).

use crate::core::source::forecast::forecast;
use crate::engine::{Engine, Folded};
use mirano_replay::rows::{TaskRow, TaskState};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Event, TaskId, Timestamp, source_of};
use std::collections::BTreeMap;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// So many forecasts are kept at once; of further tasks none is made: each counts up to a thousand tasks
/// ahead, and some hundreds say as well how far off they are.
const MOST: usize = 256;
/// A wait shorter than this is none: nobody is told a time for it.
const LEAST_MS: u64 = 1_000;

/// What was told of tasks that wait: when, and for how long.
type Told = BTreeMap<TaskId, (Timestamp, u64)>;

/// Measures until `stop`.
pub async fn measure(engine: Engine, stop: CancellationToken) {
    let mut folded = engine.subscribe();
    let mut told = Told::new();
    loop {
        let seen = tokio::select! {
            () = stop.cancelled() => return,
            seen = folded.recv() => seen,
        };
        match seen {
            Ok(commit) => {
                let scheduled = scheduled(&commit, MOST.saturating_sub(told.len()));
                if !scheduled.is_empty() {
                    // Rows may have to come from the disk, and a queue is counted: not on a thread that serves others.
                    let (reader, now) = (engine.clone(), commit.body.head.recorded_at);
                    match tokio::task::spawn_blocking(move || foretell(&reader, &scheduled, now)).await {
                        Ok(found) => told.extend(found),
                        Err(error) => tracing::warn!(%error, "forecasts could not be made"),
                    }
                }
                compare(&commit, &mut told);
            }
            // What was missed can't be compared.
            Err(RecvError::Lagged(_)) => told.clear(),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Tasks that a commit queues, `most` of them.
fn scheduled(commit: &Folded, most: usize) -> Vec<TaskId> {
    let scheduled = |event: &Event| match event {
        Event::TaskScheduled(event) => Some(event.task),
        _ => None,
    };
    commit.body.events.iter().filter_map(scheduled).take(most).collect()
}

/// What is told now of tasks that wait.
fn foretell(engine: &Engine, tasks: &[TaskId], now: Timestamp) -> Told {
    let Ok(policy) = engine.policy() else { return Told::new() };
    let told = |task: &TaskId| {
        let row: Option<TaskRow> = engine.views().row(task.as_bytes()).ok().flatten();
        let row = row.filter(|row| row.state == TaskState::Queued)?;
        let held = forecast(&**engine.views(), &policy, engine.partitions(), &row, now).ok().flatten()?;
        let eta_ms = held.eta_ms.filter(|eta| *eta >= LEAST_MS)?;
        Some((*task, (now, eta_ms)))
    };
    tasks.iter().filter_map(told).collect()
}

/// Measures what was told against what came.
fn compare(commit: &Folded, told: &mut Told) {
    for event in &commit.body.events {
        match event {
            Event::TaskStarted(event) => {
                let Some((at, eta_ms)) = told.remove(&event.task) else { continue };
                let (came, eta) = (event.grant.permit.not_before.since_ms(at) as f64, eta_ms as f64);
                let source = || source_of(&event.source).to_owned();
                metrics::histogram!("mirano_eta_error_seconds", "source" => source())
                    .record((came - eta).abs() / 1_000.0);
                metrics::histogram!("mirano_eta_ratio", "source" => source()).record(came / eta);
            }
            Event::TaskFailed(event) => {
                told.remove(&event.task);
            }
            _ => {}
        }
    }
}
