//! The one function that gives events their meaning: it turns a commit into changes of rows.
//!
//! Core, engine, rebuild, simulator and auditor all fold with it. It never decides: everything that a decision
//! depended on is in the event. Deterministic: the same rows and the same commit give the same bytes (I5).

mod charge;
mod demand;
mod health;
mod job;
mod node;
mod notify;
mod observation;
mod policy;
pub mod queue;
pub use policy::in_force;
mod task;
mod watch;
mod world;

use crate::rows::{AnchorRow, key};
use crate::store::{ReadExt, StoreError, Table, Write, WriteExt};
use mirano_schemas::codec::CommitHead;
use mirano_schemas::*;
use observation::Open;
use std::collections::BTreeSet;

/// Why a counting commit can't be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The rows can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The event speaks of a row that is not there: the log's writer was broken, or the views are.
    #[error("{at}: {event} speaks of {what}, which is not there")]
    Dangling {
        /// The commit.
        at: Position,
        /// The event's name.
        event: &'static str,
        /// What is missing.
        what: String,
    },
}

/// Where the events of a commit stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The commit's position.
    pub position: Position,
    /// When the log took it.
    pub recorded_at: Timestamp,
}

/// Folds the events of one commit, in order.
pub struct Fold {
    at: At,
    open: Option<Open>,
    /// The next observation is a part of this one.
    part_of: Option<ObservationId>,
    /// Jobs that changed.
    jobs: BTreeSet<JobId>,
}

impl Fold {
    /// Begins a commit.
    pub fn begin(at: At) -> Self {
        Self { at, open: None, part_of: None, jobs: BTreeSet::new() }
    }

    /// Applies the next event.
    pub fn event(&mut self, store: &mut impl Write, event: &Event) -> Result<(), ApplyError> {
        let at = self.at;
        self.jobs.extend(job::changed(event));
        match event {
            Event::JobCreated(event) => job::created(store, at, event),
            Event::NeedDiscovered(event) => job::discovered(store, at, event),
            Event::NeedNotApplicable(event) => job::not_applicable(store, at, event),
            Event::NeedWithdrawn(event) => job::withdrawn(store, at, event),
            Event::FactsReused(FactsReused { job, receipt }) => job::answered(store, at, *job, receipt, false),
            Event::TaskWanted(event) => job::wanted(store, at, event),
            Event::NeedAnswered(NeedAnswered { job, receipt }) => job::answered(store, at, *job, receipt, true),
            Event::NeedFailed(event) => job::failed(store, at, event),
            Event::JobStatusChanged(event) => job::status(store, at, event),
            Event::RiskRecomputed(event) => job::risk(store, at, event),
            Event::SnapshotSealed(event) => job::sealed(store, at, event),
            Event::RecheckPlanned(event) => job::recheck(store, at, event),
            Event::WorldSealed(event) => world::sealed(store, at, event),
            Event::WatchSet(event) => watch::set(store, at, event),
            Event::WatchRang(event) => watch::rang(store, at, event),
            Event::WatchEnded(event) => watch::ended(store, at, event),
            Event::TaskScheduled(event) => task::scheduled(store, at, event),
            Event::TaskJoined(event) => task::joined(store, at, event),
            Event::TaskStarted(event) => task::started(store, at, event),
            Event::PermitsGranted(event) => task::granted(store, at, event),
            Event::PermitsReturned(event) => task::returned(store, at, event),
            Event::LeaseExtended(event) => task::extended(store, at, event),
            Event::TaskAttemptFailed(event) => task::attempt_failed(store, at, event),
            Event::TaskFailed(event) => task::failed(store, at, event),
            Event::TaskCompleted(event) => task::completed(store, at, event),
            Event::TaskRevived(event) => task::seen_to(store, &event.source, event.failed_at, event.task),
            Event::TaskDropped(event) => task::seen_to(store, &event.source, event.failed_at, event.task),
            Event::PrefetchDecided(event) => demand::decided(store, at, event),
            Event::BreakerOpened(event) => health::opened(store, at, event),
            Event::BreakerClosed(event) => health::closed(store, event),
            Event::SourceSlowed(event) => health::slowed(store, at, event),
            Event::SourceRested(event) => health::rested(store, event),
            Event::SourceDivided(event) => policy::divided(store, event),
            Event::ObservationChunk(event) => observation::chunk(store, event),
            Event::ObservationRecorded(event) => {
                self.close(store)?;
                self.open = Some(observation::recorded(store, at, event, self.part_of.take())?);
                Ok(())
            }
            Event::AnswerNarrowed(event) => {
                self.part_of = Some(event.part_of);
                observation::narrowed(store, event)
            }
            Event::FactObserved(event) => observation::observed(store, at, self.open.as_mut(), event),
            Event::FactVanished(event) => observation::vanished(store, at, self.open.as_mut(), event),
            Event::PolicyAdopted(event) => policy::adopted(store, at, event),
            Event::QueueWeighed(event) => queue::weighed(store, at, event),
            Event::ChannelSet(event) => notify::channel_set(store, at, event),
            Event::ChannelEnded(event) => notify::channel_ended(store, event),
            Event::ChannelStopped(event) => notify::channel_stopped(store, at, event),
            Event::NotifySet(event) => notify::set(store, at, event),
            Event::NotificationRaised(event) => notify::raised(store, at, event),
            Event::NotificationRead(event) => notify::read(store, at, event),
            Event::DeliveryChanged(event) => notify::delivery(store, at, event),
            Event::DeciderChanged(event) => node::decider(store, at, event),
            Event::CheckpointTaken(event) => node::checkpoint(store, at, event),
            Event::WantSatisfied(_) | Event::WantRefused(_) | Event::ReactionRefused(_) | Event::SourceTold(_) => {
                Ok(())
            }
        }
    }

    fn close(&mut self, store: &mut impl Write) -> Result<(), ApplyError> {
        match self.open.take() {
            Some(open) => observation::close(store, open),
            None => Ok(()),
        }
    }

    /// Ends the commit's events: what an observation shows is complete now, and so are its jobs.
    pub fn finish(mut self, store: &mut impl Write) -> Result<(), ApplyError> {
        for job in &self.jobs {
            job::keep_version(store, self.at, *job)?;
            notify::note_stale(store, self.at, *job)?;
        }
        self.close(store)
    }
}

/// Folds the head of a commit: its commands, its cursors, and where the partition stands afterwards.
pub fn head(store: &mut impl Write, position: Position, hash: CommitHash, head: &CommitHead) -> Result<(), ApplyError> {
    let partition = position.partition;
    for command in &head.commands {
        store.put(Table::Command, &key::command(partition, *command), position.seq.to_be_bytes().to_vec());
    }
    let reacted = head.cause.filter(|_| head.cause_done).map(|cause| Position { seq: cause.seq + 1, ..cause });
    for next in head.cursors.iter().chain(&reacted) {
        let key = key::cursor(partition, next.partition);
        if cursor(store, partition, next.partition)? < next.seq {
            store.put(Table::Cursor, &key, next.seq.to_be_bytes().to_vec());
        }
    }
    let anchor = AnchorRow { next_seq: position.seq + 1, hash, recorded_at: head.recorded_at };
    store.put_row(&key::anchor(partition), &anchor)?;
    Ok(())
}

/// Folds a whole commit.
pub fn commit(
    store: &mut impl Write,
    position: Position,
    hash: CommitHash,
    body: &codec::CommitBody,
) -> Result<(), ApplyError> {
    let mut fold = Fold::begin(At { position, recorded_at: body.head.recorded_at });
    for event in &body.events {
        fold.event(store, event)?;
    }
    fold.finish(store)?;
    head(store, position, hash, &body.head)
}

/// The next seq of `foreign` that `partition` has to look at.
pub fn cursor(store: &(impl ReadExt + ?Sized), partition: u32, foreign: u32) -> Result<u64, StoreError> {
    let bytes = store.get(Table::Cursor, &key::cursor(partition, foreign))?;
    Ok(bytes.as_deref().map_or(0, be_u64))
}

/// Reads a number as tables keep it.
pub fn be_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |chunk| u64::from_be_bytes(*chunk))
}

fn dangling(at: At, event: &'static str, what: impl std::fmt::Display) -> ApplyError {
    ApplyError::Dangling { at: at.position, event, what: what.to_string() }
}
