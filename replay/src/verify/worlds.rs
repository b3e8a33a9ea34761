//! Snapshots of the whole base: what every query showed at their cut, and that the cut holds together.

use super::finding::{Finding, Kind};
use super::named::Named;
use mirano_schemas::{Position, QueryKey, Root, WorldBody};
use std::collections::BTreeMap;

/// A snapshot of the whole base, to be recomputed when all partitions are known.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub at: Position,
    pub body: WorldBody,
}

/// What the commits of one partition say that such a snapshot rests on.
#[derive(Debug, Default)]
pub(super) struct Base {
    /// Each answer to a query, in order: its seq, the query, the root over its facts.
    answers: Vec<(u64, QueryKey, Root)>,
    /// Places of other partitions that are named as causes.
    causes: Named,
}

impl Base {
    pub(super) fn answered(&mut self, seq: u64, query: QueryKey, root: Root) {
        self.answers.push((seq, query, root));
    }

    pub(super) fn caused(&mut self, seq: u64, cause: Position) {
        self.causes.note(seq, cause);
    }

    /// The latest place of each foreign partition that a commit up to `seq` names as its cause.
    fn rests_on(&self, seq: u64) -> impl Iterator<Item = Position> {
        self.causes.within(seq.saturating_add(1)).map(|(_, place)| place)
    }
}

impl World {
    /// Recomputes it. `union`: the root over the facts of some answers and how many they are; `None` where one is unknown.
    pub(super) fn check(
        &self,
        bases: &BTreeMap<u32, Base>,
        union: impl FnOnce(&[Root]) -> Option<(Root, usize)>,
    ) -> Vec<Finding> {
        let (at, body) = (self.at, &self.body);
        let mut out = Vec::new();
        let cut: BTreeMap<u32, u64> = body.cut.iter().map(|place| (place.partition, place.seq)).collect();
        if cut.len() != body.cut.len() || !body.cut.is_sorted_by_key(|place| place.partition) {
            out.push(Finding::at(
                Kind::SnapshotCut,
                at,
                format!("its cut {:?} is not one place a partition", body.cut),
            ));
        }
        let mut shown: BTreeMap<QueryKey, Root> = BTreeMap::new();
        for (partition, seq) in &cut {
            let Some(base) = bases.get(partition) else { continue };
            for cause in base.rests_on(*seq).filter(|cause| cut.get(&cause.partition).is_none_or(|to| *to < cause.seq))
            {
                let detail = format!("its cut has {partition}:{seq}, but not {cause}, which that rests on");
                out.push(Finding::at(Kind::SnapshotCut, at, detail));
            }
            let known = base.answers.iter().take_while(|(by, ..)| by <= seq);
            shown.extend(known.map(|(_, query, root)| (*query, *root)));
        }
        let roots: Vec<Root> = shown.values().copied().collect();
        match union(&roots) {
            None => {
                let detail = "it rests on an observation whose facts are not in the log";
                out.push(Finding::at(Kind::SnapshotFactsRoot, at, detail));
            }
            Some((root, facts)) => {
                let (told, found) =
                    ((body.facts_root, body.facts, body.queries), (root, facts as u64, shown.len() as u64));
                if told != found {
                    let [told, found] = [told, found]
                        .map(|(root, facts, queries)| format!("{root} over {facts} facts of {queries} queries"));
                    let detail = format!("sealed with the facts root {told}; the log gives {found} at its cut");
                    out.push(Finding::at(Kind::SnapshotFactsRoot, at, detail));
                }
            }
        }
        out
    }
}
