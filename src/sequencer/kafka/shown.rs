//! The records of a partition as they are shown: what counts comes from the mirror, what is void from beside it.

use super::super::{ReadError, Record, Sequencer};
use super::voids::{VoidRecord, Voids};
use std::sync::Arc;

/// Records of a partition in the order of the topic, as [`Sequencer::records`] promises.
pub fn records(
    mirror: &dyn Sequencer,
    voids: Option<&Voids>,
    partition: u32,
    from_seq: u64,
    max: usize,
) -> Result<Vec<Record>, ReadError> {
    let counting = mirror.records(partition, from_seq, max)?;
    let Some(voids) = voids else { return Ok(counting) };
    // Beyond the last counting one only when there is none: then all that was judged at the head.
    let end = match counting.last() {
        Some(last) if counting.len() >= max => last.upon + 1,
        _ => u64::MAX,
    };
    let voids = voids
        .between(from_seq, end)
        .map_err(|error| ReadError::Io { file: voids.path().to_owned(), error: Arc::new(error) })?;
    let mut voids = voids.into_iter().peekable();
    let show = |void: VoidRecord| Record { upon: void.upon, counts: None, record: void.record.into() };
    let mut out: Vec<Record> = Vec::with_capacity(counting.len());
    for commit in counting {
        // Judged at a head means before the commit that moved it.
        while let Some(void) = voids.next_if(|void| void.upon <= commit.upon) {
            out.push(show(void));
        }
        out.push(commit);
    }
    out.extend(voids.map(show));
    // About as many as were asked for, and none parted from those that were judged at the same head.
    let mut keep = out.len();
    for (at, pair) in out.windows(2).enumerate() {
        if let [one, next] = pair
            && at + 1 >= max
            && one.upon != next.upon
        {
            keep = at + 1;
            break;
        }
    }
    out.truncate(keep);
    Ok(out)
}
