//! The worker pool in this process: leases tasks of every source and runs them side by side.
//!
//! It sleeps until an event says that a source may have work, or until the moment that the last lease named. How many
//! tasks run, and when their requests start, is decided in the source's partition; the pool only asks.

use super::attempt;
use super::connectors::Connectors;
use super::evidence::EvidenceStore;
use super::fetch::Fetcher;
use super::removed::ever_asked;
use super::tokens::Tokens;
use super::validators::Validators;
use crate::core::command::{Command, LeaseTasks, LeasedTask, Reply};
use crate::engine::{Engine, EngineError, Folded};
use crate::sources::config::ProxySecrets;
use mirano_schemas::{Event, LeaseToken, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Tasks of one source that are leased at once.
const LEASED_AT_ONCE: usize = 16;
/// After an engine that can't answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What workers work with.
pub struct Tools {
    /// Where tasks come from and answers go.
    pub engine: Engine,
    /// Where raw answers are kept.
    pub evidence: EvidenceStore,
    /// Sends requests.
    pub fetcher: Fetcher,
    /// Addresses and credentials of proxies.
    pub proxies: ProxySecrets,
    /// What this worker is called in the log.
    pub worker: String,
    pub(super) connectors: Connectors,
    pub(super) tokens: Tokens,
    pub(super) validators: Validators,
}

impl Tools {
    /// Tools without compiled connectors yet.
    pub fn new(
        engine: Engine,
        evidence: EvidenceStore,
        fetcher: Fetcher,
        proxies: ProxySecrets,
        worker: String,
    ) -> Self {
        let (connectors, tokens, validators) = Default::default();
        Self { engine, evidence, fetcher, proxies, worker, connectors, tokens, validators }
    }
}

/// Runs workers until `stop`; attempts under way are finished first.
pub async fn run(tools: Arc<Tools>, stop: CancellationToken) {
    let mut folded = tools.engine.subscribe();
    let mut sources: BTreeMap<String, Arc<Notify>> = BTreeMap::new();
    let mut running = JoinSet::new();
    loop {
        for source in known_queues(&tools.engine) {
            sources.entry(source.clone()).or_insert_with(|| {
                let kick = Arc::new(Notify::new());
                running.spawn(source_loop(Arc::clone(&tools), source, Arc::clone(&kick), stop.clone()));
                kick
            });
        }
        let policy = tools.engine.policy().ok();
        // Until something may have given a new source work, pass the word on.
        loop {
            let seen = tokio::select! {
                () = stop.cancelled() => break,
                seen = folded.recv() => seen,
            };
            match seen {
                Ok(Folded { body, .. }) => {
                    for source in body.events.iter().filter_map(gives_work) {
                        let sharing = policy.iter().flat_map(|policy| policy.sharing_proxies(source));
                        for kick in sharing.chain([source]).filter_map(|source| sources.get(source)) {
                            kick.notify_one();
                        }
                    }
                    if body.events.iter().any(|event| matches!(event, Event::PolicyAdopted(_))) {
                        sources.values().for_each(|kick| kick.notify_one());
                        break;
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => sources.values().for_each(|kick| kick.notify_one()),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
        if stop.is_cancelled() {
            break;
        }
    }
    while running.join_next().await.is_some() {}
}

/// The queues of the policy's sources, and those that ever had a task: a source that was removed may still have a queue to end.
fn known_queues(engine: &Engine) -> BTreeSet<String> {
    let mut sources: BTreeSet<String> =
        engine.policy().map(|policy| policy.queues().map(|spec| spec.id.clone()).collect()).unwrap_or_default();
    sources.extend(ever_asked(engine).unwrap_or_default());
    sources
}

/// The queue that may have work after an event.
pub(super) fn gives_work(event: &Event) -> Option<&str> {
    match event {
        Event::TaskScheduled(event) => Some(&event.source),
        // It may be more urgent now, and so have its turn although what nobody waits for is held back.
        Event::TaskJoined(event) => Some(&event.source),
        Event::TaskCompleted(event) => Some(&event.source),
        Event::TaskAttemptFailed(event) => Some(&event.source),
        Event::TaskFailed(event) => Some(&event.source),
        Event::PermitsReturned(event) => Some(&event.source),
        _ => None,
    }
}

async fn source_loop(tools: Arc<Tools>, source: String, kick: Arc<Notify>, stop: CancellationToken) {
    let mut attempts = JoinSet::new();
    // At the start there may be work of an earlier run.
    let mut next_at = Some(tools.engine.now());
    loop {
        let due = next_at.map(|at: Timestamp| Duration::from_millis(at.since_ms(tools.engine.now())));
        tokio::select! {
            () = stop.cancelled() => break,
            () = kick.notified() => {}
            () = tokio::time::sleep(due.unwrap_or(Duration::MAX)), if due.is_some() => {}
            Some(_) = attempts.join_next(), if !attempts.is_empty() => continue,
        }
        match lease(&tools, &source).await {
            Ok((tasks, next)) => {
                next_at = if tasks.len() == LEASED_AT_ONCE { Some(tools.engine.now()) } else { next };
                for task in tasks {
                    attempts.spawn(attempt::run(Arc::clone(&tools), task));
                }
            }
            Err(EngineError::Rejected(_)) => next_at = None,
            Err(error) => {
                tracing::warn!(%source, %error, "no lease");
                next_at = Some(tools.engine.now().plus_ms(u64::try_from(PAUSE.as_millis()).unwrap_or(1_000)));
            }
        }
    }
    while attempts.join_next().await.is_some() {}
}

async fn lease(tools: &Tools, source: &str) -> Result<(Vec<LeasedTask>, Option<Timestamp>), EngineError> {
    let tokens = (0..LEASED_AT_ONCE).map(|_| LeaseToken(rand::random())).collect();
    let command = LeaseTasks { source: source.to_owned(), worker: tools.worker.clone(), tokens };
    match tools.engine.submit(Command::Lease(command)).await?.reply {
        Reply::Leased(leased) => Ok((leased.tasks, leased.next_at)),
        _ => Ok((Vec::new(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirano_schemas::{JobId, NeedId, Requester, TaskId, TaskJoined};

    #[test]
    fn a_queue_is_looked_at_when_somebody_joins_a_task() {
        let requester = Requester { job: JobId([1; 16]), need_id: NeedId([2; 16]), tenant: "t".to_owned() };
        let joined = TaskJoined { task: TaskId([3; 16]), source: "courts".to_owned(), requester, priority: 3 };
        assert_eq!(gives_work(&joined.into()), Some("courts"));
    }
}
