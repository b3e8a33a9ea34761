//! What a change of a check gives cause to tell, and to whom.

use super::{changes, channel};
use crate::core::bugs::{self, Bug};
use crate::core::decision::{DecideError, Decision};
use mirano_replay::rows::{ChannelRow, JobRow, NeedRow, NotifyRow, SnapshotRow};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;
use std::sync::Arc;

/// How many sealed reports are looked at for the last level that is one.
const LEVELS_BACK: usize = 20;
/// The level of what can't be told yet.
const NO_LEVEL: &str = "incomplete";

/// Who wants to be told of a check.
pub(super) struct Wanted {
    notify: Option<NotifyRow>,
    channels: Vec<ChannelRow>,
}

/// What is told.
pub(super) struct Notice<'a> {
    pub(super) what: NotificationType,
    /// Tells causes of one type apart.
    pub(super) cause: &'a [&'a [u8]],
    pub(super) since: Option<Position>,
    pub(super) detail: NotificationDetail,
}

impl Wanted {
    pub(super) fn of(decision: &Decision<'_>, job: &JobRow) -> Result<Self, DecideError> {
        Ok(Self {
            notify: decision.rows.row(job.created.job.as_bytes())?,
            channels: channel::all_of(decision, &job.created.tenant)?,
        })
    }

    fn nothing(&self) -> bool {
        self.notify.as_ref().is_none_or(|row| row.set.types.is_empty())
            && self.channels.iter().all(|row| row.set.types.is_empty())
    }

    fn by_check(&self, what: NotificationType) -> Option<&NotifySet> {
        self.notify.as_ref().map(|row| &row.set).filter(|set| set.types.contains(&what))
    }

    fn by_channel(&self, what: NotificationType) -> bool {
        self.channels.iter().any(|row| row.set.types.contains(&what))
    }

    /// Whether anybody wants to be told of this.
    pub(super) fn wants(&self, what: NotificationType) -> bool {
        self.by_check(what).is_some() || self.by_channel(what)
    }

    /// The channels that are told now.
    fn told(&self, what: NotificationType, now: Timestamp) -> Vec<&ChannelSet> {
        if self.notify.as_ref().and_then(|row| row.set.muted_until).is_some_and(|until| now < until) {
            return Vec::new();
        }
        let named = |channel: ChannelId| {
            self.by_check(what).is_some_and(|set| set.channels.is_empty() || set.channels.contains(&channel))
        };
        let hears = |set: &&ChannelSet| set.types.contains(&what) || named(set.channel);
        self.channels.iter().filter(|row| row.hears(now)).map(|row| &row.set).filter(hears).collect()
    }
}

/// A check changed: says what there is to say of it. What it was before is what it was before this decision.
pub(in crate::core) fn job_changed(decision: &mut Decision<'_>, job: JobId) -> Result<(), DecideError> {
    let Some(after) = decision.job(job)? else { return Ok(()) };
    let wanted = Wanted::of(decision, &after)?;
    if wanted.nothing() {
        return Ok(());
    }
    let before: Option<Arc<JobRow>> = decision.ctx.state.shared(job.as_bytes())?;
    let before = before.as_deref();
    let shown = |row: &JobRow| row.needs.iter().any(|need| need.receipt.is_some());
    let since = before.map(|row| row.position);
    if shown(&after) && !before.is_some_and(shown) {
        let what = NotificationType::FirstResult;
        let notice = Notice { what, cause: &[], since: None, detail: NotificationDetail::Plain };
        raise_of_job(decision, &wanted, &after, &notice)?;
    }
    if let Some(before) = before.filter(|_| wanted.wants(NotificationType::FactsChanged)) {
        for need in &after.needs {
            let old = before.needs.iter().find(|old| old.need.need_id == need.need.need_id);
            tell_facts(decision, &wanted, &after, old, need, since)?;
        }
    }
    if let Some(before) = before.filter(|_| wanted.wants(NotificationType::LevelChanged)) {
        tell_level(decision, &wanted, before, &after)?;
    }
    let ended_before = before.is_some_and(|before| before.is_final) && !bugs::on(Bug::EndToldAgain);
    if after.is_final && !ended_before {
        let sealed = match before.and_then(|before| before.snapshots.last()) {
            Some(last) => decision.rows.row::<SnapshotRow>(last.snapshot.as_bytes())?.map(|row| row.position),
            None => None,
        };
        let place = decision.ctx.at.position;
        let cause = [&place.partition.to_le_bytes()[..], &place.seq.to_le_bytes()];
        let what = NotificationType::Final;
        let notice = Notice { what, cause: &cause, since: sealed, detail: NotificationDetail::Plain };
        raise_of_job(decision, &wanted, &after, &notice)?;
        // From now on its TTLs are watched for whoever hears of every check.
        if wanted.notify.is_none() && wanted.by_channel(NotificationType::Stale) {
            let tenant = after.created.tenant.clone();
            decision.emit(NotifySet { job, tenant, types: Vec::new(), channels: Vec::new(), muted_until: None })?;
        }
    }
    Ok(())
}

/// Another answer to a need that was answered before: the first one is what others are compared with.
fn tell_facts(
    decision: &mut Decision<'_>,
    wanted: &Wanted,
    job: &JobRow,
    old: Option<&NeedRow>,
    new: &NeedRow,
    since: Option<Position>,
) -> Result<(), DecideError> {
    let (Some(old), Some(new)) = (old.and_then(|old| old.receipt.as_ref()), new.receipt.as_ref()) else {
        return Ok(());
    };
    if old.observation == new.observation || old.facts_root == new.facts_root {
        return Ok(());
    }
    let counts = changes::between(decision, old.facts_root, new.facts_root)?;
    let cause: [&[u8]; 2] = [new.need_id.as_bytes(), new.observation.as_bytes()];
    let detail = NotificationDetail::Facts {
        need_id: new.need_id,
        source: new.source.clone(),
        observation: new.observation,
        added: counts.added,
        gone: counts.gone,
        changed: counts.changed,
    };
    let what = NotificationType::FactsChanged;
    raise_of_job(decision, wanted, job, &Notice { what, cause: &cause, since, detail })
}

/// The level differs from that of the last sealed report that has one.
fn tell_level(
    decision: &mut Decision<'_>,
    wanted: &Wanted,
    before: &JobRow,
    after: &JobRow,
) -> Result<(), DecideError> {
    let level = |row: &JobRow| row.risk.as_ref().map(|risk| risk.assessment.level.clone());
    let (old, Some(now)) = (level(before), level(after)) else { return Ok(()) };
    if now == NO_LEVEL || old.as_ref() == Some(&now) {
        return Ok(());
    }
    for sealed in before.snapshots.iter().rev().take(LEVELS_BACK) {
        let Some(row) = decision.rows.row::<SnapshotRow>(sealed.snapshot.as_bytes())? else { continue };
        let from = row.body.risk.level;
        if from == NO_LEVEL {
            continue;
        }
        if from == now {
            return Ok(());
        }
        let score = after.risk.as_ref().map_or(0, |risk| risk.assessment.score);
        let cause: [&[u8]; 2] = [sealed.snapshot.as_bytes(), now.as_bytes()];
        let detail = NotificationDetail::Level { from, to: now.clone(), score };
        let what = NotificationType::LevelChanged;
        return raise_of_job(
            decision,
            wanted,
            after,
            &Notice { what, cause: &cause, since: Some(row.position), detail },
        );
    }
    Ok(())
}

/// Raises a notification about a check, unless nobody wants it or this cause has one.
pub(super) fn raise_of_job(
    decision: &mut Decision<'_>,
    wanted: &Wanted,
    job: &JobRow,
    notice: &Notice<'_>,
) -> Result<(), DecideError> {
    if !wanted.wants(notice.what) {
        return Ok(());
    }
    let created = &job.created;
    let mut parts: Vec<&[u8]> = vec![notice.what.word().as_bytes(), created.job.as_bytes()];
    parts.extend(notice.cause);
    let told = wanted.told(notice.what, decision.ctx.now());
    raise(
        decision,
        NotificationRaised {
            notification: NotificationId::of(&parts),
            tenant: created.tenant.clone(),
            what: notice.what,
            job: Some(created.job),
            status: Some(job.status),
            is_final: job.is_final,
            since: notice.since,
            detail: notice.detail.clone(),
            deliveries: Vec::new(),
        },
        &told,
    )
}

/// Emits it with its deliveries; once for one cause.
pub(super) fn raise(
    decision: &mut Decision<'_>,
    raised: NotificationRaised,
    told: &[&ChannelSet],
) -> Result<(), DecideError> {
    let id = raised.notification;
    if decision.rows.has(Table::Notification, id.as_bytes())? {
        return Ok(());
    }
    let (now, partition) = (decision.ctx.now(), decision.ctx.partition());
    let plan = |set: &&ChannelSet| match set.digest_ms {
        None => PlannedDelivery {
            delivery: DeliveryId::of(&[id.as_bytes(), set.channel.as_bytes()]),
            channel: set.channel,
            digest: false,
            due: now,
        },
        Some(ms) => {
            let due = window_end(now, ms);
            let parts: [&[u8]; 3] = [set.channel.as_bytes(), &partition.to_le_bytes(), &due.0.to_le_bytes()];
            PlannedDelivery { delivery: DeliveryId::of(&parts), channel: set.channel, digest: true, due }
        }
    };
    let deliveries = told.iter().map(plan).collect();
    decision.emit(NotificationRaised { deliveries, ..raised })
}

/// The end of the time over which is collected: always later than now, so that nothing joins what is being sent.
fn window_end(now: Timestamp, ms: u64) -> Timestamp {
    let ms = i64::try_from(ms.max(1)).unwrap_or(i64::MAX);
    Timestamp(now.0.div_euclid(ms).saturating_add(1).saturating_mul(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_ends_after_now_and_is_the_same_until_then() {
        for now in [0, 1, 999, 1_000, 1_800_000_000_123] {
            let end = window_end(Timestamp(now), 1_000);
            assert!(end.0 > now && end.0 - now <= 1_000, "{now}: {end:?}");
            assert_eq!(window_end(Timestamp(end.0 - 1), 1_000), end);
        }
    }
}
