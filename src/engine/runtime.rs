//! Drives the loop of one partition: commands in, records to the log, settled commits into the views, answers out.
//!
//! Each partition has a thread of its own, because decisions and folds read and write RocksDB. It stops, and says why,
//! when the log takes nothing any more or a commit does not fold; it never guesses on.

use super::handle::{Answer, Folded, Inner};
use super::partition::{Given, Partition, Ticket};
use super::{EngineError, catch_up};
use crate::core::command::{Command, Reply};
use crate::core::decision::DecideError;
use crate::sequencer::{AppendError, Committed, Outcome};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use mirano_replay::overlay::Changes;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::Head;
use mirano_schemas::{Position, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
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

/// Starts the thread of a partition.
pub(super) fn start(inner: Arc<Inner>, partition: u32, commands: mpsc::Receiver<Request>) -> Result<(), EngineError> {
    let stopped = |reason: String| EngineError::Stopped { partition, reason };
    let head = inner.options.log.head(partition);
    let state = Partition::begin(head, inner.options.log.partitions(), &*inner.options.views)?;
    let handle = tokio::runtime::Handle::current();
    let looper = Loop {
        inner,
        partition,
        state,
        commands,
        waiting: BTreeMap::new(),
        next_ticket: 0,
        in_flight: FuturesOrdered::new(),
        recent: VecDeque::new(),
        next_expiry: None,
        expiry_after: None,
    };
    std::thread::Builder::new()
        .name(format!("partition-{partition}"))
        .spawn(move || handle.block_on(looper.run()))
        .map_err(|error| stopped(error.to_string()))?;
    Ok(())
}

struct Loop {
    inner: Arc<Inner>,
    partition: u32,
    state: Partition,
    commands: mpsc::Receiver<Request>,
    waiting: BTreeMap<Ticket, Request>,
    next_ticket: Ticket,
    in_flight: FuturesOrdered<BoxFuture<'static, Result<Outcome, AppendError>>>,
    recent: VecDeque<Folded>,
    /// No lease ends before then.
    next_expiry: Option<Timestamp>,
    /// When so many commits are folded, it is known when the next lease ends.
    expiry_after: Option<u64>,
}

impl Loop {
    async fn run(mut self) {
        let reason = match self.serve().await {
            Ok(()) => return,
            Err(error) => error.to_string(),
        };
        tracing::error!(partition = self.partition, %reason, "the partition stopped deciding");
        metrics::gauge!("mirano_partition_stopped", "partition" => self.partition.to_string()).set(1.0);
        let stopped = || EngineError::Stopped { partition: self.partition, reason: reason.clone() };
        let known = self.inner.stopped.lock();
        known.unwrap_or_else(std::sync::PoisonError::into_inner).insert(self.partition, reason.clone());
        // Whoever waits for this partition looks again.
        self.inner.folds.send_modify(|folds| *folds += 1);
        for (_, request) in std::mem::take(&mut self.waiting) {
            let _ = request.answer.send(Err(stopped()));
        }
        // Reads go on; each further command is told why there is no decision.
        while let Some(request) = self.commands.recv().await {
            let _ = request.answer.send(Err(stopped()));
        }
    }

    async fn serve(&mut self) -> Result<(), EngineError> {
        let inner = Arc::clone(&self.inner);
        let mut folds = inner.folds.subscribe();
        self.note_expiry()?;
        self.look_around()?;
        loop {
            let room = self.state.in_flight() < MOST_IN_FLIGHT;
            let expiry = self.expiry_in();
            tokio::select! {
                biased;
                Some(outcome) = self.in_flight.next(), if !self.in_flight.is_empty() => self.settle(outcome)?,
                changed = folds.changed(), if room => {
                    if changed.is_err() { return Ok(()) }
                }
                request = self.commands.recv(), if room => {
                    let Some(request) = request else { return Ok(()) };
                    self.take(request);
                    while self.state.in_flight() < MOST_IN_FLIGHT && let Ok(request) = self.commands.try_recv() {
                        self.take(request);
                    }
                }
                () = tokio::time::sleep(expiry.unwrap_or(Duration::MAX)), if room && expiry.is_some() => self.expire()?,
            }
            self.look_around()?;
        }
    }

    fn take(&mut self, request: Request) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.give(ticket, request);
    }

    fn give(&mut self, ticket: Ticket, request: Request) {
        let options = &self.inner.options;
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
            Given::Answered(answer) => respond(request, self.last(), answer),
        }
    }

    fn append(&mut self, record: Vec<u8>) {
        self.in_flight.push_back(self.inner.options.log.append(self.partition, Bytes::from(record)));
    }

    /// The last commit that the views show.
    fn last(&self) -> Position {
        Position { partition: self.partition, seq: self.state.head().next_seq.saturating_sub(1) }
    }

    fn settle(&mut self, first: Result<Outcome, AppendError>) -> Result<(), EngineError> {
        let mut outcome = Some(first);
        let (mut changes, mut settled) = (Changes::new(), Vec::new());
        let mut void = false;
        while let Some(next) = outcome {
            match next.map_err(|error| EngineError::LogUnavailable(error.to_string()))? {
                Outcome::Void { .. } if !self.twin_counts() => {
                    void = true;
                    break;
                }
                Outcome::Counted { .. } | Outcome::Void { .. } => {
                    let Some(mut commit) = self.state.counted() else { break };
                    changes.extend(std::mem::take(&mut commit.changes));
                    settled.push(commit);
                }
            }
            outcome = self.in_flight.next().now_or_never().flatten();
        }
        if let Some(last) = settled.last().map(|commit| commit.position) {
            self.inner.options.views.write(&changes, settled.len())?;
            self.state.written(&changes, last.seq);
            self.hasten_expiry(&changes);
            self.show(settled, last);
            if self.expiry_after.is_some_and(|seq| last.seq + 1 >= seq) {
                self.note_expiry()?;
            }
        }
        if void { self.again() } else { Ok(()) }
    }

    /// Whether the oldest commit in flight is in the log although our record of it is void: a producer's retry, or
    /// another decider that decided the same upon the same, put the same bytes there before. Then what is behind it in
    /// flight may count too, and deciding it again would do it twice.
    fn twin_counts(&self) -> bool {
        self.state.heads().next().is_some_and(|head| self.inner.options.log.check_anchor(&head).is_ok())
    }

    /// The views show these commits: tells everybody, then answers.
    fn show(&mut self, mut settled: Vec<super::partition::Settled>, last: Position) {
        metrics::counter!("mirano_commits_total").increment(settled.len() as u64);
        for commit in &mut settled {
            let body = Arc::new(std::mem::take(&mut commit.body));
            self.publish(Folded { position: commit.position, body });
        }
        self.announce(last.seq + 1);
        for commit in settled {
            for (ticket, answer) in commit.answers {
                if let Some(request) = self.waiting.remove(&ticket) {
                    respond(request, commit.position, answer);
                }
            }
        }
    }

    fn publish(&mut self, folded: Folded) {
        let _ = self.inner.events.send(folded.clone());
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(folded);
    }

    fn announce(&self, shown: u64) {
        if let Some(folded) = self.inner.folded.get(self.partition as usize) {
            folded.send_replace(shown);
        }
        self.inner.folds.send_modify(|folds| *folds += 1);
    }

    /// Somebody else's commit came first: folds what the log holds, and decides the waiting commands anew.
    fn again(&mut self) -> Result<(), EngineError> {
        metrics::counter!("mirano_void_total").increment(1);
        self.in_flight = FuturesOrdered::new();
        self.recent.clear();
        let options = &self.inner.options;
        catch_up(&*options.log, &options.views, self.partition, |_, _| ())?;
        // Where the views stand, not where the log is: it may have gone on since.
        let anchor: Option<AnchorRow> = options.views.row(&key::anchor(self.partition))?;
        let head = match anchor {
            Some(anchor) => Head { partition: self.partition, next_seq: anchor.next_seq, hash: anchor.hash },
            None => Head::genesis(options.log.log_id(), self.partition),
        };
        let tickets = self.state.void(head, &*options.views)?;
        self.announce(head.next_seq);
        // What all did meanwhile comes first: who is decided before it would wait for what is known already.
        self.look_around()?;
        for ticket in tickets {
            if let Some(request) = self.waiting.remove(&ticket) {
                self.give(ticket, request);
            }
        }
        self.note_expiry()
    }

    /// Looks at what all partitions folded since, and reacts.
    fn look_around(&mut self) -> Result<(), EngineError> {
        let inner = Arc::clone(&self.inner);
        for (foreign, folded) in (0u32..).zip(&inner.folded) {
            let shown = *folded.borrow();
            while self.state.cursor(foreign) < shown && self.state.in_flight() < MOST_IN_FLIGHT {
                for seen in self.read(foreign, shown)? {
                    let options = &self.inner.options;
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
        let commits = self.inner.options.log.read(foreign, next, LOOK_BYTES)?;
        let visible = commits.into_iter().filter(|commit| commit.position.seq < shown);
        visible.map(|commit| decode(&commit)).collect()
    }

    fn note_expiry(&mut self) -> Result<(), EngineError> {
        self.expiry_after = None;
        let views = &self.inner.options.views;
        let first = views.keys(Table::LeaseEnd, &self.partition.to_be_bytes(), &[], 1)?;
        let due = first.first().and_then(|place| place.get(4..12)).map(mirano_replay::apply::be_u64);
        self.next_expiry = due.map(|due| Timestamp(i64::try_from(due).unwrap_or(i64::MAX)));
        Ok(())
    }

    /// A lease that ends before all others is due first. That the first one is given back moves nothing: a look at leases
    /// of which none has ended changes nothing, and finds the next.
    fn hasten_expiry(&mut self, changes: &Changes) {
        let due =
            changes.first_put(Table::LeaseEnd).and_then(|place| place.get(4..12)).map(mirano_replay::apply::be_u64);
        let due = due.map(|due| Timestamp(i64::try_from(due).unwrap_or(i64::MAX)));
        self.next_expiry = self.next_expiry.into_iter().chain(due).min();
    }

    fn expiry_in(&self) -> Option<Duration> {
        let due = self.next_expiry?;
        Some(Duration::from_millis(due.since_ms(self.inner.options.clock.now()) + 1))
    }

    fn expire(&mut self) -> Result<(), EngineError> {
        // Asked again when all that is in flight is folded; meanwhile a second would find the same leases.
        self.next_expiry = None;
        let (answer, _) = oneshot::channel();
        self.take(Request {
            command: Arc::new(Command::ExpireLeases),
            answer,
            span: tracing::info_span!("expire_leases"),
        });
        match self.state.in_flight() {
            0 => {
                self.note_expiry()?;
                // A clock that stepped back finds nothing due, and looks again.
                let soon = self.inner.options.clock.now().plus_ms(1_000);
                self.next_expiry = self.next_expiry.map(|due| due.max(soon));
                Ok(())
            }
            _ => {
                self.expiry_after = Some(self.state.head().next_seq);
                Ok(())
            }
        }
    }
}

fn decode(commit: &Committed) -> Result<Folded, EngineError> {
    let at = commit.position;
    let body = CommitBody::decode(commit.body()).map_err(|error| EngineError::Decode { at, error })?;
    Ok(Folded { position: at, body: Arc::new(body) })
}

fn respond(request: Request, position: Position, answer: Result<Reply, DecideError>) {
    let answer = match answer {
        Ok(reply) => Ok(Answer { reply, position }),
        Err(DecideError::Rejection(rejection)) => Err(EngineError::Rejected(rejection)),
        Err(DecideError::Apply(error)) => Err(EngineError::Apply(error)),
        Err(error) => Err(EngineError::Stopped { partition: position.partition, reason: error.to_string() }),
    };
    // A caller that went away has its answer in the views.
    let _ = request.answer.send(answer);
}
