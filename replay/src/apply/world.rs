//! Snapshots of the whole base. Their facts are those of the log at their cut, and are not stored once more.

use super::{ApplyError, At};
use crate::history::WorldRow;
use crate::store::{Key, Table, Write, WriteExt};
use mirano_schemas::WorldSealed;

pub(super) fn sealed(store: &mut impl Write, at: At, event: &WorldSealed) -> Result<(), ApplyError> {
    let row = WorldRow { body: event.body.clone(), position: at.position };
    store.put_row(event.snapshot.as_bytes(), &row)?;
    let place = Key::new().time(at.recorded_at).u64(at.position.seq);
    store.put(Table::WorldSealedAt, &place, event.snapshot.as_bytes().to_vec());
    Ok(())
}
