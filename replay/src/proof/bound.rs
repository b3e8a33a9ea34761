//! What ties the words of a head to its root. A root alone says neither over how many commits it is, nor of which log: trees
//! over 470 and over 471 commits can have paths of one shape. Envelopes say it, and are under the root: that of the first
//! commit follows upon the genesis, which names the log and the partition; that of the last one has its place in it.

use super::commits::{Anchor, Hash, block_root, leaf, root_by_path};
use mirano_schemas::Position;
use mirano_schemas::envelope::{Envelope, HEADER_LEN, genesis};

/// A commit's envelope, and the hashes beside its way to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Under {
    /// The envelope's bytes: the commit's hash is over them.
    pub header: [u8; HEADER_LEN],
    /// The lowest first.
    pub path: Vec<Hash>,
}

/// The first and the last commit under a head that has any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The first one.
    pub first: Under,
    /// The last one.
    pub last: Under,
}

impl Under {
    /// The envelope, if it stands at `seq` under the head.
    fn at(&self, seq: u64, head: &Anchor) -> Option<Envelope> {
        let envelope = Envelope::parse(&self.header).ok()?;
        let at = Position { partition: head.partition, seq };
        let root = root_by_path(leaf(&envelope.hash()), at, head.size, &self.path);
        (envelope.position == at && root == Some(head.root)).then_some(envelope)
    }
}

impl Bound {
    /// Whether log, partition, number of commits and hash of a head are those of its root.
    pub fn holds(&self, head: &Anchor) -> bool {
        let Some(last) = head.size.checked_sub(1) else { return false };
        let first = self.first.at(0, head).is_some_and(|first| first.prev == genesis(head.log_id, head.partition));
        // With the last place, no hash of its way stands on the right: it is the last leaf of the tree.
        first && self.last.at(last, head).is_some_and(|last| last.hash() == head.hash)
    }
}

/// Whether a head over no commits is that of its log and partition.
pub fn is_beginning(head: &Anchor) -> bool {
    (head.size, head.hash, head.root) == (0, genesis(head.log_id, head.partition), block_root(&[]))
}
