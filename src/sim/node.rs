//! One process of the engine: the loops of its partitions, driven as `engine::runtime` drives them, one step at a time.
//!
//! Between any two steps it may crash: between append and settle, settle and write, write and answer, between two records
//! of one reaction, between two batches of a catch-up.

use super::around::{Around, CallId, Out, Stop};
use super::log::{Fate, Owner};
use super::views::Views;
use crate::core::bugs::{self, Bug};
use crate::core::command::{Command, Reply};
use crate::core::decision::DecideError;
use crate::core::notify::NotifyCommand;
use crate::engine::partition::{Given, Partition, Ticket};
use mirano_replay::apply::be_u64;
use mirano_replay::overlay::Changes;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::envelope::Head;
use mirano_schemas::{Position, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Tables of what is due at its time, as `engine::runtime` looks at them.
const DUE: [Table; 4] = [Table::LeaseEnd, Table::WatchDue, Table::DemandDue, Table::StaleDue];

pub struct Node {
    pub index: usize,
    pub up: bool,
    pub views: Views,
    loops: Vec<Loop>,
}

struct Loop {
    state: Partition,
    /// Grows whenever what was in flight is forgotten; what becomes of it then is nobody's news.
    generation: u64,
    waiting: BTreeMap<Ticket, (CallId, Command)>,
    next_ticket: Ticket,
    inbox: VecDeque<(CallId, Command)>,
    fates: VecDeque<Fate>,
    /// How many commits the views show.
    shown: u64,
    expiry: Option<Timestamp>,
}

fn broken(error: impl std::fmt::Display) -> Stop {
    Stop::Broken(error.to_string())
}

/// Folds a partition from where the views stand to the durable head, in batches of any size.
fn catch_up(views: &mut Views, partition: u32, around: &mut Around<'_>) -> Result<Head, Stop> {
    loop {
        let anchor: Option<AnchorRow> = views.live().row(&key::anchor(partition)).map_err(broken)?;
        let next = anchor.map_or(0, |anchor| anchor.next_seq);
        let commits = around.log.commits(partition);
        let before = next.checked_sub(1).and_then(|last| commits.get(last as usize)).map(|last| last.hash);
        if anchor.is_some() && before != anchor.map(|anchor| anchor.hash) {
            return Err(broken(format!("the views of partition {partition} do not fit the log at {next}")));
        }
        if next as usize == commits.len() {
            return Ok(around.log.head(partition));
        }
        let most = 1 + around.rng.below(7) as usize;
        let mut batch = mirano_replay::overlay::Overlay::new(views.live());
        for commit in around.log.commits(partition).iter().skip(next as usize).take(most) {
            mirano_replay::apply::commit(&mut batch, commit.position, commit.hash, &commit.body).map_err(broken)?;
        }
        let changes = batch.into_changes().map_err(broken)?;
        around.point("before a batch of the catch-up is written")?;
        views.write(changes);
    }
}

impl Node {
    pub fn new(index: usize) -> Self {
        Self { index, up: false, views: Views::default(), loops: Vec::new() }
    }

    /// Catches up with the log and begins to decide.
    pub fn start(&mut self, around: &mut Around<'_>) -> Result<(), Stop> {
        let partitions = around.log.partitions();
        let generation = self.loops.iter().map(|one| one.generation).max().unwrap_or(0) + 1;
        self.loops.clear();
        let mut heads = Vec::new();
        for partition in 0..partitions {
            heads.push(catch_up(&mut self.views, partition, around)?);
        }
        for head in heads {
            let state = Partition::begin(head, partitions, self.views.live()).map_err(broken)?;
            self.loops.push(Loop {
                state,
                generation,
                waiting: BTreeMap::new(),
                next_ticket: 0,
                inbox: VecDeque::new(),
                fates: VecDeque::new(),
                shown: head.next_seq,
                expiry: None,
            });
        }
        self.up = true;
        bugs::note_start();
        for partition in 0..partitions {
            self.note_expiry(partition, around)?;
        }
        around.out.push(Out::Work);
        Ok(())
    }

    /// The process ends: what was in memory, and what was not flushed, is gone. `loops` keep their generations, so that
    /// the next life takes a later one.
    pub fn crash(&mut self) {
        self.up = false;
        self.views.crash();
        for one in &mut self.loops {
            one.inbox.clear();
            one.waiting.clear();
            one.fates.clear();
        }
    }

    pub fn send(&mut self, call: CallId, command: Command, partition: u32) {
        self.loops[partition as usize].inbox.push_back((call, command));
    }

    /// The log tells what became of a record.
    pub fn tell(&mut self, partition: u32, (_, generation): Owner, fate: Fate) {
        if let Some(one) = self.loops.get_mut(partition as usize)
            && self.up
            && one.generation == generation
        {
            one.fates.push_back(fate);
        }
    }

    /// The partition's lease timer rang: asks for what is due, or says when to ring again.
    pub fn ring(&mut self, partition: u32, around: &mut Around<'_>) {
        let one = &mut self.loops[partition as usize];
        let Some(due) = one.expiry else { return };
        if due < around.wall {
            one.expiry = None;
            one.inbox.push_back((None, Command::ExpireLeases));
            one.inbox.push_back((None, Command::RingWatches));
            one.inbox.push_back((None, Command::LookAhead));
            one.inbox.push_back((None, Command::Notify(NotifyCommand::TellStale)));
        } else {
            around.out.push(Out::Expiry(partition, due));
        }
    }

    /// Everything that can be done now, in every partition.
    pub fn pump(&mut self, around: &mut Around<'_>) -> Result<(), Stop> {
        loop {
            let mut moved = false;
            for partition in 0..around.log.partitions() {
                moved |= self.settle(partition, around)?;
                moved |= self.follow(partition, around)?;
                moved |= self.look_around(partition, around)?;
                moved |= self.take(partition, around)?;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn settle(&mut self, partition: u32, around: &mut Around<'_>) -> Result<bool, Stop> {
        let one = &mut self.loops[partition as usize];
        if one.fates.is_empty() {
            return Ok(false);
        }
        let (mut changes, mut settled, mut void) = (Changes::new(), Vec::new(), false);
        let most = 1 + around.rng.below(8);
        while settled.len() < most as usize
            && let Some(fate) = one.fates.pop_front()
        {
            let twin = one.state.heads().next().is_some_and(|head| around.log.has(&head));
            if fate == Fate::Void && !twin {
                void = true;
                break;
            }
            let mut commit = one.state.counted().ok_or_else(|| broken("a commit counts that nobody made"))?;
            changes.extend(std::mem::take(&mut commit.changes));
            settled.push(commit);
        }
        around.point("between settle and write")?;
        if let Some(last) = settled.last().map(|commit| commit.position) {
            let expiry = DUE.into_iter().any(|table| changes.touch(table));
            let work = [Table::Source, Table::Ready, Table::Delayed, Table::PolicyInForce];
            if work.into_iter().any(|table| changes.touch(table)) {
                around.out.push(Out::Work);
            }
            self.views.write(changes);
            let one = &mut self.loops[partition as usize];
            one.state.written(last.seq);
            one.shown = last.seq + 1;
            for commit in settled {
                for (ticket, answer) in commit.answers {
                    around.point("between write and answer")?;
                    self.answer(partition, ticket, answer, commit.position, around);
                }
            }
            if expiry {
                self.note_expiry(partition, around)?;
            }
            if self.views.unflushed() >= around.flush_every {
                self.views.flush();
            }
        }
        if void {
            self.again(partition, around)?;
        }
        Ok(true)
    }

    fn answer(
        &mut self,
        partition: u32,
        ticket: Ticket,
        answer: Result<Reply, DecideError>,
        at: Position,
        around: &mut Around<'_>,
    ) {
        if let Some((Some(call), _)) = self.loops[partition as usize].waiting.remove(&ticket) {
            around.out.push(Out::Answer { call, answer, at });
        }
    }

    /// Somebody else's commit came first: folds what the log holds, and decides the waiting commands anew.
    fn again(&mut self, partition: u32, around: &mut Around<'_>) -> Result<(), Stop> {
        let head = catch_up(&mut self.views, partition, around)?;
        let one = &mut self.loops[partition as usize];
        one.generation += 1;
        one.fates.clear();
        let tickets = one.state.void(head, self.views.live()).map_err(broken)?;
        one.shown = head.next_seq;
        around.out.push(Out::Work);
        self.look_around(partition, around)?;
        for ticket in tickets {
            around.point("before a void command is decided again")?;
            if let Some((call, command)) = self.loops[partition as usize].waiting.remove(&ticket) {
                self.give(partition, call, command, around)?;
            }
        }
        self.note_expiry(partition, around)
    }

    /// With nothing in flight, what another decider appended is only seen in the log.
    fn follow(&mut self, partition: u32, around: &mut Around<'_>) -> Result<bool, Stop> {
        let one = &self.loops[partition as usize];
        if one.state.in_flight() > 0 || one.state.head() == around.log.head(partition) {
            return Ok(false);
        }
        self.again(partition, around)?;
        Ok(true)
    }

    fn look_around(&mut self, partition: u32, around: &mut Around<'_>) -> Result<bool, Stop> {
        let mut moved = false;
        for foreign in 0..around.log.partitions() {
            let shown = self.loops[foreign as usize].shown;
            let one = &mut self.loops[partition as usize];
            while one.state.cursor(foreign) < shown && one.state.in_flight() < around.most_in_flight {
                moved = true;
                let next = one.state.cursor(foreign) as usize;
                let commit = around.log.commits(foreign).get(next).cloned();
                let commit = commit.ok_or_else(|| broken(format!("the views of {foreign} are ahead of the log")))?;
                let records = one
                    .state
                    .look(
                        self.views.live(),
                        around.vault,
                        commit.position,
                        &commit.body,
                        around.wall,
                        around.rng.next(),
                    )
                    .map_err(|error| broken(format!("reaction of {partition} to {}: {error}", commit.position)))?;
                for record in records {
                    around.log.append(partition, (self.index, one.generation), record);
                    around.out.push(Out::Appended(partition));
                    around.point("between two records of a reaction")?;
                }
            }
        }
        Ok(moved)
    }

    fn take(&mut self, partition: u32, around: &mut Around<'_>) -> Result<bool, Stop> {
        let mut moved = false;
        while self.loops[partition as usize].state.in_flight() < around.most_in_flight
            && let Some((call, command)) = self.loops[partition as usize].inbox.pop_front()
        {
            moved = true;
            self.give(partition, call, command, around)?;
        }
        Ok(moved)
    }

    fn give(&mut self, partition: u32, call: CallId, command: Command, around: &mut Around<'_>) -> Result<(), Stop> {
        let one = &mut self.loops[partition as usize];
        let ticket = one.next_ticket;
        one.next_ticket += 1;
        let given = one.state.give(self.views.live(), around.vault, ticket, &command, around.wall, around.rng.next());
        let ahead = u64::from(bugs::on(Bug::NothingIsAhead));
        let at = Position { partition, seq: (one.shown + ahead).saturating_sub(1) };
        one.waiting.insert(ticket, (call, command));
        match given {
            Given::Append(record) => {
                around.log.append(partition, (self.index, one.generation), record);
                around.out.push(Out::Appended(partition));
                around.point("between append and settle")
            }
            Given::Waits => Ok(()),
            Given::Answered(answer) => {
                self.answer(partition, ticket, answer, at, around);
                Ok(())
            }
        }
    }

    fn note_expiry(&mut self, partition: u32, around: &mut Around<'_>) -> Result<(), Stop> {
        let mut due = None;
        let ahead = self.loops[partition as usize].state.policy().prefetches();
        for table in DUE.into_iter().filter(|table| *table != Table::DemandDue || ahead) {
            let first = self.views.live().keys(table, &partition.to_be_bytes(), &[], 1).map_err(broken)?;
            let first = first.first().and_then(|place| place.get(4..12)).map(be_u64).map(|due| Timestamp(due as i64));
            due = due.into_iter().chain(first).min();
        }
        self.loops[partition as usize].expiry = due;
        if let Some(due) = due {
            around.out.push(Out::Expiry(partition, due));
        }
        Ok(())
    }

    /// Whether nothing is under way.
    pub fn idle(&self) -> bool {
        self.loops.iter().all(|one| one.state.in_flight() == 0 && one.inbox.is_empty() && one.fates.is_empty())
    }
}
