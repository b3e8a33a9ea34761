//! Channels: webhooks and addresses by which a tenant is told.

use super::{SetChannel, sorted};
use crate::core::command::{InputFault, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use mirano_replay::rows::{ChannelRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;

/// Channels that one tenant may have.
pub const MOST_CHANNELS: usize = 100;
/// The shortest time over which is collected.
pub const SHORTEST_DIGEST_MS: u64 = 1_000;
/// The longest.
pub const LONGEST_DIGEST_MS: u64 = 31 * 86_400_000;

/// Decides `SetChannel`. The same again gives the channel that there is.
pub(super) fn set(decision: &mut Decision<'_>, command: &SetChannel) -> Result<Reply, DecideError> {
    let set = ChannelSet { types: sorted(&command.set.types), ..command.set.clone() };
    let known: Option<ChannelRow> = decision.rows.row(set.channel.as_bytes())?;
    let again = command.told_again && known.as_ref().is_some_and(|known| known.stopped_at.is_some());
    match known {
        Some(known) if known.set == set && !again => return Ok(Reply::Channel(set.channel)),
        Some(known) if command.new => {
            let alike = ChannelSet { secrets: known.set.secrets.clone(), ..set.clone() } == known.set;
            return match alike && !command.secret_given {
                true => Ok(Reply::Channel(set.channel)),
                false => Err(Rejection::IdempotencyMismatch.into()),
            };
        }
        Some(known) if known.set.tenant != set.tenant => return Err(Rejection::ChannelUnknown(set.channel).into()),
        None if !command.new => return Err(Rejection::ChannelUnknown(set.channel).into()),
        _ => {}
    }
    if set.digest_ms.is_some_and(|ms| !(SHORTEST_DIGEST_MS..=LONGEST_DIGEST_MS).contains(&ms)) {
        return Err(Rejection::FieldInvalid("digest".to_owned(), InputFault::Digest).into());
    }
    if command.new {
        let prefix = key::channel_by_tenant(&set.tenant, None);
        if decision.rows.keys(Table::ChannelByTenant, &prefix, &prefix, MOST_CHANNELS)?.len() >= MOST_CHANNELS {
            return Err(Rejection::TooLarge(format!("a tenant has {MOST_CHANNELS} channels at most")).into());
        }
    }
    let (channel, tenant) = (set.channel, set.tenant.clone());
    decision.emit(set)?;
    if again {
        decision.emit(ChannelStopped { channel, tenant, by: None })?;
    }
    Ok(Reply::Channel(channel))
}

/// Decides `StopChannel`. One that leads elsewhere by now was not meant.
pub(super) fn stop(decision: &mut Decision<'_>, channel: &ChannelSet, by: u16) -> Result<Reply, DecideError> {
    let known: Option<ChannelRow> = decision.rows.row(channel.channel.as_bytes())?;
    if known.is_some_and(|known| known.set.target == channel.target && known.stopped_at.is_none()) {
        let (channel, tenant) = (channel.channel, channel.tenant.clone());
        decision.emit(ChannelStopped { channel, tenant, by: Some(by) })?;
    }
    Ok(Reply::Done)
}

/// Decides `EndChannel`. One that is not there has ended.
pub(super) fn end(decision: &mut Decision<'_>, channel: ChannelId, tenant: &str) -> Result<Reply, DecideError> {
    let known: Option<ChannelRow> = decision.rows.row(channel.as_bytes())?;
    if known.is_some_and(|known| known.set.tenant == tenant) {
        decision.emit(ChannelEnded { channel, tenant: tenant.to_owned() })?;
    }
    Ok(Reply::Done)
}

/// A channel of this tenant.
pub(super) fn of_tenant(decision: &Decision<'_>, channel: ChannelId, tenant: &str) -> Result<ChannelRow, DecideError> {
    let row: Option<ChannelRow> = decision.rows.row(channel.as_bytes())?;
    row.filter(|row| row.set.tenant == tenant).ok_or_else(|| Rejection::ChannelUnknown(channel).into())
}

/// All channels of a tenant.
pub(super) fn all_of(decision: &Decision<'_>, tenant: &str) -> Result<Vec<ChannelRow>, DecideError> {
    let prefix = key::channel_by_tenant(tenant, None);
    let mut channels = Vec::new();
    for place in decision.rows.keys(Table::ChannelByTenant, &prefix, &prefix, MOST_CHANNELS)? {
        if let Some(channel) = key::tail(&place).map(ChannelId) {
            // Rows of another partition may be a moment apart: what has no row has ended.
            channels.extend(decision.rows.row::<ChannelRow>(channel.as_bytes())?);
        }
    }
    Ok(channels)
}
