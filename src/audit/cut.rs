//! A log that is being written to, cut where it holds together: no commit up to there names one behind it.
//!
//! Partitions are read one after another, so of a log that grows meanwhile each is had as of another moment. What a commit
//! rests on was written before it. So what was there before the ends were taken rests on nothing behind them, and only what
//! came while they were taken is to be looked at.

use super::source::{self, SourceError};
use crate::engine::rests_on;
use crate::sequencer::embedded::AuditedFolder;
use crate::sequencer::kafka::MirrorFolder;
use crate::sequencer::{ReadError, Sequencer, pieces};
use mirano_replay::verify::{Named, closed};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::{Head, genesis};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Why a log can't be opened at a cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// It can't be opened.
    #[error(transparent)]
    Open(#[from] SourceError),
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A log, and how many commits of each partition hold together.
pub struct CutLog {
    /// The log.
    pub log: Arc<dyn Sequencer>,
    /// How many commits of each partition.
    pub ends: Vec<u64>,
}

/// Opens a data folder or an exported file for reading. Of one that nobody writes to the cut is all of it.
pub fn open(path: &Path) -> Result<CutLog, CutError> {
    let before = in_use(path);
    let log = source::open(path)?;
    if MirrorFolder::is_one(path) {
        // A mirror has of each partition what came so far, whatever others rest on.
        let ends = within(&*log, &vec![0; log.partitions() as usize])?;
        return Ok(CutLog { log, ends });
    }
    let sure = heads(&*log);
    if !before && !in_use(path) {
        return Ok(CutLog { log, ends: sure });
    }
    let log = source::open(path)?;
    let ends = within(&*log, &sure)?;
    Ok(CutLog { log, ends })
}

/// The largest cut of a log that holds together, if so many commits of each partition were there before its ends were taken.
pub fn within(log: &dyn Sequencer, sure: &[u64]) -> Result<Vec<u64>, ReadError> {
    let ends: BTreeMap<u32, u64> = (0u32..).zip(heads(log)).collect();
    let mut named: BTreeMap<u32, Named> = BTreeMap::new();
    for (partition, end) in &ends {
        let named = named.entry(*partition).or_default();
        let from = sure.get(*partition as usize).copied().unwrap_or(0);
        for commits in pieces(log, *partition, from, *end) {
            for commit in commits? {
                // What does not decode names nothing; that it does not is for `verify` to say.
                let Ok(body) = CommitBody::decode(commit.body()) else { continue };
                rests_on(*partition, &body).for_each(|place| named.note(commit.position.seq, place));
            }
        }
    }
    Ok(closed(&named, ends).into_values().collect())
}

/// The heads of a log at a cut.
pub fn heads_at(log: &dyn Sequencer, ends: &[u64]) -> Result<Vec<Head>, ReadError> {
    let head = |(partition, end): (u32, &u64)| -> Result<Head, ReadError> {
        let head = log.head(partition);
        if head.next_seq == *end {
            return Ok(head);
        }
        let last = match end.checked_sub(1) {
            Some(last) => log.read(partition, last, 0)?.into_iter().next(),
            None => None,
        };
        let hash = last.map_or(genesis(log.log_id(), partition), |commit| commit.hash);
        Ok(Head { partition, next_seq: *end, hash })
    };
    (0u32..).zip(ends).map(head).collect()
}

fn heads(log: &dyn Sequencer) -> Vec<u64> {
    (0..log.partitions()).map(|partition| log.head(partition).next_seq).collect()
}

/// Whether a process has a folder open for writing.
fn in_use(path: &Path) -> bool {
    path.is_dir() && AuditedFolder::open(path).is_ok_and(|folder| folder.in_use())
}
