//! Folding the log into the views: at start, and for a rebuild.

use super::{EngineError, Folded};
use crate::sequencer::Sequencer;
use crate::views::Views;
use mirano_replay::apply;
use mirano_replay::overlay::Overlay;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::ReadExt;
use mirano_schemas::Position;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::Head;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bytes of log that are folded into one batch of writes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What a catch-up did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// Commits folded.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
}

/// Folds one partition from where the views stand to the durable head. Refuses when the views do not fit the log.
pub fn catch_up(
    log: &dyn Sequencer,
    views: &Views,
    partition: u32,
    mut progress: impl FnMut(u64, u64),
) -> Result<CatchUp, EngineError> {
    catch_up_in(log, views, partition, BATCH_BYTES, |next, end| {
        progress(next, end);
        ControlFlow::Continue(())
    })
}

/// The same in batches of about `batch_bytes` of log (a batch holds a whole commit at least), until `progress`, which is
/// told the next seq and the end after each batch, breaks off. A later call goes on from there.
pub fn catch_up_in(
    log: &dyn Sequencer,
    views: &Views,
    partition: u32,
    batch_bytes: usize,
    progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<CatchUp, EngineError> {
    fold(log, views, partition, batch_bytes, |_, _| (), progress)
}

/// Where the views of a partition stand.
pub(super) fn shown(log: &dyn Sequencer, views: &Views, partition: u32) -> Result<Head, EngineError> {
    let anchor: Option<AnchorRow> = views.row(&key::anchor(partition))?;
    Ok(match anchor {
        Some(anchor) => Head { partition, next_seq: anchor.next_seq, hash: anchor.hash },
        None => Head::genesis(log.log_id(), partition),
    })
}

/// The same for an engine that runs: `visible` is told each batch of commits as soon as the views show it.
pub(super) fn follow(
    log: &dyn Sequencer,
    views: &Views,
    partition: u32,
    mut visible: impl FnMut(Vec<Folded>),
) -> Result<CatchUp, EngineError> {
    let batch = RefCell::new(Vec::new());
    let kept = |position, body| batch.borrow_mut().push(Folded { position, body: Arc::new(body) });
    fold(log, views, partition, BATCH_BYTES, kept, |_, _| {
        visible(batch.take());
        ControlFlow::Continue(())
    })
}

fn fold(
    log: &dyn Sequencer,
    views: &Views,
    partition: u32,
    batch_bytes: usize,
    mut each: impl FnMut(Position, CommitBody),
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<CatchUp, EngineError> {
    let start = shown(log, views, partition)?;
    log.check_anchor(&start)?;
    let mut done = CatchUp::default();
    let mut next = start.next_seq;
    let end = log.head(partition).next_seq;
    while next < end {
        let batch = log.read(partition, next, batch_bytes)?;
        let mut overlay = Overlay::new(views);
        for commit in &batch {
            let at = commit.position;
            let body = CommitBody::decode(commit.body()).map_err(|error| EngineError::Decode { at, error })?;
            apply::commit(&mut overlay, at, commit.hash, &body)?;
            done.commits += 1;
            done.events += body.events.len() as u64;
            next = at.seq + 1;
            each(at, body);
        }
        views.write(&overlay.into_changes()?, batch.len())?;
        if progress(next, end).is_break() {
            break;
        }
    }
    Ok(done)
}
