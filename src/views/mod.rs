//! The read models, in RocksDB: the rows of `mirano-replay`, with position and head in the same batch.
//!
//! The log is the write-ahead log: RocksDB's own is off. A crash loses what was not flushed, and the next start folds it
//! again from the log. All rows stand in one column family, under the table's number: one batch is atomic by itself.

pub mod digests;
mod fronts;
mod rocks;

pub use rocks::{FORM, Lying, Views};
