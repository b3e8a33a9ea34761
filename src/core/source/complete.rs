//! A source answered: what is new, what is gone, and what the query shows now.

use super::breaker::{self, Attempt};
use super::fail::attempt_failed;
use super::{holds, source_row, suspicion};
use crate::core::bugs::{self, Bug};
use crate::core::command::{AnsweredFact, Complete, FailAttempt, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::freshness::shortest_ttl_ms;
use crate::core::job::Opened;
use crate::core::notify;
use mirano_replay::facts;
use mirano_replay::rows::key::FactKey;
use mirano_replay::rows::{KnownRow, QueryRow, TaskRow, TaskState};
use mirano_replay::store::{ReadExt, Table};
use mirano_replay::tree::stored::{self, Planned};
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one commit holds of an observation, in bytes; the rest goes into chunks.
const CHUNK_BYTES: usize = 256 * 1024;

/// Decides `Complete`. A large answer takes several commits: the caller repeats the command while it gets `More`.
pub fn complete(decision: &mut Decision<'_>, command: &Complete) -> Result<Reply, DecideError> {
    if !command.outcome.is_answer() || (command.outcome == Outcome::NothingFound && !command.facts.is_empty()) {
        return Err(Rejection::NotAnAnswer.into());
    }
    let source = source_row(decision, &command.source)?;
    let task = decision.task(command.task)?.ok_or(Rejection::LeaseLost)?;
    if !holds(&source, command.lease, command.task) && !bugs::on(Bug::LateAnswerAccepted) {
        return repeat(&task, command.lease);
    }
    let query: Arc<QueryRow> = decision
        .rows
        .shared(task.scheduled.query.as_bytes())?
        .ok_or_else(|| DecideError::Encode(format!("query of task {} is not there", command.task)))?;
    if let Some(cause) = suspicion::of(decision, &query, command) {
        let failed = FailAttempt {
            source: command.source.clone(),
            task: command.task,
            lease: command.lease,
            outcome: Outcome::Suspicious,
            cause,
            http_status: command.http_status,
            evidence: command.evidence.clone(),
            retry_after_ms: None,
        };
        return Ok(Reply::Noted(attempt_failed(decision, &task, &failed)?));
    }
    let change = Change::between(decision, query.last.as_ref(), command)?;
    let chunks = change.chunks();
    let taken = chunks_taken(decision, command.lease, chunks.len())?;
    if let Some(next) = chunks.get(taken).filter(|_| taken + 1 < chunks.len()) {
        decision.emit(change.chunk(command, task.scheduled.query, taken, next))?;
        return Ok(Reply::More);
    }
    let last = chunks.get(taken).cloned().unwrap_or_default();
    record(decision, command, &task, query.last.as_ref(), &change, taken, &last)
}

fn repeat(task: &TaskRow, lease: LeaseToken) -> Result<Reply, DecideError> {
    match task.state {
        TaskState::Done { observation } if task.attempts.last().is_some_and(|last| last.lease == lease) => {
            Ok(Reply::Observed(observation))
        }
        _ => Err(Rejection::LeaseLost.into()),
    }
}

fn chunks_taken(decision: &Decision<'_>, lease: LeaseToken, most: usize) -> Result<usize, DecideError> {
    if most <= 1 {
        // What fits one commit is never cut.
        return Ok(0);
    }
    Ok(decision.rows.keys(Table::Chunk, lease.as_bytes(), &[], most)?.len())
}

/// What an answer changes of what its query shows.
pub(super) struct Change<'c> {
    added: Vec<&'c AnsweredFact>,
    gone: Vec<FactId>,
    volatile: Option<Vec<(FactId, Sealable<Attrs>)>>,
    kinds: BTreeMap<String, u32>,
}

/// Ranges of a change that go into one commit: added, gone, volatile.
#[derive(Debug, Clone, Default)]
pub(super) struct Slice {
    added: std::ops::Range<usize>,
    gone: std::ops::Range<usize>,
    volatile: std::ops::Range<usize>,
}

impl<'c> Change<'c> {
    pub(super) fn between(
        decision: &Decision<'_>,
        base: Option<&KnownRow>,
        command: &'c Complete,
    ) -> Result<Self, DecideError> {
        let before = match base {
            Some(base) => facts::set(&decision.rows, base.facts_root)?,
            None => Vec::new(),
        };
        let old: BTreeSet<FactId> = before.iter().copied().collect();
        let new: BTreeMap<FactId, &'c AnsweredFact> =
            command.facts.iter().map(|answered| (answered.fact.fact_id, answered)).collect();
        let added: Vec<&AnsweredFact> =
            new.iter().filter(|(id, _)| !old.contains(id)).map(|(_, answered)| *answered).collect();
        // Only a complete observation makes facts vanish.
        let gone: Vec<FactId> = if command.complete || bugs::on(Bug::IncompleteVanishes) {
            before.iter().filter(|id| !new.contains_key(id)).copied().collect()
        } else {
            Vec::new()
        };
        let mut kinds = BTreeMap::new();
        if !command.complete {
            kinds = base.map(|base| base.kinds.clone()).unwrap_or_default();
        }
        let counted: Vec<&str> = if command.complete {
            new.values().map(|answered| answered.kind.as_str()).collect()
        } else {
            added.iter().map(|answered| answered.kind.as_str()).collect()
        };
        for kind in counted {
            *kinds.entry(kind.to_owned()).or_default() += 1;
        }
        let volatile: Vec<(FactId, Sealable<Attrs>)> =
            new.iter().filter_map(|(id, answered)| Some((*id, answered.volatile.clone()?))).collect();
        let kept = match base {
            Some(base) => facts::volatile(&decision.rows, base.observation)?.into_iter().collect(),
            None => Vec::new(),
        };
        Ok(Self { added, gone, volatile: (volatile != kept).then_some(volatile), kinds })
    }

    /// Cuts the change into slices that fit a commit each. The last one goes beside `ObservationRecorded`.
    pub(super) fn chunks(&self) -> Vec<Slice> {
        let mut slices = vec![Slice::default()];
        let mut used = 0;
        let mut place = |bytes: usize, take: &dyn Fn(&mut Slice)| {
            if used + bytes > CHUNK_BYTES && used > 0 {
                let last = slices.last().cloned().unwrap_or_default();
                slices.push(Slice {
                    added: last.added.end..last.added.end,
                    gone: last.gone.end..last.gone.end,
                    volatile: last.volatile.end..last.volatile.end,
                });
                used = 0;
            }
            used += bytes;
            if let Some(last) = slices.last_mut() {
                take(last);
            }
        };
        for answered in &self.added {
            place(answered.fact.body.size() + 96, &|slice| slice.added.end += 1);
        }
        for _ in &self.gone {
            place(64, &|slice| slice.gone.end += 1);
        }
        for entry in self.volatile.iter().flatten() {
            place(codec::size(&entry.1) + 40, &|slice| slice.volatile.end += 1);
        }
        slices
    }

    fn volatile_of(&self, slice: &Slice) -> Vec<(FactId, Sealable<Attrs>)> {
        self.volatile.iter().flatten().skip(slice.volatile.start).take(slice.volatile.len()).cloned().collect()
    }

    fn chunk(&self, command: &Complete, query: QueryKey, index: usize, slice: &Slice) -> ObservationChunk {
        ObservationChunk {
            source: source_of(&command.source).to_owned(),
            query,
            lease: command.lease,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            added: self
                .added
                .get(slice.added.clone())
                .unwrap_or_default()
                .iter()
                .map(|answered| answered.fact.clone())
                .collect(),
            gone: self.gone.get(slice.gone.clone()).unwrap_or_default().to_vec(),
            volatile: self.volatile_of(slice),
        }
    }
}

/// Keeps the facts at hand for the jobs that are told of them next, if these are all that the query shows.
fn remember(decision: &Decision<'_>, change: &Change<'_>, shown: &Planned) {
    let plain = |answered: &&AnsweredFact| match &answered.fact.body {
        Sealable::Plain(fact) => Some((answered.fact.fact_id, fact.clone())),
        Sealable::Sealed(_) => None,
    };
    if shown.count as usize == change.added.len()
        && let Some(facts) = change.added.iter().map(plain).collect::<Option<Opened>>()
    {
        decision.ctx.memo.remember(shown.root, Arc::new(facts));
    }
}

fn record(
    decision: &mut Decision<'_>,
    command: &Complete,
    task: &TaskRow,
    base: Option<&KnownRow>,
    change: &Change<'_>,
    chunks: usize,
    rest: &Slice,
) -> Result<Reply, DecideError> {
    let query = task.scheduled.query;
    let observation = ObservationId::of(&[query.as_bytes(), command.lease.as_bytes()]);
    let about = About {
        observation,
        query,
        subject: task.scheduled.subject.clone(),
        first: task.scheduled.requester.clone(),
        connector: decision.ctx.policy.connector_of(&command.source),
    };
    observed(decision, command, about, base, change, chunks, rest)?;
    let made = Attempt::of(&*source_row(decision, &command.source)?, command.lease);
    decision.emit(TaskCompleted {
        task: command.task,
        source: command.source.clone(),
        attempt: u32::try_from(task.attempts.len()).unwrap_or(u32::MAX),
        lease: command.lease,
        observation,
        http_status: command.http_status,
    })?;
    if let Some(made) = made {
        breaker::after(decision, &command.source, &made, None)?;
    }
    notify::source_back(decision, &command.source, observation)?;
    Ok(Reply::Observed(observation))
}

/// What an observation is about.
pub(super) struct About {
    pub observation: ObservationId,
    pub query: QueryKey,
    pub subject: Subject,
    /// Who asked first.
    pub first: Requester,
    /// The version of the source's file by which the answer was read.
    pub connector: u32,
}

/// Records an observation, with the facts that came and went.
pub(super) fn observed(
    decision: &mut Decision<'_>,
    command: &Complete,
    about: About,
    base: Option<&KnownRow>,
    change: &Change<'_>,
    chunks: usize,
    rest: &Slice,
) -> Result<(), DecideError> {
    let ctx = decision.ctx;
    let query = about.query;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let ttl_ms = ctx.policy.queue(&command.source).map_or(0, shortest_ttl_ms);
    let ids: Vec<FactId> = change.added.iter().map(|answered| answered.fact.fact_id).collect();
    let shown = stored::changed(&decision.rows, base.map(|base| base.facts_root), &ids, &change.gone)?;
    let shard = u8::try_from(shard_of(&command.source)).unwrap_or(u8::MAX);
    let keys: Vec<FactKey> = ids.iter().map(|id| FactKey::of(*id, shard)).collect();
    let keys: Vec<&[u8]> = keys.iter().map(FactKey::as_bytes).collect();
    // Most of them are new, which is found sooner of all than of one after the other.
    decision.rows.note_absent(Table::Fact, &keys)?;
    // The fold would work it out once more. What is named by its content can be stored by either.
    shown.store(&mut decision.rows)?;
    decision.emit(ObservationRecorded {
        observation: about.observation,
        source: source_of(&command.source).to_owned(),
        query,
        subject: about.subject,
        task: command.task,
        lease: command.lease,
        chunks: count(chunks),
        base: base.map(|base| base.observation),
        outcome: command.outcome,
        complete: command.complete,
        facts_root: shown.root,
        facts: shown.count,
        added: count(change.added.len()),
        gone: count(change.gone.len()),
        volatile: match &change.volatile {
            None => VolatileBlock::Same,
            Some(_) => VolatileBlock::These(change.volatile_of(rest)),
        },
        evidence: command.evidence.clone(),
        observed_at: command.observed_at.min(ctx.now()),
        as_of: command.as_of.clone(),
        connector: about.connector,
        policy_version: ctx.policy.version,
        ttl_ms,
        kinds: change.kinds.clone(),
        first: about.first,
    })?;
    remember(decision, change, &shown);
    for answered in change.added.get(rest.added.clone()).unwrap_or_default() {
        decision.emit(FactObserved { query, fact: answered.fact.clone() })?;
    }
    for fact_id in change.gone.get(rest.gone.clone()).unwrap_or_default() {
        decision.emit(FactVanished { query, fact_id: *fact_id })?;
    }
    Ok(())
}
