//! Events of `job/<id>` streams about what is asked again because it is likely to be asked about soon.

use crate::{JobId, NeedId, QueryKey, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a popular query whose answer is about to be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrefetchVerdict {
    /// It is asked again; the re-check stands in the same commit.
    Asked,
    /// It was answered meanwhile.
    Fresh,
    /// Its source has other work, or is not to be asked now.
    Busy,
    /// The part of the source's budget that is for this is used up.
    OverShare,
    /// It is not asked about often enough for one request to save one.
    Unpopular,
    /// Its time has passed, its source does no such thing, or the job has no such need any more.
    Left,
}

/// A popular query was looked at shortly before its answer becomes stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrefetchDecided {
    /// The source.
    pub source: String,
    /// The query.
    pub query: QueryKey,
    /// The job that asked for it last.
    pub job: JobId,
    /// Its need.
    pub need_id: NeedId,
    /// What became of it.
    pub verdict: PrefetchVerdict,
    /// How often it will be asked within a further TTL, as far as can be told, in thousandths.
    pub asks_permille: u64,
    /// When it is looked at again; none: when it is asked or answered anew.
    pub next_at: Option<Timestamp>,
}
