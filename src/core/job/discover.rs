//! Facts name further subjects: a property's developer, its owners.

use super::assess::Opened;
use super::{answer, withdraw};
use crate::core::decision::{DecideError, Decision};
use crate::core::persons;
use crate::core::plan::{self, Entry, Values};
use crate::core::policy::{DEFAULT_MAX, NeedSpec};
use mirano_replay::facts;
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The facts of an observation, opened; those of erased persons are left out.
pub fn facts_under(decision: &Decision<'_>, root: Root) -> Result<Arc<Opened>, DecideError> {
    if let Some(known) = decision.ctx.memo.facts(root) {
        return Ok(known);
    }
    let (mut out, mut sealed) = (Opened::new(), false);
    for id in facts::set(&decision.rows, root)? {
        let body = facts::body(&decision.rows, id)?;
        sealed |= !matches!(body, Some(Sealable::Plain(_)));
        if let Some(fact) = body.and_then(|body| persons::open(decision.ctx.vault, &body)) {
            out.push((id, fact));
        }
    }
    let out = Arc::new(out);
    // What is sealed may be erased at any time, and is opened anew each time.
    if !sealed {
        decision.ctx.memo.remember(root, Arc::clone(&out));
    }
    Ok(out)
}

/// After an answer to `parent`: adds the needs that its facts name, and answers or asks each.
pub(super) fn from_need(decision: &mut Decision<'_>, job: JobId, parent: NeedId) -> Result<(), DecideError> {
    let Some(row) = decision.job(job)? else { return Ok(()) };
    let ctx = decision.ctx;
    let Some(profile) = ctx.policy.document.profiles.get(&row.created.profile) else { return Ok(()) };
    let Some((entry, root, complete)) = row
        .needs
        .iter()
        .find(|row| row.need.need_id == parent)
        .and_then(|row| row.receipt.as_ref().map(|receipt| (row.need.entry, receipt.facts_root, receipt.complete)))
    else {
        return Ok(());
    };
    let mut facts = None;
    for (child, spec) in (0u32..).zip(&profile.needs) {
        let parents = plan::parent_entries(ctx, profile, child);
        let Some((_, kind)) = parents.iter().find(|(of, _)| *of == entry) else { continue };
        let Some(source) = ctx.policy.document.sources.get(&spec.source) else { continue };
        if facts.is_none() {
            facts = Some(facts_under(decision, root)?);
        }
        let Some(facts) = &facts else { continue };
        let found = named(decision, &row, spec, kind, facts);
        let max = spec.max.unwrap_or(DEFAULT_MAX) as usize;
        let excess = u32::try_from(found.len().saturating_sub(max)).unwrap_or(u32::MAX);
        let created = &row.created;
        let asked = Entry { job, entry: child, spec, source, address: &created.address, tenant: &created.tenant };
        for (params, fact) in found.into_iter().take(max) {
            let need = asked.need(ctx.vault, params, Some(parent))?;
            if row.needs.iter().any(|row| row.need.need_id == need.need_id && !row.withdrawn) {
                continue;
            }
            decision.emit(NeedDiscovered { job, need: need.clone(), fact })?;
            answer::from_known(decision, job, &need)?;
        }
        let open = asked.open(Some(parent));
        if excess > 0 && !waits_for_excess(&row, child) {
            decision.emit(NeedDiscovered { job, need: open.clone(), fact: FactId([0; 32]) })?;
            decision.emit(NeedNotApplicable { job, need_id: open.need_id, reason: NotApplicable::OverMax(excess) })?;
        }
    }
    // What is not complete takes no name away.
    if complete && row.needs.iter().any(withdraw::was_named) {
        withdraw::unnamed(decision, job, parent)
    } else {
        Ok(())
    }
}

/// The parameters that facts of a kind name, each with the first fact that does.
pub(super) fn named(
    decision: &Decision<'_>,
    row: &JobRow,
    spec: &NeedSpec,
    kind: &str,
    facts: &Opened,
) -> BTreeMap<Params, FactId> {
    let inputs = opened_inputs(decision, row);
    let mut found: BTreeMap<Params, FactId> = BTreeMap::new();
    for (id, fact) in facts.iter().filter(|(_, fact)| fact.kind == kind) {
        if !decision.ctx.policy.selects(spec, fact) {
            continue;
        }
        let values = Values { address: &row.created.address, inputs: &inputs, fact: Some(fact) };
        if let Ok(params) = values.fill(spec) {
            found.entry(params).or_insert(*id);
        }
    }
    found
}

/// Ends the rows that wait for a subject that nobody will name any more: the needs of their parents' entries have all ended.
pub(super) fn end_waiting(decision: &mut Decision<'_>, job: JobId) -> Result<(), DecideError> {
    loop {
        let Some(row) = decision.job(job)? else { return Ok(()) };
        let profile = decision.ctx.policy.document.profiles.get(&row.created.profile);
        let ended = row.needs.iter().filter(|need| need.waits_for_subject()).find_map(|waiting| {
            let entries = profile
                .map(|profile| plan::parent_entries(decision.ctx, profile, waiting.need.entry))
                .unwrap_or_default();
            let need_id = waiting.need.need_id;
            let parents =
                |entry: u32| row.needs.iter().filter(move |need| need.need.entry == entry && need.applicable());
            if entries.iter().flat_map(|(entry, _)| parents(*entry)).any(NeedRow::open) {
                return None;
            }
            // An entry that answered nothing at all might have named somebody.
            let failed = entries.iter().find_map(|(entry, _)| {
                let answered = parents(*entry).any(|need| need.receipt.is_some());
                parents(*entry).find(|need| need.last_failure.is_some()).filter(|_| !answered)
            });
            Some((need_id, failed.map(|need| need.need.need_id)))
        });
        match ended {
            None => return Ok(()),
            Some((need_id, None)) => {
                decision.emit(NeedNotApplicable { job, need_id, reason: NotApplicable::NoneFound })?;
            }
            Some((need_id, Some(parent))) => {
                let failure = Failure { outcome: None, cause: format!("depends_on:{parent}"), at: decision.ctx.now() };
                decision.emit(NeedFailed { job, need_id, failure })?;
            }
        }
    }
}

fn waits_for_excess(row: &JobRow, entry: u32) -> bool {
    row.needs.iter().any(|row| row.need.entry == entry && matches!(row.not_applicable, Some(NotApplicable::OverMax(_))))
}

fn opened_inputs(decision: &Decision<'_>, row: &JobRow) -> BTreeMap<String, String> {
    row.created
        .inputs
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), persons::open(decision.ctx.vault, value)?)))
        .collect()
}
