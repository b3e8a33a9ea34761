//! What two stored sets differ in: walks both trees side by side, and skips what is equal.

use super::page::{Child, Piece, shared};
use super::stored::NodeStore;
use crate::store::StoreError;
use mirano_schemas::{FactId, Root};

/// One difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The second set has it, the first has not.
    Added(FactId),
    /// The first set has it, the second has not.
    Gone(FactId),
}

impl Change {
    /// The fact.
    pub fn id(&self) -> FactId {
        match self {
            Self::Added(id) | Self::Gone(id) => *id,
        }
    }
}

/// So many pairs of pages are fetched at once.
const AHEAD: usize = 64;

/// Two subtrees of one place, if they are not the same.
fn differ(a: &Piece, b: &Piece) -> Option<(Child, Child)> {
    match (a, b) {
        (Piece::Sub(before), Piece::Sub(after)) if before.hash != after.hash => Some((*before, *after)),
        _ => None,
    }
}

/// The differences of two sets in order of fact id, read as they are asked for. Ends after an error.
pub struct Diff<'s, S: ?Sized> {
    from: Side<'s, S>,
    to: Side<'s, S>,
    unchanged: u64,
    failed: bool,
}

impl<'s, S: NodeStore + ?Sized> Diff<'s, S> {
    /// Between two roots; a root that was never stored is an empty set.
    pub fn new(store: &'s S, from: Root, to: Root) -> Result<Self, StoreError> {
        let (from, to) = (Side::open(store, from)?, Side::open(store, to)?);
        Ok(Self { from, to, unchanged: 0, failed: false })
    }

    /// How many facts both have, among those looked at; all of them after the last difference.
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// Looks into the next pairs of subtrees that differ, many at once.
    fn open_ahead(&mut self) -> Result<(), StoreError> {
        let (mut pairs, mut places) = (Vec::new(), (Vec::new(), Vec::new()));
        let [mut from, mut to] = [&self.from, &self.to].map(|side| side.stack.iter().enumerate().rev().peekable());
        while pairs.len() < AHEAD
            && let (Some((at, a)), Some((beside, b))) = (from.peek(), to.peek())
        {
            if shared(a.key(), b.key()) < a.span().min(b.span()) {
                // Apart from each other.
                if a.key() < b.key() {
                    from.next()
                } else {
                    to.next()
                };
                continue;
            }
            if a.span() != b.span() {
                break;
            }
            if let Some(pair) = differ(a, b) {
                pairs.push(pair);
                places.0.push(*at);
                places.1.push(*beside);
            }
            from.next();
            to.next();
        }
        let unlike = self.from.store.unlike(&pairs)?;
        self.unchanged += unlike.iter().map(|pair| pair.same).sum::<u64>();
        let (from, to): (Vec<_>, Vec<_>) = unlike.into_iter().map(|pair| (pair.from, pair.to)).unzip();
        self.from.replace(places.0.into_iter().zip(from).rev());
        self.to.replace(places.1.into_iter().zip(to).rev());
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Change>, StoreError> {
        loop {
            let (a, b) = match (self.from.peek(), self.to.peek()) {
                (None, None) => return Ok(None),
                (Some(_), None) => {
                    if let Some(key) = self.from.key()? {
                        return Ok(Some(Change::Gone(key)));
                    }
                    continue;
                }
                (None, Some(_)) => {
                    if let Some(key) = self.to.key()? {
                        return Ok(Some(Change::Added(key)));
                    }
                    continue;
                }
                (Some(a), Some(b)) => (*a, *b),
            };
            let (wide, narrow) = (a.span().min(b.span()), a.span().max(b.span()));
            if shared(a.key(), b.key()) < wide {
                // Apart from each other: the earlier one is on its side only.
                if a.key() < b.key() {
                    if let Some(key) = self.from.key()? {
                        return Ok(Some(Change::Gone(key)));
                    }
                } else if let Some(key) = self.to.key()? {
                    return Ok(Some(Change::Added(key)));
                }
            } else if wide < narrow {
                // One lies within the other.
                if a.span() < b.span() { self.from.open_top()? } else { self.to.open_top()? }
            } else if differ(&a, &b).is_some() {
                self.open_ahead()?;
            } else {
                // The same subtree; or the same key, whose span is that of no subtree.
                self.unchanged += u64::from(a.count());
                self.from.stack.pop();
                self.to.stack.pop();
            }
        }
    }
}

impl<S: NodeStore + ?Sized> Iterator for Diff<'_, S> {
    type Item = Result<Change, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.step();
        self.failed = next.is_err();
        next.transpose()
    }
}

/// The facts of one set in order, read as they are asked for.
pub(super) struct Side<'s, S: ?Sized> {
    store: &'s S,
    /// The next piece is the last.
    stack: Vec<Piece>,
}

impl<'s, S: NodeStore + ?Sized> Side<'s, S> {
    pub(super) fn open(store: &'s S, root: Root) -> Result<Self, StoreError> {
        Ok(Self::of(store, store.top(root)?.unwrap_or_default()))
    }

    /// Of pieces in order.
    pub(super) fn of(store: &'s S, mut pieces: Vec<Piece>) -> Self {
        pieces.reverse();
        Self { store, stack: pieces }
    }

    /// The next pieces, as far as they lie within a region that no piece reaches beyond.
    pub(super) fn within<'a>(&'a self, region: &'a Piece) -> impl Iterator<Item = Piece> + use<'a, 's, S> {
        self.stack.iter().rev().take_while(|piece| region.covers(piece.key())).copied()
    }

    /// Passes over them.
    pub(super) fn skip(&mut self, region: &Piece) {
        let inside = self.within(region).count();
        self.stack.truncate(self.stack.len() - inside);
    }

    pub(super) fn peek(&self) -> Option<&Piece> {
        self.stack.last()
    }

    /// Looks into the next piece.
    pub(super) fn open_top(&mut self) -> Result<(), StoreError> {
        if let Some(Piece::Sub(child)) = self.stack.last().copied() {
            self.replace_top(self.store.below(&child)?);
        }
        Ok(())
    }

    /// In the places of pieces, what is in them; the lowest place first.
    fn replace(&mut self, pieces: impl Iterator<Item = (usize, Vec<Piece>)>) {
        let mut pieces = pieces.peekable();
        let Some(lowest) = pieces.peek().map(|(place, _)| *place) else { return };
        for (at, piece) in (lowest..).zip(self.stack.split_off(lowest)) {
            match pieces.next_if(|(place, _)| *place == at) {
                Some((_, inside)) => self.stack.extend(inside.into_iter().rev()),
                None => self.stack.push(piece),
            }
        }
    }

    /// In the place of the next piece, what is in it.
    fn replace_top(&mut self, pieces: Vec<Piece>) {
        self.stack.pop();
        self.stack.extend(pieces.into_iter().rev());
    }

    /// Passes over all facts up to and with one.
    pub(super) fn pass(&mut self, FactId(last): &FactId) -> Result<(), StoreError> {
        while let Some(piece) = self.peek().copied() {
            match piece {
                Piece::Sub(_) if piece.covers(last) => self.open_top()?,
                _ if piece.key() <= last => {
                    self.stack.pop();
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// The next fact; none when the next piece had to be looked into first.
    fn key(&mut self) -> Result<Option<FactId>, StoreError> {
        if let Some(Piece::Key(key)) = self.stack.last().copied() {
            self.stack.pop();
            return Ok(Some(FactId(key)));
        }
        self.open_top()?;
        Ok(None)
    }
}

/// The facts of a stored set after a given one, in order: reads only what it gives.
pub struct Facts<'s, S: ?Sized>(Side<'s, S>);

impl<'s, S: NodeStore + ?Sized> Facts<'s, S> {
    /// From the first one that is greater than `after`.
    pub fn after(store: &'s S, root: Root, after: Option<FactId>) -> Result<Self, StoreError> {
        let mut side = Side::open(store, root)?;
        if let Some(after) = after {
            side.pass(&after)?;
        }
        Ok(Self(side))
    }
}

impl<S: NodeStore + ?Sized> Iterator for Facts<'_, S> {
    type Item = Result<FactId, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.stack.is_empty() {
            match self.0.key() {
                Ok(None) => {}
                Ok(Some(id)) => return Some(Ok(id)),
                Err(error) => {
                    self.0.stack.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
