//! Notifications: channels are rows of their own partition, all else of the partition that raised it.

use super::{ApplyError, At, dangling};
use crate::rows::*;
use crate::store::{ReadExt, Table, Write, WriteExt};
use mirano_schemas::*;

/// What one digest tells at most.
pub const MOST_ITEMS: usize = 200;
/// Attempts that a delivery remembers.
const MOST_ATTEMPTS: usize = 50;

pub(super) fn channel_set(store: &mut impl Write, at: At, event: &ChannelSet) -> Result<(), ApplyError> {
    let known: Option<ChannelRow> = store.row(event.channel.as_bytes())?;
    let made_at = known.as_ref().map_or(at.recorded_at, |known| known.made_at);
    let stopped_at = known.and_then(|known| known.stopped_at);
    let place = key::channel_by_tenant(&event.tenant, Some(event.channel));
    store.put(Table::ChannelByTenant, &place, Vec::new());
    let row = ChannelRow { set: event.clone(), made_at, position: at.position, stopped_at };
    Ok(store.put_row(event.channel.as_bytes(), &row)?)
}

pub(super) fn channel_ended(store: &mut impl Write, event: &ChannelEnded) -> Result<(), ApplyError> {
    store.delete(Table::ChannelByTenant, &key::channel_by_tenant(&event.tenant, Some(event.channel)));
    store.delete(Table::Channel, event.channel.as_bytes());
    Ok(())
}

pub(super) fn channel_stopped(store: &mut impl Write, at: At, event: &ChannelStopped) -> Result<(), ApplyError> {
    let known: Option<ChannelRow> = store.row(event.channel.as_bytes())?;
    let known = known.ok_or_else(|| dangling(at, "ChannelStopped", event.channel))?;
    let row = ChannelRow { stopped_at: event.by.map(|_| at.recorded_at), position: at.position, ..known };
    Ok(store.put_row(event.channel.as_bytes(), &row)?)
}

pub(super) fn set(store: &mut impl Write, at: At, event: &NotifySet) -> Result<(), ApplyError> {
    let known: Option<NotifyRow> = store.row(event.job.as_bytes())?;
    let stale_at = known.and_then(|known| known.stale_at);
    store.put_row(event.job.as_bytes(), &NotifyRow { set: event.clone(), stale_at })?;
    note_stale(store, at, event.job)
}

pub(super) fn raised(store: &mut impl Write, at: At, event: &NotificationRaised) -> Result<(), ApplyError> {
    let id = event.notification;
    let row = NotificationRow { raised: event.clone(), at: at.recorded_at, position: at.position, read: false };
    store.put_row(id.as_bytes(), &row)?;
    let place = key::notification_by_tenant(&event.tenant, Some((at.recorded_at, at.position, id)));
    store.put(Table::NotificationIndex, &place, vec![0]);
    for planned in &event.deliveries {
        collect(store, at, event, planned)?;
    }
    match (event.what, event.job) {
        (NotificationType::Stale, Some(job)) => stale_from(store, at, job, None),
        _ => Ok(()),
    }
}

/// Adds a notification to what a channel is sent.
fn collect(
    store: &mut impl Write,
    at: At,
    event: &NotificationRaised,
    planned: &PlannedDelivery,
) -> Result<(), ApplyError> {
    let id = planned.delivery;
    let known: Option<DeliveryRow> = store.row(id.as_bytes())?;
    let row = match known {
        Some(mut known) => {
            match known.items.len() < MOST_ITEMS {
                true => known.items.push(event.notification),
                false => known.left_out = known.left_out.saturating_add(1),
            }
            known
        }
        None => {
            let partition = at.position.partition;
            let by_channel = key::delivery_by_channel(planned.channel, Some((at.recorded_at, id)));
            store.put(Table::NotificationIndex, &by_channel, Vec::new());
            store.put(Table::NotificationIndex, &key::delivery_due(partition, Some((planned.due, id))), Vec::new());
            DeliveryRow {
                channel: planned.channel,
                tenant: event.tenant.clone(),
                digest: planned.digest,
                items: vec![event.notification],
                left_out: 0,
                made_at: at.recorded_at,
                partition,
                state: DeliveryState::Waiting { due: planned.due },
                attempts: Vec::new(),
            }
        }
    };
    Ok(store.put_row(id.as_bytes(), &row)?)
}

pub(super) fn read(store: &mut impl Write, at: At, event: &NotificationRead) -> Result<(), ApplyError> {
    for id in &event.notifications {
        let row: Option<NotificationRow> = store.row(id.as_bytes())?;
        let mut row = row.ok_or_else(|| dangling(at, "NotificationRead", id))?;
        row.read = true;
        let place = key::notification_by_tenant(&row.raised.tenant, Some((row.at, row.position, *id)));
        store.put(Table::NotificationIndex, &place, vec![1]);
        store.put_row(id.as_bytes(), &row)?;
    }
    Ok(())
}

pub(super) fn delivery(store: &mut impl Write, at: At, event: &DeliveryChanged) -> Result<(), ApplyError> {
    let (id, now, partition) = (event.delivery, at.recorded_at, at.position.partition);
    let row: Option<DeliveryRow> = store.row(id.as_bytes())?;
    let mut row = row.ok_or_else(|| dangling(at, "DeliveryChanged", id))?;
    if let Some(due) = row.due() {
        store.delete(Table::NotificationIndex, &key::delivery_due(partition, Some((due, id))));
    }
    let end = |row: &mut DeliveryRow, n: u32, status: Option<u16>, cause: Option<String>| {
        if let Some(attempt) = row.attempts.iter_mut().rev().find(|attempt| attempt.n == n) {
            (attempt.ended_at, attempt.status, attempt.cause) = (Some(now), status, cause);
        }
    };
    row.state = match &event.change {
        DeliveryChange::Claimed { n, until } => {
            let old = (row.attempts.len() + 1).saturating_sub(MOST_ATTEMPTS);
            row.attempts.drain(..old);
            row.attempts.push(DeliveryAttempt { n: *n, started_at: now, ended_at: None, status: None, cause: None });
            DeliveryState::Sending { until: *until }
        }
        DeliveryChange::Delivered { n, status } => {
            end(&mut row, *n, *status, None);
            DeliveryState::Delivered { at: now }
        }
        DeliveryChange::Failed { n, status, cause, retry_at } => {
            end(&mut row, *n, *status, Some(cause.clone()));
            match retry_at {
                Some(due) => DeliveryState::Waiting { due: *due },
                None => DeliveryState::Dead { at: now },
            }
        }
        DeliveryChange::AskedAgain { due } => DeliveryState::Waiting { due: *due },
    };
    if let Some(due) = row.due() {
        store.put(Table::NotificationIndex, &key::delivery_due(partition, Some((due, id))), Vec::new());
    }
    Ok(store.put_row(id.as_bytes(), &row)?)
}

/// Notes when something in the report of a check will be past its TTL, where somebody is to be told of the check.
///
/// Only while the check is final and all that it shows is fresh: what is stale already was told, and what is being
/// asked again is no news.
pub(super) fn note_stale(store: &mut impl Write, at: At, job: JobId) -> Result<(), ApplyError> {
    if !store.has(Table::JobNotify, job.as_bytes())? {
        return Ok(());
    }
    let Some(row) = store.shared::<JobRow>(job.as_bytes())? else { return Ok(()) };
    let ends = |need: &NeedRow| need.receipt.as_ref().map(|receipt| receipt.observed_at.plus_ms(receipt.ttl_ms));
    let first = row.needs.iter().filter(|need| need.applicable()).filter_map(ends).min();
    let due = first.filter(|due| row.is_final && *due > at.recorded_at);
    stale_from(store, at, job, due)
}

fn stale_from(store: &mut impl Write, at: At, job: JobId, due: Option<Timestamp>) -> Result<(), ApplyError> {
    let row: Option<NotifyRow> = store.row(job.as_bytes())?;
    let Some(mut row) = row.filter(|row| row.stale_at != due) else { return Ok(()) };
    let partition = at.position.partition;
    if let Some(old) = row.stale_at {
        store.delete(Table::StaleDue, &key::stale_due(partition, old, job));
    }
    if let Some(due) = due {
        store.put(Table::StaleDue, &key::stale_due(partition, due, job), Vec::new());
    }
    row.stale_at = due;
    Ok(store.put_row(job.as_bytes(), &row)?)
}
