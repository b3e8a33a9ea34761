//! Folding a log up to a moment, verifying on the way.

mod gather;
mod part;
mod state;

pub use state::State;

use super::pool::beside;
use super::until::{Until, UntilError, ends};
use crate::sequencer::Sequencer;
use crossbeam_channel::unbounded;
use gather::Run;
use mirano_replay::verify::{Finding, Persons};
use mirano_schemas::envelope::Head;
use mirano_schemas::{Position, Timestamp};
use part::Part;
use state::Shard;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Whoever follows a replay is told after so many bytes.
const TELL_BYTES: u64 = 1024 * 1024;

/// Where a replay is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Step {
    /// Commits folded.
    pub commits: u64,
    /// Commits in all.
    pub of: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Events in them.
    pub events: u64,
    /// Facts whose id was recomputed.
    pub facts: u64,
    /// Findings so far.
    pub findings: u64,
}

/// What the log gave.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// All rows.
    pub store: State,
    /// Where each partition stands in them.
    pub heads: Vec<Head>,
    /// When the last of the commits was recorded.
    pub recorded_at: Timestamp,
    /// How much it was.
    pub step: Step,
    /// What does not fit.
    pub findings: Vec<Finding>,
    /// Whether it was broken off.
    pub broken_off: bool,
}

/// Folds the commits up to a moment, or all: [`replay_to`] where it [`ends`].
pub fn replay(
    log: &dyn Sequencer,
    until: Option<&Until>,
    persons: &dyn Persons,
    progress: impl FnMut(&Step) -> ControlFlow<()> + Send,
) -> Result<Replayed, UntilError> {
    Ok(replay_to(log, &ends(log, until)?, persons, progress))
}

/// Folds so many commits of each partition, recomputing facts and observations on the way. Each partition has a thread that
/// reads and one that folds; decoding, hashing, roots and the rows of facts are done on all cores. `progress` is told after
/// each megabyte, and may break off. A commit that can't be had, decoded or folded ends its partition with a finding.
pub fn replay_to(
    log: &dyn Sequencer,
    ends: &[u64],
    persons: &dyn Persons,
    progress: impl FnMut(&Step) -> ControlFlow<()> + Send,
) -> Replayed {
    let told = Mutex::new((Step { of: ends.iter().sum(), ..Step::default() }, progress, 0, false));
    // Adds to what was done, and tells; whether to go on.
    let tell = |more: Step| -> bool {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let (step, progress, due, broken_off) = &mut *told;
        step.commits += more.commits;
        step.bytes += more.bytes;
        step.events += more.events;
        step.facts += more.facts;
        step.findings += more.findings;
        if !*broken_off && (step.bytes >= *due || step.commits == step.of || more.findings > 0) {
            *due = step.bytes + TELL_BYTES;
            *broken_off = progress(step).is_break();
        }
        !*broken_off
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut parts: Vec<Part> = beside(cores, |pool| {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut parts = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some((end, partition)) = ends.get(number).zip(u32::try_from(number).ok()) else { return parts };
                parts.push(Part::fold(log, partition, *end, persons, pool, &tell));
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores.min(ends.len())).map(|_| scope.spawn(work)).collect();
            let done = workers.into_iter().flat_map(|worker| match worker.join() {
                Ok(parts) => parts,
                Err(panic) => resume_unwind(panic),
            });
            done.collect()
        })
    });
    parts.sort_by_key(|part| part.head.partition);
    let (step, .., broken_off) = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut out = Replayed { step, broken_off, ..Replayed::default() };
    let mut runs = Vec::new();
    let mut sound = true;
    for part in &mut parts {
        sound &= part.put_together(&mut runs);
    }
    let facts = if sound { shards(runs, cores) } else { None };
    match facts {
        Some(facts) => {
            out.store.facts = facts;
            parts.iter_mut().for_each(|part| out.store.rows.absorb(std::mem::take(&mut part.store)));
        }
        // Somewhere an event speaks of what is not there: the commits before it, one by one.
        None => parts.iter_mut().for_each(|part| out.store.rows.absorb(part.plainly(log))),
    }
    for part in parts {
        out.heads.push(part.head);
        out.recorded_at = out.recorded_at.max(part.recorded_at);
        out.findings.extend(part.findings);
    }
    out.step.findings = out.findings.len() as u64;
    out
}

/// The rows of facts, put together on all cores; none when they can't be.
fn shards(runs: Vec<Run>, cores: usize) -> Option<Vec<Shard>> {
    let (give, results) = unbounded();
    beside(cores, |pool| {
        for (number, parts) in gather::by_shard(runs).into_iter().enumerate() {
            let give = give.clone();
            pool.first(move || {
                // The receiver outlives the threads.
                let _ = give.send((number, gather::shard(parts)));
            });
        }
    });
    drop(give);
    let mut out: Vec<_> = results.into_iter().collect();
    out.sort_by_key(|(number, _)| *number);
    out.into_iter().map(|(_, shard)| shard.ok().flatten()).collect()
}

impl Replayed {
    /// The positions of the last commits, by partition; none of an empty one.
    pub fn cut(&self) -> Vec<Position> {
        let last = |head: &Head| Some(Position { partition: head.partition, seq: head.next_seq.checked_sub(1)? });
        self.heads.iter().filter_map(last).collect()
    }
}
