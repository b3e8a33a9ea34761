//! Everything that can have happened. Past tense, the field's words.
//!
//! Each event has a number that never changes meaning and a schema version; both are stored beside its bytes (see
//! `codec`). A new field is a new version of that event, with golden bytes of the old one kept and an upcaster.

mod health;
mod job;
mod node;
mod notify;
mod observation;
mod policy;
mod prefetch;
mod snapshot;
mod task;
mod watch;

pub use health::*;
pub use job::*;
pub use node::*;
pub use notify::*;
pub use observation::*;
pub use policy::*;
pub use prefetch::*;
pub use snapshot::*;
pub use task::*;
pub use watch::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! events {
    ($($(#[$doc:meta])* $number:literal v $version:literal $name:ident),* $(,)?) => {
        /// One thing that happened.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub enum Event {
            $($(#[$doc])* $name($name)),*
        }

        impl Event {
            /// The stored number of this event. Numbers never change meaning.
            pub fn number(&self) -> u16 {
                match self { $(Self::$name(_) => $number),* }
            }

            /// The event's name.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name)),* }
            }

            /// The schema version that is written today.
            pub fn version(&self) -> u16 {
                match self { $(Self::$name(_) => $version),* }
            }

            /// Number, version and name of every event.
            pub const CATALOGUE: &'static [(u16, u16, &'static str)] = &[$(($number, $version, stringify!($name))),*];

            /// Whether an event has this name.
            pub fn is_known(name: &str) -> bool {
                Self::CATALOGUE.iter().any(|(_, _, known)| *known == name)
            }

            pub(crate) fn encode_payload(&self, out: &mut Vec<u8>) -> Result<(), crate::codec::EncodeError> {
                match self { $(Self::$name(event) => crate::codec::append(event, out)),* }
            }

            pub(crate) fn decode_payload(number: u16, version: u16, payload: &[u8]) -> Result<Self, crate::codec::DecodeError> {
                match (number, version) {
                    $(($number, $version) => crate::codec::decode_exact(payload).map(Self::$name),)*
                    _ => crate::codec::upcast(number, version, payload),
                }
            }
        }

        $(impl From<$name> for Event {
            fn from(event: $name) -> Self {
                Self::$name(event)
            }
        })*
    };
}

events! {
    /// Somebody asked for a check.
    1 v 1 JobCreated,
    /// A fact of the job named a further subject to ask about.
    2 v 1 NeedDiscovered,
    /// A need has nothing to ask: its input was left out, or its parent found none.
    3 v 1 NeedNotApplicable,
    /// What was known already answered a need.
    4 v 1 FactsReused,
    /// A need has to be asked of its source.
    5 v 1 TaskWanted,
    /// An observation that a task brought answered a need.
    6 v 1 NeedAnswered,
    /// A need could not be answered.
    7 v 1 NeedFailed,
    /// The job's status, as a read at this moment shows it, changed.
    8 v 1 JobStatusChanged,
    /// The risk was computed anew.
    9 v 1 RiskRecomputed,
    /// The facts of a report were fixed.
    10 v 1 SnapshotSealed,
    /// Needs of a job are to be asked again.
    11 v 1 RecheckPlanned,
    /// The facts of the whole base were fixed.
    12 v 1 WorldSealed,
    /// A job is to be checked again and again.
    13 v 1 WatchSet,
    /// The time of a watch came.
    14 v 1 WatchRang,
    /// A watch is no more.
    15 v 1 WatchEnded,
    /// A source's queue took a task.
    20 v 1 TaskScheduled,
    /// A job joined a task in flight.
    21 v 1 TaskJoined,
    /// The answer had come before the want arrived.
    22 v 1 WantSatisfied,
    /// A want can't be queued.
    23 v 1 WantRefused,
    /// A worker was leased a task, with permits.
    24 v 1 TaskStarted,
    /// Further HTTP requests were permitted.
    25 v 1 PermitsGranted,
    /// Permits were given back unused.
    26 v 1 PermitsReturned,
    /// A lease lives longer.
    27 v 1 LeaseExtended,
    /// One attempt failed.
    28 v 1 TaskAttemptFailed,
    /// The task is given up.
    29 v 1 TaskFailed,
    /// The task ended with an observation.
    30 v 1 TaskCompleted,
    /// A task that was given up is to be tried again.
    31 v 1 TaskRevived,
    /// A task that was given up is no longer to be looked at.
    32 v 1 TaskDropped,
    /// A source or a proxy is left alone for a while.
    33 v 1 BreakerOpened,
    /// A source or a proxy answered again.
    34 v 1 BreakerClosed,
    /// A source is asked more slowly.
    35 v 1 SourceSlowed,
    /// A popular query was looked at before its answer becomes stale.
    36 v 1 PrefetchDecided,
    /// A question is answered from the answer to a larger one.
    37 v 1 AnswerNarrowed,
    /// What decides the order of queues changed.
    38 v 1 QueueWeighed,
    /// A shard of a source heard what all its shards have to obey.
    39 v 1 SourceTold,
    /// A fact was seen that this query did not show before.
    40 v 1 FactObserved,
    /// A fact is no longer shown by this query.
    41 v 1 FactVanished,
    /// A part of a large observation, invisible until it is recorded.
    42 v 1 ObservationChunk,
    /// A source's complete answer to one query.
    43 v 1 ObservationRecorded,
    /// A channel by which a tenant is told is there, or is another now.
    44 v 1 ChannelSet,
    /// Such a channel is no more.
    45 v 1 ChannelEnded,
    /// What is to be told of one check.
    46 v 1 NotifySet,
    /// Somebody is to be told.
    47 v 1 NotificationRaised,
    /// Notifications were read.
    48 v 1 NotificationRead,
    /// A delivery was sent, taken, refused, given up or asked for again.
    49 v 1 DeliveryChanged,
    /// The receiver behind a channel wants nothing more, or is to be told again.
    50 v 1 ChannelStopped,
    /// No fact names any more whom a need is about.
    56 v 1 NeedWithdrawn,
    /// A shard of a source is left alone because of what another one heard.
    57 v 1 SourceRested,
    /// A policy document came into force in this partition.
    60 v 1 PolicyAdopted,
    /// A source was first adopted with several queues.
    61 v 1 SourceDivided,
    /// Another node decides for this partition now.
    70 v 1 DeciderChanged,
    /// What another partition asked for can't be decided.
    71 v 1 ReactionRefused,
    /// What the log says at a cut was kept outside of it.
    72 v 1 CheckpointTaken,
}
