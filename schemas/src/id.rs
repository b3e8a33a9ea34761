//! Typed identifiers.
//!
//! Every id is a BLAKE3 hash under its own derivation context, cut to 16 bytes where it only has to be unique
//! within one installation, whole (32 bytes) where it commits to content. Text form: lower-case RFC 4648 base32
//! without padding, 26 or 52 characters.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Text that is not an id: wrong length or a character outside base32.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of {want} base32 characters: {got:?}")]
pub struct ParseIdError {
    /// How many characters the id has.
    pub want: usize,
    /// What was given.
    pub got: String,
}

/// Encodes bytes in the text form of ids.
pub fn base32(bytes: &[u8]) -> String {
    data_encoding::BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// Decodes the text form of ids; upper and lower case are equal.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $context:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Hashes the parts, each prefixed by its length as u64 little-endian, under this id's own context.
            pub fn of(parts: &[&[u8]]) -> Self {
                let mut hasher = blake3::Hasher::new_derive_key($context);
                for part in parts {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part);
                }
                let mut out = [0u8; $len];
                hasher.finalize_xof().fill(&mut out);
                Self(out)
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), base32(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                from_base32(text)
                    .and_then(|bytes| <[u8; $len]>::try_from(bytes).ok())
                    .map(Self)
                    .ok_or_else(|| ParseIdError { want: ($len * 8usize).div_ceil(5), got: text.to_owned() })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255},
                    "minItems": $len, "maxItems": $len
                })
            }
        }
    };
}

id!(
    /// A SearchJob: hash of tenant and idempotency key, or of a fresh command id.
    JobId, 16, "mirano 2026 job id v1"
);
id!(
    /// A need of one job: what it wants of one source about one subject.
    NeedId, 16, "mirano 2026 need id v1"
);
id!(
    /// One query to one source: the hash of source and canonical parameters. The key of reuse and coalescing.
    QueryKey, 16, "mirano 2026 query key v1"
);
id!(
    /// A SearchTask: one (source, query) in flight, from being scheduled to its end.
    TaskId, 16, "mirano 2026 task id v1"
);
id!(
    /// The name under which one job sees a task; says nothing of other jobs (I9).
    TaskAlias, 16, "mirano 2026 task alias v1"
);
id!(
    /// A lease token: the right to one attempt at a task.
    LeaseToken, 16, "mirano 2026 lease token v1"
);
id!(
    /// An observation: one completed answer of a source to one query.
    ObservationId, 16, "mirano 2026 observation id v1"
);
id!(
    /// A receipt: how one need was answered.
    ReceiptId, 16, "mirano 2026 receipt id v1"
);
id!(
    /// A command, deduplicated in folded state.
    CommandId, 16, "mirano 2026 command id v1"
);
id!(
    /// A watch: re-checks of a job that nobody has to ask for.
    WatchId, 16, "mirano 2026 watch id v1"
);
id!(
    /// A channel by which a tenant is told: a webhook, an address.
    ChannelId, 16, "mirano 2026 channel id v1"
);
id!(
    /// A notification: a hash of its cause, so that one cause has one.
    NotificationId, 16, "mirano 2026 notification id v1"
);
id!(
    /// What a channel is sent: one notification, or a digest of several.
    DeliveryId, 16, "mirano 2026 delivery id v1"
);
id!(
    /// The identity of a log, chosen at random when it is created.
    LogId, 16, "mirano 2026 log id v1"
);
id!(
    /// A fact, named by its canonical form (see `canonical`).
    FactId, 32, "mirano 2026 fact v1"
);
id!(
    /// Raw evidence, named by its bytes (of level person: by a keyed hash of them).
    EvidenceId, 32, "mirano 2026 evidence v1"
);
id!(
    /// A sealed FactSnapshot, named by its content.
    SnapshotId, 32, "mirano 2026 snapshot v1"
);
id!(
    /// The root of a set of facts or receipts.
    Root, 32, "mirano 2026 root v1"
);
id!(
    /// The hash of a commit's envelope: what the next commit names as `prev`.
    CommitHash, 32, "mirano 2026 commit v1"
);
