//! Events and rows as JSON: ids and bytes in their text form, and the stream that an event belongs to.

use mirano_schemas::{Event, NotificationDetail, base32};
use serde_json::Value as Json;

/// The stream of an event: `job/<id>`, `source/<id>`, `policy` or `node`.
pub fn stream(event: &Event) -> String {
    let job = |id: &mirano_schemas::JobId| format!("job/{id}");
    let source = |queue: &str| format!("source/{}", mirano_schemas::source_of(queue));
    match event {
        Event::JobCreated(event) => job(&event.job),
        Event::NeedDiscovered(event) => job(&event.job),
        Event::NeedNotApplicable(event) => job(&event.job),
        Event::NeedWithdrawn(event) => job(&event.job),
        Event::FactsReused(event) => job(&event.job),
        Event::TaskWanted(event) => job(&event.job),
        Event::NeedAnswered(event) => job(&event.job),
        Event::NeedFailed(event) => job(&event.job),
        Event::JobStatusChanged(event) => job(&event.job),
        Event::RiskRecomputed(event) => job(&event.job),
        Event::SnapshotSealed(event) => job(&event.body.job),
        Event::RecheckPlanned(event) => job(&event.job),
        Event::TaskScheduled(event) => source(&event.source),
        Event::TaskJoined(event) => source(&event.source),
        Event::WantSatisfied(event) => source(&event.source),
        Event::WantRefused(event) => source(&event.source),
        Event::TaskStarted(event) => source(&event.source),
        Event::PermitsGranted(event) => source(&event.source),
        Event::PermitsReturned(event) => source(&event.source),
        Event::LeaseExtended(event) => source(&event.source),
        Event::TaskAttemptFailed(event) => source(&event.source),
        Event::TaskFailed(event) => source(&event.source),
        Event::TaskCompleted(event) => source(&event.source),
        Event::ObservationChunk(event) => source(&event.source),
        Event::ObservationRecorded(event) => source(&event.source),
        Event::FactObserved(event) => match &event.fact.body {
            mirano_schemas::Sealable::Plain(fact) => source(&fact.source),
            mirano_schemas::Sealable::Sealed(_) => format!("query/{}", event.query),
        },
        Event::FactVanished(event) => format!("query/{}", event.query),
        Event::WatchSet(event) => job(&event.job),
        Event::WatchRang(event) => job(&event.job),
        Event::WatchEnded(event) => job(&event.job),
        Event::ChannelSet(event) => format!("channel/{}", event.channel),
        Event::ChannelEnded(event) => format!("channel/{}", event.channel),
        Event::ChannelStopped(event) => format!("channel/{}", event.channel),
        Event::NotifySet(event) => job(&event.job),
        Event::NotificationRaised(event) => match (&event.job, &event.detail) {
            (Some(id), _) => job(id),
            (None, NotificationDetail::Source { source: id, .. }) => source(id),
            (None, _) => format!("notification/{}", event.notification),
        },
        Event::NotificationRead(_) => "notifications".to_owned(),
        Event::DeliveryChanged(event) => format!("channel/{}", event.channel),
        Event::TaskRevived(event) => source(&event.source),
        Event::TaskDropped(event) => source(&event.source),
        Event::BreakerOpened(event) => source(&event.source),
        Event::BreakerClosed(event) => source(&event.source),
        Event::SourceSlowed(event) => source(&event.source),
        Event::SourceTold(event) => source(&event.source),
        Event::SourceRested(event) => source(&event.source),
        Event::PrefetchDecided(event) => job(&event.job),
        Event::AnswerNarrowed(event) => source(&event.source),
        Event::WorldSealed(_) => "world".to_owned(),
        Event::PolicyAdopted(_) | Event::QueueWeighed(_) | Event::SourceDivided(_) => "policy".to_owned(),
        Event::DeciderChanged(_) | Event::ReactionRefused(_) | Event::CheckpointTaken(_) => "node".to_owned(),
    }
}

/// Bytes in their text form. An id is 16 or 32 bytes; no event has lists of small numbers of these lengths otherwise.
pub fn readable(value: Json) -> Json {
    match value {
        Json::Array(items) => match bytes(&items) {
            Some(bytes) if matches!(bytes.len(), 16 | 32) || bytes.len() > 39 => Json::String(base32(&bytes)),
            _ => Json::Array(items.into_iter().map(readable).collect()),
        },
        Json::Object(map) => Json::Object(map.into_iter().map(|(name, value)| (name, readable(value))).collect()),
        other => other,
    }
}

fn bytes(items: &[Json]) -> Option<Vec<u8>> {
    items.iter().map(|item| item.as_u64().and_then(|number| u8::try_from(number).ok())).collect()
}
