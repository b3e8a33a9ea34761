//! The Merkle radix tree: one root for a set of facts, or for the receipts of a report.
//!
//! Promises: the same leaves give the same root, whatever the order in which they were met, the node or the year; any
//! other leaves give another one. The hashes are fixed byte by byte in `docs/FORMATS.md`, with vectors; why it is a
//! compressed binary tree is in `docs/decisions/0001-fact-tree.md`.
//!
//! [`stored`] keeps sets of facts in tables, page by page, each page once; [`diff`] walks two of them, [`union`] two unions of
//! several. None changes a root.
//!
//! Deliberately absent: proofs, which are in `crate::proof`.

mod build;
pub mod diff;
mod hash;
pub mod page;
pub mod stored;
pub mod union;
pub mod unlike;

pub use build::{Leaf, Tree, TreeError};
pub(crate) use build::{before, halves, is_set, top_of};
pub use hash::{Node, NodeHash, root_of, value_hash};

use mirano_schemas::{ReceiptId, Root};

/// What a leaf of a set holds in the place of a value.
pub const NO_VALUE: [u8; 32] = [0; 32];

/// The root of a set of ids; order and repetition do not matter.
pub fn root(ids: impl IntoIterator<Item = [u8; 32]>) -> Root {
    Tree::of_set(ids).root()
}

/// The root of receipts, each as its id and canonical bytes; order does not matter.
///
/// The key is the id's 16 bytes followed by 16 zero bytes, the value [`value_hash`] of the bytes.
pub fn receipts_root<'a>(receipts: impl IntoIterator<Item = (ReceiptId, &'a [u8])>) -> Result<Root, TreeError> {
    let leaves = receipts.into_iter().map(|(id, bytes)| {
        let mut key = [0; 32];
        let (start, _) = key.split_at_mut(ReceiptId::LEN);
        start.copy_from_slice(id.as_bytes());
        Leaf { key, value: value_hash(bytes) }
    });
    Ok(Tree::new(leaves.collect())?.root())
}

#[cfg(test)]
mod stored_tests;
#[cfg(test)]
mod tests;
