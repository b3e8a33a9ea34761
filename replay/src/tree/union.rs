//! What two unions of stored sets differ in: all their trees are walked side by side, and what is the same on both sides is
//! skipped, so that neither union is ever made.
//!
//! A snapshot's facts are such a union. Its parts are rows of other partitions, so a fold cannot store it; a reader need not.

use super::diff::{Change, Side};
use super::page::{Piece, shared};
use super::stored::NodeStore;
use crate::store::StoreError;
use mirano_schemas::{FactId, Root};
use std::cmp::Ordering;

/// The differences of two unions in order of fact id, read as they are asked for. Ends after an error.
pub struct UnionDiff<'s, S: ?Sized> {
    store: &'s S,
    from: Vec<Side<'s, S>>,
    to: Vec<Side<'s, S>>,
    unchanged: u64,
    /// Subtrees that are the same on both sides and may have facts in common: who counts them looks into them.
    crossing: Vec<Vec<Vec<Piece>>>,
    failed: bool,
}

/// One difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which fact, and what became of it.
    pub change: Change,
    /// The first of its side's sets that has it, by its place among them.
    pub set: usize,
}

impl<'s, S: NodeStore + ?Sized> UnionDiff<'s, S> {
    /// Between the unions of two lists of roots; a root that was never stored is an empty set.
    pub fn new(store: &'s S, from: &[Root], to: &[Root]) -> Result<Self, StoreError> {
        let open = |roots: &[Root]| roots.iter().map(|root| Side::open(store, *root)).collect::<Result<Vec<_>, _>>();
        Ok(Self { store, from: open(from)?, to: open(to)?, unchanged: 0, crossing: Vec::new(), failed: false })
    }

    /// Passes over all facts up to and with one, without counting them.
    pub fn pass(&mut self, last: &FactId) -> Result<(), StoreError> {
        self.from.iter_mut().chain(&mut self.to).try_for_each(|side| side.pass(last))
    }

    /// How many facts both unions have, among those walked past and counted already.
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// Whether [`UnionDiff::count_crossing`] has something to count.
    pub fn crosses(&self) -> bool {
        !self.crossing.is_empty()
    }

    /// Counts what both unions have in subtrees that several sets of a side share a place in: `unchanged` is whole then. Reads
    /// these subtrees, as far as they differ from each other.
    pub fn count_crossing(&mut self) -> Result<(), StoreError> {
        for subtrees in std::mem::take(&mut self.crossing) {
            let mut sides: Vec<_> = subtrees.into_iter().map(|pieces| Side::of(self.store, pieces)).collect();
            while let Some(region) = first(sides.iter()) {
                let mut inside: Vec<Piece> = Vec::new();
                sides.iter().for_each(|side| inside.extend(side.within(&region)));
                if alone(&inside) {
                    self.unchanged += u64::from(region.count());
                    sides.iter_mut().for_each(|side| side.skip(&region));
                } else {
                    look_into(&mut sides, &region)?;
                }
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Found>, StoreError> {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        while let Some(region) = first(self.from.iter().chain(&self.to)) {
            before.clear();
            after.clear();
            self.from.iter().for_each(|side| before.extend(side.within(&region)));
            self.to.iter().for_each(|side| after.extend(side.within(&region)));
            if let Piece::Key(key) = region {
                let holder =
                    |sides: &[Side<'s, S>]| sides.iter().position(|side| side.within(&region).next().is_some());
                let (gone, added) = (holder(&self.from), holder(&self.to));
                self.skip(&region);
                match (gone, added) {
                    (Some(set), None) => return Ok(Some(Found { change: Change::Gone(FactId(key)), set })),
                    (None, Some(set)) => return Ok(Some(Found { change: Change::Added(FactId(key)), set })),
                    _ => self.unchanged += 1,
                }
            } else if same(&mut before, &mut after) {
                match alone(&before) {
                    true => self.unchanged += u64::from(region.count()),
                    false => self.crossing.push(self.from.iter().map(|side| side.within(&region).collect()).collect()),
                }
                self.skip(&region);
            } else {
                look_into(&mut self.from, &region)?;
                look_into(&mut self.to, &region)?;
            }
        }
        Ok(None)
    }

    fn skip(&mut self, region: &Piece) {
        self.from.iter_mut().chain(&mut self.to).for_each(|side| side.skip(region));
    }
}

/// Of the next pieces the one that begins first, and of those that begin alike the widest: no other reaches beyond it.
fn first<'a, 's: 'a, S: NodeStore + ?Sized + 's>(sides: impl Iterator<Item = &'a Side<'s, S>>) -> Option<Piece> {
    sides.filter_map(Side::peek).copied().min_by(|a, b| {
        match shared(a.key(), b.key()) >= a.span().min(b.span()) {
            // One lies within the other.
            true => a.span().cmp(&b.span()),
            false => a.key().cmp(b.key()),
        }
    })
}

/// Looks into the pieces that are as wide as a region.
fn look_into<S: NodeStore + ?Sized>(sides: &mut [Side<'_, S>], region: &Piece) -> Result<(), StoreError> {
    let wide = |piece: &Piece| piece.span() == region.span() && region.covers(piece.key());
    sides.iter_mut().filter(|side| side.peek().is_some_and(wide)).try_for_each(Side::open_top)
}

/// By what a piece holds.
fn order(a: &Piece, b: &Piece) -> Ordering {
    match (a, b) {
        (Piece::Key(a), Piece::Key(b)) => a.cmp(b),
        (Piece::Sub(a), Piece::Sub(b)) => a.hash.cmp(&b.hash),
        (Piece::Key(_), Piece::Sub(_)) => Ordering::Less,
        (Piece::Sub(_), Piece::Key(_)) => Ordering::Greater,
    }
}

/// Whether two lists hold the same pieces; sorts them.
fn same(a: &mut Vec<Piece>, b: &mut Vec<Piece>) -> bool {
    for list in [&mut *a, &mut *b] {
        list.sort_unstable_by(order);
        list.dedup_by(|a, b| order(a, b).is_eq());
    }
    a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| order(a, b).is_eq())
}

/// Whether all pieces are the same one.
fn alone(pieces: &[Piece]) -> bool {
    pieces.windows(2).all(|pair| matches!(pair, [a, b] if order(a, b).is_eq()))
}

impl<S: NodeStore + ?Sized> Iterator for UnionDiff<'_, S> {
    type Item = Result<Found, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.step();
        self.failed = next.is_err();
        next.transpose()
    }
}
