//! A FactSnapshot: what a report rests on, fixed.

use super::settle::settle;
use crate::core::bugs::{self, Bug};
use crate::core::command::{Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::freshness::Freshness;
use crate::core::job::status;
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_replay::store::StoreError;
use mirano_replay::tree;
use mirano_replay::tree::stored::{self, NodeStore};
use mirano_schemas::*;
use std::collections::BTreeMap;

/// Decides `Seal`: an unchanged job gives the snapshot that it has.
pub fn seal(decision: &mut Decision<'_>, job: JobId, tenant: &str) -> Result<Reply, DecideError> {
    let row = decision.job(job)?.filter(|row| row.created.tenant == tenant).ok_or(Rejection::JobNotFound)?;
    if row.needs.iter().all(|need| need.receipt.is_none()) {
        return Err(Rejection::NothingToSeal.into());
    }
    // What was assessed may rest on answers that are too old to be shown by now.
    let outdated: Vec<NeedId> = row
        .needs
        .iter()
        .filter(|need| need.applicable() && need.receipt.is_some() && !shown(need, decision.ctx.now()))
        .map(|need| need.need.need_id)
        .collect();
    if !outdated.is_empty() {
        settle(decision, job, &outdated)?;
    }
    Ok(Reply::Sealed(seal_unless_same(decision, job)?))
}

/// Seals what the job shows now, unless its last snapshot shows the same.
pub(super) fn seal_unless_same(decision: &mut Decision<'_>, job: JobId) -> Result<SnapshotId, DecideError> {
    let row = decision.job(job)?.ok_or(Rejection::JobNotFound)?;
    let body = body(decision, &row)?;
    if let Some(last) = row.snapshots.last()
        && (last.facts_root, last.receipts_root, last.status, &last.missing)
            == (body.facts_root, body.receipts_root, body.status, &body.missing)
    {
        return Ok(last.snapshot);
    }
    let content = codec::encode(&body).map_err(|error| DecideError::Encode(error.to_string()))?;
    let snapshot = SnapshotId::of(&[&content]);
    decision.emit(SnapshotSealed { snapshot, body })?;
    Ok(snapshot)
}

/// Whether a need shows an answer at a time.
fn shown(need: &NeedRow, now: Timestamp) -> bool {
    need.applicable() && Freshness::of_receipt(need.receipt.as_ref(), now).shown()
}

/// Roots over what receipts show.
pub struct Roots {
    /// How many facts.
    pub facts: u32,
    /// Over the facts.
    pub facts_root: Root,
    /// Over the receipts.
    pub receipts_root: Root,
}

/// The roots over what receipts show: equal to a snapshot's, where that holds the same.
pub fn roots(rows: &(impl NodeStore + ?Sized), receipts: &[&Receipt]) -> Result<Roots, StoreError> {
    let mut sets = Vec::new();
    let mut leaves = Vec::new();
    for receipt in receipts {
        if !(bugs::on(Bug::SealForgetsReceipt) && receipts.last() == Some(receipt)) {
            sets.push(receipt.facts_root);
        }
        let bytes = codec::encode(*receipt).map_err(|error| StoreError::Storage(error.to_string()))?;
        leaves.push((receipt.receipt_id, bytes));
    }
    let (facts_root, facts) = stored::union_root(rows, &sets)?;
    let receipts_root = tree::receipts_root(leaves.iter().map(|(id, bytes)| (*id, bytes.as_slice())))
        .map_err(|error| StoreError::Storage(error.to_string()))?;
    Ok(Roots { facts, facts_root, receipts_root })
}

fn body(decision: &Decision<'_>, row: &JobRow) -> Result<SnapshotBody, DecideError> {
    let ctx = decision.ctx;
    let shown = |need: &NeedRow| shown(need, ctx.now());
    let mut receipts: Vec<&Receipt> =
        row.needs.iter().filter(|need| shown(need)).filter_map(|need| need.receipt.as_ref()).collect();
    receipts.sort_by_key(|receipt| receipt.need_id);
    // Where the job stood before this decision, and the furthest place that any receipt rests on.
    let own = ctx.at.position;
    let mut cut: BTreeMap<u32, u64> = BTreeMap::new();
    if let Some(before) = own.seq.checked_sub(1) {
        cut.insert(own.partition, before);
    }
    for receipt in &receipts {
        let place = cut.entry(receipt.at.partition).or_insert(receipt.at.seq);
        *place = (*place).max(receipt.at.seq);
    }
    let Roots { facts, facts_root, receipts_root } = roots(&decision.rows, &receipts)?;
    let (status, _) = status::status(row, ctx.now(), |_| true);
    let risk = row.risk.as_ref().map(|risk| risk.assessment.clone());
    let body = SnapshotBody {
        job: row.created.job,
        subject: row.created.address.subject.clone(),
        profile: row.created.profile.clone(),
        facts,
        facts_root,
        receipts_root,
        receipts: receipts.iter().map(|receipt| receipt.receipt_id).collect(),
        observation_roots: receipts.iter().map(|receipt| receipt.facts_root).collect(),
        cut: cut.into_iter().map(|(partition, seq)| Position { partition, seq }).collect(),
        status,
        missing: row
            .needs
            .iter()
            .filter(|need| need.applicable() && !shown(need))
            .map(|need| need.need.need_id)
            .collect(),
        risk: risk.ok_or_else(|| DecideError::Encode("a job is assessed before it is sealed".to_owned()))?,
        policy_version: ctx.policy.version,
        schema_version: codec::SCHEMA_VERSION,
        sealed_at: ctx.now(),
    };
    Ok(body)
}
