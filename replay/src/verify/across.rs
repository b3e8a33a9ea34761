//! What only all partitions together show.

use super::EvidenceUse;
use super::finding::{Finding, Kind};
use super::named::{Named, closed};
use super::partition::Collected;
use super::sets::Sets;
use super::worlds::{Base, World};
use crate::tree;
use mirano_schemas::{EvidenceId, FactId, Position, Root};
use std::collections::{BTreeMap, BTreeSet};

/// Where each partition ends: its next `seq`, or `None` if it could not be read to its end.
pub type Heads = BTreeMap<u32, Option<u64>>;

/// Which commits are judged by what they name in other partitions. All of them are looked up when others name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// All: the log was not written to while it was read.
    All,
    /// So many of each partition: those that were there before the first of them was read. What they name was there earlier
    /// still, so it was read; what came meanwhile may name what came to a partition after that one had been read.
    Before(BTreeMap<u32, u64>),
    /// The largest cut that holds together. For a copy that lawfully has more of one partition than of another.
    Closed,
}

/// What an audit counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Observations.
    pub observations: u64,
    /// Snapshots.
    pub snapshots: u64,
}

/// A snapshot whose facts lie in other partitions.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    pub at: Position,
    pub facts_root: Root,
    pub facts: u32,
    pub roots: Vec<Root>,
}

/// All partitions, put together.
pub struct Across {
    sets: Sets,
    seals: Vec<Seal>,
    worlds: Vec<World>,
    bases: BTreeMap<u32, Base>,
    whole: bool,
    /// Findings so far, in order.
    pub findings: Vec<Finding>,
    /// Evidence by its name.
    pub evidence: BTreeMap<EvidenceId, EvidenceUse>,
    /// What was counted.
    pub totals: Totals,
    /// Commits that were not judged by what they name in other partitions.
    pub unjudged: u64,
}

impl Collected {
    /// Puts all partitions together. `heads`: where each of them ends, by its number. What a snapshot rests on in a
    /// partition that could not be read to its end is not judged.
    pub fn across(parts: impl IntoIterator<Item = Self>, heads: &Heads, judged: &Judged) -> Across {
        let mut all = Across {
            sets: Sets::default(),
            seals: Vec::new(),
            worlds: Vec::new(),
            bases: BTreeMap::new(),
            whole: heads.values().all(Option::is_some),
            findings: Vec::new(),
            evidence: BTreeMap::new(),
            totals: Totals::default(),
            unjudged: 0,
        };
        let (mut observations, mut told) = (BTreeMap::new(), Vec::new());
        let mut named: BTreeMap<u32, Named> = BTreeMap::new();
        for part in parts {
            all.totals.commits += part.commits;
            all.totals.events += part.events;
            all.totals.observations += part.observations.len() as u64;
            all.totals.snapshots += part.snapshots;
            all.findings.extend(part.findings);
            all.sets.extend(part.sets);
            all.seals.extend(part.seals);
            all.worlds.extend(part.worlds);
            all.bases.extend(part.bases);
            for (id, used) in part.evidence {
                all.evidence.entry(id).or_insert(used);
            }
            observations.extend(part.observations);
            told.extend(part.told);
            named.extend(part.named);
        }
        let bounds = judged.bounds(&named, heads);
        let before = |at: &Position| bounds.get(&at.partition).is_none_or(|end| at.seq < *end);
        let sizes = heads.iter().filter_map(|(partition, head)| Some((*head)?.saturating_sub(*bounds.get(partition)?)));
        all.unjudged = sizes.sum();
        for (by, named) in &named {
            for (seq, place) in named.within(bounds.get(by).copied().unwrap_or(u64::MAX)) {
                let by = Position { partition: *by, seq };
                match heads.get(&place.partition) {
                    Some(Some(next)) if place.seq < *next => {}
                    Some(None) => {}
                    _ => all.findings.push(Finding::at(
                        Kind::Reference,
                        by,
                        format!("it names {place}, which is not there"),
                    )),
                }
            }
        }
        all.seals.retain(|seal| before(&seal.at));
        all.worlds.retain(|world| before(&world.at));
        told.retain(|(_, (by, _))| before(by));
        for (observation, (by, told)) in told {
            match observations.get(&observation) {
                Some(seen) if *seen == told => {}
                None if !all.whole => {}
                Some(seen) => {
                    let detail = format!("a receipt tells of {observation} {told:?}; it says {seen:?}");
                    all.findings.push(Finding::at(Kind::Receipt, by, detail));
                }
                None => {
                    let detail = format!("a receipt tells of {observation}, which is not there");
                    all.findings.push(Finding::at(Kind::Receipt, by, detail));
                }
            }
        }
        all
    }
}

impl Judged {
    /// How many commits of each partition are judged; all of those of which it says nothing.
    fn bounds(&self, named: &BTreeMap<u32, Named>, heads: &Heads) -> BTreeMap<u32, u64> {
        match self {
            Self::All => BTreeMap::new(),
            Self::Before(bounds) => bounds.clone(),
            Self::Closed => {
                closed(named, heads.iter().filter_map(|(partition, head)| Some((*partition, (*head)?))).collect())
            }
        }
    }
}

impl Across {
    /// How many snapshots there are to be recomputed with [`Self::snapshots`].
    pub fn seals(&self) -> usize {
        self.seals.len()
    }

    /// Recomputes the facts of the snapshots `range`; may run on several threads, each with a range of its own.
    pub fn snapshots(&self, range: std::ops::Range<usize>) -> Vec<Finding> {
        let mut out = Vec::new();
        // Jobs about one object often rest on the same observations.
        let mut known: BTreeMap<&[Root], (Root, usize)> = BTreeMap::new();
        for seal in self.seals.get(range).unwrap_or_default() {
            let (root, facts) = match known.get(seal.roots.as_slice()) {
                Some(found) => *found,
                None => {
                    let Some(found) = self.union(&seal.roots) else {
                        if self.whole {
                            let detail = "it rests on an observation whose facts are not in the log";
                            out.push(Finding::at(Kind::SnapshotFactsRoot, seal.at, detail));
                        }
                        continue;
                    };
                    known.insert(&seal.roots, found);
                    found
                }
            };
            if root != seal.facts_root || facts != seal.facts as usize {
                let (told, n) = (seal.facts_root, seal.facts);
                let detail =
                    format!("sealed with the facts root {told} over {n}; its receipts give {root} over {facts}");
                out.push(Finding::at(Kind::SnapshotFactsRoot, seal.at, detail));
            }
        }
        out
    }

    /// Recomputes the snapshots of the whole base, each at its cut. What rests on a partition that could not be read to its
    /// end is not judged.
    pub fn worlds(&self) -> Vec<Finding> {
        let judged = self.worlds.iter().filter(|_| self.whole);
        judged.flat_map(|world| world.check(&self.bases, |roots| self.union(roots))).collect()
    }

    fn union(&self, roots: &[Root]) -> Option<(Root, usize)> {
        let empty = tree::root([]);
        let mut ids: BTreeSet<FactId> = BTreeSet::new();
        let mut only = None;
        for root in roots.iter().filter(|root| **root != empty) {
            let facts = self.sets.get(root)?;
            ids.extend(facts.iter().copied());
            only = Some((*root, facts.len()));
        }
        match only {
            // One observation's facts have the root that was recomputed already.
            Some((root, n)) if n == ids.len() && roots.iter().filter(|root| **root != empty).count() == 1 => {
                Some((root, n))
            }
            _ => Some((tree::root(ids.iter().map(|id| id.0)), ids.len())),
        }
    }
}
