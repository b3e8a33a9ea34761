//! A topic as a whole: read to its end by somebody who only looks, and filled from a log that lies elsewhere.

use super::birth::{self, Found};
use super::{Ear, KafkaLog, OpenError, Settings, topic};
use crate::sequencer::Sequencer;
use mirano_schemas::{LogId, Position};
use std::path::Path;
use std::sync::Arc;

/// A partition that can't be followed to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Where it stops: the next commit that would count.
    pub at: Position,
    /// The problem, by its name.
    pub why: Arc<str>,
}

/// Mirrors a topic to its end into an empty folder, as an auditor does: the topic is neither made nor judged by its
/// settings, and nothing is written to it. Also gives how many commits of each partition were there before the topic was read to
/// its end for the last time, so that all that they rest on is there; and the partitions that can't be followed so far.
pub async fn read(folder: &Path, settings: Settings) -> Result<(KafkaLog, Vec<u64>, Vec<Stopped>), OpenError> {
    settings.check()?;
    let ear = Ear::default();
    if topic::look(&settings, &ear).await?.is_none() {
        return Err(OpenError::NoLog { topic: settings.topic, why: "it is not there" });
    }
    let partitions = match find(&settings, ear).await? {
        Found::Born(birth) => birth.partitions,
        Found::Unborn => return Err(OpenError::NoLog { topic: settings.topic, why: "no record in it says so" }),
        Found::Trimmed => return Err(OpenError::Trimmed(settings.topic)),
    };
    let settings = Settings { partitions, check_topic: false, ..settings };
    let log = KafkaLog::open(folder, settings.clone()).await?;
    let first = (0..partitions).map(|partition| log.head(partition).next_seq).collect();
    // Closing it waits for what it writes and reads.
    let closed = tokio::task::spawn_blocking(move || drop(log)).await;
    closed.map_err(|error| OpenError::Settings(error.to_string()))?;
    // Each partition was read to where it ended then: what it rests on may have come to another that had been read already.
    let log = KafkaLog::open(folder, settings).await?;
    let stopped = stopped(&log);
    Ok((log, first, stopped))
}

/// Opens a topic that is empty, or missing and then made, as the log `log_id`. Its commits are appended by the caller.
pub async fn born_as(folder: &Path, settings: Settings, log_id: LogId) -> Result<KafkaLog, OpenError> {
    settings.check()?;
    let ear = Ear::default();
    topic::ensure(&settings, &ear).await?;
    match find(&settings, ear.clone()).await? {
        Found::Born(birth) if birth.log_id == log_id => {}
        Found::Unborn => {
            let asked = settings.clone();
            let given = tokio::task::spawn_blocking(move || birth::give(&asked, &ear, log_id)).await;
            given.map_err(|error| OpenError::Settings(error.to_string()))??;
        }
        Found::Born(birth) => {
            let folder = folder.to_owned();
            return Err(OpenError::OtherLog { folder, have: log_id, topic: settings.topic, want: birth.log_id });
        }
        Found::Trimmed => return Err(OpenError::Trimmed(settings.topic)),
    }
    let topic = settings.topic.clone();
    let log = KafkaLog::open(folder, settings).await?;
    match stopped(&log).into_iter().next() {
        Some(Stopped { at, why }) => Err(OpenError::Stopped { topic, at, why }),
        None => Ok(log),
    }
}

/// The id of the log in a topic; none when there is no topic, no log in it, or its beginning is gone.
pub async fn birth(settings: &Settings) -> Result<Option<LogId>, OpenError> {
    settings.check()?;
    let ear = Ear::default();
    if topic::look(settings, &ear).await?.is_none() {
        return Ok(None);
    }
    Ok(match find(settings, ear).await? {
        Found::Born(birth) => Some(birth.log_id),
        Found::Unborn | Found::Trimmed => None,
    })
}

async fn find(settings: &Settings, ear: Ear) -> Result<Found, OpenError> {
    let asked = settings.clone();
    let found = tokio::task::spawn_blocking(move || birth::find(&asked, &ear)).await;
    found.map_err(|error| OpenError::Settings(error.to_string()))?
}

fn stopped(log: &KafkaLog) -> Vec<Stopped> {
    let stopped = log.lanes.iter().filter_map(|lane| {
        let why = lane.progress.borrow().stopped.clone()?;
        Some(Stopped { at: Position { partition: lane.partition, seq: log.head(lane.partition).next_seq }, why })
    });
    stopped.collect()
}
