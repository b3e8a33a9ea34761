//! Facts: what they say and when they were shown, sets of them as observations show them, and volatile attributes.

use crate::rows::key::{self, FactKey};
use crate::rows::{FactRow, ObservationRow};
use crate::store::{Read, ReadExt, StoreError, Table, decode_row};
use crate::tree::stored::{self, NodeStore};
use mirano_schemas::{Attrs, FactId, MOST_SHARDS, ObservationId, Root, Sealable, SharedFact, queue_of};
use std::collections::{BTreeMap, BTreeSet};

/// How many queues a source has.
pub fn shards(store: &(impl Read + ?Sized), source: &str) -> Result<u32, StoreError> {
    let mut shards = 1;
    store.with(Table::Divided, &key::divided(Some(source)), &mut |bytes| {
        shards = bytes.first_chunk().map_or(1, |bytes| u32::from_be_bytes(*bytes));
    })?;
    Ok(shards)
}

/// The names of a source's queues, in the order of their bytes.
pub fn queues(store: &(impl Read + ?Sized), source: &str) -> Result<Vec<String>, StoreError> {
    let mut queues: Vec<String> = (0..shards(store, source)?).map(|shard| queue_of(source, shard)).collect();
    queues.sort_unstable();
    Ok(queues)
}

/// Whether any source has several queues, and so a fact several rows.
fn any_divided(store: &(impl Read + ?Sized)) -> Result<bool, StoreError> {
    store.has(Table::Divided, &key::divided(None))
}

/// A fact and when it was shown: of a source with shards those of all its rows, as the source was asked.
pub fn row(store: &(impl Read + ?Sized), id: FactId) -> Result<Option<FactRow>, StoreError> {
    let mut whole: Option<FactRow> = store.row(id.as_bytes())?;
    if !any_divided(store)? {
        return Ok(whole);
    }
    let shards = match whole.as_ref().map(|row| &row.body) {
        Some(Sealable::Plain(fact)) => shards(store, &fact.source)?,
        // Whose it is is not known, or not to be read here.
        Some(Sealable::Sealed(_)) | None => MOST_SHARDS,
    };
    for shard in 1..shards {
        join(&mut whole, store.row(of_shard(id, shard).as_bytes())?);
    }
    Ok(whole)
}

/// Adds what a further row says of a fact.
pub fn join(whole: &mut Option<FactRow>, further: Option<FactRow>) {
    match (whole, further) {
        (Some(whole), Some(further)) => {
            whole.intervals.extend(further.intervals);
            // Partitions have no order of their own; where the source was asked at one moment, any that is the same everywhere does.
            whole.intervals.sort_by_key(|one| (one.from.observed_at, one.from.at.partition, one.from.at.seq));
        }
        (whole @ None, further) => *whole = further,
        (Some(_), None) => {}
    }
}

/// What a fact says, without when it was shown.
pub fn body(store: &(impl Read + ?Sized), id: FactId) -> Result<Option<Sealable<SharedFact>>, StoreError> {
    if let Some(row) = store.shared::<FactRow>(id.as_bytes())? {
        return Ok(Some(row.body.clone()));
    }
    if any_divided(store)? {
        for shard in 1..MOST_SHARDS {
            if let Some(row) = store.row::<FactRow>(of_shard(id, shard).as_bytes())? {
                return Ok(Some(row.body));
            }
        }
    }
    Ok(None)
}

/// What several facts say, in their order.
pub fn bodies(store: &(impl Read + ?Sized), ids: &[FactId]) -> Result<Vec<Option<Sealable<SharedFact>>>, StoreError> {
    let keys: Vec<&[u8]> = ids.iter().map(FactId::as_bytes).collect();
    let mut found = Ok(Vec::new());
    store.with_all(Table::Fact, &keys, &mut |rows| {
        let body = |row: &[u8]| decode_row(Table::Fact, row).map(|row: FactRow| row.body);
        found = rows.iter().map(|row| row.map(body).transpose()).collect();
    })?;
    let further = |(id, found): (&FactId, Option<_>)| match found {
        Some(found) => Ok(Some(found)),
        None => body(store, *id),
    };
    ids.iter().zip(found?).map(further).collect()
}

fn of_shard(id: FactId, shard: u32) -> FactKey {
    FactKey::of(id, u8::try_from(shard).unwrap_or(u8::MAX))
}

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
