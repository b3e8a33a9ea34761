//! Folding the log into the views: at start, and for a rebuild.

use super::{EngineError, Folded};
use crate::sequencer::Sequencer;
use crate::views::Views;
use mirano_replay::apply;
use mirano_replay::overlay::Overlay;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::ReadExt;
use mirano_replay::verify::names;
use mirano_schemas::Position;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::Head;
use std::cell::RefCell;
use std::collections::BTreeMap;
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
    Ok(fold(log, views, partition, batch_bytes, |_| None, |_, _| (), progress)?.0)
}

/// What a commit rests on in other partitions: its cause, what had been looked at, and the observations that it names.
/// Whoever decides on its rows reads those as well, so views that show it must show them.
pub fn rests_on(own: u32, body: &CommitBody) -> impl Iterator<Item = Position> + use<> {
    let mut named = Vec::new();
    names(body, |at| named.push(at));
    // A cursor is the place behind the last that was looked at.
    let looked = body.head.cursors.iter().filter_map(|next| Some(Position { seq: next.seq.checked_sub(1)?, ..*next }));
    named.extend(looked);
    named.into_iter().filter(move |at| at.partition != own)
}

/// As [`catch_up`], for one of several nodes: notes in `rests` how far each other partition must be folded as well.
pub(super) fn catch_up_noting(
    log: &dyn Sequencer,
    views: &Views,
    partition: u32,
    rests: &mut BTreeMap<u32, u64>,
) -> Result<CatchUp, EngineError> {
    let note = |_, body: CommitBody| {
        for at in rests_on(partition, &body) {
            let most = rests.entry(at.partition).or_default();
            *most = at.seq.max(*most);
        }
    };
    Ok(fold(log, views, partition, BATCH_BYTES, |_| None, note, |_, _| ControlFlow::Continue(()))?.0)
}

/// Where the views of a partition stand.
pub(super) fn shown(log: &dyn Sequencer, views: &Views, partition: u32) -> Result<Head, EngineError> {
    let anchor: Option<AnchorRow> = views.row(&key::anchor(partition))?;
    Ok(match anchor {
        Some(anchor) => Head { partition, next_seq: anchor.next_seq, hash: anchor.hash },
        None => Head::genesis(log.log_id(), partition),
    })
}

/// The same for an engine that runs: `visible` is told each batch of commits as soon as the views show it. Ends early at a
/// commit that rests on what the views lack, and returns that.
pub(super) fn follow(
    log: &dyn Sequencer,
    views: &Views,
    partition: u32,
    lacks: impl FnMut(&CommitBody) -> Option<Position>,
    mut visible: impl FnMut(Vec<Folded>),
) -> Result<Option<Position>, EngineError> {
    let batch = RefCell::new(Vec::new());
    let kept = |position, body| batch.borrow_mut().push(Folded { position, body: Arc::new(body) });
    let told = |_, _| {
        visible(batch.take());
        ControlFlow::Continue(())
    };
    Ok(fold(log, views, partition, BATCH_BYTES, lacks, kept, told)?.1)
}

fn fold(
    log: &dyn Sequencer,
    views: &Views,
    partition: u32,
    batch_bytes: usize,
    mut lacks: impl FnMut(&CommitBody) -> Option<Position>,
    mut each: impl FnMut(Position, CommitBody),
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<(CatchUp, Option<Position>), EngineError> {
    let start = shown(log, views, partition)?;
    log.check_anchor(&start)?;
    let mut done = CatchUp::default();
    let mut next = start.next_seq;
    let end = log.head(partition).next_seq;
    let mut missing = None;
    while next < end && missing.is_none() {
        let batch = log.read(partition, next, batch_bytes)?;
        let mut overlay = Overlay::new(views);
        let mut folded = 0;
        for commit in &batch {
            let at = commit.position;
            let body = CommitBody::decode(commit.body()).map_err(|error| EngineError::Decode { at, error })?;
            missing = lacks(&body);
            if missing.is_some() {
                break;
            }
            apply::commit(&mut overlay, at, commit.hash, &body)?;
            done.commits += 1;
            done.events += body.events.len() as u64;
            next = at.seq + 1;
            folded += 1;
            each(at, body);
        }
        views.write(&overlay.into_changes()?, folded)?;
        if progress(next, end).is_break() {
            break;
        }
    }
    Ok((done, missing))
}
