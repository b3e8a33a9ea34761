//! Who decides: a row of the partition that it is about.

use super::{ApplyError, At};
use crate::decider::{self, DeciderRow};
use crate::store::{Write, WriteExt};
use mirano_schemas::*;

pub(super) fn decider(store: &mut impl Write, at: At, event: &DeciderChanged) -> Result<(), ApplyError> {
    let row = DeciderRow { changed: event.clone(), at: at.position };
    Ok(store.put_row(&decider::key(at.position.partition), &row)?)
}
