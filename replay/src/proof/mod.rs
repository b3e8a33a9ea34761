//! Proofs: that a fact is, or is not, in a sealed snapshot; that the snapshot is in the log; that one head of a log
//! extends another. Whoever checks them needs the proof, and something that they trusted before: a snapshot's id or a
//! head. No log, no server, no key.
//!
//! Promises: a proof that holds says the truth about everything that its root or head commits to, as long as BLAKE3
//! stands. Checking is total: any bytes give an answer, none a panic. What each kind proves, and what it does not, is
//! in `docs/verify/README.md`; the bytes are in `docs/FORMATS.md`.
//!
//! Deliberately absent: making proofs from views or files. Whoever has leaves or hashes calls this.

mod bound;
mod commits;
mod document;
mod member;
mod wire;

pub use bound::{Bound, Under, is_beginning};
pub use commits::{Anchor, BLOCK, ParseAnchorError, Subtrees, block_root, leaf, root_by_extension, root_by_path};
pub use document::{Checked, Content, ExtensionProof, FactProof, LogPart, Proof, ProofError, Scope, check};
pub use member::{Ends, Member, Step};

#[cfg(test)]
mod tests;
