//! The hashes of the tree: what is hashed for a leaf, a branch and a root. The bytes are stored and never change.

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use mirano_schemas::{Root, base32};
use std::fmt;

const LEAF: &str = "mirano 2026 tree leaf v1";
const BRANCH: &str = "mirano 2026 tree branch v1";
const EMPTY: &str = "mirano 2026 tree empty v1";
const ROOT: &str = "mirano 2026 tree root v1";
const VALUE: &str = "mirano 2026 tree value v1";

/// The hash of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeHash(pub [u8; 32]);

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeHash({})", base32(&self.0))
    }
}

/// A node: all that its hash names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// One key with its value.
    Leaf {
        /// The key.
        key: [u8; 32],
        /// The hash of its value, or [`super::NO_VALUE`] in a set.
        value: [u8; 32],
    },
    /// Where the keys below part.
    Branch {
        /// The number of the first bit in which they differ, 0 = the highest bit of the first byte.
        bit: u8,
        /// The bits before it, which they share; this bit and all after it are zero.
        prefix: [u8; 32],
        /// The keys that have 0 in that bit.
        left: NodeHash,
        /// The keys that have 1.
        right: NodeHash,
    },
}

/// The contexts, hashed once for many nodes.
pub(super) struct Hashing {
    leaf: ContextKey,
    branch: ContextKey,
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self { leaf: hash_derive_key_context(LEAF), branch: hash_derive_key_context(BRANCH) }
    }

    /// Leaf: key, value. Branch: bit, prefix, left, right.
    pub(super) fn node(&self, node: &Node) -> NodeHash {
        match node {
            Node::Leaf { key, value } => hash(&self.leaf, &[key, value]),
            Node::Branch { bit, prefix, left, right } => hash(&self.branch, &[&[*bit], prefix, &left.0, &right.0]),
        }
    }
}

impl Node {
    /// Its hash.
    pub fn hash(&self) -> NodeHash {
        Hashing::new().node(self)
    }
}

fn hash(context: &ContextKey, parts: &[&[u8]]) -> NodeHash {
    let mut hasher = blake3::Hasher::new_from_context_key(context);
    for part in parts {
        hasher.update(part);
    }
    NodeHash(*hasher.finalize().as_bytes())
}

/// The root of a tree with `count` leaves and the topmost node `top`: count as u64 little-endian, then `top`'s hash.
/// Without leaves: the empty root, a hash of nothing in a context of its own.
pub fn root_of(count: u64, top: Option<NodeHash>) -> Root {
    Root(match top {
        None => *blake3::Hasher::new_derive_key(EMPTY).finalize().as_bytes(),
        Some(top) => hash(&hash_derive_key_context(ROOT), &[&count.to_le_bytes(), &top.0]).0,
    })
}

/// The hash under which a leaf holds a value.
pub fn value_hash(bytes: &[u8]) -> [u8; 32] {
    hash(&hash_derive_key_context(VALUE), &[bytes]).0
}
