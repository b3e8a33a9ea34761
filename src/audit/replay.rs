//! Folding a log up to a moment, verifying on the way.

use super::until::{Until, UntilError, ends};
use super::verify::read_finding;
use crate::sequencer::{Committed, Sequencer};
use mirano_replay::apply;
use mirano_replay::overlay::Overlay;
use mirano_replay::store::MemoryStore;
use mirano_replay::verify::{Finding, Kind, Looked, PartitionAudit, Persons, RootCheck, Trust, facts};
use mirano_schemas::codec::{CommitBody, DecodeError};
use mirano_schemas::envelope::Head;
use mirano_schemas::{Position, Timestamp};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, channel, sync_channel};
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

/// Folds the commits up to a moment, or all: [`replay_to`] where it [`ends`].
pub fn replay(
    log: &dyn Sequencer,
    until: Option<&Until>,
    persons: &dyn Persons,
    progress: impl FnMut(&Step) -> ControlFlow<()> + Send,
) -> Result<Replayed, UntilError> {
    Ok(replay_to(log, &ends(log, until)?, persons, progress))
}

/// Folds so many commits of each partition, recomputing facts and observations on the way; several partitions at once, since
/// each row is written by the events of one, and each read and decoded ahead of its fold. `progress` is told after each few
/// megabytes, and may break off. A commit that can't be had, decoded or folded ends its partition with a finding.
pub fn replay_to(
    log: &dyn Sequencer,
    ends: &[u64],
    persons: &dyn Persons,
    progress: impl FnMut(&Step) -> ControlFlow<()> + Send,
) -> Replayed {
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
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Each partition has a thread that folds and one that reads; what is left of the cores decodes.
    let workers = (cores / ends.len().max(1)).saturating_sub(1).max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut parts = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((end, partition)) = ends.get(number).zip(u32::try_from(number).ok()) else { return parts };
            parts.push(one(log, partition, *end, persons, workers, &tell));
        }
    };
    let threads = cores.min(ends.len());
    let mut parts: Vec<Part> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().flat_map(|worker| match worker.join() {
            Ok(parts) => parts,
            Err(panic) => resume_unwind(panic),
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
    out
}

/// Commits that were read and decoded, and the ids of whose facts were recomputed.
struct Batch {
    commits: Vec<(Committed, Result<CommitBody, DecodeError>)>,
    looked: Looked,
}

/// Reads a partition up to `end` and hands over its commits, until an error or until nobody takes them.
fn read(
    log: &dyn Sequencer,
    partition: u32,
    end: u64,
    persons: &dyn Persons,
    workers: usize,
    out: &SyncSender<Result<Batch, Finding>>,
) {
    let mut next = 0;
    while next < end {
        let mut commits = match log.read(partition, next, READ_BYTES) {
            Ok(commits) => commits,
            Err(error) => {
                // Nobody listens any more only if the fold has ended.
                let _ = out.send(Err(read_finding(partition, next, &error)));
                return;
            }
        };
        commits.retain(|commit| commit.position.seq < end);
        let Some(last) = commits.last() else { return };
        next = last.position.seq + 1;
        if out.send(Ok(decoded(commits, persons, workers))).is_err() {
            return;
        }
    }
}

fn decoded(commits: Vec<Committed>, persons: &dyn Persons, workers: usize) -> Batch {
    let look = |part: &[Committed]| -> (Vec<Result<CommitBody, DecodeError>>, Looked) {
        let mut looked = Looked::default();
        let bodies = part.iter().map(|commit| {
            let body = CommitBody::decode(commit.body())?;
            facts(commit.position, &body, persons, &mut looked);
            Ok(body)
        });
        (bodies.collect(), looked)
    };
    let each = commits.len().div_ceil(workers).max(1);
    let parts: Vec<_> = if workers == 1 {
        vec![look(&commits)]
    } else {
        std::thread::scope(|scope| {
            let look = &look;
            let workers: Vec<_> = commits.chunks(each).map(|part| scope.spawn(move || look(part))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    };
    let (mut bodies, mut looked) = (Vec::with_capacity(commits.len()), Looked::default());
    for (part, found) in parts {
        bodies.extend(part);
        looked.facts += found.facts;
        looked.sealed += found.sealed;
        looked.findings.extend(found.findings);
    }
    Batch { commits: commits.into_iter().zip(bodies).collect(), looked }
}

/// Folds one partition up to `end`, while another thread reads and decodes what follows, with so many workers.
fn one(
    log: &dyn Sequencer,
    partition: u32,
    end: u64,
    persons: &dyn Persons,
    workers: usize,
    tell: &(dyn Fn(Step) -> bool + Sync),
) -> Part {
    let head = Head::genesis(log.log_id(), partition);
    let mut part =
        Part { store: MemoryStore::default(), head, recorded_at: Timestamp::default(), findings: Vec::new() };
    let mut audit = PartitionAudit::new();
    std::thread::scope(|scope| {
        let (send, batches) = sync_channel(1);
        scope.spawn(move || read(log, partition, end, persons, workers, &send));
        let (roots, unchecked) = channel::<Vec<RootCheck>>();
        let checker =
            scope.spawn(move || unchecked.into_iter().flatten().filter_map(|root| root.check()).collect::<Vec<_>>());
        for batch in batches {
            let before = (part.findings.len() + audit.findings().len()) as u64;
            let mut step = Step::default();
            let mut go_on = true;
            match batch {
                Err(finding) => part.findings.push(finding),
                Ok(batch) => {
                    step.facts = batch.looked.facts;
                    part.findings.extend(batch.looked.findings);
                    if let Err(finding) = fold(&mut part, &mut audit, batch.commits, &mut step) {
                        part.findings.push(finding);
                        go_on = false;
                    }
                }
            }
            // It ends only when nothing more is sent.
            let _ = roots.send(audit.take_roots());
            step.findings = (part.findings.len() + audit.findings().len()) as u64 - before;
            if !(tell(step) && go_on) {
                break;
            }
        }
        drop(roots);
        part.findings.extend(checker.join().unwrap_or_else(|panic| resume_unwind(panic)));
    });
    part.findings.extend(audit.findings().iter().cloned());
    part
}

/// Folds commits; a finding why one can't be folded, those before it are. A row that several of them change becomes bytes once.
fn fold(
    part: &mut Part,
    audit: &mut PartitionAudit,
    commits: Vec<(Committed, Result<CommitBody, DecodeError>)>,
    step: &mut Step,
) -> Result<(), Finding> {
    let mut failed = None;
    let mut overlay = Overlay::new(&part.store);
    let mut last = Position { partition: part.head.partition, seq: part.head.next_seq };
    for (commit, body) in commits {
        last = commit.position;
        let at = commit.position;
        if commit.envelope.prev != part.head.hash {
            failed = Some(Finding::at(Kind::Chain, at, "it is not decided upon the commit before it"));
            break;
        }
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                let kind = if matches!(error, DecodeError::NeedsVersion(..)) { Kind::Newer } else { Kind::Malformed };
                failed = Some(Finding::at(kind, at, error.to_string()));
                break;
            }
        };
        audit.commit(at, &body, Trust::Nothing);
        if let Err(error) = apply::commit(&mut overlay, at, commit.hash, &body) {
            failed = Some(Finding::at(Kind::Fold, at, error.to_string()));
            break;
        }
        part.head = commit.head();
        part.recorded_at = part.recorded_at.max(body.head.recorded_at);
        step.commits += 1;
        step.bytes += commit.record.len() as u64;
        step.events += body.events.len() as u64;
    }
    let written = overlay.into_changes().and_then(|changes| changes.write_to(&mut part.store));
    written.map_err(|error| Finding::at(Kind::Fold, last, error.to_string()))?;
    failed.map_or(Ok(()), Err)
}

impl Replayed {
    /// The positions of the last commits, by partition; none of an empty one.
    pub fn cut(&self) -> Vec<Position> {
        let last = |head: &Head| Some(Position { partition: head.partition, seq: head.next_seq.checked_sub(1)? });
        self.heads.iter().filter_map(last).collect()
    }
}
