//! That a key is, or is not, in a Merkle radix tree: the nodes from the root to where the search for it ends.
//!
//! **Why absence holds.** In a tree, the node under a branch's left (right) side is over all its keys with 0 (1) in the
//! branch's bit. So the search for a key meets every node under which it could stand. It ends at another key, or at a
//! branch whose prefix the key does not share; in neither case can the key be elsewhere.

use crate::tree::{Node, NodeHash, Tree, before, halves, is_set, root_of, top_of};
use mirano_schemas::Root;

/// One branch on the way, from the root down. Its prefix and its side follow from the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The branch's bit.
    pub bit: u8,
    /// The hash of the side that the search does not take.
    pub other: NodeHash,
}

/// Where the search ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The tree is empty.
    Empty,
    /// At the key itself, with the hash of its value.
    Here([u8; 32]),
    /// At a node under which the key is not: another leaf, or a branch whose prefix the key does not share.
    Elsewhere(Node),
}

/// The proof about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Leaves of the tree.
    pub count: u64,
    /// The branches from the root down.
    pub steps: Vec<Step>,
    /// Where the search ends.
    pub ends: Ends,
}

impl Member {
    /// The proof about `key`, from the tree's leaves. Costs what building the tree costs, and holds no more than they.
    pub fn of(tree: &Tree, key: &[u8; 32]) -> Self {
        let count = u64::try_from(tree.len()).unwrap_or(u64::MAX);
        let (mut leaves, mut steps) = (tree.leaves(), Vec::new());
        while let Some((bit, left, right)) = halves(leaves) {
            let prefix = leaves.first().map_or([0; 32], |first| before(&first.key, bit));
            // Neither half is empty.
            let (Some(left_top), Some(right_top)) = (top_of(left), top_of(right)) else { break };
            if before(key, bit) != prefix {
                let node = Node::Branch { bit, prefix, left: left_top, right: right_top };
                return Self { count, steps, ends: Ends::Elsewhere(node) };
            }
            let (next, other) = if is_set(key, bit) { (right, left_top) } else { (left, right_top) };
            steps.push(Step { bit, other });
            leaves = next;
        }
        let ends = match leaves.first() {
            Some(leaf) if leaf.key == *key => Ends::Here(leaf.value),
            Some(leaf) => Ends::Elsewhere(Node::Leaf { key: leaf.key, value: leaf.value }),
            None => Ends::Empty,
        };
        Self { count, steps, ends }
    }

    /// The proof about `key`, from a store of nodes: reads as many as the proof has steps. `None` if a node is missing.
    pub fn walk(
        count: u64,
        top: Option<NodeHash>,
        key: &[u8; 32],
        mut node: impl FnMut(NodeHash) -> Option<Node>,
    ) -> Option<Self> {
        let mut steps = Vec::new();
        let Some(mut at) = top else { return Some(Self { count, steps, ends: Ends::Empty }) };
        loop {
            match node(at)? {
                Node::Leaf { key: found, value } if found == *key => {
                    return Some(Self { count, steps, ends: Ends::Here(value) });
                }
                Node::Branch { bit, prefix, left, right } if before(key, bit) == prefix => {
                    let (next, other) = if is_set(key, bit) { (right, left) } else { (left, right) };
                    steps.push(Step { bit, other });
                    at = next;
                }
                elsewhere => return Some(Self { count, steps, ends: Ends::Elsewhere(elsewhere) }),
            }
        }
    }

    /// The root that this proof leads to for `key`, or `None` if no tree gives such a proof.
    pub fn root(&self, key: &[u8; 32]) -> Option<Root> {
        // From the root down, each branch is decided by a later bit.
        if !self.steps.windows(2).all(|pair| matches!(pair, [a, b] if a.bit < b.bit)) {
            return None;
        }
        let last = self.steps.last().map(|step| step.bit);
        let end = match self.ends {
            Ends::Empty => return (self.steps.is_empty() && self.count == 0).then(|| root_of(0, None)),
            Ends::Here(value) => Node::Leaf { key: *key, value },
            Ends::Elsewhere(node) => {
                let (prefix, below) = match node {
                    Node::Leaf { key, .. } => (key, true),
                    Node::Branch { bit, prefix, .. } => {
                        (prefix, last.is_none_or(|last| last < bit) && before(&prefix, bit) == prefix)
                    }
                };
                let parted = match node {
                    Node::Leaf { key: other, .. } => other != *key,
                    Node::Branch { bit, prefix, .. } => before(key, bit) != prefix,
                };
                // It stands on the side that the key would: the same bits up to and with the last branch's.
                let beside = last.is_none_or(|last| {
                    before(&prefix, last) == before(key, last) && is_set(&prefix, last) == is_set(key, last)
                });
                if !(below && parted && beside) {
                    return None;
                }
                node
            }
        };
        let top = self.steps.iter().rev().fold(end.hash(), |below, step| {
            let (left, right) = if is_set(key, step.bit) { (step.other, below) } else { (below, step.other) };
            Node::Branch { bit: step.bit, prefix: before(key, step.bit), left, right }.hash()
        });
        // A tree has at least as many leaves as the way shows.
        let least = u64::try_from(self.steps.len()).unwrap_or(u64::MAX).saturating_add(1);
        (self.count >= least).then(|| root_of(self.count, Some(top)))
    }

    /// Whether the key is there, as this proof says.
    pub fn present(&self) -> bool {
        matches!(self.ends, Ends::Here(_))
    }
}
