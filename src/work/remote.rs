//! Tasks for workers of other processes: leased, kept, told by the same commands as those of the pool in this one.
//!
//! Nothing is remembered here between two calls: a lease, its permits and its task are in the log, so a worker goes on
//! wherever it is answered next. A worker never gets a secret: requests name credentials (`${NAME}`), and it puts in its own.

mod asked;
mod lease;
mod parts;
#[cfg(test)]
mod tests;
mod untold;

use super::connectors::Connectors;
use super::evidence::{EvidenceError, EvidenceStore};
use super::tell::answered;
use crate::core::command::{Command, Complete, FailAttempt, Reply};
use crate::core::persons;
use crate::core::source::rests_until;
use crate::core::vault::PersonKeys;
use crate::engine::{Answer as Answered, Engine, EngineError};
use crate::sources::connector::{Answer, AskContext, ExtractedFact, GivenFact, GivenProblem, PreparedRequest};
use asked::Asked;
use bytes::Bytes;
pub use lease::Offer;
use mirano_replay::rows::{PROXY_NOT_HERE, SourceRow, TaskRow, lost_on_our_side};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::*;
use std::sync::atomic::AtomicUsize;

/// So much may a worker's clock be behind ours.
const SKEW_MS: u64 = 60_000;

/// Why a worker's call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The engine refused, or can't decide.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The views can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The evidence store failed, or has no such evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// There is no such task.
    #[error("no such task")]
    NoTask,
    /// The lease has ended, or never was.
    #[error("the lease is lost")]
    LeaseLost,
    /// What a worker says to have seen before it had the task.
    #[error("is before the task was leased")]
    TooEarly,
    /// The person's key is gone.
    #[error("the person's key was destroyed")]
    Erased,
    /// The facts do not fit the source's file.
    #[error("{} of the facts do not fit the source's file", .0.len())]
    Facts(Vec<GivenProblem>),
    /// A cause that begins with a word of the server's own.
    #[error("begins with a word that the server keeps for what goes wrong on its own side")]
    OurWord,
    /// The source's file can't be used any more.
    #[error("{0}")]
    Source(String),
}

/// What a worker says of its work.
#[derive(Debug, Clone)]
pub struct Told {
    /// `found` or `nothing_found`; none: as the evidence says.
    pub outcome: Option<Outcome>,
    /// Whether the source showed all that it has.
    pub complete: bool,
    /// The source's own date.
    pub as_of: Option<String>,
    /// When the source was asked; none: just now.
    pub observed_at: Option<Timestamp>,
    /// The raw answers, page by page.
    pub evidence: Vec<EvidenceId>,
    /// What the worker read in them; none, and no parts: read them here.
    pub facts: Option<Vec<GivenFact>>,
    /// What it read and told before, part by part.
    pub parts: Vec<EvidenceId>,
    /// The status of the answers.
    pub http_status: Option<u16>,
}

/// Why a worker's attempt failed.
#[derive(Debug, Clone)]
pub struct Failed {
    /// What went wrong.
    pub outcome: Outcome,
    /// In words that hold no secret.
    pub cause: String,
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// What was received.
    pub evidence: Vec<EvidenceId>,
    /// The source asked for this rest.
    pub retry_after_ms: Option<u64>,
}

/// How a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its deadline.
    pub deadline: Timestamp,
    /// There is no use in going on.
    pub cancel: bool,
    /// No request is to start before then, whatever permits there are.
    pub rests_until: Option<Timestamp>,
}

/// Answers workers of other processes.
pub struct Remote {
    engine: Engine,
    evidence: EvidenceStore,
    connectors: Connectors,
    /// How often queues were asked for work.
    turn: AtomicUsize,
}

impl Remote {
    /// Nothing is leased by this.
    pub fn new(engine: Engine, evidence: EvidenceStore) -> Self {
        Self { engine, evidence, connectors: Connectors::default(), turn: AtomicUsize::new(0) }
    }

    /// The task, as the views show it.
    fn task(&self, task: TaskId) -> Result<TaskRow, RemoteError> {
        self.engine.views().row(task.as_bytes())?.ok_or(RemoteError::NoTask)
    }

    /// Permits for `n` further HTTP requests; how many are granted is the engine's to say.
    pub async fn permit(&self, task: TaskId, lease: LeaseToken, n: u32) -> Result<Answered, RemoteError> {
        let source = self.task(task)?.scheduled.source;
        Ok(self.engine.submit(Command::Permit { source, lease, n }).await?)
    }

    /// Gives back permits that were not used.
    pub async fn give_back(&self, task: TaskId, lease: LeaseToken, permits: Vec<Permit>) -> Result<(), RemoteError> {
        let source = self.task(task)?.scheduled.source;
        self.engine.submit(Command::ReturnPermits { source, lease, permits }).await?;
        Ok(())
    }

    /// Keeps a lease.
    pub async fn heartbeat(&self, task: TaskId, lease: LeaseToken) -> Result<Kept, RemoteError> {
        let source = self.task(task)?.scheduled.source;
        let policy = self.engine.policy()?;
        let spec = policy.queue(&source);
        let row: SourceRow = self.engine.views().row(source.as_bytes())?.unwrap_or_default();
        let rests_until = spec.and_then(|spec| rests_until(spec, &row, self.engine.now()));
        match self.engine.submit(Command::Heartbeat { source, lease }).await?.reply {
            Reply::Deadline(deadline) => Ok(Kept { deadline, cancel: spec.is_none(), rests_until }),
            _ => Err(RemoteError::LeaseLost),
        }
    }

    /// The largest answer that the source's file allows, in bytes; refuses whose lease is not held.
    pub fn most_bytes(&self, task: TaskId, lease: LeaseToken) -> Result<usize, RemoteError> {
        let source = self.holds(task, lease)?.scheduled.source;
        let policy = self.engine.policy()?;
        let spec = policy.queue(&source);
        let bytes = spec.map(|spec| spec.request.max_bytes).ok_or_else(|| RemoteError::Source(gone(&source)))?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    fn holds(&self, task: TaskId, lease: LeaseToken) -> Result<TaskRow, RemoteError> {
        let row = self.task(task)?;
        let source: Option<SourceRow> = self.engine.views().row(row.scheduled.source.as_bytes())?;
        let held = source.is_some_and(|source| source.leases.get(&lease).is_some_and(|held| held.task == task));
        if held { Ok(row) } else { Err(RemoteError::LeaseLost) }
    }

    /// Keeps a raw answer: durable on return.
    pub async fn keep(
        &self,
        task: TaskId,
        lease: LeaseToken,
        body: Bytes,
        content_type: &str,
    ) -> Result<EvidenceId, RemoteError> {
        let keys = self.keys(&self.holds(task, lease)?.scheduled.subject)?;
        Ok(self.evidence.put(body, content_type, keys.as_ref()).await?)
    }

    fn keys(&self, subject: &Subject) -> Result<Option<PersonKeys>, RemoteError> {
        if subject.level() != Level::Person {
            return Ok(None);
        }
        self.engine.vault().by_subject(subject).map(Some).ok_or(RemoteError::Erased)
    }

    /// Records what came of a task. What the evidence turns out not to be an answer is recorded as a failed attempt.
    pub async fn complete(&self, task: TaskId, lease: LeaseToken, mut told: Told) -> Result<Answered, RemoteError> {
        let row = self.task(task)?;
        let (source, subject) = (row.scheduled.source.clone(), row.scheduled.subject.clone());
        if told.observed_at.is_some_and(|at| began(&row, lease).is_some_and(|began| at.plus_ms(SKEW_MS) < began)) {
            return Err(RemoteError::TooEarly);
        }
        let asked = self.asked(&row)?;
        self.join_parts(&asked, &mut told).await?;
        let answer = match &told.facts {
            Some(given) => {
                for id in &told.evidence {
                    if !self.evidence.contains(id).await? {
                        return Err(EvidenceError::NotFound(*id).into());
                    }
                }
                let facts = asked.connector.given(&asked.ctx, given).map_err(RemoteError::Facts)?;
                let outcome =
                    told.outcome.unwrap_or(if facts.is_empty() { Outcome::NothingFound } else { Outcome::Found });
                answer(outcome, told.complete, told.as_of.clone(), facts)
            }
            None => {
                let mut answer = asked.read(&self.evidence, &told.evidence, told.http_status).await?.0;
                answer.complete &= told.complete;
                answer.as_of = told.as_of.clone().or(answer.as_of);
                answer
            }
        };
        let command = if answer.outcome.is_answer() {
            let facts = answered(self.engine.vault(), source_of(&source), &subject, answer.facts, asked.version)
                .await
                .map_err(RemoteError::Source)?;
            Command::Complete(Complete {
                source,
                task,
                lease,
                outcome: answer.outcome,
                by_status_only: answer.by_status_only,
                complete: answer.complete,
                as_of: answer.as_of,
                observed_at: told.observed_at.unwrap_or_else(|| self.engine.now()),
                evidence: told.evidence,
                facts,
                http_status: told.http_status,
            })
        } else {
            Command::Fail(FailAttempt {
                source,
                task,
                lease,
                outcome: answer.outcome,
                cause: answer.cause.unwrap_or_default(),
                http_status: told.http_status,
                evidence: told.evidence,
                retry_after_ms: None,
            })
        };
        Ok(self.engine.submit(command).await?)
    }

    /// What is to be asked after these pages; none: they are all, or no answer.
    pub async fn next(
        &self,
        task: TaskId,
        lease: LeaseToken,
        evidence: &[EvidenceId],
        http_status: Option<u16>,
    ) -> Result<Option<PreparedRequest>, RemoteError> {
        let row = self.holds(task, lease)?;
        let asked = self.asked(&row)?;
        Ok(asked.read(&self.evidence, evidence, http_status).await?.1)
    }

    /// What a task asks, and how its answers are read.
    fn asked(&self, row: &TaskRow) -> Result<Asked, RemoteError> {
        let (source, subject) = (&row.scheduled.source, &row.scheduled.subject);
        let policy = self.engine.policy()?;
        let connector = self.connectors.of(&policy, source).map_err(RemoteError::Source)?;
        let keys = self.keys(subject)?;
        let params = persons::open(&**self.engine.vault(), &row.scheduled.params).ok_or(RemoteError::Erased)?;
        let version = policy.connector_of(source);
        Ok(Asked { connector, version, keys, ctx: AskContext { params, subject: subject.0.clone() } })
    }

    /// Records that an attempt failed.
    pub async fn fail(&self, task: TaskId, lease: LeaseToken, failed: Failed) -> Result<Answered, RemoteError> {
        let row = self.task(task)?;
        // It would count as nobody's failure: no breaker, no pace, a hundred attempts.
        if lost_on_our_side(&failed.cause) && !lacks_proxy(&row, lease, &failed.cause) {
            return Err(RemoteError::OurWord);
        }
        let source = row.scheduled.source;
        let Failed { outcome, cause, http_status, evidence, retry_after_ms } = failed;
        let failed = FailAttempt { source, task, lease, outcome, cause, http_status, evidence, retry_after_ms };
        Ok(self.engine.submit(Command::Fail(failed)).await?)
    }
}

/// Whether a worker may say this of an attempt, although it is the server's own word: that it lacks the proxy which the attempt was
/// given. That is no fault of the source's, nor of the proxy's.
fn lacks_proxy(row: &TaskRow, lease: LeaseToken, cause: &str) -> bool {
    let attempt = row.attempts.iter().rev().find(|attempt| attempt.lease == lease);
    let through_one = attempt.is_some_and(|attempt| attempt.proxy.is_some());
    through_one && cause.split(':').next() == Some(PROXY_NOT_HERE)
}

/// When the attempt under a lease began.
fn began(row: &TaskRow, lease: LeaseToken) -> Option<Timestamp> {
    row.attempts.iter().rev().find(|attempt| attempt.lease == lease).map(|attempt| attempt.started_at)
}

fn answer(outcome: Outcome, complete: bool, as_of: Option<String>, facts: Vec<ExtractedFact>) -> Answer {
    Answer { outcome, cause: None, by_status_only: false, complete, as_of, facts }
}

fn gone(source: &str) -> String {
    format!("the source {source} is not in the policy any more")
}
