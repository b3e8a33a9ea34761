//! Decisions of `source/<id>` streams: the queue, leases, permits, answers.

pub mod breaker;
mod complete;
mod dead;
mod fail;
pub mod forecast;
mod give_up;
mod lease;
pub mod limits;
mod narrow;
pub mod pace;
mod permit;
mod proxies;
mod shards;
mod suspicion;
mod want;

pub use breaker::rests_until;
pub use complete::complete;
pub use dead::{drop_dead, revive, revived};
pub use fail::{MOST_LOST, MOST_PUT_OFF, expire, fail};
pub use lease::lease;
pub use permit::{MOST_PERMITS, grant, heartbeat, return_permits};
pub use proxies::all_rest_since;
pub use shards::{obey, told_to};
pub use want::want;

use super::command::Rejection;
use super::decision::{DecideError, Decision};
use super::policy::SourceSpec;
use mirano_replay::rows::{LeaseRow, SourceRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{LeaseToken, TaskId};
use std::sync::Arc;

/// What remains between the end of a request and the loss of its lease, for parsing and telling.
pub const LEASE_GRACE_MS: u64 = 10_000;

/// The row of a queue: of a source, or of one of its shards.
fn source_row(decision: &Decision<'_>, source: &str) -> Result<Arc<SourceRow>, DecideError> {
    Ok(decision.rows.shared(source.as_bytes())?.unwrap_or_default())
}

fn spec<'a>(decision: &Decision<'a>, source: &str) -> Result<&'a SourceSpec, Rejection> {
    decision.ctx.policy.queue(source).ok_or_else(|| Rejection::SourceUnknown(source.to_owned()))
}

fn held(row: &SourceRow, lease: LeaseToken) -> Result<&LeaseRow, Rejection> {
    row.leases.get(&lease).ok_or(Rejection::LeaseLost)
}

/// Whether the lease is held, and for this very task: a worker that has several may mix up their tokens.
fn holds(row: &SourceRow, lease: LeaseToken, task: TaskId) -> bool {
    held(row, lease).is_ok_and(|held| held.task == task)
}
