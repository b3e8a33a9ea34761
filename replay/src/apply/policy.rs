//! Policies, and which is in force where.

use super::{ApplyError, At, be_u64};
use crate::rows::{PolicyHereRow, PolicyRow, key};
use crate::store::{ReadExt, StoreError, Table, Write, WriteExt};
use mirano_schemas::{PolicyAdopted, PolicyOrigin, SourceDivided};

/// The version in force in a partition.
pub fn in_force(store: &(impl ReadExt + ?Sized), partition: u32) -> Result<Option<u64>, StoreError> {
    Ok(store.get(Table::PolicyInForce, &key::policy_in_force(partition))?.as_deref().map(be_u64))
}

pub(super) fn adopted(store: &mut impl Write, at: At, event: &PolicyAdopted) -> Result<(), ApplyError> {
    let partition = at.position.partition;
    // Versions are kept by the partition that decides on policies; the others keep what is in force.
    if partition == 0 {
        let before = match in_force(store, 0)? {
            Some(version) => store.row::<PolicyRow>(&key::policy(version))?.and_then(|row| row.files_digest),
            None => None,
        };
        let files_digest = if event.origin == PolicyOrigin::Files { Some(event.digest) } else { before };
        store.put_row(
            &key::policy(event.version),
            &PolicyRow { adopted: event.clone(), at: at.recorded_at, files_digest },
        )?;
    }
    store.put_row(&key::policy_in_force(partition), &PolicyHereRow(event.clone()))?;
    store.put(Table::PolicyInForce, &key::policy_in_force(partition), event.version.to_be_bytes().to_vec());
    Ok(())
}

pub(super) fn divided(store: &mut impl Write, event: &SourceDivided) -> Result<(), ApplyError> {
    store.put(Table::Divided, &key::divided(None), Vec::new());
    store.put(Table::Divided, &key::divided(Some(&event.source)), event.shards.to_be_bytes().to_vec());
    Ok(())
}
