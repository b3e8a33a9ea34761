//! Which node decides for a partition.

use super::command::Reply;
use super::decision::{DecideError, Decision};
use mirano_replay::decider::{self, DeciderRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::DeciderChanged;

/// Decides `TakeOver`. Who decides already, at the same address, need not say so again.
pub fn take_over(decision: &mut Decision<'_>, node: &DeciderChanged) -> Result<Reply, DecideError> {
    let row: Option<DeciderRow> = decision.rows.row(&decider::key(decision.ctx.partition()))?;
    if row.is_none_or(|row| row.changed != *node) {
        decision.emit(node.clone())?;
    }
    Ok(Reply::Done)
}
