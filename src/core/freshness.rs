//! Ages against TTLs. Computed when read, never stored.

use super::policy::SourceSpec;
use mirano_schemas::{Receipt, Timestamp};

/// The TTL of what a source gives: the shortest of its own and its kinds', in milliseconds.
pub fn shortest_ttl_ms(source: &SourceSpec) -> u64 {
    source.facts.iter().filter_map(|fact| fact.ttl).fold(source.ttl, Ord::min).0
}

/// How fresh an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// Nothing is known.
    None,
    /// Past its TTL and the time it may be shown beyond it.
    Expired,
    /// Past its TTL, still shown.
    Stale,
    /// Within its TTL.
    Fresh,
}

impl Freshness {
    /// Of an answer observed at `observed_at`.
    pub fn of(observed_at: Timestamp, ttl_ms: u64, serve_stale_ms: u64, now: Timestamp) -> Self {
        let age = now.since_ms(observed_at);
        if age < ttl_ms {
            Self::Fresh
        } else if age < ttl_ms.saturating_add(serve_stale_ms) {
            Self::Stale
        } else {
            Self::Expired
        }
    }

    /// Of what a receipt shows.
    pub fn of_receipt(receipt: Option<&Receipt>, now: Timestamp) -> Self {
        receipt.map_or(Self::None, |receipt| Self::of(receipt.observed_at, receipt.ttl_ms, receipt.serve_stale_ms, now))
    }

    /// Whether it is shown.
    pub fn shown(self) -> bool {
        self >= Self::Stale
    }

    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Expired => "expired",
            Self::Stale => "stale",
            Self::Fresh => "fresh",
        }
    }
}
