//! What an auditor runs: all that is computed from the log alone, without network, clock or engine.

pub mod tree;
