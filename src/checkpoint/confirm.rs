//! Whether the log names the checkpoint that a node began with.
//!
//! The record that named it was found before it was known whether it counts. When the topic was read to its end, the commit must
//! be there, and count. Else somebody wrote a record that only looks like one, and what was begun with may be of another history.

use super::CheckpointError;
use super::begin::remove;
use crate::sequencer::Sequencer;
use crate::sequencer::embedded::{FORMAT_FILE, LOG_FOLDER};
use crate::sequencer::kafka::KAFKA_FOLDER;
use metrics::counter;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{CheckpointTaken, CommitHash, Event};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

const READ_BYTES: usize = 4 * 1024 * 1024;

/// Which checkpoint a folder was filled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// BLAKE3 of its list.
    list: String,
    /// It must be named at or behind this seq of partition 0.
    from_seq: u64,
}

impl Mark {
    pub(super) fn of(taken: &CheckpointTaken) -> Self {
        let from_seq = taken.heads.first().map_or(0, |head| head.next_seq);
        Self { list: CommitHash(taken.list).to_string(), from_seq }
    }

    pub(super) fn path(data: &Path) -> PathBuf {
        data.join(KAFKA_FOLDER).join("checkpoint.json")
    }

    pub(super) fn write(&self, data: &Path) -> Result<(), CheckpointError> {
        let path = Self::path(data);
        let text = serde_json::to_vec(self).map_err(|error| CheckpointError::BrokenOff(error.to_string()))?;
        let written = fs::write(&path, text).and_then(|()| fs::File::open(&path)?.sync_all());
        written.map_err(CheckpointError::io(&path))
    }

    fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(data)).ok()?).ok()
    }
}

/// Looks, once the topic was read to its end, whether the log names the checkpoint that this folder was filled from. If not,
/// gives the hash of its list: nothing in the folder is to be believed; [`forget`] it, and begin anew without that one.
pub fn confirm(data: &Path, log: &dyn Sequencer) -> Result<Option<[u8; 32]>, CheckpointError> {
    let path = Mark::path(data);
    if !path.exists() {
        return Ok(None);
    }
    let mark = Mark::read(data);
    if let Some(mark) = &mark
        && names(log, mark)?
    {
        remove(&path)?;
        return Ok(None);
    }
    counter!("mirano_checkpoint_refused_total", "why" => "void").increment(1);
    tracing::error!("the log does not name the checkpoint that this node began with; what it brought is dropped");
    let list = mark.and_then(|mark| mark.list.parse::<CommitHash>().ok());
    Ok(Some(list.map_or([0; 32], |list| list.0)))
}

fn names(log: &dyn Sequencer, mark: &Mark) -> Result<bool, CheckpointError> {
    let mut next = mark.from_seq;
    loop {
        let commits = log.read(0, next, READ_BYTES)?;
        let Some(last) = commits.last() else { return Ok(false) };
        next = last.position.seq + 1;
        let bodies = commits.iter().filter_map(|commit| CommitBody::decode(commit.body()).ok());
        let mut events = bodies.flat_map(|body| body.events);
        let is_it = |event: &Event| matches!(event, Event::CheckpointTaken(taken) if CommitHash(taken.list).to_string() == mark.list);
        if events.any(|event| is_it(&event)) {
            return Ok(true);
        }
    }
}

/// Drops what a folder was filled with; the log must be closed.
pub fn forget(data: &Path, views: &str) -> Result<(), CheckpointError> {
    // The format file first: without it the folder is none that could be opened.
    for name in [FORMAT_FILE, LOG_FOLDER, views, KAFKA_FOLDER] {
        remove(&data.join(name))?;
    }
    Ok(())
}
