//! The whole base is sealed: what was found at a cut becomes history.

use super::command::Reply;
use super::decision::{DecideError, Decision};
use mirano_replay::history::last_world;
use mirano_schemas::{SnapshotId, WorldBody, WorldSealed, codec};

/// Decides `SealWorld`: a base that shows the same facts of as many queries has its snapshot already.
pub fn seal(decision: &mut Decision<'_>, found: &WorldBody) -> Result<Reply, DecideError> {
    if let Some((id, last)) = last_world(&decision.rows)?
        && (last.body.facts_root, last.body.queries) == (found.facts_root, found.queries)
    {
        return Ok(Reply::Sealed(id));
    }
    let body =
        WorldBody { sealed_at: decision.ctx.now(), policy_version: decision.ctx.policy.version, ..found.clone() };
    let content = codec::encode(&body).map_err(|error| DecideError::Encode(error.to_string()))?;
    let snapshot = SnapshotId::of(&[&content]);
    decision.emit(WorldSealed { snapshot, body })?;
    Ok(Reply::Sealed(snapshot))
}
