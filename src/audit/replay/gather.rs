//! A fold that leaves the rows of facts to others: what happens to them is gathered batch by batch, sorted and made into rows
//! on any thread, and put together at the end. Facts are most of a log, and their rows most of a fold.

use super::state::{SHARDS, Shard, shard_of};
use mirano_replay::overlay::{Changes, Overlay};
use mirano_replay::rows::key::FactKey;
use mirano_replay::rows::{FactRow, GoneBound, IntervalRow};
use mirano_replay::shown::{Change, Stretch};
use mirano_replay::store::{Kept, KeyAndRow, MemoryStore, Read, StoreError, Table, Visit, Write, decode_row};
use mirano_schemas::{FactId, QueryKey, Root, Sealable, SharedFact, codec};

/// The rows of everything but facts and their sets.
pub(super) struct Gather<'a> {
    rows: Overlay<'a, MemoryStore>,
    changes: Vec<(FactKey, Change)>,
    sets: Vec<Root>,
}

/// What a few megabytes of commits came to.
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
    Row(Vec<u8>),
    /// It goes on from what was before.
    Part(Box<Stretch>),
}

/// What a batch did to facts, in order of their keys, in as many parts as there are shards.
pub(super) struct Run(Vec<Part>);

/// A shard's part of a run.
pub(super) type Part = Vec<(FactKey, Piece)>;

impl Run {
    /// Of changes in the order in which they happened.
    pub(super) fn of(changes: Vec<(FactKey, Change)>) -> Result<Self, StoreError> {
        let mut order: Vec<(FactKey, usize)> =
            changes.iter().enumerate().map(|(number, (key, _))| (*key, number)).collect();
        order.sort_unstable();
        let mut changes: Vec<Option<Change>> = changes.into_iter().map(|(_, change)| Some(change)).collect();
        let mut out = Self((0..SHARDS).map(|_| Vec::new()).collect());
        for same in order.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((key, _)) = same.first() else { continue };
            let mut stretch = Stretch::default();
            for (_, number) in same {
                if let Some(change) = changes.get_mut(*number).and_then(Option::take) {
                    stretch.push(change);
                }
            }
            let piece = match stretch.whole() {
                Ok(row) => Piece::Row(bytes(&row)?),
                Err(stretch) => Piece::Part(Box::new(stretch)),
            };
            if let Some(shard) = out.0.get_mut(shard_of(key)) {
                shard.push((*key, piece));
            }
        }
        Ok(out)
    }
}

fn bytes(row: &FactRow) -> Result<Vec<u8>, StoreError> {
    codec::encode(row).map_err(|error| StoreError::Row { table: Table::Fact, detail: error.to_string() })
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
                    Ok(row) => bytes(&row)?,
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
