//! Who decides: a row of the partition that it is about; and what was kept outside of the log.

use super::{ApplyError, At};
use crate::checkpoint::{self, CheckpointRow};
use crate::decider::{self, DeciderRow};
use crate::store::{Write, WriteExt};
use mirano_schemas::*;

pub(super) fn decider(store: &mut impl Write, at: At, event: &DeciderChanged) -> Result<(), ApplyError> {
    let row = DeciderRow { changed: event.clone(), at: at.position };
    Ok(store.put_row(&decider::key(at.position.partition), &row)?)
}

pub(super) fn checkpoint(store: &mut impl Write, at: At, event: &CheckpointTaken) -> Result<(), ApplyError> {
    let row = CheckpointRow { taken: event.clone(), at: at.position, recorded_at: at.recorded_at };
    Ok(store.put_row(&checkpoint::key(at.position), &row)?)
}
