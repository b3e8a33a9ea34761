//! Events of notifications: who is to be told of what, what was told, and how its delivery went.

use crate::{
    ChannelId, DeliveryId, JobId, JobStatus, NeedId, NotificationId, ObservationId, Position, SealedBytes, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be told. In bytes it is its place in this list: only append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NotificationType {
    /// A check shows something for the first time.
    #[serde(rename = "job.first_result")]
    FirstResult,
    /// A check became final.
    #[serde(rename = "job.final")]
    Final,
    /// A check's risk is of another level.
    #[serde(rename = "risk.level_changed")]
    LevelChanged,
    /// Facts appeared, vanished or changed.
    #[serde(rename = "facts.changed")]
    FactsChanged,
    /// A source that was down answers again.
    #[serde(rename = "source.recovered")]
    Recovered,
    /// Something in a final check is past its TTL.
    #[serde(rename = "report.stale")]
    Stale,
}

impl NotificationType {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::FirstResult, Self::Final, Self::LevelChanged, Self::FactsChanged, Self::Recovered, Self::Stale];

    /// The word of the interface.
    pub fn word(self) -> &'static str {
        match self {
            Self::FirstResult => "job.first_result",
            Self::Final => "job.final",
            Self::LevelChanged => "risk.level_changed",
            Self::FactsChanged => "facts.changed",
            Self::Recovered => "source.recovered",
            Self::Stale => "report.stale",
        }
    }

    /// The type of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// How somebody is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// A request to a URL, signed.
    Webhook,
    /// A message to an address, in this language.
    Email(Language),
}

/// The language of what is said to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Russian.
    Ru,
    /// English.
    En,
}

/// A secret that signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelSecret {
    /// Sealed with the key of the channel.
    pub sealed: SealedBytes,
    /// It signs beside its successor until then; none: it is the one in use.
    pub until: Option<Timestamp>,
}

/// A channel is there, or is another from now on: all that it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelSet {
    /// The channel.
    pub channel: ChannelId,
    /// Whose it is.
    pub tenant: String,
    /// How.
    pub kind: ChannelKind,
    /// Where to: the URL or the address, sealed with the key of the channel.
    pub target: SealedBytes,
    /// What of it may be shown: scheme and host, or the domain.
    pub shown: String,
    /// What it hears of every check; what it hears of one check is said there.
    pub types: Vec<NotificationType>,
    /// What signs; the one in use first. An e-mail has none.
    pub secrets: Vec<ChannelSecret>,
    /// What comes within so long is told together, in milliseconds; none: each at once.
    pub digest_ms: Option<u64>,
    /// It is told nothing before then.
    pub muted_until: Option<Timestamp>,
}

/// A channel is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelEnded {
    /// The channel.
    pub channel: ChannelId,
    /// Whose it was.
    pub tenant: String,
}

/// A receiver said that it wants nothing more, or is to be told again after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelStopped {
    /// The channel.
    pub channel: ChannelId,
    /// Whose it is.
    pub tenant: String,
    /// The status by which the receiver said so; none: its owner has it told again.
    pub by: Option<u16>,
}

/// What is to be told of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotifySet {
    /// The check.
    pub job: JobId,
    /// Whose it is.
    pub tenant: String,
    /// What; nothing: only what a channel hears of every check.
    pub types: Vec<NotificationType>,
    /// To whom; nobody named: every channel of the tenant.
    pub channels: Vec<ChannelId>,
    /// Nobody is told of this check before then; what happens is still listed.
    pub muted_until: Option<Timestamp>,
}

/// What a notification says beside its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationDetail {
    /// Its type says all.
    Plain,
    /// The level of risk before and now.
    Level {
        /// In the last sealed report with a level.
        from: String,
        /// Now.
        to: String,
        /// The score now.
        score: u8,
    },
    /// What another answer of a source changed of what a need shows.
    Facts {
        /// The need.
        need_id: NeedId,
        /// Its source.
        source: String,
        /// The answer.
        observation: ObservationId,
        /// Things that were not there before.
        added: u32,
        /// Things that are there no more.
        gone: u32,
        /// Things whose attributes are others.
        changed: u32,
    },
    /// A source, and how many attempts had failed in a row.
    Source {
        /// The source.
        source: String,
        /// The attempts.
        failures: u32,
    },
    /// What is past its TTL, and since when.
    Stale {
        /// The need.
        need_id: NeedId,
        /// Its source.
        source: String,
        /// The moment at which its TTL ended.
        since: Timestamp,
    },
}

/// One channel that is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedDelivery {
    /// The delivery: a new one, or the digest of this channel that is being collected.
    pub delivery: DeliveryId,
    /// To whom.
    pub channel: ChannelId,
    /// Whether it is collected with others.
    pub digest: bool,
    /// Not before.
    pub due: Timestamp,
}

/// Somebody is to be told: part of the commit that is the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationRaised {
    /// Its id: a hash of its cause.
    pub notification: NotificationId,
    /// Who is told.
    pub tenant: String,
    /// Of what.
    pub what: NotificationType,
    /// The check that it is about.
    pub job: Option<JobId>,
    /// The check's status.
    pub status: Option<JobStatus>,
    /// Whether the check is final.
    pub is_final: bool,
    /// From where a comparison shows what is new.
    pub since: Option<Position>,
    /// More.
    pub detail: NotificationDetail,
    /// The channels.
    pub deliveries: Vec<PlannedDelivery>,
}

/// Notifications were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationRead {
    /// By whom.
    pub tenant: String,
    /// Which.
    pub notifications: Vec<NotificationId>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryChange {
    /// Somebody sends it; not heard of until then, it is sent again.
    Claimed {
        /// The attempt, counted from 1.
        n: u32,
        /// Until when.
        until: Timestamp,
    },
    /// It was taken.
    Delivered {
        /// The attempt.
        n: u32,
        /// The status or reply code.
        status: Option<u16>,
    },
    /// It was not taken.
    Failed {
        /// The attempt; 0: none was made.
        n: u32,
        /// The status or reply code, where there was one.
        status: Option<u16>,
        /// In words that hold no secret.
        cause: String,
        /// When it is tried again; none: it is a dead letter.
        retry_at: Option<Timestamp>,
    },
    /// It is to be sent once more, by hand.
    AskedAgain {
        /// From when on.
        due: Timestamp,
    },
}

/// A delivery went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryChanged {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its channel.
    pub channel: ChannelId,
    /// What happened.
    pub change: DeliveryChange,
}
