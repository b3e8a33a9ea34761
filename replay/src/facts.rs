//! Sets of facts as observations show them, and volatile attributes.

use crate::rows::ObservationRow;
use crate::store::{Read, ReadExt, StoreError, Table, decode_row};
use crate::tree::stored::{self, NodeStore};
use mirano_schemas::{Attrs, FactId, ObservationId, Root, Sealable};
use std::collections::{BTreeMap, BTreeSet};

/// The facts under a root, sorted. An unknown root has none: the root of no facts is never stored.
pub fn set(store: &(impl Read + ?Sized), root: Root) -> Result<Vec<FactId>, StoreError> {
    let mut keys = Vec::new();
    stored::keys(store, store.top(root)?.unwrap_or_default(), &mut keys)?;
    Ok(keys.into_iter().map(FactId).collect())
}

/// What `to` has and `from` has not, and the other way round; both sorted.
pub fn difference(from: &[FactId], to: &[FactId]) -> (Vec<FactId>, Vec<FactId>) {
    let (from, to): (BTreeSet<_>, BTreeSet<_>) = (from.iter().collect(), to.iter().collect());
    (to.difference(&from).map(|id| **id).collect(), from.difference(&to).map(|id| **id).collect())
}

/// The volatile attributes of an observation.
pub fn volatile(
    store: &(impl Read + ?Sized),
    observation: ObservationId,
) -> Result<BTreeMap<FactId, Sealable<Attrs>>, StoreError> {
    let row: Option<ObservationRow> = store.row(observation.as_bytes())?;
    let Some(place) = row.and_then(|row| row.volatile_of) else { return Ok(BTreeMap::new()) };
    let bytes = store.get(Table::Volatile, place.as_bytes())?.unwrap_or_default();
    let block: Vec<(FactId, Sealable<Attrs>)> = decode_row(Table::Volatile, &bytes)?;
    Ok(block.into_iter().collect())
}
