//! A moment as people write it: a time, a date, a position, a cut, or `now`.

use super::{HistoryError, NoMoment};
use crate::explain::time;
use crate::sequencer::Sequencer;
use mirano_replay::history::Moment;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::{Read, ReadExt};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Position, Timestamp};

/// When the log took a commit.
pub trait Times: Sync {
    /// The time of a commit; none where there is no such commit.
    fn recorded_at(&self, position: Position) -> Result<Option<Timestamp>, HistoryError>;
}

/// Times read from the log itself.
pub struct LogTimes<'a>(pub &'a dyn Sequencer);

impl Times for LogTimes<'_> {
    fn recorded_at(&self, position: Position) -> Result<Option<Timestamp>, HistoryError> {
        let log = |error: &dyn std::fmt::Display| HistoryError::Log(error.to_string());
        if position.partition >= self.0.partitions() {
            return Ok(None);
        }
        let commits = self.0.read(position.partition, position.seq, 1).map_err(|error| log(&error))?;
        let Some(commit) = commits.first().filter(|commit| commit.position == position) else { return Ok(None) };
        Ok(Some(CommitBody::decode(commit.body()).map_err(|error| log(&error))?.head.recorded_at))
    }
}

/// Reads `now`, a time, a date (its first moment in UTC), a position `partition:seq`, or a cut: positions with commas between. Nothing that has not come yet.
pub fn parse(text: &str, rows: &dyn Read, times: &dyn Times, now: Timestamp) -> Result<Moment, HistoryError> {
    if text == "now" {
        return Ok(Moment::time(now));
    }
    if let Some(at) = time::parse_or_day(text) {
        if at > now {
            return Err(NoMoment::ToCome(text.to_owned()).into());
        }
        return Ok(Moment::time(at));
    }
    let mut places: Vec<(Position, Timestamp)> = Vec::new();
    for part in text.split(',') {
        let position: Position = part.trim().parse().map_err(|_| NoMoment::Unread(text.to_owned()))?;
        if places.iter().any(|(other, _)| other.partition == position.partition) {
            return Err(NoMoment::Twice { given: text.to_owned(), partition: position.partition }.into());
        }
        // What the log has and the views do not show yet is not known here either.
        let anchor: Option<AnchorRow> = rows.row(&key::anchor(position.partition))?;
        let recorded = match anchor.filter(|anchor| position.seq < anchor.next_seq) {
            Some(_) => times.recorded_at(position)?,
            None => None,
        };
        let recorded = recorded.ok_or(NoMoment::NoCommit(position))?;
        places.push((position, recorded));
    }
    Ok(Moment::cut(places))
}
