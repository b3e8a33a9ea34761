//! The embedded log against the conformance suite, and what only files can suffer.

use super::super::conformance::{self, Factory};
use super::*;
use tempfile::TempDir;

/// Small segments, so that every check crosses some.
fn small(partitions: u32) -> Options {
    Options { partitions, segment_bytes: 1000, ..Options::default() }
}

#[derive(Default)]
struct Folders(Vec<TempDir>);

impl Factory for Folders {
    type Log = EmbeddedLog;
    async fn fresh(&mut self, partitions: u32) -> EmbeddedLog {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = EmbeddedLog::open(folder.path(), small(partitions)).expect("a new log");
        self.0.push(folder);
        log
    }
    async fn reopen(&mut self, log: EmbeddedLog) -> EmbeddedLog {
        let partitions = log.partitions();
        drop(log);
        EmbeddedLog::open(self.0.last().expect("a log was made").path(), small(partitions)).expect("the same log")
    }
}

conformance::suite!(Folders::default());
