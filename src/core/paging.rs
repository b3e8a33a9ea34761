//! Decisions about many jobs, as far as one commit holds: the rest follows on the next page.

use super::decision::{DecideError, Decision};
use mirano_replay::rows::key;
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::JobId;

/// A commit stops growing when its events reach this size.
pub const PAGE_BYTES: usize = 192 * 1024;
/// Jobs that are looked up together.
const AT_ONCE: usize = 16;

/// Decides about each job whose id ends a key of `table` that begins with `prefix`, in order of the keys. Returns whether that
/// was all. A step must be idempotent: the next page goes through the keys once more.
pub fn each_job(
    decision: &mut Decision<'_>,
    table: Table,
    prefix: &[u8],
    mut decide: impl FnMut(&mut Decision<'_>, JobId) -> Result<(), DecideError>,
) -> Result<bool, DecideError> {
    let mut from = prefix.to_vec();
    loop {
        let places = decision.rows.keys(table, prefix, &from, AT_ONCE)?;
        let Some(last) = places.last() else { return Ok(true) };
        from = [last.as_slice(), &[0]].concat();
        for job in places.iter().filter_map(|place| key::tail(place).map(JobId)) {
            if decision.size() > PAGE_BYTES {
                return Ok(false);
            }
            decide(decision, job)?;
        }
        if places.len() < AT_ONCE {
            return Ok(true);
        }
    }
}
