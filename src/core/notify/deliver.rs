//! Deliveries: claimed for a while, noted, tried again, given up, sent again by hand.

use super::command::{Claimed, Outcome};
use crate::core::command::{Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use mirano_replay::rows::{ChannelRow, DeliveryRow, DeliveryState, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;

/// Attempts after which a delivery is given up although nobody ever heard how they went.
const MOST_ATTEMPTS: u32 = 100;
/// How far is looked past the deliveries of channels that are busy.
const LOOKED_AT: usize = 1_024;

/// Decides `Claim`: what is due is taken, and whoever took it has so long to say how it went.
pub(super) fn claim(
    decision: &mut Decision<'_>,
    most: usize,
    busy: &[ChannelId],
    lease_ms: u64,
) -> Result<Reply, DecideError> {
    let now = decision.ctx.now();
    let prefix = key::delivery_due(decision.ctx.partition(), None);
    let mut claimed = Vec::new();
    let mut ended = 0;
    for place in decision.rows.keys(Table::NotificationIndex, &prefix, &prefix, LOOKED_AT)? {
        if key::due_of_delivery(&place) > now || claimed.len() >= most || ended >= LOOKED_AT / 8 {
            break;
        }
        let Some(delivery) = key::tail(&place).map(DeliveryId) else { continue };
        let Some(row) = decision.rows.row::<DeliveryRow>(delivery.as_bytes())? else { continue };
        if busy.contains(&row.channel) {
            continue;
        }
        let n = row.tried().saturating_add(1);
        let channel: Option<ChannelRow> = decision.rows.row(row.channel.as_bytes())?;
        let end = match &channel {
            None => Some("the channel is no more"),
            Some(channel) if channel.stopped_at.is_some() => Some("the receiver wants nothing more"),
            Some(_) if n > MOST_ATTEMPTS => Some("nobody heard how the attempts went"),
            Some(_) => None,
        };
        let change = match end {
            Some(cause) => {
                DeliveryChange::Failed { n: row.tried(), status: None, cause: cause.to_owned(), retry_at: None }
            }
            None => DeliveryChange::Claimed { n, until: now.plus_ms(lease_ms) },
        };
        decision.emit(DeliveryChanged { delivery, channel: row.channel, change })?;
        ended += usize::from(end.is_some());
        if let Some(channel) = channel.filter(|_| end.is_none()) {
            claimed.push(Claimed { delivery, n, channel: channel.set });
        }
    }
    Ok(Reply::Claimed(claimed))
}

/// Decides `Note`. Of an attempt that was taken from its sender, or noted already, nothing is noted.
pub(super) fn note(
    decision: &mut Decision<'_>,
    delivery: DeliveryId,
    n: u32,
    outcome: &Outcome,
) -> Result<Reply, DecideError> {
    let row: DeliveryRow = decision.rows.row(delivery.as_bytes())?.ok_or(Rejection::NoDelivery)?;
    if row.tried() != n || !matches!(row.state, DeliveryState::Sending { .. }) {
        return Ok(Reply::Noted(row.due()));
    }
    let (change, retry_at) = match outcome {
        Outcome::Taken { status } => (DeliveryChange::Delivered { n, status: *status }, None),
        Outcome::Gone { status } => {
            let cause = format!("status {status}: the receiver wants nothing more");
            (DeliveryChange::Failed { n, status: Some(*status), cause, retry_at: None }, None)
        }
        Outcome::Refused { status, cause, for_good, retry_after_ms } => {
            let retry_at = if *for_good { None } else { retry_at(decision, &row, *retry_after_ms) };
            (DeliveryChange::Failed { n, status: *status, cause: cause.clone(), retry_at }, retry_at)
        }
    };
    decision.emit(DeliveryChanged { delivery, channel: row.channel, change })?;
    Ok(Reply::Noted(retry_at))
}

/// The next attempt: by the policy's waits, a tenth of each drawn, and no sooner than the receiver asked for. None: they
/// are used up. An attempt of which nobody heard does not count.
fn retry_at(decision: &Decision<'_>, row: &DeliveryRow, retry_after_ms: Option<u64>) -> Option<Timestamp> {
    let failed = row.attempts.iter().filter(|attempt| attempt.cause.is_some()).count();
    let wait = decision.ctx.policy.document.notify.retry.get(failed)?.0;
    let drawn = decision.ctx.entropy.checked_rem(wait / 10 + 1).unwrap_or(0);
    Some(decision.ctx.now().plus_ms(wait.saturating_add(drawn).max(retry_after_ms.unwrap_or(0))))
}

/// Decides `SendAgain`: also what was taken may be sent once more. It keeps its id.
pub(super) fn send_again(
    decision: &mut Decision<'_>,
    delivery: DeliveryId,
    tenant: &str,
) -> Result<Reply, DecideError> {
    let row: Option<DeliveryRow> = decision.rows.row(delivery.as_bytes())?;
    let row = row.filter(|row| row.tenant == tenant).ok_or(Rejection::NoDelivery)?;
    let channel: Option<ChannelRow> = decision.rows.row(row.channel.as_bytes())?;
    if channel.ok_or(Rejection::ChannelUnknown(row.channel))?.stopped_at.is_some() {
        return Err(Rejection::ChannelStopped.into());
    }
    match row.state {
        // A digest is sent when its time has come.
        DeliveryState::Waiting { .. } if row.digest && row.attempts.is_empty() => Err(Rejection::NoDelivery.into()),
        DeliveryState::Sending { .. } => Err(Rejection::NoDelivery.into()),
        _ => {
            let change = DeliveryChange::AskedAgain { due: decision.ctx.now() };
            decision.emit(DeliveryChanged { delivery, channel: row.channel, change })?;
            Ok(Reply::Done)
        }
    }
}
