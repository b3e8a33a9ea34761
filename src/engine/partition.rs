//! The loop of one partition, as a state machine.
//!
//! It decides on the views plus an overlay of everything that is in flight, so commits are pipelined; when one turns out
//! void, the overlay is dropped and the caller gives the commands again. It promises: replies come out only after the
//! commit they rest on counts, and in order; a cause is reacted to exactly once, because the cursor moves in the commit
//! that reacts. It holds no clock, does no input or output, and knows no thread.

mod state;
#[cfg(test)]
mod tests;

use crate::core::bugs::{self, Bug};
use crate::core::command::{Command, Reply};
use crate::core::decide;
use crate::core::decision::{Context, DecideError, Decided};
use crate::core::job::RiskMemo;
use crate::core::policy::Policy;
use crate::core::react::concerns;
use crate::core::vault::Vault;
use mirano_replay::apply::{self, At};
use mirano_replay::overlay::{Changes, Overlay};
use mirano_replay::rows::{AnchorRow, PolicyHereRow, key};
use mirano_replay::store::{Read, ReadExt, StoreError, Table};
use mirano_schemas::codec::{self, CommitHead};
use mirano_schemas::envelope::{Envelope, Head};
use mirano_schemas::*;
pub use state::Forgotten;
use state::{Pending, State};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A cursor that moved so far without a reaction rides along on the next commit, whatever that is.
const CURSOR_LAG: u64 = 256;

/// Written rows that the partitions of a node keep in memory together, and each of them at least: about half a kilobyte each. A check is
/// asked for, leased and answered within so many rows, so that none of them is read back and decoded. In tests so few that rows are
/// forgotten all the time.
const ROWS_AT_HAND: usize = if cfg!(test) { 256 } else { 65_536 };
const LEAST_AT_HAND: usize = ROWS_AT_HAND / 8;

/// What the caller keeps of a command until it is answered.
pub type Ticket = u64;

/// What came of giving a command.
#[derive(Debug)]
pub enum Given {
    /// Append this record; the answer comes when it is settled.
    Append(Vec<u8>),
    /// Nothing to append; the answer comes when what is in flight is settled.
    Waits,
    /// Nothing to append and nothing in flight: the answer.
    Answered(Result<Reply, DecideError>),
}

/// A settled commit: its changes are to be written, then its answers given.
#[derive(Debug)]
pub struct Settled {
    /// Where it stands.
    pub position: Position,
    /// The rows that it changes, the anchor included.
    pub changes: Changes,
    /// What it says: what its record decodes to.
    pub body: codec::CommitBody,
    /// Answers.
    pub answers: Vec<(Ticket, Result<Reply, DecideError>)>,
}

struct InFlight {
    head: Head,
    position: Position,
    changes: Changes,
    body: codec::CommitBody,
    answers: Vec<(Ticket, Result<Reply, DecideError>)>,
}

/// One partition's loop.
pub struct Partition {
    id: u32,
    partitions: u32,
    /// The head that the next commit is decided upon: the last one in flight, or the durable one.
    head: Head,
    recorded_at: Timestamp,
    in_flight: VecDeque<InFlight>,
    overlay: Pending,
    cursors: BTreeMap<u32, u64>,
    policy: Arc<Policy>,
    memo: RiskMemo,
}

impl Partition {
    /// Begins where the views stand. `head` is the durable head of the log, and the views have folded all of it.
    pub fn begin(head: Head, partitions: u32, views: &dyn Read) -> Result<Self, StoreError> {
        let id = head.partition;
        let anchor: Option<AnchorRow> = views.row(&key::anchor(id))?;
        let mut partition = Self {
            id,
            partitions,
            head,
            recorded_at: anchor.map_or(Timestamp::default(), |anchor| anchor.recorded_at),
            in_flight: VecDeque::new(),
            overlay: Pending::default(),
            cursors: BTreeMap::new(),
            policy: Arc::new(Policy::empty().map_err(StoreError::Storage)?),
            memo: RiskMemo::default(),
        };
        partition.reload(views)?;
        Ok(partition)
    }

    /// Reads again what is kept in memory beside the views: cursors and the policy.
    fn reload(&mut self, views: &dyn Read) -> Result<(), StoreError> {
        for foreign in 0..self.partitions {
            self.cursors.insert(foreign, apply::cursor(views, self.id, foreign)?);
        }
        let state = State { overlay: &self.overlay, views };
        match apply::in_force(&state, self.id)? {
            Some(version) if version == self.policy.version && !self.policy.document.sources.is_empty() => {}
            Some(_) => {
                let row: Option<PolicyHereRow> = state.row(&key::policy_in_force(self.id))?;
                let row = row.ok_or_else(|| StoreError::Storage("the policy in force is not there".to_owned()))?;
                self.policy = Arc::new(Policy::adopted(&row.0).map_err(StoreError::Storage)?);
            }
            // The first one, adopted in flight, turned out void.
            None => self.policy = Arc::new(Policy::empty().map_err(StoreError::Storage)?),
        }
        Ok(())
    }

    /// The policy that the next decision is made with.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// How many commits are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The seq of `foreign` that is to be looked at next.
    pub fn cursor(&self, foreign: u32) -> u64 {
        self.cursors.get(&foreign).copied().unwrap_or(0)
    }

    /// Decides a command.
    pub fn give(
        &mut self,
        views: &dyn Read,
        vault: &dyn Vault,
        ticket: Ticket,
        command: &Command,
        wall: Timestamp,
        entropy: u64,
    ) -> Given {
        let decided = self.with_context(views, vault, wall, entropy, |ctx| decide::decide(ctx, command));
        match decided {
            Ok((reply, decided)) if !decided.events.is_empty() => {
                match self.commit(views, decided, None, wall, vec![(ticket, Ok(reply))]) {
                    Ok(record) => Given::Append(record),
                    Err(error) => self.answer_later(ticket, Err(error)),
                }
            }
            Ok((reply, _)) => self.answer_later(ticket, Ok(reply)),
            Err(error) => self.answer_later(ticket, Err(error)),
        }
    }

    /// An answer that changes nothing still rests on what is in flight: it waits for it.
    fn answer_later(&mut self, ticket: Ticket, answer: Result<Reply, DecideError>) -> Given {
        match self.in_flight.back_mut() {
            Some(last) => {
                last.answers.push((ticket, answer));
                Given::Waits
            }
            None => Given::Answered(answer),
        }
    }

    /// Looks at a durable commit of `cause.partition`, the views of which have folded it: the records of the reaction, in
    /// order. None when it does not concern this partition, or was reacted to already.
    pub fn look(
        &mut self,
        views: &dyn Read,
        vault: &dyn Vault,
        cause: Position,
        body: &codec::CommitBody,
        wall: Timestamp,
        entropy: u64,
    ) -> Result<Vec<Vec<u8>>, DecideError> {
        self.look_by(views, vault, cause, body, &mut || wall, entropy)
    }

    /// The same, asking for the time again before each page of a reaction: what a later page reads of the views may be
    /// newer than the moment at which the first began, and no receipt may be older than the observation that it names.
    pub fn look_by(
        &mut self,
        views: &dyn Read,
        vault: &dyn Vault,
        cause: Position,
        body: &codec::CommitBody,
        wall: &mut dyn FnMut() -> Timestamp,
        entropy: u64,
    ) -> Result<Vec<Vec<u8>>, DecideError> {
        let next = self.cursor(cause.partition);
        if cause.seq < next {
            return Ok(Vec::new());
        }
        let mut records = Vec::new();
        if body.events.iter().any(|event| concerns(event, cause.partition, self.id, self.partitions)) {
            loop {
                let wall = wall().max(body.head.recorded_at);
                let (done, record) = match self.page(views, vault, cause, body, wall, entropy) {
                    // What can't be decided is said, and does not block what is behind it.
                    Err(error @ (DecideError::Rejection(_) | DecideError::Encode(_))) => {
                        let reason = error.to_string();
                        let refused =
                            self.with_context(views, vault, wall, entropy, |ctx| decide::refuse(ctx, cause, reason))?;
                        (true, Some(self.commit(views, refused, Some((cause, true)), wall, Vec::new())?))
                    }
                    page => page?,
                };
                records.extend(record);
                if done {
                    break;
                }
            }
        }
        self.cursors.insert(cause.partition, cause.seq + 1);
        Ok(records)
    }

    /// One page of a reaction, and whether it was the last.
    fn page(
        &mut self,
        views: &dyn Read,
        vault: &dyn Vault,
        cause: Position,
        body: &codec::CommitBody,
        wall: Timestamp,
        entropy: u64,
    ) -> Result<(bool, Option<Vec<u8>>), DecideError> {
        let (done, decided) =
            self.with_context(views, vault, wall, entropy, |ctx| decide::react(ctx, cause, &body.events))?;
        let commits = !decided.events.is_empty();
        let record = commits.then(|| self.commit(views, decided, Some((cause, done)), wall, Vec::new()));
        Ok((done, record.transpose()?))
    }

    fn with_context<T>(
        &self,
        views: &dyn Read,
        vault: &dyn Vault,
        wall: Timestamp,
        entropy: u64,
        run: impl FnOnce(&Context<'_>) -> T,
    ) -> T {
        let state = State { overlay: &self.overlay, views };
        run(&Context {
            state: &state,
            policy: &self.policy,
            vault,
            memo: &self.memo,
            partitions: self.partitions,
            at: self.next(wall),
            entropy: entropy.wrapping_add(bugs::drift()),
        })
    }

    fn next(&self, wall: Timestamp) -> At {
        At {
            position: Position { partition: self.id, seq: self.head.next_seq },
            recorded_at: wall.max(self.recorded_at),
        }
    }

    fn commit(
        &mut self,
        views: &dyn Read,
        decided: Decided,
        cause: Option<(Position, bool)>,
        wall: Timestamp,
        answers: Vec<(Ticket, Result<Reply, DecideError>)>,
    ) -> Result<Vec<u8>, DecideError> {
        let At { position, recorded_at } = self.next(wall);
        let logged = |foreign| {
            let state = State { overlay: &self.overlay, views };
            apply::cursor(&state, self.id, foreign)
        };
        // Who begins to wait has seen everything up to the cursors. Looked at once more after a crash or a void, an
        // observation from before them would answer that wait, told as just fetched. So they are part of the commit.
        let begins_to_wait = decided.changes.first_put(Table::Waiter).is_some();
        let lag = if begins_to_wait { 1 } else { CURSOR_LAG };
        let mut cursors = Vec::new();
        for (foreign, seq) in &self.cursors {
            if seq.saturating_sub(logged(*foreign)?) >= lag {
                cursors.push(Position { partition: *foreign, seq: *seq });
            }
        }
        let head = CommitHead {
            recorded_at,
            cause: cause.map(|(cause, _)| cause),
            cause_done: cause.is_some_and(|(_, done)| done) && !bugs::on(Bug::CursorNotInCommit),
            commands: Vec::new(),
            cursors,
        };
        let encode = |error: codec::EncodeError| DecideError::Encode(error.to_string());
        let body = codec::assemble(codec::writer_version(), &head, &decided.encoded).map_err(encode)?;
        let envelope = Envelope::seal(position, self.head.hash, &body)
            .map_err(|error| crate::core::command::Rejection::TooLarge(error.to_string()))?;
        let Decided { mut changes, events, .. } = decided;
        {
            let state = State { overlay: &self.overlay, views };
            let mut rest = Overlay::new(&state as &dyn Read);
            apply::head(&mut rest, position, envelope.hash(), &head).map_err(DecideError::Apply)?;
            changes.extend(rest.into_changes()?);
        }
        self.overlay.lay(position.seq, &changes);
        self.head = Head { partition: self.id, next_seq: position.seq + 1, hash: envelope.hash() };
        self.recorded_at = recorded_at;
        if changes.touch(Table::PolicyInForce) {
            let cursors = self.cursors.clone();
            self.reload(views)?;
            self.cursors = cursors;
        }
        self.in_flight.push_back(InFlight {
            head: self.head,
            position,
            changes,
            body: codec::CommitBody { head, events },
            answers,
        });
        let mut record = Vec::with_capacity(envelope.to_bytes().len() + body.len());
        record.extend_from_slice(&envelope.to_bytes());
        record.extend_from_slice(&body);
        Ok(record)
    }

    /// The oldest record in flight counts. Write the changes to the views, then call [`Self::written`].
    pub fn counted(&mut self) -> Option<Settled> {
        let InFlight { position, changes, body, answers, .. } = self.in_flight.pop_front()?;
        Some(Settled { position, changes, body, answers })
    }

    /// The changes of all commits up to `seq` are in the views now. They are kept at hand for a while, because what was
    /// just written is what is read next; nobody else writes the rows of this partition. Gives back what is not kept any more.
    pub fn written(&mut self, seq: u64) -> Forgotten {
        let most = (ROWS_AT_HAND / self.partitions.max(1) as usize).max(LEAST_AT_HAND);
        self.overlay.written(seq, most / 2)
    }

    /// A record in flight is void, and so are all behind it. Forgets them; the views must have folded the log up to
    /// `head`, the durable one. Returns the tickets that have no answer yet: their commands are to be given again.
    pub fn void(&mut self, head: Head, views: &dyn Read) -> Result<Vec<Ticket>, StoreError> {
        let tickets = self.in_flight.drain(..).flat_map(|commit| commit.answers).map(|(ticket, _)| ticket).collect();
        if !bugs::on(Bug::OverlayKeptAfterVoid) {
            self.overlay.clear();
        }
        self.head = head;
        let anchor: Option<AnchorRow> = views.row(&key::anchor(self.id))?;
        self.recorded_at = anchor.map_or(self.recorded_at, |anchor| anchor.recorded_at);
        self.memo = RiskMemo::default();
        self.reload(views)?;
        Ok(tickets)
    }

    /// The head of the newest commit in flight, or the durable one.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The heads of what is in flight, oldest first: for assertions.
    pub fn heads(&self) -> impl Iterator<Item = Head> + '_ {
        self.in_flight.iter().map(|commit| commit.head)
    }
}
