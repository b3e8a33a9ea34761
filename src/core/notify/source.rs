//! A source that was down answers again.

use super::raise::raise;
use crate::core::decision::{DecideError, Decision};
use mirano_replay::facts;
use mirano_replay::rows::{ChannelRow, SourceRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Failed attempts in a row after which a source is called down.
pub const DOWN_AFTER: u32 = 5;
/// Channels that are looked through.
const MOST: usize = 10_000;

/// A source answered: tells each tenant that has a channel for it, if the source was down before this decision.
pub(in crate::core) fn back(
    decision: &mut Decision<'_>,
    queue: &str,
    observation: ObservationId,
) -> Result<(), DecideError> {
    let before: Option<Arc<SourceRow>> = decision.ctx.state.shared(queue.as_bytes())?;
    let Some(before) = before.filter(|row| row.failures >= DOWN_AFTER) else { return Ok(()) };
    let (source, failures) = (source_of(queue), before.failures);
    // One of its shards is the first to see it: the others have nothing new to say.
    for other in facts::queues(&decision.rows, source)?.iter().filter(|other| *other != queue) {
        let other: Option<Arc<SourceRow>> = decision.rows.shared(other.as_bytes())?;
        let failed_at = before.last_outcome.as_ref().map(|(_, at, _)| *at);
        if other.is_some_and(|other| other.failures == 0 && other.last_answer > failed_at) {
            return Ok(());
        }
    }
    let now = decision.ctx.now();
    let mut by_tenant: BTreeMap<String, Vec<ChannelRow>> = BTreeMap::new();
    for (_, row) in decision.rows.rows::<ChannelRow>(&[], &[], MOST)? {
        if row.set.types.contains(&NotificationType::Recovered) {
            by_tenant.entry(row.set.tenant.clone()).or_default().push(row);
        }
    }
    for (tenant, channels) in by_tenant {
        let what = NotificationType::Recovered;
        let parts: [&[u8]; 4] = [what.word().as_bytes(), source.as_bytes(), observation.as_bytes(), tenant.as_bytes()];
        let raised = NotificationRaised {
            notification: NotificationId::of(&parts),
            tenant,
            what,
            job: None,
            status: None,
            is_final: false,
            since: None,
            detail: NotificationDetail::Source { source: source.to_owned(), failures },
            deliveries: Vec::new(),
        };
        let told: Vec<&ChannelSet> = channels.iter().filter(|row| row.hears(now)).map(|row| &row.set).collect();
        raise(decision, raised, &told)?;
    }
    Ok(())
}
