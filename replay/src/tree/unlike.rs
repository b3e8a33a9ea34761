//! What two pages over the same keys do not share. Of two pages that differ in little nearly all is alike, byte for byte: that is
//! passed over without being read into pieces.

use super::build::part;
use super::page::{self, CHILD, Child, Form, Piece};
use crate::store::{StoreError, Table};

/// Two pages without what both hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unlike {
    /// What the first holds, in order.
    pub from: Vec<Piece>,
    /// What the second holds, in order.
    pub to: Vec<Piece>,
    /// How many keys were left out, which both hold.
    pub same: u64,
}

/// Of the pages of two subtrees, as they lie. Each is checked as [`page::below`] checks it.
pub(super) fn unlike(from: (&Child, &[u8]), to: (&Child, &[u8])) -> Result<Unlike, StoreError> {
    match (Form::of(Table::TreePage, from.1)?, Form::of(Table::TreePage, to.1)?) {
        (Form::Keys(a), Form::Keys(b)) => merge((from.0, a), (to.0, b)),
        (Form::Children(a), Form::Children(b)) => merge((from.0, a), (to.0, b)),
        _ => Ok(Unlike { from: page::below(from.0, from.1)?, to: page::below(to.0, to.1)?, same: 0 }),
    }
}

/// A piece as it lies in a page.
trait Lying: PartialEq {
    fn key(&self) -> &[u8; 32];
    fn span(&self) -> u16;
    fn count(&self) -> u32;
    fn piece(&self) -> Piece;
}

impl Lying for [u8; 32] {
    fn key(&self) -> &[u8; 32] {
        self
    }

    fn span(&self) -> u16 {
        256
    }

    fn count(&self) -> u32 {
        1
    }

    fn piece(&self) -> Piece {
        Piece::Key(*self)
    }
}

impl Lying for [u8; CHILD] {
    fn key(&self) -> &[u8; 32] {
        page::key_of(self)
    }

    fn span(&self) -> u16 {
        page::span_of(self)
    }

    fn count(&self) -> u32 {
        page::count_of(self)
    }

    fn piece(&self) -> Piece {
        page::piece(self)
    }
}

/// One side: what lies there still, what lay before it, and how many keys were passed.
struct Lies<'p, R> {
    child: &'p Child,
    rest: &'p [R],
    last: Option<&'p R>,
    passed: u64,
}

impl<'p, R: Lying> Lies<'p, R> {
    /// At the beginning of a page. In order, what the first and the last share with the subtree, all of them do.
    fn open((child, page): (&'p Child, &'p [R])) -> Result<Self, StoreError> {
        let within = |one: &R| page::shared(one.key(), &child.key) >= child.span;
        match [page.first(), page.last()].into_iter().flatten().all(within) {
            true => Ok(Self { child, rest: page, last: None, passed: 0 }),
            false => Err(page::of_another(child)),
        }
    }

    /// Passes over the next one, which stands behind the last and within the subtree; unless that was `seen` already.
    fn pass(&mut self, seen: bool) -> Result<(), StoreError> {
        let Some((next, rest)) = self.rest.split_first() else { return Ok(()) };
        if !seen {
            let (span, last) = (next.span(), self.last);
            let behind = |last: &R| {
                let part = part(last.key(), next.key());
                part.is_some_and(|(bit, before)| before && u16::from(bit) < span.min(last.span()))
            };
            if span <= self.child.span || !last.is_none_or(behind) {
                return Err(page::not_in_order(Table::TreePage));
            }
        }
        self.passed += u64::from(next.count());
        (self.last, self.rest) = (Some(next), rest);
        Ok(())
    }

    /// At the end.
    fn close(&self) -> Result<(), StoreError> {
        if self.passed == u64::from(self.child.count) { Ok(()) } else { Err(page::of_another(self.child)) }
    }
}

fn merge<R: Lying>(from: (&Child, &[R]), to: (&Child, &[R])) -> Result<Unlike, StoreError> {
    let (mut from, mut to) = (Lies::open(from)?, Lies::open(to)?);
    let mut out = Unlike::default();
    // Whether what lies before is alike, or nothing lies there.
    let mut alike = true;
    loop {
        match (from.rest.first(), to.rest.first()) {
            (Some(a), Some(b)) if a == b => {
                out.same += u64::from(a.count());
                from.pass(false)?;
                to.pass(alike && from.child.span == to.child.span)?;
                alike = true;
                continue;
            }
            // Of one key and unlike: one after the other.
            (Some(a), b) if b.is_none_or(|b| a.key() <= b.key()) => {
                out.from.push(a.piece());
                from.pass(false)?;
            }
            (_, Some(b)) => {
                out.to.push(b.piece());
                to.pass(false)?;
            }
            _ => break,
        }
        alike = false;
    }
    from.close()?;
    to.close()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, ReadExt};
    use crate::tree::stored;
    use mirano_schemas::FactId;
    use std::collections::BTreeSet;

    fn id(n: u32) -> FactId {
        FactId(*blake3::hash(&n.to_le_bytes()).as_bytes())
    }

    /// Pages with the subtrees that they are of: the topmost of a set, and those below it.
    fn pages(ids: impl Iterator<Item = u32>) -> Vec<(Child, Vec<u8>)> {
        let ids: Vec<FactId> = ids.map(id).collect();
        let mut store = MemoryStore::default();
        let set = stored::changed(&store, None, &ids, &[]).expect("readable");
        set.store(&mut store).expect("writable");
        let top =
            crate::store::Read::get(&store, Table::FactSet, set.root.as_bytes()).expect("readable").expect("there");
        let pieces = page::decode(Table::FactSet, &top).expect("a page");
        let whole = Child { key: [0; 32], span: 0, hash: super::super::NodeHash([0; 32]), count: set.count };
        let mut out = vec![(whole, top)];
        for piece in pieces {
            if let Piece::Sub(child) = piece {
                assert!(store.has(Table::TreePage, &child.hash.0).expect("readable"));
                let below = crate::store::Read::get(&store, Table::TreePage, &child.hash.0).expect("readable");
                out.push((child, below.expect("there")));
            }
        }
        out
    }

    /// Without the pieces that are on both sides, which are counted.
    fn trimmed(mut pages: Unlike) -> Unlike {
        let both: Vec<Piece> = pages.from.iter().filter(|piece| pages.to.contains(piece)).copied().collect();
        pages.same += both.iter().map(|piece| u64::from(piece.count())).sum::<u64>();
        pages.from.retain(|piece| !both.contains(piece));
        pages.to.retain(|piece| !both.contains(piece));
        pages
    }

    /// Whatever lies there, whole or damaged: what reading both pages whole gives, and refused when one of them is refused.
    #[test]
    fn what_is_left_is_what_reading_both_whole_leaves() {
        let sets = [pages(0..9_000), pages(3..9_001), pages((0..9_000).filter(|n| n % 7 > 0)), pages(5_000..5_300)];
        let mut drawn = 0u64;
        let mut below = |most: usize| {
            drawn += 1;
            let hash = blake3::hash(&drawn.to_le_bytes());
            usize::from_le_bytes(*hash.as_bytes().first_chunk().expect("long enough")) % most
        };
        let (mut told, mut refused, mut passed) = (0, 0, 0);
        let mut forms = BTreeSet::new();
        for n in 0..20_000 {
            let (first, second) = (&sets[below(sets.len())], &sets[below(sets.len())]);
            let (a, mut from) = first[if n % 2 == 0 { 0 } else { below(first.len()) }].clone();
            // The page of the same place, else any.
            let beside = second.iter().find(|(b, _)| b.span == a.span && page::shared(&b.key, &a.key) >= a.span);
            let (b, mut to) = beside.unwrap_or(&second[below(second.len())]).clone();
            forms.insert((from[0], to[0]));
            let bad = if below(2) == 0 { &mut from } else { &mut to };
            match n % 5 {
                0 => bad.truncate(below(bad.len())),
                1 | 2 => {
                    let bit = below(bad.len() * 8);
                    bad[bit / 8] ^= 1 << (bit % 8);
                }
                _ => {}
            }
            let found = unlike((&a, &from), (&b, &to));
            match (page::below(&a, &from), page::below(&b, &to)) {
                (Ok(from), Ok(to)) => {
                    let found = found.expect("both can be read");
                    passed += usize::from(found.same > 0);
                    assert_eq!(trimmed(found), trimmed(Unlike { from, to, same: 0 }));
                    told += 1;
                }
                _ => {
                    assert!(found.is_err());
                    refused += 1;
                }
            }
        }
        assert_eq!(forms.len(), 3, "keys beside keys, children beside children, and keys beside children");
        assert!(told > 5_000 && refused > 3_000 && passed > 4_000, "{told}, {refused}, {passed}");
    }
}
