//! Sets of facts in the tables: read by their root, changed at the cost of the change.
//!
//! The topmost page stands in [`Table::FactSet`] under the root, so that a small set is one row; the pages below stand in
//! [`Table::TreePage`], each under the hash of its topmost node, whoever shares it. Pages are never deleted.

use super::NO_VALUE;
use super::hash::{Hashing, Node, NodeHash};
use super::page::{self, Child, LEVELS, MOST_LEAVES, Piece};
use super::unlike::{Unlike, unlike};
use crate::store::{Read, StoreError, Table, Write};
use mirano_schemas::{FactId, Root};

/// Reads pages of the tree; whatever keeps rows does.
pub trait NodeStore {
    /// The topmost page of the set with this root; none for a root that was never stored.
    fn top(&self, root: Root) -> Result<Option<Vec<Piece>>, StoreError>;
    /// The page of a subtree. Its pieces lie within it and are as many, so that a way down ends, whatever the page.
    fn below(&self, child: &Child) -> Result<Vec<Piece>, StoreError>;
    /// The pages of pairs of subtrees, without what both of a pair hold, as far as that is told apart at no cost.
    fn unlike(&self, pairs: &[(Child, Child)]) -> Result<Vec<Unlike>, StoreError> {
        let both = |(from, to): &(Child, Child)| Ok(Unlike { from: self.below(from)?, to: self.below(to)?, same: 0 });
        pairs.iter().map(both).collect()
    }
}

impl<S: Read + ?Sized> NodeStore for S {
    fn top(&self, root: Root) -> Result<Option<Vec<Piece>>, StoreError> {
        let mut found = None;
        self.with(Table::FactSet, root.as_bytes(), &mut |bytes| found = Some(page::decode(Table::FactSet, bytes)))?;
        found.transpose()
    }

    fn below(&self, child: &Child) -> Result<Vec<Piece>, StoreError> {
        let mut found = None;
        self.with(Table::TreePage, &child.hash.0, &mut |bytes| found = Some(page::below(child, bytes)))?;
        found.unwrap_or_else(|| Err(missing(child)))
    }

    fn unlike(&self, pairs: &[(Child, Child)]) -> Result<Vec<Unlike>, StoreError> {
        let keys: Vec<&[u8]> = pairs.iter().flat_map(|(from, to)| [from.hash.0.as_slice(), &to.hash.0]).collect();
        let mut found = Ok(Vec::new());
        self.with_all(Table::TreePage, &keys, &mut |pages| {
            let both = |((from, to), pages): (&(Child, Child), &[Option<&[u8]>; 2])| {
                let [before, after] = pages;
                unlike((from, before.ok_or_else(|| missing(from))?), (to, after.ok_or_else(|| missing(to))?))
            };
            found = pairs.iter().zip(pages.as_chunks().0).map(both).collect();
        })?;
        found
    }
}

fn missing(child: &Child) -> StoreError {
    StoreError::Row { table: Table::TreePage, detail: format!("the page of {:?} is not there", child.hash) }
}

/// A set that was worked out and is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its root.
    pub root: Root,
    /// How many facts it holds.
    pub count: u32,
    top: Vec<Piece>,
    pages: Vec<(NodeHash, Vec<u8>)>,
}

impl Planned {
    /// Stores it, if it is not there.
    pub fn store(&self, store: &mut impl Write) -> Result<(), StoreError> {
        let mut there = false;
        store.with(Table::FactSet, self.root.as_bytes(), &mut |_| there = true)?;
        if !there {
            for (node, bytes) in &self.pages {
                store.put(Table::TreePage, &node.0, bytes.clone());
            }
            store.put(Table::FactSet, self.root.as_bytes(), page::encode(&self.top));
        }
        Ok(())
    }
}

/// The set `base` with `added` and without `gone`; what is added and gone stays. Reads and writes only pages that change.
pub fn changed(
    store: &(impl NodeStore + ?Sized),
    base: Option<Root>,
    added: &[FactId],
    gone: &[FactId],
) -> Result<Planned, StoreError> {
    let top = match base {
        Some(root) => store.top(root)?.unwrap_or_default(),
        None => Vec::new(),
    };
    let sorted = |ids: &[FactId]| {
        let mut keys: Vec<[u8; 32]> = ids.iter().map(|id| id.0).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    let mut pieces = Vec::with_capacity(top.len() + added.len());
    apply(store, top, &sorted(added), &sorted(gone), &mut pieces)?;
    plan(store, pieces)
}

/// The union of sets. What the largest has alone is shared with it.
pub fn union(store: &(impl NodeStore + ?Sized), roots: &[Root]) -> Result<Planned, StoreError> {
    let mut roots = roots.to_vec();
    roots.sort_unstable();
    roots.dedup();
    let mut sets = Vec::new();
    for root in roots {
        let top = store.top(root)?.unwrap_or_default();
        sets.push((page::count(&top), root, top));
    }
    sets.sort_by_key(|(count, root, _)| (*count, *root));
    let largest = sets.pop();
    let mut added = Vec::new();
    for (_, _, top) in sets {
        keys(store, top, &mut added)?;
    }
    added.sort_unstable();
    added.dedup();
    let mut pieces = Vec::new();
    apply(store, largest.map(|(_, _, top)| top).unwrap_or_default(), &added, &[], &mut pieces)?;
    plan(store, pieces)
}

/// The root of a union, and how many facts it holds; nothing of it is kept.
pub fn union_root(store: &(impl NodeStore + ?Sized), roots: &[Root]) -> Result<(Root, u32), StoreError> {
    if let [first, others @ ..] = roots
        && others.iter().all(|root| root == first)
        && let Some(top) = store.top(*first)?
    {
        return Ok((*first, page::count(&top)));
    }
    let planned = union(store, roots)?;
    Ok((planned.root, planned.count))
}

/// All keys of pieces, in order.
pub fn keys(store: &(impl NodeStore + ?Sized), pieces: Vec<Piece>, out: &mut Vec<[u8; 32]>) -> Result<(), StoreError> {
    for piece in pieces {
        match piece {
            Piece::Key(key) => out.push(key),
            Piece::Sub(child) => keys(store, store.below(&child)?, out)?,
        }
    }
    Ok(())
}

/// Pieces with sorted `added` and without sorted `gone`, looking only into those that change.
fn apply(
    store: &(impl NodeStore + ?Sized),
    pieces: Vec<Piece>,
    mut added: &[[u8; 32]],
    mut gone: &[[u8; 32]],
    out: &mut Vec<Piece>,
) -> Result<(), StoreError> {
    for piece in pieces {
        // What lies before this piece belongs to none; what would lie in it is handed on.
        let before = |key: &[u8; 32]| key < piece.key() && !piece.covers(key);
        let ahead = added.partition_point(before);
        out.extend(added.iter().take(ahead).map(|key| Piece::Key(*key)));
        added = added.get(ahead..).unwrap_or_default();
        gone = gone.get(gone.partition_point(before)..).unwrap_or_default();
        let (add, later) = added.split_at(added.partition_point(|key| piece.covers(key)));
        let (drop, gone_later) = gone.split_at(gone.partition_point(|key| piece.covers(key)));
        (added, gone) = (later, gone_later);
        match piece {
            Piece::Key(_) if !drop.is_empty() && add.is_empty() => {}
            Piece::Sub(child) if !(drop.is_empty() && add.is_empty()) => {
                apply(store, store.below(&child)?, add, drop, out)?;
            }
            untouched => out.push(untouched),
        }
    }
    out.extend(added.iter().map(|key| Piece::Key(*key)));
    Ok(())
}

/// Cuts a set into pages.
fn plan(store: &(impl NodeStore + ?Sized), pieces: Vec<Piece>) -> Result<Planned, StoreError> {
    let hashing = Hashing::new();
    let mut pages = Vec::new();
    let top = cut(store, &hashing, pieces, &mut pages)?;
    Ok(Planned { root: page::root_of(&hashing, &top), count: page::count(&top), top, pages })
}

/// What the page over these pieces holds; the pages below it go to `pages`.
fn cut(
    store: &(impl NodeStore + ?Sized),
    hashing: &Hashing,
    mut pieces: Vec<Piece>,
    pages: &mut Vec<(NodeHash, Vec<u8>)>,
) -> Result<Vec<Piece>, StoreError> {
    if page::count(&pieces) <= MOST_LEAVES {
        let mut whole = Vec::with_capacity(MOST_LEAVES as usize);
        keys(store, pieces, &mut whole)?;
        return Ok(whole.into_iter().map(Piece::Key).collect());
    }
    if let [Piece::Sub(child)] = pieces.as_slice() {
        pieces = store.below(child)?;
    }
    let mut held = Vec::new();
    descend(store, hashing, &pieces, 0, &mut held, pages)?;
    Ok(held)
}

fn descend(
    store: &(impl NodeStore + ?Sized),
    hashing: &Hashing,
    pieces: &[Piece],
    level: u8,
    held: &mut Vec<Piece>,
    pages: &mut Vec<(NodeHash, Vec<u8>)>,
) -> Result<(), StoreError> {
    let small = page::count(pieces) <= MOST_LEAVES;
    match pieces {
        [] => Ok(()),
        // It was a page before, and is cut the same way again.
        [Piece::Key(_)] => {
            held.extend_from_slice(pieces);
            Ok(())
        }
        [Piece::Sub(_)] if small || level == LEVELS => {
            held.extend_from_slice(pieces);
            Ok(())
        }
        [Piece::Sub(child)] => descend(store, hashing, &store.below(child)?, level, held, pages),
        [first, ..] if small || level == LEVELS => {
            let below = cut(store, hashing, pieces.to_vec(), pages)?;
            let (Some(hash), Some((bit, ..))) = (page::node(hashing, &below), page::halves(&below)) else {
                return Ok(());
            };
            pages.push((hash, page::encode(&below)));
            let child = Child { key: *first.key(), span: u16::from(bit), hash, count: page::count(&below) };
            held.push(Piece::Sub(child));
            Ok(())
        }
        _ => {
            let Some((_, left, right)) = page::halves(pieces) else { return Ok(()) };
            descend(store, hashing, left, level + 1, held, pages)?;
            descend(store, hashing, right, level + 1, held, pages)
        }
    }
}

/// Whether a stored set holds a fact.
pub fn contains(store: &(impl NodeStore + ?Sized), root: Root, id: &FactId) -> Result<bool, StoreError> {
    let mut pieces = store.top(root)?.unwrap_or_default();
    loop {
        match pieces.iter().find(|piece| piece.covers(&id.0)) {
            Some(Piece::Key(_)) => return Ok(true),
            Some(Piece::Sub(child)) => pieces = store.below(child)?,
            None => return Ok(false),
        }
    }
}

/// The nodes of a stored set from the topmost one down to where the key is, or to where it would part from the tree;
/// and how many facts the set holds. None for a root that was never stored. A proof is made of them.
pub fn path(
    store: &(impl NodeStore + ?Sized),
    root: Root,
    id: &FactId,
) -> Result<Option<(u64, Vec<Node>)>, StoreError> {
    let Some(mut pieces) = store.top(root)? else { return Ok(None) };
    let count = u64::from(page::count(&pieces));
    let hashing = Hashing::new();
    let mut nodes = Vec::new();
    loop {
        match pieces.as_slice() {
            [] => break,
            [Piece::Key(key)] => {
                nodes.push(Node::Leaf { key: *key, value: NO_VALUE });
                break;
            }
            [Piece::Sub(child)] => pieces = store.below(child)?,
            [first, ..] => {
                let Some((bit, left, right)) = page::halves(&pieces) else { break };
                let (Some(l), Some(r)) = (page::node(&hashing, left), page::node(&hashing, right)) else { break };
                nodes.push(page::branch(bit, first.key(), l, r));
                if page::shared(first.key(), &id.0) < u16::from(bit) {
                    break;
                }
                pieces = if super::build::is_set(&id.0, bit) { right.to_vec() } else { left.to_vec() };
            }
        }
    }
    Ok(Some((count, nodes)))
}
