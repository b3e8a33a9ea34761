//! Who is told of what.
//!
//! A notification is part of the commit that is its cause, and its id is a hash of that cause: so one cause has one,
//! through crashes, voids and moves, and there is nothing to remember between the two. To whom it goes is decided there
//! as well. What remains is to deliver: each delivery is claimed for a while in the log, so that no two nodes send it at
//! once, and what nobody heard of again is sent again. So a receiver gets each at least once, always under the same id.

mod changes;
mod channel;
mod command;
mod deliver;
mod raise;
pub mod secret;
mod source;
mod stale;

pub use channel::{LONGEST_DIGEST_MS, MOST_CHANNELS, SHORTEST_DIGEST_MS};
pub use command::{Claimed, NotifyCommand, Outcome as Sent, SetChannel, SetNotify};
pub(super) use raise::job_changed;
pub use source::DOWN_AFTER;
pub(super) use source::back as source_back;

use super::command::{Rejection, Reply};
use super::decision::{DecideError, Decision};
use super::job;
use mirano_replay::rows::NotificationRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::*;

/// Decides a command about notifications.
pub fn decide(decision: &mut Decision<'_>, command: &NotifyCommand) -> Result<Reply, DecideError> {
    match command {
        NotifyCommand::Create { create, notify } => {
            // A repeat changes nothing; whether it is one, and whether it is the same, is the job's to say.
            if decision.job(create.job)?.is_none() {
                set_job(decision, notify)?;
            }
            job::create(decision, create)
        }
        NotifyCommand::SetJob(notify) => {
            let row = decision.job(notify.job)?.filter(|row| row.created.tenant == notify.tenant);
            row.ok_or(Rejection::JobNotFound)?;
            set_job(decision, notify)?;
            Ok(Reply::Done)
        }
        NotifyCommand::SetChannel(command) => channel::set(decision, command),
        NotifyCommand::EndChannel { channel, tenant } => channel::end(decision, *channel, tenant),
        NotifyCommand::StopChannel { channel, by } => channel::stop(decision, channel, *by),
        NotifyCommand::Read { tenant, notifications, .. } => read(decision, tenant, notifications),
        NotifyCommand::Claim { most, busy, lease_ms, .. } => deliver::claim(decision, *most, busy, *lease_ms),
        NotifyCommand::Note { delivery, n, outcome, .. } => deliver::note(decision, *delivery, *n, outcome),
        NotifyCommand::SendAgain { delivery, tenant, .. } => deliver::send_again(decision, *delivery, tenant),
        NotifyCommand::TellStale => stale::tell(decision),
    }
}

fn set_job(decision: &mut Decision<'_>, notify: &SetNotify) -> Result<(), DecideError> {
    for channel in &notify.channels {
        channel::of_tenant(decision, *channel, &notify.tenant)?;
    }
    let set = NotifySet {
        job: notify.job,
        tenant: notify.tenant.clone(),
        types: sorted(&notify.types),
        channels: notify.channels.clone(),
        muted_until: notify.muted_until,
    };
    let known: Option<mirano_replay::rows::NotifyRow> = decision.rows.row(notify.job.as_bytes())?;
    if known.is_some_and(|known| known.set == set) { Ok(()) } else { decision.emit(set) }
}

fn sorted(types: &[NotificationType]) -> Vec<NotificationType> {
    let mut types = types.to_vec();
    types.sort_unstable();
    types.dedup();
    types
}

/// Notes what was read of this partition's notifications; what is another tenant's, or was read before, is passed over.
fn read(decision: &mut Decision<'_>, tenant: &str, ids: &[NotificationId]) -> Result<Reply, DecideError> {
    let mut notifications = Vec::new();
    for id in ids {
        let row: Option<NotificationRow> = decision.rows.row(id.as_bytes())?;
        let here = row.filter(|row| row.position.partition == decision.ctx.partition());
        if here.is_some_and(|row| row.raised.tenant == tenant && !row.read) && !notifications.contains(id) {
            notifications.push(*id);
        }
    }
    if !notifications.is_empty() {
        decision.emit(NotificationRead { tenant: tenant.to_owned(), notifications })?;
    }
    Ok(Reply::Done)
}
