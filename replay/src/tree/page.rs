//! How a set of facts is kept: cut into pages, each named by the hash of its topmost node.
//!
//! A page holds a whole subtree of up to [`MOST_LEAVES`] keys, or the upper [`LEVELS`] levels of a larger one. Where a
//! set is cut depends on the set alone, so equal subtrees are equal pages, stored once. Inner nodes are not stored: they
//! follow from what a page holds. The bytes are rows of the views, not of the log, and may change with their version.

use super::build::{before, first_difference, is_set, part};
use super::hash::{Hashing, Node, NodeHash};
use super::{NO_VALUE, hash};
use crate::store::{StoreError, Table};
use mirano_schemas::Root;

/// A subtree with no more keys than this is one page.
pub const MOST_LEAVES: u32 = 128;
/// A page over a larger one goes down so many levels at most.
pub const LEVELS: u8 = 7;

const LEAVES: u8 = 0;
const BRANCH: u8 = 1;
/// A piece of a larger page: key, bit, hash, count.
pub(super) const CHILD: usize = 32 + 1 + 32 + 4;

/// A subtree, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Child {
    /// One of its keys.
    pub key: [u8; 32],
    /// How many leading bits its keys share; 256 for a single key.
    pub span: u16,
    /// The hash of its topmost node: the name of its page, unless it is a single key.
    pub hash: NodeHash,
    /// How many keys it holds.
    pub count: u32,
}

/// A part of a set, in order of key: a key, or a subtree that was not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// One key.
    Key([u8; 32]),
    /// All keys below a node; at least two.
    Sub(Child),
}

impl Piece {
    /// One of its keys.
    pub fn key(&self) -> &[u8; 32] {
        match self {
            Self::Key(key) => key,
            Self::Sub(child) => &child.key,
        }
    }

    /// How many leading bits its keys share.
    pub fn span(&self) -> u16 {
        match self {
            Self::Key(_) => 256,
            Self::Sub(child) => child.span,
        }
    }

    /// How many keys it holds.
    pub fn count(&self) -> u32 {
        match self {
            Self::Key(_) => 1,
            Self::Sub(child) => child.count,
        }
    }

    /// Whether a key would lie in it.
    pub fn covers(&self, key: &[u8; 32]) -> bool {
        shared(self.key(), key) >= self.span()
    }
}

/// How many leading bits two keys share.
pub fn shared(a: &[u8; 32], b: &[u8; 32]) -> u16 {
    first_difference(a, b).map_or(256, u16::from)
}

/// How many keys some pieces hold.
pub fn count(pieces: &[Piece]) -> u32 {
    // A damaged page may claim any number.
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.count()))
}

/// Two halves, by the first bit in which the keys of at least two pieces differ.
pub fn halves(pieces: &[Piece]) -> Option<(u8, &[Piece], &[Piece])> {
    let (first, last) = (pieces.first()?, pieces.last()?);
    // Pieces do not overlap: the bit in which any key of the first differs from any of the last parts them all.
    let bit = first_difference(first.key(), last.key())?;
    let (left, right) = pieces.split_at(pieces.partition_point(|piece| !is_set(piece.key(), bit)));
    Some((bit, left, right))
}

/// The branch over two halves.
pub fn branch(bit: u8, key: &[u8; 32], left: NodeHash, right: NodeHash) -> Node {
    Node::Branch { bit, prefix: before(key, bit), left, right }
}

/// The node over pieces; none over none.
pub(super) fn node(hashing: &Hashing, pieces: &[Piece]) -> Option<NodeHash> {
    match pieces {
        [] => None,
        [Piece::Key(key)] => Some(hashing.node(&Node::Leaf { key: *key, value: NO_VALUE })),
        [Piece::Sub(child)] => Some(child.hash),
        [first, ..] => {
            let (bit, left, right) = halves(pieces)?;
            Some(hashing.node(&branch(bit, first.key(), node(hashing, left)?, node(hashing, right)?)))
        }
    }
}

/// The root of a whole set.
pub(super) fn root_of(hashing: &Hashing, pieces: &[Piece]) -> Root {
    hash::root_of(u64::from(count(pieces)), node(hashing, pieces))
}

/// A page's bytes: only keys, or subtrees among them.
pub fn encode(pieces: &[Piece]) -> Vec<u8> {
    if pieces.iter().all(|piece| matches!(piece, Piece::Key(_))) {
        let mut bytes = Vec::with_capacity(1 + 32 * pieces.len());
        bytes.push(LEAVES);
        pieces.iter().for_each(|piece| bytes.extend_from_slice(piece.key()));
        return bytes;
    }
    let mut bytes = Vec::with_capacity(1 + CHILD * pieces.len());
    bytes.push(BRANCH);
    for piece in pieces {
        let (hash, count) = match piece {
            Piece::Key(_) => ([0; 32], 1),
            Piece::Sub(child) => (child.hash.0, child.count),
        };
        bytes.extend_from_slice(piece.key());
        // 256 bits are shared by a single key only, which its count says already.
        bytes.push(u8::try_from(piece.span()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&hash);
        bytes.extend_from_slice(&count.to_le_bytes());
    }
    bytes
}

/// Reads a page. Its pieces are in order and apart from each other, as whoever walks them takes for granted.
pub fn decode(table: Table, bytes: &[u8]) -> Result<Vec<Piece>, StoreError> {
    let pieces: Vec<Piece> = match Form::of(table, bytes)? {
        Form::Keys(keys) => keys.iter().map(|key| Piece::Key(*key)).collect(),
        Form::Children(children) => children.iter().map(piece).collect(),
    };
    let apart = |a: &Piece, b: &Piece| {
        part(a.key(), b.key()).is_some_and(|(bit, before)| before && u16::from(bit) < a.span().min(b.span()))
    };
    match pieces.windows(2).all(|pair| matches!(pair, [a, b] if apart(a, b))) {
        true => Ok(pieces),
        false => Err(not_in_order(table)),
    }
}

/// Reads the page of a subtree. Its pieces lie within it and are as many, so that a way down ends, whatever the page.
pub fn below(child: &Child, bytes: &[u8]) -> Result<Vec<Piece>, StoreError> {
    let pieces = decode(Table::TreePage, bytes)?;
    // They are in order, so that what the first and the last share with the child, all of them do.
    let within = |piece: &Piece| shared(piece.key(), &child.key) >= child.span;
    let ends = [pieces.first(), pieces.last()];
    if ends.into_iter().flatten().all(within)
        && pieces.iter().all(|piece| piece.span() > child.span)
        && count(&pieces) == child.count
    {
        return Ok(pieces);
    }
    Err(of_another(child))
}

pub(super) fn not_in_order(table: Table) -> StoreError {
    StoreError::Row { table, detail: "a page whose pieces are not in order".to_owned() }
}

pub(super) fn of_another(child: &Child) -> StoreError {
    StoreError::Row { table: Table::TreePage, detail: format!("the page of {:?} is that of another", child.hash) }
}

/// A page as it lies.
pub(super) enum Form<'p> {
    Keys(&'p [[u8; 32]]),
    Children(&'p [[u8; CHILD]]),
}

impl<'p> Form<'p> {
    pub(super) fn of(table: Table, bytes: &'p [u8]) -> Result<Self, StoreError> {
        let bad = |detail: &str| StoreError::Row { table, detail: detail.to_owned() };
        let (form, rest) = bytes.split_first().ok_or_else(|| bad("an empty page"))?;
        let (whole, cut) = match *form {
            LEAVES => {
                let (keys, cut) = rest.as_chunks();
                (Self::Keys(keys), cut)
            }
            BRANCH => {
                let (children, cut) = rest.as_chunks();
                (Self::Children(children), cut)
            }
            _ => return Err(bad("a page of an unknown form")),
        };
        if cut.is_empty() { Ok(whole) } else { Err(bad("a cut page")) }
    }
}

/// A piece of a larger page.
pub(super) fn piece(bytes: &[u8; CHILD]) -> Piece {
    let (key, count) = (*key_of(bytes), count_of(bytes));
    match count {
        1 => Piece::Key(key),
        _ => Piece::Sub(Child { key, span: span_of(bytes), hash: NodeHash(*chunk::<32, 33>(bytes)), count }),
    }
}

/// The key of a piece as it lies.
pub(super) fn key_of(bytes: &[u8; CHILD]) -> &[u8; 32] {
    chunk::<32, 0>(bytes)
}

/// How many keys a piece holds, as it lies.
pub(super) fn count_of(bytes: &[u8; CHILD]) -> u32 {
    u32::from_le_bytes(*chunk::<4, 65>(bytes))
}

/// How many bits the keys of a piece share, as it lies.
pub(super) fn span_of(bytes: &[u8; CHILD]) -> u16 {
    match count_of(bytes) {
        1 => 256,
        _ => u16::from(chunk::<1, 32>(bytes)[0]),
    }
}

/// `N` bytes from `AT` on, which are there.
fn chunk<const N: usize, const AT: usize>(bytes: &[u8; CHILD]) -> &[u8; N] {
    const { assert!(AT + N <= CHILD) };
    bytes.get(AT..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; N])
}
