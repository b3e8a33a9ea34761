//! Rows of notifications: channels, what is told of each check, what was told, and how it was delivered.

use crate::store::{Row, Table};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRow {
    /// As it was set last.
    pub set: ChannelSet,
    /// When it was made.
    pub made_at: Timestamp,
    /// The last commit about it.
    pub position: Position,
    /// When its receiver said that it wants nothing more; none: it did not, or its owner has it told again.
    pub stopped_at: Option<Timestamp>,
}

impl ChannelRow {
    /// Whether it is told what happens now.
    pub fn hears(&self, now: Timestamp) -> bool {
        self.stopped_at.is_none() && self.set.muted_until.is_none_or(|until| until <= now)
    }
}

/// What is to be told of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyRow {
    /// As it was set last.
    pub set: NotifySet,
    /// When the next part of the final report is past its TTL, while all of it is fresh.
    pub stale_at: Option<Timestamp>,
}

/// What somebody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRow {
    /// As it was raised.
    pub raised: NotificationRaised,
    /// When.
    pub at: Timestamp,
    /// The commit, which is that of its cause.
    pub position: Position,
    /// Whether it was read.
    pub read: bool,
}

/// What a channel is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// To whom.
    pub channel: ChannelId,
    /// Whose it is.
    pub tenant: String,
    /// Whether notifications were collected for it.
    pub digest: bool,
    /// What it tells, oldest first.
    pub items: Vec<NotificationId>,
    /// So many more found no room in it; they are in the list of notifications.
    pub left_out: u32,
    /// When the first of them was raised.
    pub made_at: Timestamp,
    /// The partition that decides about it.
    pub partition: u32,
    /// Where it is.
    pub state: DeliveryState,
    /// What was tried, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
}

/// Where a delivery is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// To be sent.
    Waiting {
        /// Not before.
        due: Timestamp,
    },
    /// Somebody sends it.
    Sending {
        /// Not heard of until then, it is sent again.
        until: Timestamp,
    },
    /// Taken.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// Given up: a dead letter.
    Dead {
        /// When.
        at: Timestamp,
    },
}

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// Counted from 1.
    pub n: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none: it has not, or nobody heard how.
    pub ended_at: Option<Timestamp>,
    /// The status or reply code.
    pub status: Option<u16>,
    /// What went wrong; none: nothing, or nobody heard.
    pub cause: Option<String>,
}

impl DeliveryRow {
    /// When something is to be done about it.
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            DeliveryState::Waiting { due } => Some(due),
            DeliveryState::Sending { until } => Some(until),
            DeliveryState::Delivered { .. } | DeliveryState::Dead { .. } => None,
        }
    }

    /// The number of the last attempt, those included that are not remembered any more.
    pub fn tried(&self) -> u32 {
        self.attempts.last().map_or(0, |last| last.n)
    }
}

macro_rules! rows {
    ($($row:ty => $table:ident),* $(,)?) => {
        $(impl Row for $row { const TABLE: Table = Table::$table; })*
    };
}

rows! { ChannelRow => Channel, NotifyRow => JobNotify, NotificationRow => Notification, DeliveryRow => Delivery }
