//! The facts under each root that an audit met: whole, or as a change of an earlier root, so that a long history of
//! small changes takes little memory.

use mirano_schemas::{FactId, Root};
use std::collections::BTreeMap;
use std::sync::Arc;

/// After so many changes a root is kept whole again.
const CHANGES: u8 = 16;
/// A smaller set is always kept whole.
const SMALL: usize = 32;

#[derive(Debug, Clone)]
enum Set {
    Whole(Arc<[FactId]>),
    Change { base: Root, added: Box<[FactId]>, gone: Box<[FactId]>, depth: u8 },
}

/// Sets of facts by their roots.
#[derive(Debug, Clone, Default)]
pub(super) struct Sets(BTreeMap<Root, Set>);

impl Sets {
    /// Notes the facts under a root: those of `base` (met before), with `added` and without `gone`.
    pub(super) fn note(
        &mut self,
        root: Root,
        facts: &Arc<[FactId]>,
        base: Option<Root>,
        added: &[FactId],
        gone: &[FactId],
    ) {
        if self.0.contains_key(&root) {
            return;
        }
        let depth = base.and_then(|base| self.0.get(&base)).map(|set| match set {
            Set::Whole(_) => 1,
            Set::Change { depth, .. } => depth + 1,
        });
        let set = match (base, depth) {
            (Some(base), Some(depth)) if depth < CHANGES && facts.len() > SMALL.max(added.len() + gone.len()) => {
                Set::Change { base, added: added.into(), gone: gone.into(), depth }
            }
            _ => Set::Whole(facts.clone()),
        };
        self.0.insert(root, set);
    }

    /// The facts under a root, sorted; `None` if it was never met.
    pub(super) fn get(&self, root: &Root) -> Option<Arc<[FactId]>> {
        match self.0.get(root)? {
            Set::Whole(facts) => Some(facts.clone()),
            Set::Change { base, added, gone, .. } => Some(changed(&self.get(base)?, added, gone)),
        }
    }

    /// Takes those of another partition in.
    pub(super) fn extend(&mut self, other: Self) {
        for (root, set) in other.0 {
            // A whole one lends itself to both; a change may rest on a root of its own partition only.
            match (self.0.get(&root), &set) {
                (Some(Set::Whole(_)), _) => {}
                _ => {
                    self.0.insert(root, set);
                }
            }
        }
    }
}

/// `base` with `added` and without `gone`; all sorted, `added` and `gone` apart from each other.
pub(super) fn changed(base: &[FactId], added: &[FactId], gone: &[FactId]) -> Arc<[FactId]> {
    let mut out = Vec::with_capacity(base.len() + added.len());
    let (mut added, mut gone) = (added.iter().peekable(), gone.iter().peekable());
    for fact in base {
        while let Some(new) = added.next_if(|new| *new < fact) {
            out.push(*new);
        }
        // One that is there already is not there twice.
        while added.next_if(|new| *new == fact).is_some() {}
        while gone.next_if(|old| *old < fact).is_some() {}
        if gone.next_if(|old| *old == fact).is_none() {
            out.push(*fact);
        }
    }
    out.extend(added);
    out.dedup();
    out.into()
}
