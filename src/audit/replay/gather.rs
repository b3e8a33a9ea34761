//! A fold that leaves the rows of facts to others: what happens to them is gathered batch by batch, sorted and made into rows
//! on any thread, and put together at the end. Facts are most of a log, and their rows most of a fold.

use super::state::{SHARDS, Shard, shard_of};
use bytes::Bytes;
use mirano_replay::overlay::{Changes, Overlay};
use mirano_replay::rows::key::FactKey;
use mirano_replay::rows::{GoneBound, IntervalRow};
use mirano_replay::shown::{Change, Stretch, append_row};
use mirano_replay::store::{Kept, KeyAndRow, MemoryStore, Read, StoreError, Table, Visit, Write, decode_row};
use mirano_schemas::{FactId, QueryKey, Root, Sealable, SharedFact};

/// The rows of everything but facts and their sets.
pub(super) struct Gather<'a> {
    rows: Overlay<'a, MemoryStore>,
    changes: Vec<(FactKey, Change)>,
    sets: Vec<Root>,
}

/// What a few commits came to.
pub(super) struct Gathered {
    /// Rows of everything else.
    pub rows: Changes,
    /// What happened to facts, in order.
    pub changes: Vec<(FactKey, Change)>,
    /// The roots of sets that were shown.
    pub sets: Vec<Root>,
}

impl<'a> Gather<'a> {
    pub(super) fn new(below: &'a MemoryStore) -> Self {
        Self { rows: Overlay::new(below), changes: Vec::new(), sets: Vec::new() }
    }

    pub(super) fn done(self) -> Result<Gathered, StoreError> {
        Ok(Gathered { rows: self.rows.into_changes()?, changes: self.changes, sets: self.sets })
    }
}

impl Read for Gather<'_> {
    fn kept(&self, table: Table, key: &[u8]) -> Option<&Kept> {
        self.rows.kept(table, key)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.get(table, key)
    }

    fn with(&self, table: Table, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        self.rows.with(table, key, take)
    }

    fn scan(&self, table: Table, prefix: &[u8], from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        self.rows.scan(table, prefix, from, visit)
    }

    fn last(&self, table: Table, prefix: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        self.rows.last(table, prefix, to)
    }
}

impl Write for Gather<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.rows.put(table, key, value);
    }

    fn delete(&mut self, table: Table, key: &[u8]) {
        self.rows.delete(table, key);
    }

    fn keep(&mut self, table: Table, key: &[u8], row: Kept) -> Option<Kept> {
        self.rows.keep(table, key, row)
    }

    fn take(&mut self, table: Table, key: &[u8]) -> Option<Kept> {
        self.rows.take(table, key)
    }

    fn show(&mut self, key: FactKey, body: &Sealable<SharedFact>, interval: IntervalRow) -> Result<(), StoreError> {
        self.changes.push((key, Change::Shown(body.clone(), interval)));
        Ok(())
    }

    /// Whether the query showed it is seen when all is put together.
    fn hide(&mut self, key: FactKey, query: QueryKey, end: GoneBound) -> Result<bool, StoreError> {
        self.changes.push((key, Change::Hidden(query, end)));
        Ok(true)
    }

    /// Whoever recomputes its root has its pages as well.
    fn keep_set(&mut self, root: Root, _: Option<Root>, _: &[FactId], _: &[FactId]) -> Result<(), StoreError> {
        self.sets.push(root);
        Ok(())
    }
}

/// What a batch did to a fact.
pub(super) enum Piece {
    /// All that there is of it, as the row's bytes.
    Row(Bytes),
    /// It goes on from what was before.
    Part(Box<Stretch>),
}

/// What a batch did to facts, in order of their keys, in as many parts as there are shards.
pub(super) struct Run(Vec<Part>);

/// A shard's part of a run.
pub(super) type Part = Vec<(FactKey, Piece)>;

/// About so many bytes has the row of a fact.
const ROW_BYTES: usize = 256;

impl Run {
    /// Of changes in the order in which they happened.
    pub(super) fn of(changes: &[(FactKey, Change)]) -> Result<Self, StoreError> {
        let mut order: Vec<(&FactKey, usize)> =
            changes.iter().enumerate().map(|(number, (key, _))| (key, number)).collect();
        order.sort_unstable();
        // One piece of memory for all rows: asking for one each, and giving it back, would cost as much as writing it.
        let mut rows = Vec::with_capacity(changes.len() * ROW_BYTES);
        let mut found = Vec::with_capacity(order.len());
        for same in order.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((key, _)) = same.first() else { continue };
            let these = same.iter().filter_map(|(_, number)| changes.get(*number)).map(|(_, change)| change);
            let start = rows.len();
            // Nearly every fact is shown once, and then its row is written down at once.
            let only = these.clone().next().filter(|_| same.len() == 1);
            let written = only.map_or(Ok(false), |only| only.append_alone(&mut rows))?;
            let part = if written { None } else { joined(these, &mut rows)? };
            found.push((**key, start..rows.len(), part));
        }
        rows.shrink_to_fit();
        let rows = Bytes::from(rows);
        let mut out = Self((0..SHARDS).map(|_| Vec::new()).collect());
        for (key, place, part) in found {
            let piece = part.map_or_else(|| Piece::Row(rows.slice(place)), |part| Piece::Part(Box::new(part)));
            if let Some(shard) = out.0.get_mut(shard_of(&key)) {
                shard.push((key, piece));
            }
        }
        Ok(out)
    }
}

/// Appends the row that changes of a fact come to; gives them back as one where they go on from what was before.
fn joined<'c>(changes: impl Iterator<Item = &'c Change>, rows: &mut Vec<u8>) -> Result<Option<Stretch>, StoreError> {
    let mut stretch = Stretch::default();
    changes.for_each(|change| stretch.push(change.clone()));
    match stretch.whole() {
        Ok(row) => append_row(&row, rows).map(|()| None),
        Err(stretch) => Ok(Some(stretch)),
    }
}

/// The parts of all runs, in order, by shard.
pub(super) fn by_shard(runs: Vec<Run>) -> Vec<Vec<Part>> {
    let mut shards: Vec<Vec<Part>> = (0..SHARDS).map(|_| Vec::with_capacity(runs.len())).collect();
    for run in runs {
        for (shard, part) in shards.iter_mut().zip(run.0) {
            shard.push(part);
        }
    }
    shards
}

/// The rows of a shard, by its parts of all runs in order; none when a fact was hidden that was not shown.
pub(super) fn shard(parts: Vec<Part>) -> Result<Option<Shard>, StoreError> {
    let mut all: Part = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    all.extend(parts.into_iter().flatten());
    // Stable: of one fact the earlier piece stays first.
    all.sort_by_key(|(key, _)| *key);
    let mut out = Shard::with_capacity(all.len());
    let mut pieces = all.into_iter().peekable();
    while let Some((key, piece)) = pieces.next() {
        let more = |next: &(FactKey, Piece)| next.0 == key;
        let row = match (piece, pieces.peek().is_some_and(more)) {
            (Piece::Row(row), false) => row,
            (piece, _) => {
                let mut stretch = stretch(piece)?;
                while let Some((_, next)) = pieces.next_if(more) {
                    stretch.then(self::stretch(next)?);
                }
                match stretch.whole() {
                    Ok(row) => {
                        let mut bytes = Vec::with_capacity(ROW_BYTES);
                        append_row(&row, &mut bytes)?;
                        bytes.into()
                    }
                    Err(_) => return Ok(None),
                }
            }
        };
        out.push((key, row));
    }
    Ok(Some(out))
}

fn stretch(piece: Piece) -> Result<Stretch, StoreError> {
    match piece {
        Piece::Row(row) => Ok(Stretch::of(decode_row(Table::Fact, &row)?)),
        Piece::Part(stretch) => Ok(*stretch),
    }
}
