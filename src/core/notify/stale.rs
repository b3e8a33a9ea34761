//! Reports that are past a TTL: told once, when it happens.

use super::raise::{Notice, Wanted, raise, raise_of_job};
use crate::core::command::Reply;
use crate::core::decision::{DecideError, Decision};
use mirano_replay::rows::{JobRow, NeedRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;

/// Checks that one commit tells of.
const PAGE: usize = 64;

/// Decides `TellStale`: tells of the checks whose time has come, and looks at them no more until they are fresh again.
pub(super) fn tell(decision: &mut Decision<'_>) -> Result<Reply, DecideError> {
    let now = decision.ctx.now();
    let prefix = decision.ctx.partition().to_be_bytes();
    for place in decision.rows.keys(Table::StaleDue, &prefix, &[], PAGE)? {
        let due = place.get(4..12).map_or(u64::MAX, mirano_replay::apply::be_u64);
        let due = Timestamp(i64::try_from(due).unwrap_or(i64::MAX));
        let (Some(job), true) = (key::tail(&place).map(JobId), due <= now) else { break };
        let Some(row) = decision.job(job)? else { continue };
        let ends = |need: &NeedRow| {
            let receipt = need.receipt.as_ref().filter(|_| need.applicable())?;
            let since = receipt.observed_at.plus_ms(receipt.ttl_ms);
            (since == due).then(|| (receipt.need_id, receipt.source.clone(), since))
        };
        let Some((need_id, source, since)) = row.needs.iter().find_map(ends) else { continue };
        let cause: [&[u8]; 2] = [need_id.as_bytes(), &since.0.to_le_bytes()];
        let detail = NotificationDetail::Stale { need_id, source, since };
        let notice = Notice { what: NotificationType::Stale, cause: &cause, since: None, detail };
        let wanted = Wanted::of(decision, &row)?;
        if wanted.wants(NotificationType::Stale) {
            raise_of_job(decision, &wanted, &row, &notice)?;
        } else {
            // Nobody hears of it any more; the event takes it out of what is due.
            raise(decision, unheard(&row, &notice), &[])?;
        }
    }
    Ok(Reply::Done)
}

fn unheard(row: &JobRow, notice: &Notice<'_>) -> NotificationRaised {
    let mut parts: Vec<&[u8]> = vec![notice.what.word().as_bytes(), row.created.job.as_bytes()];
    parts.extend(notice.cause);
    NotificationRaised {
        notification: NotificationId::of(&parts),
        tenant: row.created.tenant.clone(),
        what: notice.what,
        job: Some(row.created.job),
        status: Some(row.status),
        is_final: row.is_final,
        since: None,
        detail: notice.detail.clone(),
        deliveries: Vec::new(),
    }
}
