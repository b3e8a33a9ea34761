//! One partition, commit by commit: what each observation shows, and what each snapshot says.

use super::finding::{Finding, Kind};
use super::named::{Named, names};
use super::parts::{Parts, within};
use super::roots::RootCheck;
use super::sets::{Sets, changed};
use super::worlds::{Base, World};
use super::{EvidenceUse, across::Seal};
use crate::tree::{self, value_hash};
use mirano_schemas::codec::{self, CommitBody};
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether hashes are recomputed, or believed because an earlier run has recomputed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Recompute.
    Nothing,
    /// An earlier run came past here and found nothing.
    EarlierRun,
}

/// What a query shows.
#[derive(Debug, Clone)]
struct Shown {
    observation: ObservationId,
    root: Root,
    facts: Arc<[FactId]>,
}

/// An observation whose facts still come.
struct Open {
    event: ObservationRecorded,
    narrowed: Option<AnswerNarrowed>,
    added: Vec<FactId>,
    gone: Vec<FactId>,
}

#[derive(Debug, Default)]
struct Chunks {
    parts: BTreeMap<u32, (Vec<FactId>, Vec<FactId>)>,
}

/// What a snapshot needs of a receipt.
#[derive(Debug, Clone)]
struct Kept {
    job: JobId,
    need: NeedId,
    value: [u8; 32],
    root: Root,
    at: Position,
}

/// An observation as receipts may tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub at: Position,
    pub root: Root,
    pub outcome: Outcome,
    pub complete: bool,
    pub observed_at: Timestamp,
}

/// What the commits of one partition came to: see [`Collected::across`].
#[derive(Debug, Default)]
pub struct Collected {
    pub(super) sets: Sets,
    pub(super) observations: BTreeMap<ObservationId, Seen>,
    pub(super) seals: Vec<Seal>,
    pub(super) worlds: Vec<World>,
    /// By partition: what snapshots of the whole base rest on.
    pub(super) bases: BTreeMap<u32, Base>,
    pub(super) told: BTreeMap<ObservationId, (Position, Seen)>,
    /// By partition: the places that its commits name in others.
    pub(super) named: BTreeMap<u32, Named>,
    pub(super) findings: Vec<Finding>,
    /// Evidence by its name.
    pub evidence: BTreeMap<EvidenceId, EvidenceUse>,
    /// Commits that were looked at.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
    /// Snapshots in them.
    pub snapshots: u64,
}

/// Looks at the commits of one partition in order.
pub struct PartitionAudit {
    out: Collected,
    recorded_at: Timestamp,
    queries: BTreeMap<QueryKey, Shown>,
    chunks: BTreeMap<LeaseToken, Chunks>,
    receipts: BTreeMap<ReceiptId, Kept>,
    tasks: BTreeMap<TaskId, Option<Subject>>,
    roots: Vec<RootCheck>,
    parts: Parts,
}

impl Default for PartitionAudit {
    fn default() -> Self {
        Self::new()
    }
}

fn sorted(mut ids: Vec<FactId>) -> Vec<FactId> {
    ids.sort_unstable();
    ids
}

impl PartitionAudit {
    /// Before the first commit.
    pub fn new() -> Self {
        Self {
            out: Collected::default(),
            recorded_at: Timestamp(i64::MIN),
            queries: BTreeMap::new(),
            chunks: BTreeMap::new(),
            receipts: BTreeMap::new(),
            tasks: BTreeMap::new(),
            roots: Vec::new(),
            parts: Parts::default(),
        }
    }

    /// Roots that are not recomputed yet. Whoever takes them checks them.
    pub fn take_roots(&mut self) -> Vec<RootCheck> {
        std::mem::take(&mut self.roots)
    }

    /// Findings so far.
    pub fn findings(&self) -> &[Finding] {
        &self.out.findings
    }

    /// What all commits came to; roots that nobody took are checked now.
    pub fn finish(mut self) -> Collected {
        let found = self.roots.iter().filter_map(RootCheck::check);
        self.out.findings.extend(found);
        self.out
    }

    fn find(&mut self, kind: Kind, at: Position, detail: impl Into<String>) {
        self.out.findings.push(Finding::at(kind, at, detail));
    }

    fn name(&mut self, by: Position, place: Position) {
        if place.partition == by.partition {
            if place.seq > by.seq {
                self.find(Kind::Reference, by, format!("it names {place}, which comes after it"));
            }
            return;
        }
        self.out.named.entry(by.partition).or_default().note(by.seq, place);
    }

    /// Looks at the next commit.
    pub fn commit(&mut self, at: Position, body: &CommitBody, trust: Trust) {
        self.out.commits += 1;
        self.out.events += body.events.len() as u64;
        if body.head.recorded_at < self.recorded_at {
            let (was, is) = (self.recorded_at.0, body.head.recorded_at.0);
            self.find(Kind::Time, at, format!("recorded at {is} ms, after one at {was} ms"));
        }
        self.recorded_at = self.recorded_at.max(body.head.recorded_at);
        names(body, |place| self.name(at, place));
        if let Some(cause) = body.head.cause.filter(|cause| cause.partition != at.partition) {
            self.out.bases.entry(at.partition).or_default().caused(at.seq, cause);
        }
        let mut open: Option<Open> = None;
        for event in &body.events {
            self.event(at, event, &mut open, trust);
        }
        self.close(at, open.take(), trust);
        if let Some(alone) = self.parts.end() {
            self.find(Kind::Part, at, alone);
        }
    }

    fn event(&mut self, at: Position, event: &Event, open: &mut Option<Open>, trust: Trust) {
        match event {
            Event::ObservationChunk(chunk) => {
                let added = chunk.added.iter().map(|fact| fact.fact_id).collect();
                let chunks = self.chunks.entry(chunk.lease).or_default();
                chunks.parts.insert(chunk.index, (added, chunk.gone.clone()));
            }
            Event::ObservationRecorded(event) => {
                self.close(at, open.take(), trust);
                *open = Some(self.open(at, event));
            }
            Event::AnswerNarrowed(event) => {
                if let Some(alone) = self.parts.announce(event) {
                    self.find(Kind::Part, at, alone);
                }
            }
            Event::FactObserved(event) => match open.as_mut().filter(|open| open.event.query == event.query) {
                Some(open) => open.added.push(event.fact.fact_id),
                None => self.find(Kind::FactStray, at, format!("the fact {} came alone", event.fact.fact_id)),
            },
            Event::FactVanished(event) => match open.as_mut().filter(|open| open.event.query == event.query) {
                Some(open) => open.gone.push(event.fact_id),
                None => self.find(Kind::FactStray, at, format!("the fact {} went alone", event.fact_id)),
            },
            Event::TaskScheduled(event) => {
                let person = event.subject.clone();
                let person = (person.level() == Level::Person).then_some(person);
                self.tasks.insert(event.task, person);
            }
            Event::TaskAttemptFailed(event) => {
                let person = self.tasks.get(&event.task).cloned().flatten();
                self.evidence(at, &event.evidence, person);
            }
            Event::TaskCompleted(event) => {
                self.tasks.remove(&event.task);
            }
            Event::TaskFailed(event) => {
                self.tasks.remove(&event.task);
            }
            Event::FactsReused(FactsReused { job, receipt }) | Event::NeedAnswered(NeedAnswered { job, receipt }) => {
                self.receipt(at, *job, receipt);
            }
            Event::SnapshotSealed(event) => self.sealed(at, event),
            Event::WorldSealed(event) => self.world(at, event),
            _ => {}
        }
    }

    fn evidence(&mut self, at: Position, ids: &[EvidenceId], person: Option<Subject>) {
        for id in ids {
            self.out.evidence.entry(*id).or_insert_with(|| EvidenceUse { at, person: person.clone() });
        }
    }

    fn open(&mut self, at: Position, event: &ObservationRecorded) -> Open {
        let person = (event.subject.level() == Level::Person).then(|| event.subject.clone());
        self.evidence(at, &event.evidence, person);
        let mut chunks = self.chunks.remove(&event.lease).unwrap_or_default().parts;
        let (mut added, mut gone) = (Vec::new(), Vec::new());
        for index in 0..event.chunks {
            match chunks.remove(&index) {
                Some((came, went)) => {
                    added.extend(came);
                    gone.extend(went);
                }
                None => {
                    self.find(Kind::ChunkMissing, at, format!("chunk {index} of {} is not there", event.observation));
                }
            }
        }
        Open { event: event.clone(), narrowed: self.parts.take(), added, gone }
    }

    fn close(&mut self, at: Position, open: Option<Open>, trust: Trust) {
        let Some(Open { event, narrowed, added, gone }) = open else { return };
        let before = self.queries.remove(&event.query);
        if event.base != before.as_ref().map(|shown| shown.observation) {
            let (told, last) = (event.base, before.as_ref().map(|shown| shown.observation));
            self.find(Kind::ObservationBase, at, format!("{} builds on {told:?}, not {last:?}", event.observation));
        }
        let (added, gone) = (sorted(added), sorted(gone));
        let base: &[FactId] = before.as_ref().map_or(&[], |shown| &shown.facts);
        let there = |fact: &FactId| base.binary_search(fact).is_ok();
        let twice = added.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) || added.iter().any(there);
        let never = gone.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) || !gone.iter().all(there);
        if twice || never {
            let what = if twice { "a fact that was there already came" } else { "a fact that was not there went" };
            self.find(Kind::FactTwice, at, format!("{what} in {}", event.observation));
        }
        let facts: Arc<[FactId]> = match &before {
            Some(shown) if added.is_empty() && gone.is_empty() => shown.facts.clone(),
            _ => changed(base, &added, &gone),
        };
        let queries = &self.queries;
        let within = |larger| queries.get(&larger).is_some_and(|larger| within(&facts, &larger.facts));
        if let Some((kind, detail)) = self.parts.answered(&event, narrowed.as_ref(), within) {
            self.find(kind, at, detail);
        }
        let counted = (event.facts as usize, event.added as usize, event.gone as usize);
        let found = (facts.len(), added.len(), gone.len());
        if counted != found || event.kinds.values().map(|n| u64::from(*n)).sum::<u64>() != u64::from(event.facts) {
            let detail = format!("{} counts {counted:?} facts, new and gone; there are {found:?}", event.observation);
            self.find(Kind::ObservationCounts, at, detail);
        }
        let same = |shown: &Shown| Arc::ptr_eq(&shown.facts, &facts) && shown.root == event.facts_root;
        if !before.as_ref().is_some_and(same) && matches!(trust, Trust::Nothing) {
            let facts = facts.clone();
            self.roots.push(RootCheck { at, observation: event.observation, told: event.facts_root, facts });
        }
        self.out.bases.entry(at.partition).or_default().answered(at.seq, event.query, event.facts_root);
        self.out.sets.note(event.facts_root, &facts, before.as_ref().map(|shown| shown.root), &added, &gone);
        let seen = Seen {
            at,
            root: event.facts_root,
            outcome: event.outcome,
            complete: event.complete,
            observed_at: event.observed_at,
        };
        if self.out.observations.insert(event.observation, seen).is_some() {
            self.find(Kind::FactTwice, at, format!("{} was recorded before", event.observation));
        }
        let shown = Shown { observation: event.observation, root: event.facts_root, facts };
        self.queries.insert(event.query, shown);
    }

    fn receipt(&mut self, at: Position, job: JobId, receipt: &Receipt) {
        let value = codec::encode(receipt).map(|bytes| value_hash(&bytes)).unwrap_or_default();
        let kept = Kept { job, need: receipt.need_id, value, root: receipt.facts_root, at: receipt.at };
        self.receipts.insert(receipt.receipt_id, kept);
        let told = Seen {
            at: receipt.at,
            root: receipt.facts_root,
            outcome: receipt.outcome,
            complete: receipt.complete,
            observed_at: receipt.observed_at,
        };
        match self.out.told.get(&receipt.observation) {
            None => {
                self.out.told.insert(receipt.observation, (at, told));
            }
            Some((_, before)) if *before == told => {}
            Some(_) => self.find(Kind::Receipt, at, format!("two receipts tell {} differently", receipt.observation)),
        }
    }

    /// A snapshot's id is the hash of its content.
    fn named(&mut self, at: Position, snapshot: SnapshotId, body: &impl serde::Serialize) {
        self.out.snapshots += 1;
        let id = codec::encode(body).map(|bytes| SnapshotId::of(&[&bytes]));
        if id.as_ref().ok() != Some(&snapshot) {
            self.find(Kind::SnapshotId, at, format!("it is named {snapshot}, which is not the hash of its content"));
        }
    }

    fn world(&mut self, at: Position, event: &WorldSealed) {
        self.named(at, event.snapshot, &event.body);
        self.out.worlds.push(World { at, body: event.body.clone() });
    }

    fn sealed(&mut self, at: Position, event: &SnapshotSealed) {
        let (snapshot, body) = (event.snapshot, &event.body);
        self.named(at, snapshot, body);
        let mut cut: BTreeMap<u32, u64> = BTreeMap::new();
        if let Some(before) = at.seq.checked_sub(1) {
            cut.insert(at.partition, before);
        }
        let (mut leaves, mut roots, mut needs) = (Vec::new(), Vec::new(), Vec::new());
        for id in &body.receipts {
            let Some(kept) = self.receipts.get(id).filter(|kept| kept.job == body.job) else {
                self.find(
                    Kind::SnapshotReceipt,
                    at,
                    format!("{snapshot} rests on the receipt {id}, which is not there"),
                );
                continue;
            };
            let mut key = [0; 32];
            let (start, _) = key.split_at_mut(ReceiptId::LEN);
            start.copy_from_slice(id.as_bytes());
            leaves.push(tree::Leaf { key, value: kept.value });
            roots.push(kept.root);
            needs.push(kept.need);
            let place = cut.entry(kept.at.partition).or_insert(kept.at.seq);
            *place = (*place).max(kept.at.seq);
        }
        if !needs.is_sorted() || (roots != body.observation_roots && roots.len() == body.receipts.len()) {
            let detail = format!("{snapshot} does not name its receipts, or their roots, in the order of its needs");
            self.find(Kind::SnapshotReceipt, at, detail);
        }
        let found = tree::Tree::new(leaves).map(|tree| tree.root());
        if found.as_ref().ok() != Some(&body.receipts_root) {
            let told = body.receipts_root;
            self.find(
                Kind::SnapshotReceiptsRoot,
                at,
                format!("{snapshot} has the receipts root {told}; they give {found:?}"),
            );
        }
        let cut: Vec<Position> = cut.into_iter().map(|(partition, seq)| Position { partition, seq }).collect();
        if cut != body.cut {
            self.find(
                Kind::SnapshotCut,
                at,
                format!("{snapshot} names the cut {:?}; its receipts give {cut:?}", body.cut),
            );
        }
        let mut roots = body.observation_roots.clone();
        roots.sort_unstable();
        roots.dedup();
        self.out.seals.push(Seal { at, facts_root: body.facts_root, facts: body.facts, roots });
    }
}
