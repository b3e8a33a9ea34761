//! What an auditor does with a log: proofs, checking everything, replaying, exporting. It reads logs, views and
//! evidence, and changes none of them.
//!
//! Promises: nothing here needs a server, and nothing disturbs one; what was found is named by its place and a code
//! of `docs/verify/README.md`. What is pure of it is in `mirano_replay::proof` and `mirano_replay::verify`.

pub mod cut;
pub mod facts;
pub mod file;
pub mod heads;
pub mod import;
pub mod json;
pub mod latest;
mod parts;
mod pool;
pub mod proofs;
pub mod quote;
pub mod replay;
pub mod rows;
pub mod source;
pub mod text;
pub mod until;
pub mod verify;
