//! Claims what is due, has it sent, and notes how it went.
//!
//! It sleeps until an event says that there is something to deliver, or until the first delivery is due.

use super::{mail, webhook};
use crate::core::command::{Command, Reply};
use crate::core::notify::{Claimed, NotifyCommand, Sent};
use crate::engine::{Engine, EngineError};
use crate::work::fetch::Fetcher;
use mirano_replay::rows::{DeliveryRow, NotificationRow, key};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_schemas::{ChannelId, ChannelKind, DeliveryChange, Event, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Deliveries that are under way at once.
const MOST: usize = 64;
/// Of them to one channel: a receiver that is slow leaves room for the others.
const MOST_TO_ONE: usize = 4;
/// What a claim lasts beyond the receiver's timeout: time to note how it went.
const GRACE_MS: u64 = 10_000;
/// After an engine that can't answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What deliveries are made with.
pub struct Courier {
    /// Where they come from.
    pub engine: Engine,
    /// Sends webhooks.
    pub fetcher: Fetcher,
    /// Sends mail, where that is configured.
    pub mailer: Option<mail::Mailer>,
}

/// What is to be sent: all that a message is made of.
pub(super) struct Parcel {
    pub(super) claimed: Claimed,
    pub(super) row: DeliveryRow,
    /// What it tells, oldest first.
    pub(super) notifications: Vec<NotificationRow>,
}

/// Delivers until `stop`; what is under way is finished first.
pub async fn run(courier: Arc<Courier>, stop: CancellationToken) {
    let mut folded = courier.engine.subscribe();
    let mut under_way: JoinSet<ChannelId> = JoinSet::new();
    let mut by_channel: BTreeMap<ChannelId, usize> = BTreeMap::new();
    loop {
        let next = match claim_all(&courier, &mut under_way, &mut by_channel).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "what is to be delivered can't be claimed");
                Some(PAUSE)
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = until_news(&mut folded) => {}
            Some(ended) = under_way.join_next() => note_ended(ended, &mut by_channel),
            () = tokio::time::sleep(next.unwrap_or(Duration::MAX)), if next.is_some() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

fn note_ended(ended: Result<ChannelId, tokio::task::JoinError>, by_channel: &mut BTreeMap<ChannelId, usize>) {
    match ended {
        Ok(channel) => {
            if let Some(count) = by_channel.get_mut(&channel) {
                *count -= 1;
            }
            by_channel.retain(|_, count| *count > 0);
        }
        // Its claim ends in the log; here it would count for ever.
        Err(error) => {
            tracing::error!(%error, "a delivery broke off");
            by_channel.clear();
        }
    }
}

/// Returns when there may be something new to deliver.
async fn until_news(folded: &mut tokio::sync::broadcast::Receiver<crate::engine::Folded>) {
    loop {
        match folded.recv().await {
            Ok(folded) if folded.body.events.iter().any(is_news) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn is_news(event: &Event) -> bool {
    match event {
        Event::NotificationRaised(event) => !event.deliveries.is_empty(),
        // Also a claim, of which another node may never say how it ended: from then on that is waited for.
        Event::DeliveryChanged(event) => !matches!(event.change, DeliveryChange::Delivered { .. }),
        _ => false,
    }
}

/// Claims what is due and has it sent, as far as there is room; how long until something else is due.
async fn claim_all(
    courier: &Arc<Courier>,
    under_way: &mut JoinSet<ChannelId>,
    by_channel: &mut BTreeMap<ChannelId, usize>,
) -> Result<Option<Duration>, EngineError> {
    let engine = &courier.engine;
    let timeout_ms = engine.policy()?.document.notify.timeout.0;
    let mut next: Option<Timestamp> = None;
    for partition in 0..engine.partitions() {
        loop {
            let busy: Vec<ChannelId> =
                by_channel.iter().filter(|(_, count)| **count >= MOST_TO_ONE).map(|(channel, _)| *channel).collect();
            let most = MOST.saturating_sub(under_way.len()).min(MOST_TO_ONE);
            let due = first_due(courier, partition, &busy)?;
            if most == 0 || due.is_none_or(|due| due > engine.now()) {
                // Without room the next one that ends wakes us.
                next = next.into_iter().chain(due.filter(|_| most > 0)).min();
                break;
            }
            let claim = NotifyCommand::Claim { partition, most, busy, lease_ms: timeout_ms + GRACE_MS };
            let Reply::Claimed(claimed) = engine.submit(Command::Notify(claim)).await?.reply else { break };
            if claimed.is_empty() {
                break;
            }
            for claimed in claimed {
                let channel = claimed.channel.channel;
                *by_channel.entry(channel).or_default() += 1;
                let courier = Arc::clone(courier);
                under_way.spawn(async move {
                    deliver(&courier, partition, claimed).await;
                    channel
                });
            }
        }
    }
    Ok(next.map(|due| Duration::from_millis(due.since_ms(engine.now()) + 1)))
}

/// When the first delivery is due that is not for a busy channel.
fn first_due(courier: &Courier, partition: u32, busy: &[ChannelId]) -> Result<Option<Timestamp>, StoreError> {
    /// Deliveries of busy channels that are looked past.
    const LOOKED_AT: usize = 1_024;
    let views = courier.engine.views();
    let prefix = key::delivery_due(partition, None);
    let looked_at = if busy.is_empty() { 1 } else { LOOKED_AT };
    for place in views.keys(Table::NotificationIndex, &prefix, &prefix, looked_at)? {
        let Some(delivery) = key::tail::<16>(&place) else { continue };
        let row: Option<DeliveryRow> = if busy.is_empty() { None } else { views.row(&delivery)? };
        if row.is_none_or(|row| !busy.contains(&row.channel)) {
            return Ok(Some(key::due_of_delivery(&place)));
        }
    }
    Ok(None)
}

async fn deliver(courier: &Courier, partition: u32, claimed: Claimed) {
    let (delivery, n, channel, kind) = (claimed.delivery, claimed.n, claimed.channel.channel, claimed.channel.kind);
    let set = claimed.channel.clone();
    let outcome = match parcel(courier, claimed) {
        Ok(Some(parcel)) => send(courier, &parcel).await,
        Ok(None) => {
            let cause = "what it tells is not there".to_owned();
            Sent::Refused { status: None, cause, for_good: true, retry_after_ms: None }
        }
        Err(error) => {
            // Nothing was sent: the claim ends, and it is taken again.
            tracing::error!(%error, %delivery, "a delivery can't be read");
            return;
        }
    };
    let (word, status) = match &outcome {
        Sent::Taken { status } => ("taken", *status),
        Sent::Refused { status, .. } => ("refused", *status),
        Sent::Gone { status } => ("gone", Some(*status)),
    };
    let way = if kind == ChannelKind::Webhook { "webhook" } else { "email" };
    metrics::counter!("mirano_deliveries_total", "way" => way, "outcome" => word).increment(1);
    tracing::info!(%delivery, %channel, n, outcome = word, status, "delivery attempted");
    // Before the delivery ends: whatever breaks off in between, the receiver says it once more, and is heard then.
    if let Sent::Gone { status } = outcome {
        let stop = NotifyCommand::StopChannel { channel: set, by: status };
        if let Err(error) = courier.engine.submit(Command::Notify(stop)).await {
            tracing::warn!(%error, %channel, "that a receiver wants nothing more can't be noted; it will say so again");
            return;
        }
        tracing::info!(%channel, status, "the receiver wants nothing more: the channel is told nothing");
    }
    let note = Command::Notify(NotifyCommand::Note { partition, delivery, n, outcome });
    if let Err(error) = courier.engine.submit(note).await {
        tracing::warn!(%error, %delivery, "how a delivery went can't be noted; it will be sent again");
    }
}

fn parcel(courier: &Courier, claimed: Claimed) -> Result<Option<Parcel>, StoreError> {
    let views = courier.engine.views();
    let Some(row) = views.row::<DeliveryRow>(claimed.delivery.as_bytes())? else { return Ok(None) };
    let mut notifications = Vec::with_capacity(row.items.len());
    for id in &row.items {
        notifications.extend(views.row::<NotificationRow>(id.as_bytes())?);
    }
    Ok((!notifications.is_empty()).then_some(Parcel { claimed, row, notifications }))
}

async fn send(courier: &Courier, parcel: &Parcel) -> Sent {
    let engine = &courier.engine;
    let policy = match engine.policy() {
        Ok(policy) => policy,
        Err(error) => {
            let cause = error.to_string();
            return Sent::Refused { status: None, cause, for_good: false, retry_after_ms: None };
        }
    };
    match parcel.claimed.channel.kind {
        ChannelKind::Webhook => {
            let spec = &policy.document.notify;
            webhook::send(&courier.fetcher, &**engine.vault(), spec, parcel, engine.now()).await
        }
        ChannelKind::Email(language) => match &courier.mailer {
            Some(mailer) => mailer.send(engine, &policy, language, parcel).await,
            None => Sent::Refused {
                status: None,
                cause: "this server sends no mail: notify.toml has no [smtp]".to_owned(),
                for_good: false,
                retry_after_ms: None,
            },
        },
    }
}
