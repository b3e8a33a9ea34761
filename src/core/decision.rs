//! A decision in the making: events, and the rows as they will be.
//!
//! Events are applied as they are emitted, with the same function that replay uses, so that the rest of the decision
//! sees them; the changed rows are exactly what the fold of the commit will write.

use super::command::Rejection;
use super::job::RiskMemo;
use super::policy::Policy;
use super::vault::Vault;
use mirano_replay::apply::{ApplyError, At, Fold};
use mirano_replay::overlay::{Changes, Overlay};
use mirano_replay::rows::{JobRow, TaskRow};
use mirano_replay::store::{Read, ReadExt, StoreError};
use mirano_schemas::*;
use std::sync::Arc;

/// Everything that a decision may depend on besides the command.
pub struct Context<'a> {
    /// The rows, with all that is in flight in this partition.
    pub state: &'a dyn Read,
    /// The policy in force in this partition.
    pub policy: &'a Policy,
    /// Keys of persons.
    pub vault: &'a dyn Vault,
    /// What risk was computed before; a speed-up that changes no result.
    pub memo: &'a RiskMemo,
    /// How many partitions the log has.
    pub partitions: u32,
    /// Where the commit will stand, and when it is taken.
    pub at: At,
    /// Randomness for jitter, drawn by the caller.
    pub entropy: u64,
}

impl Context<'_> {
    /// The partition that decides.
    pub fn partition(&self) -> u32 {
        self.at.position.partition
    }

    /// The decision's time.
    pub fn now(&self) -> Timestamp {
        self.at.recorded_at
    }
}

/// Why nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// A refusal: an answer to the caller.
    #[error(transparent)]
    Rejection(#[from] Rejection),
    /// The rows can't be read or do not fit the event: the engine stops this partition.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The event can't be written.
    #[error("encode: {0}")]
    Encode(String),
    /// A person's keys can't be had.
    #[error("key store: {0}")]
    Vault(String),
}

impl From<StoreError> for DecideError {
    fn from(error: StoreError) -> Self {
        Self::Apply(error.into())
    }
}

impl From<super::vault::VaultError> for DecideError {
    fn from(error: super::vault::VaultError) -> Self {
        Self::Vault(error.to_string())
    }
}

/// Events of one decision, and what they change.
pub struct Decision<'a> {
    /// What it depends on.
    pub ctx: &'a Context<'a>,
    /// The rows as they will be.
    pub rows: Overlay<'a, dyn Read + 'a>,
    fold: Fold,
    encoded: Vec<u8>,
    events: Vec<Event>,
}

/// A decision, ready to become a commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The events, as bodies hold them.
    pub encoded: Vec<u8>,
    /// The same, to be told to whoever listens.
    pub events: Vec<Event>,
    /// The rows that they change.
    pub changes: Changes,
}

impl<'a> Decision<'a> {
    /// Nothing decided yet.
    pub fn new(ctx: &'a Context<'a>) -> Self {
        Self { ctx, rows: Overlay::new(ctx.state), fold: Fold::begin(ctx.at), encoded: Vec::new(), events: Vec::new() }
    }

    /// Decides that this happened.
    pub fn emit(&mut self, event: impl Into<Event>) -> Result<(), DecideError> {
        let event = event.into();
        codec::encode_event(&mut self.encoded, &event).map_err(|error| DecideError::Encode(error.to_string()))?;
        self.fold.event(&mut self.rows, &event)?;
        self.events.push(event);
        Ok(())
    }

    /// Bytes of the events so far.
    pub fn size(&self) -> usize {
        self.encoded.len()
    }

    /// The job's row as it stands.
    pub fn job(&self, job: JobId) -> Result<Option<Arc<JobRow>>, DecideError> {
        Ok(self.rows.shared(job.as_bytes())?)
    }

    /// The task's row as it stands.
    pub fn task(&self, task: TaskId) -> Result<Option<Arc<TaskRow>>, DecideError> {
        Ok(self.rows.shared(task.as_bytes())?)
    }

    /// Ends the decision.
    pub fn finish(mut self) -> Result<Decided, DecideError> {
        self.fold.finish(&mut self.rows)?;
        Ok(Decided { encoded: self.encoded, events: self.events, changes: self.rows.into_changes()? })
    }
}
