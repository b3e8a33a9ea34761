//! Heads of a log with the root of the commit tree, and the hashes that proofs take from it.
//!
//! The tree is made from the log as it is asked for: what stays in memory is one hash for each 256 commits. The first
//! proof after a start reads the partition's log once.

use crate::sequencer::{ReadError, Sequencer, pieces};
use mirano_replay::proof::{Anchor, BLOCK, Bound, ExtensionProof, Subtrees, Under, block_root, leaf};
use mirano_schemas::Position;
use mirano_schemas::envelope::{HEADER_LEN, Head, genesis};
use std::sync::{Mutex, PoisonError};

/// The commit trees of a log, as far as they were asked for.
#[derive(Debug, Default)]
pub struct CommitTrees {
    /// By partition: roots of complete blocks, from the first on.
    blocks: Mutex<Vec<Vec<[u8; 32]>>>,
}

impl CommitTrees {
    /// Nothing asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The head of a partition over its first `size` commits, or over all when `None`. `None` if it has fewer.
    pub fn anchor(&self, log: &dyn Sequencer, partition: u32, size: Option<u64>) -> Result<Option<Anchor>, ReadError> {
        let head = log.head(partition);
        let size = size.unwrap_or(head.next_seq);
        if size > head.next_seq {
            return Ok(None);
        }
        let hash = match size.checked_sub(1) {
            _ if size == head.next_seq => head.hash,
            None => genesis(log.log_id(), partition),
            Some(last) => log.read(partition, last, 0)?.first().map_or(head.hash, |commit| commit.hash),
        };
        let root = self.with(log, partition, size, |tree| tree.root(size))?;
        Ok(Some(Anchor { log_id: log.log_id(), partition, size, hash, root }))
    }

    /// The hashes beside the way from a commit to the root over `size` commits.
    pub fn path(&self, log: &dyn Sequencer, at: Position, size: u64) -> Result<Vec<[u8; 32]>, ReadError> {
        self.with(log, at.partition, size, |tree| tree.path(at.seq, size))
    }

    /// That the head now extends an earlier one; `None` if the log does not.
    pub fn extension(&self, log: &dyn Sequencer, from: &Anchor) -> Result<Option<ExtensionProof>, ReadError> {
        if from.log_id != log.log_id() || from.partition >= log.partitions() {
            return Ok(None);
        }
        let same = self.anchor(log, from.partition, Some(from.size))?.as_ref() == Some(from);
        let Some(to) = self.anchor(log, from.partition, None)?.filter(|_| same) else { return Ok(None) };
        let hashes = self.with(log, from.partition, to.size, |tree| tree.extension(from.size, to.size))?;
        let mut bounds = Vec::new();
        for head in [from, &to] {
            bounds.extend(self.bound(log, head)?);
        }
        Ok(Some(ExtensionProof { from: *from, to, hashes, bounds }))
    }

    /// What ties the words of a head of this log to its root; none where it is over nothing.
    pub fn bound(&self, log: &dyn Sequencer, head: &Anchor) -> Result<Option<Bound>, ReadError> {
        let Some(last) = head.size.checked_sub(1) else { return Ok(None) };
        let under = |seq: u64| -> Result<Option<Under>, ReadError> {
            let at = Position { partition: head.partition, seq };
            let commits = log.read(head.partition, seq, 0)?;
            let header = commits.first().and_then(|commit| commit.record.first_chunk::<HEADER_LEN>().copied());
            let path = self.path(log, at, head.size)?;
            Ok(header.map(|header| Under { header, path }))
        };
        Ok(under(0)?.zip(under(last)?).map(|(first, last)| Bound { first, last }))
    }

    fn with<T>(
        &self,
        log: &dyn Sequencer,
        partition: u32,
        size: u64,
        ask: impl FnOnce(&mut Subtrees<'_, ReadError>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let blocks = self.complete(log, partition, size)?;
        let mut leaves = |block: u64| leaves(log, partition, block * BLOCK, ((block + 1) * BLOCK).min(size));
        ask(&mut Subtrees::new(&blocks, &mut leaves))
    }

    /// Roots of the complete blocks below `size`.
    fn complete(&self, log: &dyn Sequencer, partition: u32, size: u64) -> Result<Vec<[u8; 32]>, ReadError> {
        let index = partition as usize;
        let want = usize::try_from(size / BLOCK).unwrap_or(usize::MAX);
        let mut known = {
            let mut all = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() <= index {
                all.resize(index + 1, Vec::new());
            }
            all.get(index).cloned().unwrap_or_default()
        };
        while known.len() < want {
            let first = known.len() as u64 * BLOCK;
            // Not under the lock: two that ask at once read twice, and come to the same.
            let read = leaves(log, partition, first, (first + 64 * BLOCK).min(want as u64 * BLOCK))?;
            let (whole, _) = read.as_chunks::<{ BLOCK as usize }>();
            if whole.is_empty() {
                break;
            }
            known.extend(whole.iter().map(|block| block_root(block)));
        }
        let mut all = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.get_mut(index).filter(|kept| kept.len() < known.len()) {
            kept.clone_from(&known);
        }
        known.truncate(want);
        Ok(known)
    }
}

/// The leaves of commits `from..to`, as far as the log has them.
fn leaves(log: &dyn Sequencer, partition: u32, from: u64, to: u64) -> Result<Vec<[u8; 32]>, ReadError> {
    let mut out = Vec::new();
    for commits in pieces(log, partition, from, to) {
        out.extend(commits?.iter().map(|commit| leaf(&commit.hash)));
    }
    Ok(out)
}

/// The head that an anchor names.
pub fn head_of(anchor: &Anchor) -> Head {
    Head { partition: anchor.partition, next_seq: anchor.size, hash: anchor.hash }
}
