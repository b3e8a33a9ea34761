//! Building a tree from its leaves.

use super::NO_VALUE;
use super::hash::{self, Hashing, Node, NodeHash};
use mirano_schemas::{Root, base32};

/// One key with the hash of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// The key.
    pub key: [u8; 32],
    /// The hash of its value, or [`NO_VALUE`] in a set.
    pub value: [u8; 32],
}

/// Leaves that make no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// One key, two values.
    #[error("two values for the key {}", base32(.key))]
    TwoValues {
        /// The key.
        key: [u8; 32],
    },
}

/// A tree, by its leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Sorted by key; each key once.
    leaves: Vec<Leaf>,
    top: Option<NodeHash>,
}

impl Tree {
    /// A tree of these leaves. Their order does not matter, nor does a leaf that is there twice; a key with two
    /// different values is refused.
    pub fn new(mut leaves: Vec<Leaf>) -> Result<Self, TreeError> {
        if !leaves.is_sorted() {
            leaves.sort_unstable();
        }
        leaves.dedup();
        let twice = leaves.windows(2).find_map(|pair| match pair {
            [a, b] if a.key == b.key => Some(a.key),
            _ => None,
        });
        match twice {
            Some(key) => Err(TreeError::TwoValues { key }),
            None => Ok(Self::of_sorted(leaves)),
        }
    }

    /// A set of ids; order and repetition do not matter.
    pub fn of_set(ids: impl IntoIterator<Item = [u8; 32]>) -> Self {
        let mut leaves: Vec<Leaf> = ids.into_iter().map(|key| Leaf { key, value: NO_VALUE }).collect();
        if !leaves.is_sorted() {
            leaves.sort_unstable();
        }
        leaves.dedup();
        Self::of_sorted(leaves)
    }

    fn of_sorted(leaves: Vec<Leaf>) -> Self {
        let top = subtree(&Hashing::new(), &leaves, &mut |_, _| {});
        Self { leaves, top }
    }

    /// The root: a hash over the number of leaves and all of them.
    pub fn root(&self) -> Root {
        hash::root_of(u64::try_from(self.leaves.len()).unwrap_or(u64::MAX), self.top)
    }

    /// The hash of the topmost node; none in the empty tree.
    pub fn top(&self) -> Option<NodeHash> {
        self.top
    }

    /// The leaves, sorted by key.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// How many leaves there are.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &[u8; 32]) -> bool {
        self.get(key).is_some()
    }

    /// The value's hash under a key.
    pub fn get(&self, key: &[u8; 32]) -> Option<[u8; 32]> {
        let at = self.leaves.binary_search_by(|leaf| leaf.key.cmp(key)).ok()?;
        self.leaves.get(at).map(|leaf| leaf.value)
    }

    /// Hands out every node with its hash, children before parents, left before right.
    #[cfg(test)]
    pub(super) fn nodes(&self, mut visit: impl FnMut(NodeHash, &Node)) {
        subtree(&Hashing::new(), &self.leaves, &mut visit);
    }
}

/// The node over sorted leaves with distinct keys. Recursion is as deep as the tree: at most 256.
fn subtree(hashing: &Hashing, leaves: &[Leaf], visit: &mut impl FnMut(NodeHash, &Node)) -> Option<NodeHash> {
    let first = leaves.first()?;
    let node = match halves(leaves) {
        None => Node::Leaf { key: first.key, value: first.value },
        Some((bit, left, right)) => Node::Branch {
            bit,
            prefix: before(&first.key, bit),
            left: subtree(hashing, left, visit)?,
            right: subtree(hashing, right, visit)?,
        },
    };
    let hash = hashing.node(&node);
    visit(hash, &node);
    Some(hash)
}

/// The hash of the node over sorted leaves with distinct keys; none over none.
pub(crate) fn top_of(leaves: &[Leaf]) -> Option<NodeHash> {
    subtree(&Hashing::new(), leaves, &mut |_, _| {})
}

/// The bit in which sorted leaves with distinct keys part first, and both halves; none of fewer than two.
pub(crate) fn halves(leaves: &[Leaf]) -> Option<(u8, &[Leaf], &[Leaf])> {
    let bit = first_difference(&leaves.first()?.key, &leaves.last()?.key)?;
    let (left, right) = leaves.split_at(leaves.partition_point(|leaf| !is_set(&leaf.key, bit)));
    Some((bit, left, right))
}

/// The first bit in which two keys differ. Of sorted keys, the first and the last share what all of them share.
pub(super) fn first_difference(a: &[u8; 32], b: &[u8; 32]) -> Option<u8> {
    part(a, b).map(|(bit, _)| bit)
}

/// The first bit in which two keys differ, and whether the first key comes first.
pub(super) fn part(a: &[u8; 32], b: &[u8; 32]) -> Option<(u8, bool)> {
    // Eight bytes at a time.
    let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    (0u8..).zip(a.iter().zip(b)).find(|(_, (a, b))| a != b).map(|(at, (a, b))| {
        let (a, b) = (u64::from_be_bytes(*a), u64::from_be_bytes(*b));
        (at * 64 + u8::try_from((a ^ b).leading_zeros()).unwrap_or(u8::MAX), a < b)
    })
}

/// Whether a bit of a key is 1.
pub(crate) fn is_set(key: &[u8; 32], bit: u8) -> bool {
    key.get(usize::from(bit / 8)).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
}

/// The bits before `bit`; it and all after it zero.
pub(crate) fn before(key: &[u8; 32], bit: u8) -> [u8; 32] {
    let mut prefix = [0; 32];
    for (at, (to, from)) in (0u8..).zip(prefix.iter_mut().zip(key)) {
        *to = match at.cmp(&(bit / 8)) {
            std::cmp::Ordering::Less => *from,
            std::cmp::Ordering::Equal => from & !(0xFF >> (bit % 8)),
            std::cmp::Ordering::Greater => 0,
        };
    }
    prefix
}
