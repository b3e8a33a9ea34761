//! The second half of a partition: writes what settled into the views, tells everybody, and answers.
//!
//! It has a thread of its own, so that the next decisions are made meanwhile: they read the changes from the overlay until
//! these are written. It promises what the loop promises: nothing goes out before the views show it.

use super::EngineError;
use super::handle::{Answer, Folded, Shared};
use super::partition::{Forgotten, Settled};
use super::runtime::Request;
use super::runtime::due::{Dues, dues};
use crate::core::command::Reply;
use crate::core::decision::DecideError;
use mirano_replay::overlay::Changes;
use mirano_replay::store::StoreError;
use mirano_schemas::Position;
use std::mem;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tokio::sync::mpsc::UnboundedSender;

/// Who asked, and what is to be said when the views show the commit that it rests on.
pub(super) type Due = (Request, Position, Result<Reply, DecideError>);

/// Commits that settled together, in order; and the answers that are due with them.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) settled: Vec<Settled>,
    pub(super) due: Vec<Due>,
    pub(super) forgotten: Vec<Forgotten>,
}

/// What the views show now.
pub(super) struct Written {
    /// What they say that is due, of what changed.
    pub(super) due: Dues,
    pub(super) commits: Vec<Folded>,
    /// Batches that it was.
    pub(super) batches: usize,
}

/// A partition's writer, as its loop holds it.
pub(super) struct Writer {
    /// None only while it ends.
    batches: Option<mpsc::Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
    written: tokio::sync::mpsc::UnboundedReceiver<Result<Written, StoreError>>,
    /// Batches that are not written yet, and commits in them.
    waiting: usize,
    unwritten: usize,
    /// To be freed by the thread, beside the next batch.
    forgotten: Vec<Forgotten>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(shared: Arc<Shared>, partition: u32) -> Result<Self, EngineError> {
        let (batches, receiver) = mpsc::channel();
        let (done, written) = tokio::sync::mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name(format!("views-{partition}"))
            .spawn(move || run(&shared, partition, &receiver, &done))
            .map_err(|error| EngineError::Stopped { partition, reason: error.to_string() })?;
        Ok(Self {
            batches: Some(batches),
            thread: Some(thread),
            written,
            waiting: 0,
            unwritten: 0,
            forgotten: Vec::new(),
        })
    }

    /// Commits that the views do not show yet.
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// Whether all that was given is written.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// Has a batch written. A writer that ended tells why through [`Self::next`].
    pub(super) fn give(&mut self, mut batch: Batch) {
        batch.forgotten = mem::take(&mut self.forgotten);
        self.waiting += 1;
        self.unwritten += batch.settled.len();
        if let Some(batches) = &self.batches
            && let Err(mpsc::SendError(batch)) = batches.send(batch)
        {
            for (request, position, _) in batch.due {
                let reason = "its views can't be written".to_owned();
                let _ = request.answer.send(Err(EngineError::Stopped { partition: position.partition, reason }));
            }
        }
    }

    /// Has rows freed that nobody needs.
    pub(super) fn forget(&mut self, rows: Forgotten) {
        self.forgotten.push(rows);
    }

    /// What was written next. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Written, StoreError> {
        let ended = || Err(StoreError::Storage("the thread that writes the views has ended".to_owned()));
        let written = self.written.recv().await.unwrap_or_else(ended)?;
        self.waiting -= written.batches;
        self.unwritten -= written.commits.len();
        Ok(written)
    }
}

/// What was given is written before it is gone.
impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    shared: &Shared,
    partition: u32,
    batches: &mpsc::Receiver<Batch>,
    done: &UnboundedSender<Result<Written, StoreError>>,
) {
    let mut forgotten = Vec::new();
    while let Ok(mut batch) = batches.recv() {
        let mut count = 1;
        while let Ok(more) = batches.try_recv() {
            batch.settled.extend(more.settled);
            batch.due.extend(more.due);
            batch.forgotten.extend(more.forgotten);
            count += 1;
        }
        forgotten.append(&mut batch.forgotten);
        match write(shared, partition, &mut batch.settled) {
            Ok((changes, commits)) => {
                let _ = done.send(Ok(Written { due: dues(&changes), commits, batches: count }));
                for (request, position, answer) in batch.due {
                    respond(request, position, answer);
                }
                // Twice what came, so that no more than one generation is ever left; and not more, so that the next is not late.
                forgotten.retain_mut(|rows: &mut Forgotten| rows.free(2 * changes.len()));
            }
            Err(error) => {
                let reason = error.to_string();
                let _ = done.send(Err(error));
                for (request, position, _) in batch.due {
                    let stopped = EngineError::Stopped { partition: position.partition, reason: reason.clone() };
                    let _ = request.answer.send(Err(stopped));
                }
                return;
            }
        }
    }
}

/// Writes the changes of all these commits at once, and tells who listens.
fn write(shared: &Shared, partition: u32, settled: &mut Vec<Settled>) -> Result<(Changes, Vec<Folded>), StoreError> {
    let mut changes = Changes::new();
    for commit in settled.iter_mut() {
        changes.extend(std::mem::take(&mut commit.changes));
    }
    let Some(last) = settled.last().map(|commit| commit.position) else { return Ok((changes, Vec::new())) };
    shared.options.views.write(&changes, settled.len())?;
    metrics::counter!("mirano_commits_total").increment(settled.len() as u64);
    let folded = |commit: Settled| Folded { position: commit.position, body: Arc::new(commit.body) };
    let commits: Vec<Folded> = settled.drain(..).map(folded).collect();
    for commit in &commits {
        let _ = shared.events.send(commit.clone());
    }
    shared.announce(partition, last.seq + 1);
    Ok((changes, commits))
}

/// Answers who asked.
pub(super) fn respond(request: Request, position: Position, answer: Result<Reply, DecideError>) {
    let answer = match answer {
        Ok(reply) => Ok(Answer { reply, position }),
        Err(DecideError::Rejection(rejection)) => Err(EngineError::Rejected(rejection)),
        Err(DecideError::Apply(error)) => Err(EngineError::Apply(error)),
        Err(error) => Err(EngineError::Stopped { partition: position.partition, reason: error.to_string() }),
    };
    // A caller that went away has its answer in the views.
    let _ = request.answer.send(answer);
}
