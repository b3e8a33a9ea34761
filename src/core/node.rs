//! Which node decides for a partition, and what nodes kept outside of the log.

use super::command::Reply;
use super::decision::{DecideError, Decision};
use mirano_replay::checkpoint;
use mirano_replay::decider::{self, DeciderRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{CheckpointTaken, DeciderChanged};

/// Decides `TakeOver`. Who decides already, at the same address, need not say so again.
pub fn take_over(decision: &mut Decision<'_>, node: &DeciderChanged) -> Result<Reply, DecideError> {
    let row: Option<DeciderRow> = decision.rows.row(&decider::key(decision.ctx.partition()))?;
    if row.is_none_or(|row| row.changed != *node) {
        decision.emit(node.clone())?;
    }
    Ok(Reply::Done)
}

/// Decides `NoteCheckpoint`. Given once more, it is named already.
pub fn note_checkpoint(decision: &mut Decision<'_>, taken: &CheckpointTaken) -> Result<Reply, DecideError> {
    if checkpoint::all(&decision.rows)?.iter().all(|row| row.taken.list != taken.list) {
        decision.emit(taken.clone())?;
    }
    Ok(Reply::Done)
}
