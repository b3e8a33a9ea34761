//! Tasks leased for a worker: of several queues, waited for, ready to be worked on.

use super::super::pool::gives_work;
use super::untold::Untold;
use super::{Remote, RemoteError};
use crate::core::command::{Command, FailAttempt, LeaseTasks, LeasedTask};
use crate::core::persons;
use crate::core::policy::Policy;
use crate::sources::connector::{Connector, PreparedRequest};
use mirano_schemas::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// A queue that can't be leased from is asked again after so long.
const PAUSE_MS: u64 = 5_000;

/// A leased task, ready to be worked on.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The task, with its lease and first permit.
    pub task: LeasedTask,
    /// Its parameters, in the clear.
    pub params: Params,
    /// The version of the source's file.
    pub connector: u32,
    /// The first request, as the file says it.
    pub request: PreparedRequest,
    /// How the file bounds a request.
    pub source: Arc<Connector>,
}

impl Remote {
    /// Leases up to `most` tasks of these sources, of the first ones first; waits up to `patience` for work.
    pub async fn lease(
        &self,
        sources: &[String],
        most: usize,
        worker: &str,
        patience: Duration,
    ) -> Result<Vec<Offer>, RemoteError> {
        let until = Instant::now() + patience;
        let mut folded = self.engine.subscribe();
        loop {
            let (mut offers, mut untold, mut next_at) = (Vec::new(), Untold::new(&self.engine), None::<Timestamp>);
            let (mut failed, mut answered) = (None, false);
            let policy = self.engine.policy()?;
            let lent = sources.iter().filter(|source| self.connectors.may_be_lent(&policy, source));
            for queue in lent.flat_map(|source| self.queues_in_turn(&policy, source)) {
                if offers.len() == most {
                    break;
                }
                let tokens = (offers.len()..most).map(|_| LeaseToken(rand::random())).collect();
                let lease = LeaseTasks { source: queue.clone(), worker: worker.to_owned(), tokens };
                match Untold::lease(&self.engine, lease).await {
                    Ok((taken, again)) => {
                        answered = true;
                        next_at = next_at.into_iter().chain(again).min();
                        self.offer_all(taken, &mut offers, &mut untold).await;
                    }
                    // The other queues are none the worse for it.
                    Err(error) => {
                        tracing::warn!(%queue, %error, "no lease");
                        next_at = next_at.into_iter().chain([self.engine.now().plus_ms(PAUSE_MS)]).min();
                        failed = Some(error);
                    }
                }
            }
            match failed {
                Some(error) if !answered => return Err(error.into()),
                _ if !offers.is_empty() || Instant::now() >= until => {
                    untold.told();
                    return Ok(offers);
                }
                _ => {}
            }
            let due = next_at.map_or(Duration::MAX, |at| Duration::from_millis(at.since_ms(self.engine.now()) + 1));
            let gives = |event: &Event| {
                let asked = |queue: &str| sources.iter().any(|source| source == source_of(queue));
                gives_work(event).is_some_and(|from| asked(from) || policy.sharing_proxies(from).any(asked))
            };
            let work = async {
                loop {
                    match folded.recv().await {
                        Ok(commit) if commit.body.events.iter().any(gives) => return,
                        Ok(_) => {}
                        Err(RecvError::Lagged(_)) => return,
                        Err(RecvError::Closed) => std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                () = work => {}
                () = tokio::time::sleep(due) => {}
                () = tokio::time::sleep_until(until) => return Ok(offers),
            }
        }
    }

    /// The queues of a source; each time another one is asked first, so that none waits for the others to be empty.
    fn queues_in_turn(&self, policy: &Policy, source: &str) -> Vec<String> {
        let spec = policy.document.sources.get(source);
        let mut queues: Vec<String> = spec.map(|spec| spec.queues().collect()).unwrap_or_default();
        if let Some(first) = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(queues.len()) {
            queues.rotate_left(first);
        }
        queues
    }

    /// Readies leased tasks for a worker. Those that can't be readied for want of something of ours are given back.
    async fn offer_all(&self, mut taken: Untold, offers: &mut Vec<Offer>, untold: &mut Untold) {
        let mut back = Untold::new(&self.engine);
        while let Some(task) = taken.first() {
            let offered = self.offer(task).await;
            let Some(task) = taken.take_first() else { return };
            match offered {
                Ok(Some(offer)) => {
                    offers.push(offer);
                    untold.add(task);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(task = %task.task, %error, "a leased task can't be readied");
                    back.add(task);
                }
            }
        }
    }

    /// A task as a worker gets it. One that can't be asked for is failed at once, with its cause.
    async fn offer(&self, task: LeasedTask) -> Result<Option<Offer>, RemoteError> {
        let policy = self.engine.policy()?;
        let prepared = || {
            let source = self.connectors.of(&policy, &task.queue)?;
            let params = persons::open(&**self.engine.vault(), &task.params)
                .ok_or_else(|| "erased: the person's key is gone".to_owned())?;
            let request = source.first(&params).map_err(|error| error.to_string())?;
            Ok::<_, String>((source, params, request))
        };
        match prepared() {
            Ok((source, params, request)) => {
                let connector = policy.connector_of(&task.queue);
                Ok(Some(Offer { task, params, connector, request, source }))
            }
            Err(cause) => {
                let failed = FailAttempt {
                    source: task.queue,
                    task: task.task,
                    lease: task.lease,
                    outcome: Outcome::Refused,
                    cause,
                    http_status: None,
                    evidence: Vec::new(),
                    retry_after_ms: None,
                };
                self.engine.submit(Command::Fail(failed)).await?;
                Ok(None)
            }
        }
    }
}
