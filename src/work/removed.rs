//! Queues of sources that left the policy are ended, whether or not this process has workers: their checks would wait for ever.

use crate::core::command::{Command, LeaseTasks, Reply};
use crate::engine::{Engine, EngineError};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_schemas::Event;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// After an engine that can't answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Ends them, now and whenever another policy holds, until `stop`.
pub async fn end(engine: Engine, stop: CancellationToken) {
    let mut folded = engine.subscribe();
    loop {
        let again = match end_all(&engine).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(%error, "the queue of a removed source does not end");
                Some(PAUSE)
            }
        };
        loop {
            let seen = tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(again.unwrap_or(Duration::MAX)), if again.is_some() => break,
                seen = folded.recv() => seen,
            };
            match seen {
                // Each partition says so when it holds there.
                Ok(commit) if commit.body.events.iter().any(|event| matches!(event, Event::PolicyAdopted(_))) => break,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

async fn end_all(engine: &Engine) -> Result<(), EngineError> {
    let policy = engine.policy()?;
    for queue in ever_asked(engine)?.into_iter().filter(|queue| policy.queue(queue).is_none()) {
        loop {
            // Without tokens nothing can be leased; a queue without a source ends, a part of it each time.
            let lease = LeaseTasks { source: queue.clone(), worker: String::new(), tokens: Vec::new() };
            match engine.submit(Command::Lease(lease)).await?.reply {
                Reply::Leased(leased) if leased.next_at.is_some() => {}
                _ => break,
            }
        }
    }
    Ok(())
}

/// The queues that ever had a task.
pub(super) fn ever_asked(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let keys = engine.views().keys(Table::Source, &[], &[], usize::MAX)?;
    Ok(keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect())
}
