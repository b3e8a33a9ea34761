//! What can be asked about notifications.

use crate::core::command::CreateJob;
use crate::core::partitioning;
use mirano_schemas::*;
use serde::{Deserialize, Serialize};

/// A command about notifications; each is decided by one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum NotifyCommand {
    /// Start a check of which somebody is to be told from its first moment on.
    Create {
        /// The check.
        create: Box<CreateJob>,
        /// Who is told.
        notify: SetNotify,
    },
    /// Who is told of a check that there is.
    SetJob(SetNotify),
    /// A channel, new or changed.
    SetChannel(SetChannel),
    /// No longer.
    EndChannel {
        /// The channel.
        channel: ChannelId,
        /// Whose it is.
        tenant: String,
    },
    /// Notifications of one partition were read.
    Read {
        /// Their partition.
        partition: u32,
        /// By whom.
        tenant: String,
        /// Which.
        notifications: Vec<NotificationId>,
    },
    /// Take what is to be delivered now.
    Claim {
        /// Of which partition.
        partition: u32,
        /// So many at most.
        most: usize,
        /// Not for these channels: they have enough to do.
        busy: Vec<ChannelId>,
        /// Until it may be taken again.
        lease_ms: u64,
    },
    /// How a delivery went.
    Note {
        /// Its partition.
        partition: u32,
        /// The delivery.
        delivery: DeliveryId,
        /// The attempt, as it was claimed.
        n: u32,
        /// How.
        outcome: Outcome,
    },
    /// Send once more, by hand.
    SendAgain {
        /// Its partition.
        partition: u32,
        /// The delivery.
        delivery: DeliveryId,
        /// Whose it is.
        tenant: String,
    },
    /// Tell of reports that are stale now.
    TellStale,
    /// The receiver behind a channel wants nothing more.
    StopChannel {
        /// The channel, as it was when the receiver said so.
        channel: ChannelSet,
        /// By which status.
        by: u16,
    },
}

/// Who is told of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetNotify {
    /// The check.
    pub job: JobId,
    /// Whose it is.
    pub tenant: String,
    /// Of what.
    pub types: Vec<NotificationType>,
    /// By which channels; none named: by all of the tenant.
    pub channels: Vec<ChannelId>,
    /// Not before then.
    pub muted_until: Option<Timestamp>,
}

/// A channel, new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChannel {
    /// All that it is to be.
    pub set: ChannelSet,
    /// Whether it is a new one: then another under its id is refused, and the same is a repeat.
    pub new: bool,
    /// Whether the secret of a new one was given, and not drawn: then a repeat has to give the same.
    pub secret_given: bool,
    /// Whether its target was given anew: then it is told again, also where its receiver wanted nothing more.
    pub told_again: bool,
}

/// How an attempt to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Taken.
    Taken {
        /// The status or reply code.
        status: Option<u16>,
    },
    /// Not taken.
    Refused {
        /// The status or reply code, where there was one.
        status: Option<u16>,
        /// In words that hold no secret.
        cause: String,
        /// Whether another try makes no sense.
        for_good: bool,
        /// The receiver asked for this rest.
        retry_after_ms: Option<u64>,
    },
    /// Not taken, and nothing more is to be sent to this receiver.
    Gone {
        /// The status that says so.
        status: u16,
    },
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The attempt.
    pub n: u32,
    /// To whom.
    pub channel: ChannelSet,
}

impl NotifyCommand {
    /// The partition that decides it.
    pub fn partition(&self, partitions: u32) -> u32 {
        match self {
            Self::Create { create, .. } => partitioning::of_job(create.job, partitions),
            Self::SetJob(command) => partitioning::of_job(command.job, partitions),
            Self::SetChannel(command) => partitioning::of_channel(command.set.channel, partitions),
            Self::StopChannel { channel, .. } => partitioning::of_channel(channel.channel, partitions),
            Self::EndChannel { channel, .. } => partitioning::of_channel(*channel, partitions),
            Self::Read { partition, .. }
            | Self::Claim { partition, .. }
            | Self::Note { partition, .. }
            | Self::SendAgain { partition, .. } => *partition,
            // As every timer it is given to the partition by its own thread.
            Self::TellStale => 0,
        }
    }
}
