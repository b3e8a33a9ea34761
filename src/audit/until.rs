//! Up to where a log is replayed: a time, a position, or a cut.

use crate::sequencer::{ReadError, Sequencer};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Position, Timestamp};
use std::collections::BTreeSet;
use std::str::FromStr;

/// A moment of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// What the log had taken by this time, this millisecond included.
    Time(Timestamp),
    /// One position: that partition up to it and including it, the others up to the time of that commit. Several: each
    /// names the last commit of its partition; a partition that is not named stays empty.
    Cut(Vec<Position>),
}

/// Text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseUntilError {
    /// It is of no form that we know.
    #[error("not a time (`2026-03-01T00:00:00Z`, `2026-03-01`), a position (`0:1234`) or a cut (`0:10,1:7`): {0:?}")]
    Unread(String),
    /// A cut has one end for each partition.
    #[error("a cut names the last commit of a partition once, and {0:?} names partition {1} twice")]
    Twice(String, u32),
}

impl FromStr for Until {
    type Err = ParseUntilError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let error = || ParseUntilError::Unread(text.to_owned());
        if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Time(Timestamp(at.timestamp_millis())));
        }
        if let Ok(day) = text.parse::<chrono::NaiveDate>() {
            let end = day.and_hms_milli_opt(23, 59, 59, 999).ok_or_else(error)?;
            return Ok(Self::Time(Timestamp(end.and_utc().timestamp_millis())));
        }
        let cut: Result<Vec<Position>, _> = text.split(',').map(|part| part.trim().parse()).collect();
        let cut = cut.map_err(|_| error())?;
        match named_twice(&cut) {
            Some(partition) => Err(ParseUntilError::Twice(text.to_owned(), partition)),
            None => Ok(Self::Cut(cut)),
        }
    }
}

/// A partition that a cut names more than once.
pub fn named_twice(cut: &[Position]) -> Option<u32> {
    let mut seen = BTreeSet::new();
    cut.iter().map(|at| at.partition).find(|partition| !seen.insert(*partition))
}

/// Why a moment can't be gone to.
#[derive(Debug, thiserror::Error)]
pub enum UntilError {
    /// The log does not go so far, or has no such partition.
    #[error("this log has no commit {0}")]
    NotThere(Position),
    /// The log can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// How many commits of each partition belong to it; all of them without a moment.
pub fn ends(log: &dyn Sequencer, until: Option<&Until>) -> Result<Vec<u64>, UntilError> {
    let all = |partition| log.head(partition).next_seq;
    let by_time = |time: Timestamp| -> Result<Vec<u64>, ReadError> {
        (0..log.partitions()).map(move |partition| before(log, partition, time)).collect()
    };
    let there = |at: &Position| at.partition < log.partitions() && at.seq < all(at.partition);
    if let Some(Until::Cut(cut)) = until
        && let Some(beyond) = cut.iter().find(|at| !there(at))
    {
        return Err(UntilError::NotThere(*beyond));
    }
    match until {
        None => Ok((0..log.partitions()).map(all).collect()),
        Some(Until::Time(time)) => Ok(by_time(*time)?),
        Some(Until::Cut(cut)) => match cut.as_slice() {
            [one] if log.partitions() > 1 => {
                let Some(time) = recorded_at(log, *one)? else { return Ok(by_time(Timestamp(i64::MAX))?) };
                let mut ends = by_time(time)?;
                if let Some(end) = ends.get_mut(one.partition as usize) {
                    *end = one.seq + 1;
                }
                Ok(ends)
            }
            many => Ok((0..log.partitions())
                .map(|partition| {
                    let named = many.iter().find(|at| at.partition == partition);
                    named.map_or(0, |at| at.seq + 1)
                })
                .collect()),
        },
    }
}

/// How many commits of a partition were recorded by then: their times do not go backwards.
fn before(log: &dyn Sequencer, partition: u32, time: Timestamp) -> Result<u64, ReadError> {
    let (mut low, mut high) = (0, log.head(partition).next_seq);
    while low < high {
        let middle = low + (high - low) / 2;
        match recorded_at(log, Position { partition, seq: middle })? {
            Some(at) if at <= time => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// When the log took a commit; `None` if it is not there or does not decode.
pub(super) fn recorded_at(log: &dyn Sequencer, at: Position) -> Result<Option<Timestamp>, ReadError> {
    let commits = log.read(at.partition, at.seq, 0)?;
    let body = commits.first().and_then(|commit| CommitBody::decode(commit.body()).ok());
    Ok(body.map(|body| body.head.recorded_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let at = |partition, seq| Position { partition, seq };
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Until::Time(Timestamp(1000))));
        assert_eq!("1970-01-01".parse(), Ok(Until::Time(Timestamp(86_399_999))));
        assert_eq!("0:5, 1:7".parse(), Ok(Until::Cut(vec![at(0, 5), at(1, 7)])));
        let twice = "0:1,1:7,0:2".parse::<Until>().expect_err("which one is it?").to_string();
        assert!(twice.contains("names partition 0 twice"), "{twice}");
        for bad in ["", "yesterday", "5", "0:5,"] {
            assert!(bad.parse::<Until>().is_err(), "{bad}");
        }
    }
}
