//! Needs that facts had named and name no more: the object has another developer now, the owner sold.

use super::discover::{facts_under, named};
use crate::core::decision::{DecideError, Decision};
use crate::core::plan::{self, Entry};
use crate::core::policy::NeedSpec;
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_schemas::*;
use std::collections::BTreeSet;

/// Whether a fact named the need, and it counts.
pub(super) fn was_named(row: &NeedRow) -> bool {
    row.need.parent.is_some() && row.need.query.is_some() && row.applicable()
}

/// After a complete answer to `by`, or its own end: withdraws the needs that no parent names any more, and what was named
/// by them in turn. A need over the profile's maximum is named all the same.
pub(super) fn unnamed(decision: &mut Decision<'_>, job: JobId, by: NeedId) -> Result<(), DecideError> {
    let Some(row) = decision.job(job)? else { return Ok(()) };
    let ctx = decision.ctx;
    let Some(profile) = ctx.policy.document.profiles.get(&row.created.profile) else { return Ok(()) };
    let Some(of) = row.needs.iter().find(|row| row.need.need_id == by).map(|row| row.need.entry) else {
        return Ok(());
    };
    for (child, spec) in (0u32..).zip(&profile.needs) {
        let parents = plan::parent_entries(ctx, profile, child);
        if !parents.iter().any(|(entry, _)| *entry == of) {
            continue;
        }
        let children = |row: &&NeedRow| {
            was_named(row) && (row.need.entry, row.need.source.as_str()) == (child, spec.source.as_str())
        };
        if !row.needs.iter().any(|row| children(&row)) {
            continue;
        }
        let Some(names) = names(decision, &row, child, spec, &parents)? else { continue };
        for need in row.needs.iter().filter(children).filter(|row| !names.contains(&row.need.need_id)) {
            let need_id = need.need.need_id;
            decision.emit(NeedWithdrawn { job, need_id, by })?;
            unnamed(decision, job, need_id)?;
        }
    }
    Ok(())
}

/// The needs that all parents' answers together name; none: not all that they say can be read.
fn names(
    decision: &Decision<'_>,
    row: &JobRow,
    child: u32,
    spec: &NeedSpec,
    parents: &[(u32, String)],
) -> Result<Option<BTreeSet<NeedId>>, DecideError> {
    let Some(source) = decision.ctx.policy.document.sources.get(&spec.source) else { return Ok(None) };
    let created = &row.created;
    let asked =
        Entry { job: created.job, entry: child, spec, source, address: &created.address, tenant: &created.tenant };
    let mut names = BTreeSet::new();
    for (entry, kind) in parents {
        let answered = row.needs.iter().filter(|row| row.need.entry == *entry && row.applicable());
        for receipt in answered.filter_map(|row| row.receipt.as_ref()) {
            let facts = facts_under(decision, receipt.facts_root)?;
            if facts.len() != receipt.facts as usize {
                return Ok(None);
            }
            for params in named(decision, row, spec, kind, &facts).into_keys() {
                names.insert(asked.need(decision.ctx.vault, params, None)?.need_id);
            }
        }
    }
    Ok(Some(names))
}
