//! Facts name further subjects: a property's developer, its owners.

use super::answer;
use super::assess::Opened;
use crate::core::decision::{DecideError, Decision};
use crate::core::persons;
use crate::core::plan::{self, Entry, Values};
use mirano_replay::facts;
use mirano_replay::rows::{FactRow, JobRow, NeedRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many needs one entry may discover when its profile does not say.
const DEFAULT_MAX: u32 = 20;

/// The facts of an observation, opened; those of erased persons are left out.
pub(super) fn facts_under(decision: &Decision<'_>, root: Root) -> Result<Arc<Opened>, DecideError> {
    if let Some(known) = decision.ctx.memo.facts(root) {
        return Ok(known);
    }
    let (mut out, mut sealed) = (Opened::new(), false);
    for id in facts::set(&decision.rows, root)? {
        let row: Option<FactRow> = decision.rows.row(id.as_bytes())?;
        let body = row.map(|row| row.body);
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
    let Some((entry, root)) = row
        .needs
        .iter()
        .find(|row| row.need.need_id == parent)
        .and_then(|row| Some((row.need.entry, row.receipt.as_ref()?.facts_root)))
    else {
        return Ok(());
    };
    let mut facts = None;
    for (child, spec) in (0u32..).zip(&profile.needs) {
        let Some((of, kind)) = plan::parent_entry(ctx, profile, spec) else { continue };
        let Some(source) = ctx.policy.document.sources.get(&spec.source) else { continue };
        if of != entry {
            continue;
        }
        if facts.is_none() {
            facts = Some(facts_under(decision, root)?);
        }
        let inputs = opened_inputs(decision, &row);
        let mut found: BTreeMap<Params, FactId> = BTreeMap::new();
        for (id, fact) in facts.iter().flat_map(|facts| facts.iter()).filter(|(_, fact)| fact.kind == kind) {
            if !ctx.policy.selects(spec, fact) {
                continue;
            }
            let values = Values { address: &row.created.address, inputs: &inputs, fact: Some(fact) };
            if let Ok(params) = values.fill(spec) {
                found.entry(params).or_insert(*id);
            }
        }
        let max = spec.max.unwrap_or(DEFAULT_MAX) as usize;
        let excess = u32::try_from(found.len().saturating_sub(max)).unwrap_or(u32::MAX);
        let asked = Entry { job, entry: child, spec, source, address: &row.created.address };
        let mut any = false;
        for (params, fact) in found.into_iter().take(max) {
            any = true;
            let need = asked.need(ctx.vault, params, Some(parent))?;
            if row.needs.iter().any(|row| row.need.need_id == need.need_id) {
                continue;
            }
            decision.emit(NeedDiscovered { job, need: need.clone(), fact })?;
            answer::from_known(decision, job, &need)?;
        }
        let open = asked.open(Some(parent));
        let waits = row.needs.iter().any(|row| row.need.need_id == open.need_id);
        if excess > 0 && !waits_for_excess(&row, child) {
            decision.emit(NeedDiscovered { job, need: open.clone(), fact: FactId([0; 32]) })?;
            decision.emit(NeedNotApplicable { job, need_id: open.need_id, reason: NotApplicable::OverMax(excess) })?;
        } else if !any && waits {
            decision.emit(NeedNotApplicable { job, need_id: open.need_id, reason: NotApplicable::NoneFound })?;
        }
    }
    Ok(())
}

/// Ends the rows that wait for a subject that nobody will name any more: the needs of their parent's entry have all ended.
pub(super) fn end_waiting(decision: &mut Decision<'_>, job: JobId) -> Result<(), DecideError> {
    loop {
        let Some(row) = decision.job(job)? else { return Ok(()) };
        let profile = decision.ctx.policy.document.profiles.get(&row.created.profile);
        let ended = row.needs.iter().filter(|need| need.waits_for_subject()).find_map(|waiting| {
            let spec = profile.and_then(|profile| profile.needs.get(waiting.need.entry as usize));
            let parent = spec.and_then(|spec| plan::parent_entry(decision.ctx, profile?, spec));
            let need_id = waiting.need.need_id;
            let Some((parent, _)) = parent else { return Some((need_id, None)) };
            let mut parents = row.needs.iter().filter(|need| need.need.entry == parent);
            if parents.clone().any(NeedRow::open) {
                return None;
            }
            let answered = parents.clone().any(|need| need.receipt.is_some());
            let failed = parents.find(|need| need.last_failure.is_some()).filter(|_| !answered);
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
