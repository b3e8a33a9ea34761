//! What differs between two answers to one need, in numbers.

use crate::core::decision::{DecideError, Decision};
use crate::core::job::facts_under;
use mirano_schemas::{Attrs, FactId, Root, SharedFact};
use std::collections::BTreeMap;

/// Numbers of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) added: u32,
    pub(super) gone: u32,
    pub(super) changed: u32,
}

/// Which thing a fact is about.
type Thing<'a> = (&'a str, &'a Attrs);

/// Counts; the same thing with other attributes is a change. Facts that can't be opened are things of their own.
pub(super) fn between(decision: &Decision<'_>, from: Root, to: Root) -> Result<Counts, DecideError> {
    let (old, new) = (mirano_replay::facts::set(&decision.rows, from)?, mirano_replay::facts::set(&decision.rows, to)?);
    let (added, gone) = mirano_replay::facts::difference(&old, &new);
    let (before, after) = (facts_under(decision, from)?, facts_under(decision, to)?);
    let opened = |facts: &'_ [(FactId, SharedFact)], ids: &[FactId]| -> Vec<(String, Attrs)> {
        let of = |(id, fact): &(FactId, SharedFact)| {
            ids.binary_search(id).is_ok().then(|| (fact.kind.clone(), fact.identity.clone()))
        };
        facts.iter().filter_map(of).collect()
    };
    let (gone_things, added_things) = (opened(&before, &gone), opened(&after, &added));
    let mut left: BTreeMap<Thing<'_>, u32> = BTreeMap::new();
    for (kind, identity) in &gone_things {
        *left.entry((kind, identity)).or_default() += 1;
    }
    let mut changed = 0u32;
    for (kind, identity) in &added_things {
        if let Some(left) = left.get_mut(&(kind.as_str(), identity)).filter(|left| **left > 0) {
            *left -= 1;
            changed = changed.saturating_add(1);
        }
    }
    let count = |ids: &[FactId]| u32::try_from(ids.len()).unwrap_or(u32::MAX).saturating_sub(changed);
    Ok(Counts { added: count(&added), gone: count(&gone), changed })
}
