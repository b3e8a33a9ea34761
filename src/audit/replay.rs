//! Folding a log up to a moment, verifying on the way.

use super::until::{Until, ends};
use super::verify::read_finding;
use crate::sequencer::{Committed, ReadError, Sequencer};
use mirano_replay::apply;
use mirano_replay::store::MemoryStore;
use mirano_replay::verify::{Finding, Kind, Looked, PartitionAudit, Persons, Trust, facts};
use mirano_schemas::codec::{CommitBody, DecodeError};
use mirano_schemas::envelope::Head;
use mirano_schemas::{Position, Timestamp};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const READ_BYTES: usize = 4 * 1024 * 1024;

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
    pub store: MemoryStore,
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

/// What one partition gave.
struct Part {
    store: MemoryStore,
    head: Head,
    recorded_at: Timestamp,
    findings: Vec<Finding>,
}

/// Folds the commits up to a moment, or all, recomputing facts and observations on the way; several partitions at once,
/// since each row is written by the events of one. `progress` is told after each few megabytes, and may break off. A commit
/// that can't be had, decoded or folded ends its partition with a finding.
pub fn replay(
    log: &dyn Sequencer,
    until: Option<&Until>,
    persons: &dyn Persons,
    progress: impl FnMut(&Step) -> ControlFlow<()> + Send,
) -> Result<Replayed, ReadError> {
    let ends = ends(log, until)?;
    let told = Mutex::new((Step { of: ends.iter().sum(), ..Step::default() }, progress, false));
    // Adds to what was done, and tells; whether to go on.
    let tell = |more: Step| -> bool {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let (step, progress, broken_off) = &mut *told;
        step.commits += more.commits;
        step.bytes += more.bytes;
        step.events += more.events;
        step.facts += more.facts;
        step.findings += more.findings;
        *broken_off = *broken_off || progress(step).is_break();
        !*broken_off
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut parts = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((end, partition)) = ends.get(number).zip(u32::try_from(number).ok()) else { return parts };
            parts.push(one(log, partition, *end, persons, &tell));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(ends.len());
    let mut parts: Vec<Part> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().flat_map(|worker| match worker.join() {
            Ok(parts) => parts,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.collect()
    });
    parts.sort_by_key(|part| part.head.partition);
    let (step, _, broken_off) = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut out = Replayed { step, broken_off, ..Replayed::default() };
    for part in parts {
        out.store.absorb(part.store);
        out.heads.push(part.head);
        out.recorded_at = out.recorded_at.max(part.recorded_at);
        out.findings.extend(part.findings);
    }
    out.step.findings = out.findings.len() as u64;
    Ok(out)
}

/// Folds one partition up to `end`.
fn one(
    log: &dyn Sequencer,
    partition: u32,
    end: u64,
    persons: &dyn Persons,
    tell: &(dyn Fn(Step) -> bool + Sync),
) -> Part {
    let head = Head::genesis(log.log_id(), partition);
    let mut part =
        Part { store: MemoryStore::default(), head, recorded_at: Timestamp::default(), findings: Vec::new() };
    let mut audit = PartitionAudit::new();
    let mut go_on = true;
    while part.head.next_seq < end && go_on {
        let commits = match log.read(partition, part.head.next_seq, READ_BYTES) {
            Ok(commits) => commits,
            Err(error) => {
                part.findings.push(read_finding(partition, part.head.next_seq, &error));
                break;
            }
        };
        let before = (part.findings.len() + audit.findings().len()) as u64;
        let (mut step, mut looked) = (Step::default(), Looked::default());
        go_on = !commits.is_empty();
        for commit in commits.iter().take_while(|commit| commit.position.seq < end) {
            match fold(&mut part, &mut audit, commit, persons, &mut looked) {
                Ok(events) => {
                    step.commits += 1;
                    step.bytes += commit.record.len() as u64;
                    step.events += events;
                }
                Err(finding) => {
                    part.findings.push(finding);
                    go_on = false;
                    break;
                }
            }
        }
        part.findings.extend(looked.findings);
        step.facts = looked.facts;
        step.findings = (part.findings.len() + audit.findings().len()) as u64 - before;
        go_on = tell(step) && go_on;
    }
    part.findings.extend(audit.findings().iter().cloned());
    part
}

/// Folds a commit; how many events it has, or why it can't be folded.
fn fold(
    part: &mut Part,
    audit: &mut PartitionAudit,
    commit: &Committed,
    persons: &dyn Persons,
    looked: &mut Looked,
) -> Result<u64, Finding> {
    let at = commit.position;
    if commit.envelope.prev != part.head.hash {
        return Err(Finding::at(Kind::Chain, at, "it is not decided upon the commit before it"));
    }
    let body = CommitBody::decode(commit.body()).map_err(|error| {
        let kind = if matches!(error, DecodeError::NeedsVersion(..)) { Kind::Newer } else { Kind::Malformed };
        Finding::at(kind, at, error.to_string())
    })?;
    facts(at, &body, persons, looked);
    audit.commit(at, &body, Trust::Nothing);
    apply::commit(&mut part.store, at, commit.hash, &body)
        .map_err(|error| Finding::at(Kind::Fold, at, error.to_string()))?;
    part.head = commit.head();
    part.recorded_at = part.recorded_at.max(body.head.recorded_at);
    Ok(body.events.len() as u64)
}

impl Replayed {
    /// The positions of the last commits, by partition; none of an empty one.
    pub fn cut(&self) -> Vec<Position> {
        let last = |head: &Head| Some(Position { partition: head.partition, seq: head.next_seq.checked_sub(1)? });
        self.heads.iter().filter_map(last).collect()
    }
}
