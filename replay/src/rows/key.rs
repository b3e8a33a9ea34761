//! Keys of the tables.

use super::TaskRow;
use crate::store::Key;
#[expect(unused_imports, reason = "named in the docs of keys")]
use crate::store::Table;
use mirano_schemas::*;

/// [`Table::Fact`]: the fact; behind it the shard of its source whose queries show it, where that is not the first. Each
/// shard has a row of its own, since each has a partition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey([u8; 33]);

impl FactKey {
    /// The key for one shard.
    pub fn of(fact: FactId, shard: u8) -> Self {
        let mut bytes = [shard; 33];
        bytes[..32].copy_from_slice(&fact.0);
        Self(bytes)
    }

    /// Reads a key.
    pub fn read(key: &[u8]) -> Option<Self> {
        let (fact, rest) = key.split_first_chunk::<32>()?;
        match rest {
            [] => Some(Self::of(FactId(*fact), 0)),
            [shard] if *shard > 0 => Some(Self::of(FactId(*fact), *shard)),
            _ => None,
        }
    }

    /// The fact.
    pub fn fact(&self) -> FactId {
        FactId(*self.0.first_chunk().unwrap_or(&[0; 32]))
    }

    /// The key. Their order is that of these bytes.
    pub fn as_bytes(&self) -> &[u8] {
        let [.., shard] = self.0;
        self.0.get(..if shard == 0 { 32 } else { 33 }).unwrap_or_default()
    }
}

/// [`Table::Anchor`]
pub fn anchor(partition: u32) -> Key {
    Key::new().u32(partition)
}
/// [`Table::Command`]
pub fn command(partition: u32, command: CommandId) -> Key {
    Key::new().u32(partition).bytes(command.as_bytes())
}
/// [`Table::Cursor`]
pub fn cursor(partition: u32, foreign: u32) -> Key {
    Key::new().u32(partition).u32(foreign)
}
/// [`Table::Policy`]
pub fn policy(version: u64) -> Key {
    Key::new().u64(version)
}
/// [`Table::PolicyInForce`]
pub fn policy_in_force(partition: u32) -> Key {
    Key::new().u32(partition)
}
/// [`Table::JobByTenant`]
pub fn job_by_tenant(tenant: &str, created_at: Timestamp, job: JobId) -> Key {
    Key::new().text(tenant).u64(newest_first(created_at)).bytes(job.as_bytes())
}
/// [`Table::Waiter`]; its prefix without a job.
pub fn waiter(partition: u32, query: QueryKey, job: Option<JobId>) -> Key {
    let key = Key::new().u32(partition).bytes(query.as_bytes());
    job.map_or(key.clone(), |job| key.bytes(job.as_bytes()))
}
/// [`Table::Ready`]
pub fn ready(task: &TaskRow) -> Key {
    let TaskScheduled { source, task: id, .. } = &task.scheduled;
    Key::new().text(source).u64(task.turn).bytes(&[task.priority]).u64(task.enqueued_seq).bytes(id.as_bytes())
}
/// [`Table::Delayed`]
pub fn delayed(source: &str, at: Timestamp, task: TaskId) -> Key {
    Key::new().text(source).time(at).bytes(task.as_bytes())
}
/// The part of a key that names the source, in `Ready` and `Delayed`.
pub fn source_prefix(source: &str) -> Key {
    Key::new().text(source)
}
/// [`Table::SubjectQuery`]; its prefix without a query.
pub fn subject_query(subject: &Subject, query: Option<QueryKey>) -> Key {
    let key = Key::new().text(&subject.0);
    query.map_or(key.clone(), |query| key.bytes(query.as_bytes()))
}
/// [`Table::NeedTask`]
pub fn need_task(job: JobId, need: NeedId) -> Key {
    Key::new().bytes(job.as_bytes()).bytes(need.as_bytes())
}
/// [`Table::Chunk`]
pub fn chunk(lease: LeaseToken, index: u32) -> Key {
    Key::new().bytes(lease.as_bytes()).u32(index)
}
/// [`Table::LeaseEnd`]
pub fn lease_end(partition: u32, deadline: Timestamp, lease: LeaseToken) -> Key {
    Key::new().u32(partition).time(deadline).bytes(lease.as_bytes())
}
/// [`Table::DeadLetter`]
pub fn dead_letter(source: &str, at: Timestamp, task: TaskId) -> Key {
    Key::new().text(source).time(at).bytes(task.as_bytes())
}
/// [`Table::FailedNeed`]; its prefix without a job.
pub fn failed_need(partition: u32, query: QueryKey, job: Option<JobId>) -> Key {
    waiter(partition, query, job)
}
/// [`Table::WatchDue`]
pub fn watch_due(partition: u32, at: Timestamp, watch: WatchId) -> Key {
    Key::new().u32(partition).time(at).bytes(watch.as_bytes())
}
/// [`Table::WatchByTenant`]; its prefix without a watch.
pub fn watch_by_tenant(tenant: &str, watch: Option<WatchId>) -> Key {
    let key = Key::new().text(tenant);
    watch.map_or(key.clone(), |watch| key.bytes(watch.as_bytes()))
}
/// [`Table::AskedAbout`]; its prefix without a job.
pub fn asked_about(tenant: &str, subject: &Subject, by: Option<(Timestamp, JobId)>) -> Key {
    let key = Key::new().text(tenant).text(&subject.0);
    let newest_first = |at: Timestamp| u64::MAX - u64::try_from(at.0).unwrap_or(0);
    by.map_or(key.clone(), |(created_at, job)| key.u64(newest_first(created_at)).bytes(job.as_bytes()))
}
/// [`Table::SubjectWord`]
pub fn subject_word(word: &str, subject: &Subject) -> Key {
    Key::new().text(word).text(&subject.0)
}
/// [`Table::Demand`]
pub fn demand(partition: u32, query: QueryKey) -> Key {
    Key::new().u32(partition).bytes(query.as_bytes())
}
/// [`Table::DemandDue`]
pub fn demand_due(partition: u32, at: Timestamp, query: QueryKey) -> Key {
    Key::new().u32(partition).time(at).bytes(query.as_bytes())
}
/// [`Table::Prefetched`]
pub fn prefetched(partition: u32, source: &str) -> Key {
    Key::new().u32(partition).text(source)
}
/// [`Table::ProxyTotal`]
pub fn proxy_total(partition: u32, proxy: &str) -> Key {
    Key::new().u32(partition).text(proxy)
}
/// [`Table::Divided`]; without a source: whether any is.
pub fn divided(source: Option<&str>) -> Key {
    Key::new().bytes(source.unwrap_or_default().as_bytes())
}
/// [`Table::Weights`]
pub fn weights(partition: u32) -> Key {
    Key::new().u32(partition)
}
/// [`Table::ChannelByTenant`]; its prefix without a channel.
pub fn channel_by_tenant(tenant: &str, channel: Option<ChannelId>) -> Key {
    let key = Key::new().text(tenant);
    channel.map_or(key.clone(), |channel| key.bytes(channel.as_bytes()))
}
/// The tenants' part of [`Table::NotificationIndex`]; its prefix without a notification.
pub fn notification_by_tenant(tenant: &str, raised: Option<(Timestamp, Position, NotificationId)>) -> Key {
    let key = Key::new().text(tenant);
    let of = |(at, place, id): (Timestamp, Position, NotificationId)| {
        key.clone().u64(newest_first(at)).u64(u64::MAX - place.seq).bytes(id.as_bytes())
    };
    raised.map_or(key.clone(), of)
}
/// The channels' part of [`Table::NotificationIndex`]; its prefix without a delivery. No tenant's name begins with a
/// zero byte.
pub fn delivery_by_channel(channel: ChannelId, made: Option<(Timestamp, DeliveryId)>) -> Key {
    let key = Key::new().bytes(b"\0c").bytes(channel.as_bytes());
    made.map_or(key.clone(), |(at, id)| key.u64(newest_first(at)).bytes(id.as_bytes()))
}
/// The part of [`Table::NotificationIndex`] that says what is to be sent when; its prefix without a delivery.
pub fn delivery_due(partition: u32, due: Option<(Timestamp, DeliveryId)>) -> Key {
    let key = Key::new().bytes(b"\0d").u32(partition);
    due.map_or(key.clone(), |(at, id)| key.time(at).bytes(id.as_bytes()))
}
/// When a delivery is due, by its key of [`delivery_due`].
pub fn due_of_delivery(place: &[u8]) -> Timestamp {
    let due = place.get(6..14).map_or(u64::MAX, crate::apply::be_u64);
    Timestamp(i64::try_from(due).unwrap_or(i64::MAX))
}
/// [`Table::StaleDue`]
pub fn stale_due(partition: u32, at: Timestamp, job: JobId) -> Key {
    Key::new().u32(partition).time(at).bytes(job.as_bytes())
}
fn newest_first(at: Timestamp) -> u64 {
    u64::MAX - u64::try_from(at.0).unwrap_or(0)
}
/// A trailing id of `N` bytes.
pub fn tail<const N: usize>(key: &[u8]) -> Option<[u8; N]> {
    key.last_chunk::<N>().copied()
}
