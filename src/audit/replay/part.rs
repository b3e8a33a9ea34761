//! One partition of a log, folded in order; what needs no order is given to the pool.

use super::super::parts::in_parts;
use super::super::pool::Pool;
use super::super::verify::read_finding;
use super::Step;
use super::gather::{Gather, Gathered, Run};
use crate::sequencer::{Committed, Sequencer};
use crossbeam_channel::{Receiver, Sender, unbounded};
use mirano_replay::apply;
use mirano_replay::overlay::Overlay;
use mirano_replay::store::{MemoryStore, ReadExt, StoreError, Table};
use mirano_replay::verify::{Finding, Kind, Looked, PartitionAudit, Persons, RootCheck, Trust, facts};
use mirano_schemas::codec::{CommitBody, DecodeError};
use mirano_schemas::envelope::Head;
use mirano_schemas::{Position, Root, Timestamp};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// About so many bytes of commits are read at once.
const READ_BYTES: usize = 1024 * 1024;
/// About so many go through the pool at once: what was decoded of them, several times as much, is still in the caches of a core
/// when rows are made of it.
const PART_BYTES: usize = 96 * 1024;

/// Commits that were read and decoded, and the ids of whose facts were recomputed.
struct Batch {
    commits: Vec<(Committed, Result<CommitBody, DecodeError>)>,
    looked: Looked,
}

/// What the pool made of a batch after it was folded.
struct Made {
    number: usize,
    facts: Result<Run, StoreError>,
    findings: Vec<Finding>,
}

/// What one partition gave.
pub(super) struct Part {
    /// Rows of everything but facts.
    pub(super) store: MemoryStore,
    /// Where it ended.
    pub(super) head: Head,
    /// When the last commit was recorded.
    pub(super) recorded_at: Timestamp,
    /// What does not fit.
    pub(super) findings: Vec<Finding>,
    /// Roots of sets that were shown.
    sets: Vec<Root>,
    /// Pages of sets, by whoever recomputed their roots.
    pages: Arc<Mutex<MemoryStore>>,
    made: Receiver<Made>,
    /// A commit could not be folded.
    failed: bool,
}

impl Part {
    /// Folds a partition up to `end`. Call [`Part::put_together`] when the pool has done everything.
    pub(super) fn fold<'a>(
        log: &dyn Sequencer,
        partition: u32,
        end: u64,
        persons: &'a dyn Persons,
        pool: &Pool<'a>,
        tell: &(dyn Fn(Step) -> bool + Sync),
    ) -> Self {
        let (make, made) = unbounded();
        let mut part = Self {
            store: MemoryStore::default(),
            head: Head::genesis(log.log_id(), partition),
            recorded_at: Timestamp::default(),
            findings: Vec::new(),
            sets: Vec::new(),
            pages: Arc::default(),
            made,
            failed: false,
        };
        let mut audit = PartitionAudit::new();
        let mut number = 0;
        let unread = pool.in_order(
            |hand| read(log, partition, end, hand),
            move |commits| decoded(commits, persons),
            |batch: Batch| {
                let before = (part.findings.len() + audit.findings().len()) as u64;
                let mut step = Step { facts: batch.looked.facts, ..Step::default() };
                part.findings.extend(batch.looked.findings);
                let folded = part.batch(&mut audit, &batch.commits, &mut step);
                let go_on = folded.is_ok();
                match folded {
                    Ok(gathered) => part.hand_on(pool, &make, number, gathered, batch.commits, audit.take_roots()),
                    Err(finding) => {
                        part.failed = true;
                        part.findings.push(finding);
                    }
                }
                number += 1;
                step.findings = (part.findings.len() + audit.findings().len()) as u64 - before;
                if tell(step) && go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        );
        part.findings.extend(unread);
        let roots = audit.take_roots();
        part.findings.extend(roots.iter().filter_map(RootCheck::check));
        part.findings.extend(audit.findings().iter().cloned());
        part
    }

    /// Folds a batch, and looks at it.
    fn batch(
        &mut self,
        audit: &mut PartitionAudit,
        commits: &[(Committed, Result<CommitBody, DecodeError>)],
        step: &mut Step,
    ) -> Result<Gathered, Finding> {
        let mut gather = Gather::new(&self.store);
        for (commit, body) in commits {
            let at = commit.position;
            if commit.envelope.prev != self.head.hash {
                return Err(Finding::at(Kind::Chain, at, "it is not decided upon the commit before it"));
            }
            let body = body.as_ref().map_err(|error| {
                let kind = if matches!(error, DecodeError::NeedsVersion(..)) { Kind::Newer } else { Kind::Malformed };
                Finding::at(kind, at, error.to_string())
            })?;
            audit.commit(at, body, Trust::Nothing);
            apply::commit(&mut gather, at, commit.hash, body)
                .map_err(|error| Finding::at(Kind::Fold, at, error.to_string()))?;
            self.head = commit.head();
            self.recorded_at = self.recorded_at.max(body.head.recorded_at);
            step.commits += 1;
            step.bytes += commit.record.len() as u64;
            step.events += body.events.len() as u64;
        }
        let last = Position { partition: self.head.partition, seq: self.head.next_seq.saturating_sub(1) };
        let unfolded = |error: StoreError| Finding::at(Kind::Fold, last, error.to_string());
        let gathered = gather.done().map_err(unfolded)?;
        gathered.rows.write_to(&mut self.store).map_err(unfolded)?;
        Ok(gathered)
    }

    /// Gives the pool what can be done in any order: rows of facts, roots with their pages, and letting go of the commits.
    fn hand_on(
        &mut self,
        pool: &Pool<'_>,
        make: &Sender<Made>,
        number: usize,
        gathered: Gathered,
        commits: Vec<(Committed, Result<CommitBody, DecodeError>)>,
        roots: Vec<RootCheck>,
    ) {
        self.sets.extend(gathered.sets);
        let (pages, make, changes) = (self.pages.clone(), make.clone(), gathered.changes);
        pool.first(move || {
            let facts = Run::of(&changes);
            drop(changes);
            drop(commits);
            let mut findings = Vec::new();
            for root in roots {
                // Out of a set in memory, which has no page that can't be read.
                let Ok((set, found)) = root.plan() else { continue };
                findings.extend(found);
                let _ = set.store(&mut *pages.lock().unwrap_or_else(PoisonError::into_inner));
            }
            // The partition waits for it.
            let _ = make.send(Made { number, facts, findings });
        });
    }

    /// Takes what the pool made; whether everything could be made.
    pub(super) fn put_together(&mut self, runs: &mut Vec<Run>) -> bool {
        let mut made: Vec<Made> = self.made.try_iter().collect();
        made.sort_by_key(|made| made.number);
        let mut sound = !self.failed;
        for made in made {
            self.findings.extend(made.findings);
            match made.facts {
                Ok(run) => runs.push(run),
                Err(_) => sound = false,
            }
        }
        let pages = std::mem::take(&mut *self.pages.lock().unwrap_or_else(PoisonError::into_inner));
        let there = |root: &Root| matches!(pages.has(Table::FactSet, root.as_bytes()), Ok(true));
        sound &= self.sets.iter().all(there);
        self.store.absorb(pages);
        sound
    }

    /// Folds the same commits once more, one by one, with their facts: as far as they can be folded.
    pub(super) fn plainly(&mut self, log: &dyn Sequencer) -> MemoryStore {
        let (partition, end) = (self.head.partition, self.head.next_seq);
        let mut store = MemoryStore::default();
        self.head = Head::genesis(log.log_id(), partition);
        self.recorded_at = Timestamp::default();
        let mut found = None;
        let unread = read(log, partition, end, &mut |commits| {
            for commit in commits {
                let Ok(body) = CommitBody::decode(commit.body()) else { return false };
                let mut overlay = Overlay::new(&store);
                let folded = apply::commit(&mut overlay, commit.position, commit.hash, &body);
                let written = folded.and_then(|()| Ok(overlay.into_changes()?));
                if let Err(error) = written.and_then(|changes| Ok(changes.write_to(&mut store)?)) {
                    found = Some(Finding::at(Kind::Fold, commit.position, error.to_string()));
                    return false;
                }
                self.head = commit.head();
                self.recorded_at = self.recorded_at.max(body.head.recorded_at);
            }
            true
        });
        self.findings.extend(unread.into_iter().chain(found));
        store
    }
}

/// Reads a partition up to `end` and hands over its commits, until nobody takes them; a finding if they can't be read.
fn read(
    log: &dyn Sequencer,
    partition: u32,
    end: u64,
    hand: &mut dyn FnMut(Vec<Committed>) -> bool,
) -> Option<Finding> {
    let mut next = 0;
    while next < end {
        let mut commits = match log.read(partition, next, READ_BYTES) {
            Ok(commits) => commits,
            Err(error) => return Some(read_finding(partition, next, &error)),
        };
        commits.retain(|commit| commit.position.seq < end);
        next = commits.last()?.position.seq + 1;
        if !in_parts(commits, PART_BYTES, hand) {
            return None;
        }
    }
    None
}

fn decoded(commits: Vec<Committed>, persons: &dyn Persons) -> Batch {
    let mut looked = Looked::default();
    let decode = |commit: Committed| {
        let body = CommitBody::decode(commit.body());
        if let Ok(body) = &body {
            facts(commit.position, body, persons, &mut looked);
        }
        (commit, body)
    };
    let commits = commits.into_iter().map(decode).collect();
    Batch { commits, looked }
}
