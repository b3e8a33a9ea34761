//! What a log means: the fold from commits to rows, sets of facts and their roots.
//!
//! All that an auditor runs is here; no engine, no network, no files, no clock.

pub mod apply;
pub mod checkpoint;
pub mod decider;
pub mod facts;
pub mod history;
mod kept;
pub mod overlay;
pub mod proof;
pub mod rows;
pub mod shown;
pub mod store;
pub mod tree;
pub mod verify;
