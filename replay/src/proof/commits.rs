//! The commit tree: a Merkle tree over the hashes of a partition's commits, in their order, as RFC 9162 builds it for
//! Certificate Transparency. It makes two things short that the chain alone makes long: that a commit stands at its
//! place under a head, and that one head extends another. Both take about log₂ n hashes.
//!
//! It is derived: whoever has the log computes it, and the log does not name its root. Why, and what follows from that,
//! is in `docs/decisions/0021-commit-tree.md`.
//!
//! Two places in it are kept for many commits at once: a *block* is the complete subtree over [`BLOCK`] of them.

use mirano_schemas::{CommitHash, LogId, Position, base32, from_base32};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Commits of a block: a power of two.
pub const BLOCK: u64 = 256;

/// A hash of the tree.
pub type Hash = [u8; 32];

fn hash(context: &str, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// The leaf of a commit.
pub fn leaf(commit: &CommitHash) -> Hash {
    hash("mirano 2026 commit tree leaf v1", &[&commit.0])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash("mirano 2026 commit tree node v1", &[left, right])
}

fn empty() -> Hash {
    hash("mirano 2026 commit tree empty v1", &[])
}

/// The largest power of two below `n`, which is at least 2: where a tree over `n` leaves parts.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root over leaves that are all at hand: of a block, or of less than one.
pub fn block_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty(),
        [one] => *one,
        more => {
            let at = usize::try_from(split(more.len() as u64)).unwrap_or(1);
            let (left, right) = more.split_at(at.min(more.len() - 1));
            node(&block_root(left), &block_root(right))
        }
    }
}

/// A head of a partition as an auditor keeps it: how many commits counted, the hash of the last one, and the root of
/// the commit tree over them. Its text is one line; who has one that they trust sees every change of what is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The log.
    pub log_id: LogId,
    /// The partition.
    pub partition: u32,
    /// How many commits counted: the `seq` of the next one.
    pub size: u64,
    /// The hash of the last of them, or the genesis.
    pub hash: CommitHash,
    /// The root of the commit tree.
    pub root: Hash,
}

/// Text that is no anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a head `mirano-head-1:<log>:<partition>:<size>:<hash>:<root>`: {0:?}")]
pub struct ParseAnchorError(pub String);

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log_id, partition, size, hash, root } = self;
        write!(f, "mirano-head-1:{log_id}:{partition}:{size}:{hash}:{}", base32(root))
    }
}

impl FromStr for Anchor {
    type Err = ParseAnchorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.trim().strip_prefix("mirano-head-1:")?.split(':');
            let log_id = parts.next()?.parse().ok()?;
            let partition = parts.next()?.parse().ok()?;
            let size = parts.next()?.parse().ok()?;
            let hash = parts.next()?.parse().ok()?;
            let root = from_base32(parts.next()?)?.try_into().ok()?;
            parts.next().is_none().then_some(Self { log_id, partition, size, hash, root })
        };
        read().ok_or_else(|| ParseAnchorError(text.to_owned()))
    }
}

/// The commit tree of a partition, as far as it is at hand: the roots of complete blocks, and leaves on request.
pub struct Subtrees<'a, E> {
    /// Roots of the complete blocks, from the first on.
    pub blocks: &'a [Hash],
    /// The leaves of a block by its number, as many as there are, at least up to the size that is asked about.
    pub leaves: &'a mut dyn FnMut(u64) -> Result<Vec<Hash>, E>,
    /// Leaves that were asked for already.
    pub known: BTreeMap<u64, Vec<Hash>>,
}

impl<'a, E> Subtrees<'a, E> {
    /// Nothing asked for yet.
    pub fn new(blocks: &'a [Hash], leaves: &'a mut dyn FnMut(u64) -> Result<Vec<Hash>, E>) -> Self {
        Self { blocks, leaves, known: BTreeMap::new() }
    }

    /// The root over the first `size` commits.
    pub fn root(&mut self, size: u64) -> Result<Hash, E> {
        if size == 0 { Ok(empty()) } else { self.range(0, size) }
    }

    /// The hashes beside the way from commit `seq` to the root over `size`, the lowest first. Empty if it is not there.
    pub fn path(&mut self, seq: u64, size: u64) -> Result<Vec<Hash>, E> {
        let (mut from, mut to, mut path) = (0, size, Vec::new());
        while seq < size && to - from > 1 {
            let middle = from + split(to - from);
            if seq < middle {
                path.push(self.range(middle, to)?);
                to = middle;
            } else {
                path.push(self.range(from, middle)?);
                from = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// The hashes that lead from the root over `old` commits to the root over `new`, as RFC 9162 gives them (2.1.4).
    pub fn extension(&mut self, old: u64, new: u64) -> Result<Vec<Hash>, E> {
        let mut out = Vec::new();
        if old == 0 || old >= new {
            return Ok(out);
        }
        let (mut from, mut to, mut old_is_whole) = (0, new, true);
        loop {
            if old == to {
                if !old_is_whole {
                    out.push(self.range(from, to)?);
                }
                break;
            }
            let middle = from + split(to - from);
            if old <= middle {
                out.push(self.range(middle, to)?);
                to = middle;
            } else {
                out.push(self.range(from, middle)?);
                from = middle;
                old_is_whole = false;
            }
        }
        out.reverse();
        Ok(out)
    }

    /// The subtree over commits `from..to`, at least one, as the tree has it.
    fn range(&mut self, from: u64, to: u64) -> Result<Hash, E> {
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let count = to - from;
        if count == BLOCK && from.is_multiple_of(BLOCK) && self.blocks.len() as u64 > from / BLOCK {
            return Ok(self.blocks.get(index(from / BLOCK)).copied().unwrap_or_default());
        }
        if count > BLOCK {
            let middle = from + split(count);
            let (left, right) = (self.range(from, middle)?, self.range(middle, to)?);
            return Ok(node(&left, &right));
        }
        // A range of a block's size or less lies within one block.
        let block = from / BLOCK;
        if !self.known.contains_key(&block) {
            let leaves = (self.leaves)(block)?;
            self.known.insert(block, leaves);
        }
        let first = block * BLOCK;
        let leaves = self.known.get(&block).and_then(|all| all.get(index(from - first)..index(to - first)));
        Ok(block_root(leaves.unwrap_or_default()))
    }
}

/// The root to which a leaf at `seq` leads by its path, or `None` if no tree over `size` has such a path.
pub fn root_by_path(leaf: Hash, at: Position, size: u64, path: &[Hash]) -> Option<Hash> {
    if at.seq >= size {
        return None;
    }
    let (mut place, mut last, mut root) = (at.seq, size - 1, leaf);
    for other in path {
        if last == 0 {
            return None;
        }
        if place % 2 == 1 || place == last {
            root = node(other, &root);
            while place.is_multiple_of(2) && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            root = node(&root, other);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// The roots over `old` and over `new` commits to which an extension's hashes lead, given the root over `old`; `None`
/// if no trees have such an extension.
pub fn root_by_extension(old: u64, old_root: Hash, new: u64, hashes: &[Hash]) -> Option<(Hash, Hash)> {
    if old == 0 || old >= new {
        return None;
    }
    let mut rest = hashes.iter();
    let first = if old.is_power_of_two() { old_root } else { *rest.next()? };
    let (mut place, mut last) = (old - 1, new - 1);
    while place % 2 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut old_side, mut new_side) = (first, first);
    for other in rest {
        if last == 0 {
            return None;
        }
        if place % 2 == 1 || place == last {
            old_side = node(other, &old_side);
            new_side = node(other, &new_side);
            while place.is_multiple_of(2) && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_side = node(&new_side, other);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some((old_side, new_side))
}
