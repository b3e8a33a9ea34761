//! A policy is adopted: in partition 0 first, then by the others in order.

use super::{Policy, PolicyDocument, compiled, proxies, queue, shards};
use crate::core::command::{AdoptPolicy, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use mirano_replay::apply::in_force;
use mirano_replay::rows::{PolicyRow, key};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;

/// Reacts to a policy that partition 0 adopted: it holds here as well from now on.
pub fn follow(decision: &mut Decision<'_>, event: &PolicyAdopted) -> Result<(), DecideError> {
    decision.emit(event.clone())?;
    let document: PolicyDocument = serde_json::from_str(&event.document)
        .map_err(|error| DecideError::Encode(format!("the policy {} can't be read: {error}", event.version)))?;
    queue::weigh(decision, &document.queue)
}

/// Decides `AdoptPolicy`. The document that is in force already is not adopted again.
pub fn adopt(decision: &mut Decision<'_>, command: &AdoptPolicy) -> Result<Reply, DecideError> {
    let digest = *blake3::hash(command.document.as_bytes()).as_bytes();
    let now: Option<PolicyRow> = match in_force(&decision.rows, 0)? {
        Some(version) => decision.rows.row(&key::policy(version))?,
        None => None,
    };
    let version = now.as_ref().map_or(0, |row| row.adopted.version);
    if command.expected.is_some_and(|expected| expected != version) {
        return Err(Rejection::VersionChanged(version).into());
    }
    if now.is_some_and(|row| row.adopted.digest == digest && row.adopted.origin == command.origin) {
        return Ok(Reply::Policy(version));
    }
    let document: PolicyDocument =
        serde_json::from_str(&command.document).map_err(|error| Rejection::PolicyInvalid(error.to_string()))?;
    let before = (decision.ctx.policy.version > 0 || !decision.ctx.policy.document.sources.is_empty())
        .then_some(decision.ctx.policy);
    let connectors = compiled::connector_versions(&document, before);
    let version = decision.ctx.at.position.seq;
    let queue = document.queue.clone();
    let policy = Policy::compile(version, document, connectors.clone()).map_err(Rejection::PolicyInvalid)?;
    shards::unchanged(decision, &policy.document, before)?;
    proxies::divisible(&policy.document, decision.ctx.partitions)?;
    decision.emit(PolicyAdopted {
        version,
        origin: command.origin,
        digest,
        document: command.document.clone(),
        connectors,
    })?;
    queue::weigh(decision, &queue)?;
    Ok(Reply::Policy(version))
}
