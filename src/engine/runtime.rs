//! Drives the loop of one partition: commands in, records to the log, settled commits into the views, answers out.
//!
//! Each partition has a thread of its own, because decisions and folds read and write RocksDB. It stops, and says why,
//! when the log takes nothing any more or a commit does not fold; it never guesses on.

pub(super) mod due;
mod role;

use super::EngineError;
use super::catch_up;
use super::handle::{Answer, Folded, Shared};
use super::partition::{Given, Partition, Ticket};
use super::writer::{Batch, Writer, Written, respond};
use crate::core::command::Command;
use crate::sequencer::{AppendError, Committed, Outcome};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Position, Timestamp};
use role::Role;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Commits that may be in flight.
const MOST_IN_FLIGHT: usize = 512;
/// Folded commits that are kept decoded for those who look at them next.
const RECENT: usize = 512;
/// Bytes of log that are looked at before commands get their turn again.
const LOOK_BYTES: usize = 1024 * 1024;

/// A command on its way to a partition.
pub(super) struct Request {
    pub(super) command: Arc<Command>,
    pub(super) answer: oneshot::Sender<Result<Answer, EngineError>>,
    pub(super) span: tracing::Span,
}

/// Starts the threads of a partition.
pub(super) fn start(
    shared: Arc<Shared>,
    partition: u32,
    commands: mpsc::Receiver<Request>,
) -> Result<JoinHandle<()>, EngineError> {
    let stopped = |error: std::io::Error| EngineError::Stopped { partition, reason: error.to_string() };
    let head = catch_up::shown(&*shared.options.log, &shared.options.views, partition)?;
    let state = Partition::begin(head, shared.options.log.partitions(), &*shared.options.views)?;
    // A runtime of its own: the caller's may end before the last handle of the engine goes.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(stopped)?;
    let looper = Loop {
        role: Role::begin(&shared, partition),
        writer: Writer::start(Arc::clone(&shared), partition)?,
        shared,
        partition,
        state,
        commands,
        waiting: BTreeMap::new(),
        next_ticket: 0,
        in_flight: FuturesOrdered::new(),
        recent: VecDeque::new(),
        shown: head.next_seq,
        next_expiry: None,
        expiry_after: None,
    };
    std::thread::Builder::new()
        .name(format!("partition-{partition}"))
        .spawn(move || runtime.block_on(looper.run()))
        .map_err(stopped)
}

struct Loop {
    shared: Arc<Shared>,
    writer: Writer,
    /// None: nobody else decides.
    role: Option<Role>,
    partition: u32,
    state: Partition,
    commands: mpsc::Receiver<Request>,
    waiting: BTreeMap<Ticket, Request>,
    next_ticket: Ticket,
    in_flight: FuturesOrdered<BoxFuture<'static, Result<Outcome, AppendError>>>,
    recent: VecDeque<Folded>,
    /// How many commits of this partition the views show.
    shown: u64,
    /// No lease ends, and no watch rings, before then.
    next_expiry: Option<Timestamp>,
    /// When so many commits are folded, it is known what is due next.
    expiry_after: Option<u64>,
}

impl Loop {
    async fn run(mut self) {
        let reason = match self.serve().await {
            Ok(()) => return,
            // What it waited for comes no more, and nobody is left to be told.
            Err(_) if self.shared.is_ending() => return,
            Err(error) => error.to_string(),
        };
        tracing::error!(partition = self.partition, %reason, "the partition stopped deciding");
        self.resign();
        metrics::gauge!("mirano_partition_stopped", "partition" => self.partition.to_string()).set(1.0);
        let stopped = || EngineError::Stopped { partition: self.partition, reason: reason.clone() };
        let known = self.shared.stopped.lock();
        known.unwrap_or_else(std::sync::PoisonError::into_inner).insert(self.partition, reason.clone());
        // Whoever waits for this partition looks again.
        self.shared.folds.send_modify(|folds| *folds += 1);
        if let Some(folded) = self.shared.folded.get(self.partition as usize) {
            folded.send_modify(|_| ());
        }
        for (_, request) in std::mem::take(&mut self.waiting) {
            let _ = request.answer.send(Err(stopped()));
        }
        // Reads go on; each further command is told why there is no decision.
        while let Some(request) = self.commands.recv().await {
            let _ = request.answer.send(Err(stopped()));
        }
    }

    async fn serve(&mut self) -> Result<(), EngineError> {
        let shared = Arc::clone(&self.shared);
        if let Some(why) = &shared.unfit {
            return Err(EngineError::LogUnavailable(why.clone()));
        }
        let mut folds = shared.folds.subscribe();
        self.note_expiry()?;
        self.begin_role();
        self.react()?;
        let mut stopped = shared.options.log.stopped(self.partition);
        loop {
            let room = self.state.in_flight().max(self.writer.unwritten()) < MOST_IN_FLIGHT;
            let expiry = self.expiry_in();
            let quiet = self.in_flight.is_empty();
            tokio::select! {
                biased;
                Some(outcome) = self.in_flight.next(), if !self.in_flight.is_empty() => self.settle(outcome).await?,
                written = self.writer.next(), if !self.writer.is_idle() => self.written(written?)?,
                turn = Role::next(&mut self.role, quiet) => self.turn(turn).await?,
                // What the log gave before is shown first. Appends that wait are told by themselves.
                why = &mut stopped, if quiet && self.writer.is_idle() => {
                    return Err(EngineError::LogUnavailable(why.to_string()));
                }
                changed = folds.changed(), if room => {
                    if changed.is_err() { return Ok(()) }
                }
                request = self.commands.recv(), if room => {
                    let Some(request) = request else { return Ok(()) };
                    // Who decides for once what another would decides as that one does: on all that is known.
                    if !self.deciding() {
                        self.look_around()?;
                    }
                    self.take(request);
                    while self.state.in_flight() < MOST_IN_FLIGHT && let Ok(request) = self.commands.try_recv() {
                        self.take(request);
                    }
                }
                () = tokio::time::sleep(expiry.unwrap_or(Duration::MAX)), if room && expiry.is_some() => self.expire()?,
            }
            self.react()?;
        }
    }

    fn take(&mut self, request: Request) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.give(ticket, request);
    }

    fn give(&mut self, ticket: Ticket, request: Request) {
        let options = &self.shared.options;
        let given = request.span.in_scope(|| {
            self.state.give(
                &*options.views,
                &*options.vault,
                ticket,
                &request.command,
                options.clock.now(),
                rand::random(),
            )
        });
        match given {
            Given::Append(record) => {
                self.waiting.insert(ticket, request);
                self.append(record);
            }
            Given::Waits => {
                self.waiting.insert(ticket, request);
            }
            // It rests on all that was decided before, so it waits until the views show that.
            Given::Answered(answer) if self.writer.is_idle() => respond(request, self.last(), answer),
            Given::Answered(answer) => {
                self.writer.give(Batch { due: vec![(request, self.last(), answer)], ..Batch::default() });
            }
        }
    }

    fn append(&mut self, record: Vec<u8>) {
        self.in_flight.push_back(self.shared.options.log.append(self.partition, Bytes::from(record)));
    }

    /// The last commit that the views show.
    fn last(&self) -> Position {
        Position { partition: self.partition, seq: self.state.head().next_seq.saturating_sub(1) }
    }

    async fn settle(&mut self, first: Result<Outcome, AppendError>) -> Result<(), EngineError> {
        let mut outcome = Some(first);
        let mut batch = Batch::default();
        let mut void = false;
        while let Some(next) = outcome {
            match next.map_err(|error| EngineError::LogUnavailable(error.to_string()))? {
                Outcome::Void { .. } if !self.twin_counts() => {
                    void = true;
                    break;
                }
                Outcome::Counted { .. } | Outcome::Void { .. } => {
                    let Some(mut commit) = self.state.counted() else { break };
                    for (ticket, answer) in std::mem::take(&mut commit.answers) {
                        let request = self.waiting.remove(&ticket);
                        batch.due.extend(request.map(|request| (request, commit.position, answer)));
                    }
                    batch.settled.push(commit);
                }
            }
            outcome = self.in_flight.next().now_or_never().flatten();
        }
        if !batch.settled.is_empty() {
            self.writer.give(batch);
        }
        if void { self.again().await } else { Ok(()) }
    }

    /// The views show these commits.
    fn written(&mut self, written: Written) -> Result<(), EngineError> {
        let Some(last) = written.commits.last().map(|commit| commit.position) else { return Ok(()) };
        self.hasten_expiry(written.due);
        self.writer.forget(self.state.written(last.seq));
        self.shown = last.seq + 1;
        self.recent.extend(written.commits);
        let old = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..old);
        if self.expiry_after.is_some_and(|seq| last.seq + 1 >= seq) {
            self.note_expiry()?;
        }
        Ok(())
    }

    /// Whether the oldest commit in flight is in the log although our record of it is void: a producer's retry, or
    /// another decider that decided the same upon the same, put the same bytes there before. Then what is behind it in
    /// flight may count too, and deciding it again would do it twice.
    fn twin_counts(&self) -> bool {
        self.state.heads().next().is_some_and(|head| self.shared.options.log.check_anchor(&head).is_ok())
    }

    /// Somebody else's commit came first: folds what the log holds, and decides the waiting commands anew.
    async fn again(&mut self) -> Result<(), EngineError> {
        metrics::counter!("mirano_void_total").increment(1);
        let tickets = self.begin_anew().await?;
        // What all did meanwhile comes first: who is decided before it would wait for what is known already.
        self.react()?;
        for ticket in tickets {
            if let Some(request) = self.waiting.remove(&ticket) {
                match self.is_anothers(&request) {
                    true => self.send_on(request),
                    false => self.give(ticket, request),
                }
            }
        }
        self.note_expiry()
    }

    /// Forgets what is in flight, and goes on where the log stands. Returns what waits for an answer.
    async fn begin_anew(&mut self) -> Result<Vec<Ticket>, EngineError> {
        while !self.writer.is_idle() {
            let written = self.writer.next().await?;
            self.written(written)?;
        }
        self.in_flight = FuturesOrdered::new();
        self.recent.clear();
        let (shared, partition) = (Arc::clone(&self.shared), self.partition);
        let options = &shared.options;
        let visible = |commits: Vec<Folded>| {
            let Some(last) = commits.last().map(|commit| commit.position) else { return };
            for commit in commits {
                let _ = shared.events.send(commit);
            }
            shared.announce(partition, last.seq + 1);
        };
        while let Some(lacks) =
            catch_up::follow(&*options.log, &options.views, partition, |body| shared.lacks(partition, body), visible)?
        {
            shared.until_shown(lacks).await?;
        }
        // Where the views stand, not where the log is: it may have gone on since.
        let head = catch_up::shown(&*options.log, &options.views, partition)?;
        let tickets = self.state.void(head, &*options.views)?;
        self.shown = head.next_seq;
        self.note_decider()?;
        Ok(tickets)
    }

    /// Looks at what all partitions folded since, and reacts.
    fn look_around(&mut self) -> Result<(), EngineError> {
        let shared = Arc::clone(&self.shared);
        for (foreign, folded) in (0u32..).zip(&shared.folded) {
            let shown = if foreign == self.partition { self.shown } else { *folded.borrow() };
            while self.state.cursor(foreign) < shown && self.state.in_flight() < MOST_IN_FLIGHT {
                let commits = self.read(foreign, shown)?;
                // Views that show more than can be read: what was in between is looked at by others.
                if commits.is_empty() {
                    break;
                }
                for seen in commits {
                    let options = &self.shared.options;
                    let records = self
                        .state
                        .look_by(
                            &*options.views,
                            &*options.vault,
                            seen.position,
                            &seen.body,
                            &mut || options.clock.now(),
                            rand::random(),
                        )
                        .map_err(|error| EngineError::Stopped {
                            partition: self.partition,
                            reason: format!("reaction to {}: {error}", seen.position),
                        })?;
                    for record in records {
                        metrics::counter!("mirano_reactions_total").increment(1);
                        self.append(record);
                    }
                }
            }
        }
        Ok(())
    }

    /// Commits of `foreign` from the cursor on, as far as the views show them.
    fn read(&self, foreign: u32, shown: u64) -> Result<Vec<Folded>, EngineError> {
        let next = self.state.cursor(foreign);
        if foreign == self.partition
            && let Some(first) = self.recent.front().map(|first| first.position.seq)
            && first <= next
        {
            let skip = usize::try_from(next - first).unwrap_or(usize::MAX);
            return Ok(self.recent.iter().skip(skip).take(64).cloned().collect());
        }
        let commits = self.shared.options.log.read(foreign, next, LOOK_BYTES)?;
        let visible = commits.into_iter().filter(|commit| commit.position.seq < shown);
        visible.map(|commit| decode(&commit)).collect()
    }
}

fn decode(commit: &Committed) -> Result<Folded, EngineError> {
    let at = commit.position;
    let body = CommitBody::decode(commit.body()).map_err(|error| EngineError::Decode { at, error })?;
    Ok(Folded { position: at, body: Arc::new(body) })
}
