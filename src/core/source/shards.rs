//! What a source says to one of its shards, all of them obey: that it wants to be left alone, that it is asked too fast.
//!
//! Each shard decides in a partition of its own. The one that heard it says so in the commit that notes it; the partitions of the
//! others react to that, a few milliseconds later. Permits that they granted before are used, as those of other tasks of the same
//! queue are.

use super::{pace, source_row};
use crate::core::bugs::{self, Bug};
use crate::core::decision::{DecideError, Decision};
use crate::core::partitioning;
use mirano_schemas::*;

/// Tells the other shards, if there are any.
pub(super) fn tell(
    decision: &mut Decision<'_>,
    queue: &str,
    rest_until: Option<Timestamp>,
    slowed: Option<Slowed>,
) -> Result<(), DecideError> {
    match decision.ctx.policy.queue(queue).map_or(1, |spec| spec.limits.shards) {
        _ if bugs::on(Bug::ShardsNotTold) => Ok(()),
        0 | 1 => Ok(()),
        shards => decision.emit(SourceTold { source: queue.to_owned(), shards, rest_until, slowed }),
    }
}

/// The queues of a partition that have to obey.
pub fn told_to(event: &SourceTold, partition: u32, partitions: u32) -> impl Iterator<Item = String> {
    let SourceTold { source, shards, .. } = event;
    let queues = (0..(*shards).min(MOST_SHARDS)).map(|shard| queue_of(source_of(source), shard));
    queues.filter(move |queue| queue != source && partitioning::of_source(queue, partitions) == partition)
}

/// Reacts to `SourceTold`. What is obeyed already changes nothing.
pub fn obey(decision: &mut Decision<'_>, event: &SourceTold) -> Result<(), DecideError> {
    let now = decision.ctx.now();
    let queues: Vec<String> = told_to(event, decision.ctx.partition(), decision.ctx.partitions).collect();
    for queue in queues {
        let row = source_row(decision, &queue)?;
        if let Some(until) =
            event.rest_until.filter(|until| *until > now && row.rest_until.is_none_or(|own| own < *until))
        {
            decision.emit(SourceRested { source: queue.clone(), until })?;
        }
        // Where both were told that they are too fast, the pace is halved once.
        if let Some(Slowed { permille, full_at, http_status }) = event.slowed
            && full_at > now
            && permille < pace::permille(&row, now)
        {
            decision.emit(SourceSlowed { source: queue, permille, full_at, http_status })?;
        }
    }
    Ok(())
}
