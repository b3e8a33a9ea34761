//! What an audit or a replay will cost, said beforehand: commits, bytes, seconds.

use super::until::{Until, UntilError};
use crate::sequencer::{ReadError, Sequencer};
use mirano_replay::verify::{Looked, NoKeys, facts};
use mirano_schemas::Position;
use mirano_schemas::codec::CommitBody;
use serde::Serialize;
use std::time::Instant;
use utoipa::ToSchema;

/// Bytes of log that are tried, to see how quick this machine is.
const TRIED_BYTES: usize = 1024 * 1024;
/// Places at which the size of commits is looked at.
const SAMPLES: u64 = 16;

/// What it will cost, about.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Quote {
    /// Commits: exact.
    pub commits: u64,
    /// Bytes of them: estimated from samples where there are many.
    pub bytes: u64,
    /// Seconds on one core of this machine, from a piece that was tried.
    pub seconds: f64,
    /// The positions of the last commits, by partition; none of one without commits.
    pub until: Vec<String>,
}

/// The quote for all commits, or for those up to a moment.
pub fn quote(log: &dyn Sequencer, until: Option<&Until>) -> Result<Quote, UntilError> {
    let ends = super::until::ends(log, until)?;
    let (mut commits, mut bytes) = (0, 0.0);
    for (partition, end) in (0..).zip(&ends) {
        commits += end;
        let step = (end / SAMPLES).max(1);
        let (mut seen, mut sum) = (0u32, 0u64);
        for seq in (0..*end).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            if let Some(commit) = log.read(partition, seq, 0)?.first() {
                seen += 1;
                sum += commit.record.len() as u64;
            }
        }
        bytes += sum as f64 / f64::from(seen.max(1)) * *end as f64;
    }
    let rate = tried(log)?;
    let last = |(partition, end): (u32, &u64)| Some(Position { partition, seq: end.checked_sub(1)? }.to_string());
    let until = (0u32..).zip(&ends).filter_map(last).collect();
    Ok(Quote { commits, bytes: bytes as u64, seconds: bytes / rate, until })
}

/// Bytes a second that are read, decoded and recomputed here.
fn tried(log: &dyn Sequencer) -> Result<f64, ReadError> {
    let started = Instant::now();
    let mut bytes = 0;
    let mut looked = Looked::default();
    for partition in 0..log.partitions() {
        for commit in log.read(partition, 0, TRIED_BYTES)? {
            bytes += commit.record.len();
            if let Ok(body) = CommitBody::decode(commit.body()) {
                facts(commit.position, &body, &NoKeys, &mut looked);
            }
        }
        if bytes >= TRIED_BYTES {
            break;
        }
    }
    Ok(bytes.max(1) as f64 / started.elapsed().as_secs_f64().max(1e-6))
}
