//! The auditor: it keeps its own books from what the log made durable, from what the sources wrote down, and from what
//! was acknowledged, and compares. It shares no decision and no fold with the code that it checks; of that code it uses
//! the shapes of events and ids only.

mod facts;
mod health;
mod jobs;
mod limits;
mod notices;
mod tasks;
mod tree;

use super::client;
use super::policy::Terms;
use super::source::Request;
use crate::core::command::{Command, Complete, FailAttempt, LeaseTasks, Rejection, Reply};
use crate::core::vault::MemoryVault;
use mirano_replay::store::MemoryStore;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};

/// A rule that does not hold.
pub type Found = String;

/// What a worker got from its source under one lease.
#[derive(Debug, Clone)]
pub struct Brought {
    pub facts: BTreeSet<FactId>,
    pub complete: bool,
    pub outcome: Outcome,
    /// By the worker's clock, when the first request was sent.
    pub asked_at: Timestamp,
}

#[derive(Default)]
pub struct Auditor {
    /// What each document says.
    pub documents: BTreeMap<String, Terms>,
    /// What each worker will tell.
    pub brought: BTreeMap<LeaseToken, Brought>,
    policies: BTreeMap<u64, Terms>,
    in_force: BTreeMap<u32, u64>,
    reactions: BTreeSet<(u32, Position)>,
    /// For each partition and foreign one: what was reacted to last, and whether that reaction has ended.
    open: BTreeMap<(u32, u32), (u64, bool)>,
    lengths: BTreeMap<u32, u64>,
    tasks: tasks::Tasks,
    health: health::Health,
    facts: facts::Facts,
    jobs: jobs::Jobs,
    notices: notices::Notices,
    acknowledged: Vec<(JobId, String, [u8; 32])>,
}

impl Auditor {
    /// A commit became durable.
    pub fn commit(&mut self, at: Position, body: &CommitBody) -> Result<(), Found> {
        let length = self.lengths.entry(at.partition).or_default();
        if at.seq != *length {
            return Err(format!("I4: {at} follows {length} commits"));
        }
        *length += 1;
        self.reaction(at, body)?;
        self.jobs.cause = body.head.cause;
        self.facts.begin();
        for event in &body.events {
            self.event(at, body.head.recorded_at, event).map_err(|found| format!("{found} [{at} {}]", event.name()))?;
            self.notices.event(event).map_err(|found| format!("{found} [{at} {}]", event.name()))?;
        }
        self.notices.end().map_err(|found| format!("{found} [{at}]"))?;
        self.facts.end().map_err(|found| format!("{found} [{at}]"))
    }

    /// A cause is reacted to once, in as many pages as it takes, and in its order.
    fn reaction(&mut self, at: Position, body: &CommitBody) -> Result<(), Found> {
        let Some(cause) = body.head.cause else { return Ok(()) };
        if cause.seq >= self.lengths.get(&cause.partition).copied().unwrap_or(0) {
            return Err(format!("I3: {at} reacts to {cause}, which is not in the log"));
        }
        if self.reactions.contains(&(at.partition, cause)) {
            return Err(format!("I3: {at} reacts to {cause} once more"));
        }
        let open = self.open.insert((at.partition, cause.partition), (cause.seq, body.head.cause_done));
        match open {
            Some((before, _)) if cause.seq < before => {
                return Err(format!("I3: {at} reacts to {cause} after a later cause"));
            }
            Some((before, false)) if cause.seq > before => {
                return Err(format!("I3: {at} reacts to {cause} before the reaction to {before} has ended"));
            }
            _ => {}
        }
        if body.head.cause_done {
            self.reactions.insert((at.partition, cause));
        }
        Ok(())
    }

    fn event(&mut self, at: Position, now: Timestamp, event: &Event) -> Result<(), Found> {
        match event {
            Event::PolicyAdopted(event) => self.adopted(at, event),
            Event::ObservationChunk(event) => {
                self.tasks.held(event.lease)?;
                self.facts.chunk(event);
                Ok(())
            }
            Event::AnswerNarrowed(event) => self.facts.narrows(event),
            Event::ObservationRecorded(event) => {
                self.tasks.known(event.task)?;
                if let Some(brought) = self.facts.part(event)? {
                    return self.facts.recorded(at, now, event, &brought);
                }
                self.tasks.held(event.lease)?;
                let brought = self.brought.get(&event.lease).ok_or("I8: nobody brought this answer")?;
                self.jobs.observed.insert((at, event.query));
                self.facts.recorded(at, now, event, brought)
            }
            Event::FactObserved(event) => self.facts.observed(event),
            Event::FactVanished(event) => self.facts.vanished(event),
            Event::FactsReused(FactsReused { job, receipt }) | Event::NeedAnswered(NeedAnswered { job, receipt }) => {
                self.terms_of(at.partition, receipt)?;
                let ends = matches!(event, Event::NeedAnswered(_));
                let seen = self.facts.observation(receipt.observation)?;
                self.jobs.answered(now, *job, receipt, ends, seen)
            }
            Event::SnapshotSealed(event) => self.jobs.sealed(at, event, &self.facts),
            _ => {
                self.tasks.event(event)?;
                self.health.event(at.partition, now, event)?;
                self.jobs.event(at, now, event)
            }
        }
    }

    fn adopted(&mut self, at: Position, event: &PolicyAdopted) -> Result<(), Found> {
        let terms = self.documents.get(&event.document).ok_or("I5: nobody asked for this policy")?;
        if at.partition == 0 {
            if event.version != at.seq {
                return Err(format!("I5: policy {} stands at {at}", event.version));
            }
            self.policies.insert(event.version, terms.clone());
        } else if self.policies.get(&event.version) != Some(terms) {
            return Err(format!("I5: partition {} adopts {}, which is another policy", at.partition, event.version));
        }
        match self.in_force.insert(at.partition, event.version) {
            Some(before) if before >= event.version => Err(format!("I3: policy {} after {before}", event.version)),
            _ => Ok(()),
        }
    }

    /// TTL and the time beyond it, as the policy in force says: a receipt names them.
    fn terms_of(&self, partition: u32, receipt: &Receipt) -> Result<(), Found> {
        if self.in_force.get(&partition) != Some(&receipt.policy_version) {
            return Err(format!("I6: decided by policy {}, which is not in force here", receipt.policy_version));
        }
        let terms = self.policies.get(&receipt.policy_version).and_then(|terms| terms.get(receipt.source.as_str()));
        let said = (receipt.ttl_ms, receipt.serve_stale_ms);
        if terms.copied().unwrap_or((0, 0)) != said {
            return Err(format!("I6: the receipt names TTLs {said:?}, the policy {terms:?}"));
        }
        Ok(())
    }

    /// A caller was told so: it must be in the durable log.
    pub fn acknowledged(
        &mut self,
        command: &Command,
        answer: &Result<Reply, Rejection>,
        at: Position,
    ) -> Result<(), Found> {
        let reply = match answer {
            Ok(reply) => reply,
            Err(rejection) => return self.rejected(command, rejection),
        };
        // Only of a partition without a commit can anything be said that rests on none: that it has no work.
        let length = self.lengths.get(&at.partition).copied().unwrap_or(0);
        let no_work = matches!(reply, Reply::Leased(leased) if leased.tasks.is_empty());
        let of_empty = no_work && (length, at.seq) == (0, 0);
        if length <= at.seq && !of_empty {
            return Err(format!("I4: answered from {at}, which is not in the log: {reply:?}"));
        }
        if let (Some(command), Reply::Job(job, _)) = (client::asked(command), reply)
            && *job == command.job
            && self.jobs.has(*job)
        {
            self.acknowledged.push((*job, command.tenant.clone(), command.request_digest));
            return Ok(());
        }
        let known = match (command, reply) {
            (Command::Recheck(command), Reply::Rechecked(_)) => self.jobs.rechecked(command.job, command.command),
            // It may have been ended since, by the same client.
            (Command::SetWatch(command), Reply::Watch(watch)) => *watch == command.watch && self.jobs.has(command.job),
            (Command::EndWatch { watch, job }, Reply::Done) => !self.jobs.watched(*job, *watch),
            (Command::Seal { job, .. }, Reply::Sealed(snapshot)) => self.jobs.has_snapshot(*job, *snapshot),
            (Command::AdoptPolicy(command), Reply::Policy(version)) => {
                self.policies.get(version) == self.documents.get(&command.document)
            }
            (Command::Lease(_), Reply::Leased(leased)) => {
                leased.tasks.iter().all(|task| self.tasks.leased(task.lease, task.task, task.permit))
            }
            (Command::Permit { lease, .. }, Reply::Permits { permits, .. }) => self.tasks.permitted(*lease, permits),
            (Command::Complete(_), Reply::Observed(observation)) => self.facts.observation(*observation).is_ok(),
            (Command::Complete(_) | Command::Fail(_) | Command::Permit { .. }, Reply::Noted(_)) => true,
            (Command::Complete(_), Reply::More)
            | (Command::Heartbeat { .. }, Reply::Deadline(_))
            | (Command::ReturnPermits { .. }, Reply::Done) => true,
            _ => false,
        };
        if known { Ok(()) } else { Err(format!("I4: {reply:?} was answered and is not in the log")) }
    }

    fn rejected(&self, command: &Command, rejection: &Rejection) -> Result<(), Found> {
        let expected = match (command, rejection) {
            // Only an ended lease is lost.
            (
                Command::Complete(Complete { lease, .. }) | Command::Fail(FailAttempt { lease, .. }),
                Rejection::LeaseLost,
            )
            | (
                Command::Permit { lease, .. } | Command::Heartbeat { lease, .. } | Command::ReturnPermits { lease, .. },
                Rejection::LeaseLost,
            ) => self.tasks.held(*lease).is_err(),
            (_, Rejection::SourceUnknown(_) | Rejection::NoPolicy | Rejection::ProfileUnknown(_))
                if client::asked(command).is_some() =>
            {
                true
            }
            (Command::Recheck(command), Rejection::JobNotFound) => !self.jobs.has(command.job),
            (Command::Recheck(_), Rejection::SourceUnknown(_)) => true,
            (Command::SetWatch(command), Rejection::JobNotFound) => !self.jobs.has(command.job),
            (Command::Seal { job, .. }, Rejection::JobNotFound) => !self.jobs.has(*job),
            (Command::Seal { job, .. }, Rejection::NothingToSeal) => self.jobs.shows_nothing(*job),
            (
                Command::Lease(LeaseTasks { source, .. }) | Command::Permit { source, .. },
                Rejection::SourceUnknown(unknown),
            ) => source == unknown,
            _ => false,
        };
        if expected { Ok(()) } else { Err(format!("I4: {rejection:?} was answered to {command:?}")) }
    }

    /// What the source's book says against its limits.
    pub fn book(&self, book: &[Request], forward_jumps: bool) -> Result<(), Found> {
        limits::check(book, forward_jumps)
    }

    /// How many sources were asked as fast as they allow, for two periods on end.
    pub fn pressed(&self, book: &[Request]) -> usize {
        limits::pressed(book, 2)
    }

    /// The views at rest, compared with what the auditor knows.
    pub fn views(&mut self, views: &MemoryStore, vault: &MemoryVault) -> Result<(), Found> {
        self.jobs.views(views, &self.acknowledged, vault)?;
        self.facts.views(views)
    }

    /// Jobs that are not final.
    pub fn unfinished(&self, views: &MemoryStore) -> Result<Vec<JobId>, Found> {
        self.jobs.unfinished(views)
    }

    /// How much was seen: so that a test can tell that something happened.
    pub fn counts(&self) -> Counts {
        Counts {
            jobs: self.jobs.len(),
            observations: self.facts.len(),
            snapshots: self.jobs.snapshots(),
            reactions: self.reactions.len(),
            leases: self.tasks.len(),
            failed_attempts: self.tasks.failed_attempts,
            reused: self.jobs.reused,
            coalesced: self.jobs.coalesced,
            chunks: self.facts.chunks_seen,
            narrowed: self.facts.narrowed,
            put_off: self.tasks.put_off,
            by_proxy: self.tasks.by_proxy,
            through_none: self.health.through_none,
            dead_letters: self.tasks.given_up,
            opened: self.health.opened,
            closed: self.health.closed,
            slowed: self.health.slowed,
            left_alone: self.health.given_up,
            prefetched: self.health.prefetched,
            told: self.health.told,
            shared_facts: self.facts.shared,
            notices: self.notices.told(),
        }
    }
}

/// How often what the simulation is about has happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub jobs: usize,
    pub observations: usize,
    pub snapshots: usize,
    pub reactions: usize,
    pub leases: usize,
    pub failed_attempts: usize,
    pub reused: usize,
    pub coalesced: usize,
    pub chunks: usize,
    pub narrowed: usize,
    pub put_off: usize,
    pub by_proxy: usize,
    pub through_none: usize,
    pub dead_letters: usize,
    pub opened: usize,
    pub closed: usize,
    pub slowed: usize,
    pub left_alone: usize,
    pub prefetched: usize,
    pub told: usize,
    pub shared_facts: usize,
    pub notices: usize,
}
