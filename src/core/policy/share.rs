//! `share`: whether tenants share what a source answers.
//!
//! A source whose licence forbids it has a query of its own for each tenant: the tenant is part of the query's identity. So
//! there is no answer of another's to reuse, no task of another's to join, and nobody's question is told to anybody.

use super::Policy;
use mirano_replay::rows::QueryRow;
use mirano_schemas::{ObservationRecorded, QueryKey};
use serde::{Deserialize, Serialize};

/// `share = "tenant"`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ShareSpec {
    /// What one tenant's check brought is reused by all.
    #[default]
    All,
    /// Each tenant asks for itself.
    Tenant,
}

impl ShareSpec {
    pub(super) fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The key of a tenant's query whose parameters make the key `shared`.
    pub fn key(self, tenant: &str, shared: QueryKey) -> QueryKey {
        match self {
            Self::All => shared,
            // No source's id has a colon: this is nobody's shared key.
            Self::Tenant => QueryKey::of(&[b"share:tenant", tenant.as_bytes(), shared.as_bytes()]),
        }
    }
}

impl Policy {
    /// Whether there is nothing to hide from any tenant.
    pub fn shares_all(&self) -> bool {
        self.document.sources.values().all(|spec| spec.share == ShareSpec::All)
    }

    fn is_shared(&self, source: &str) -> bool {
        self.document.sources.get(source).is_none_or(|spec| spec.share == ShareSpec::All)
    }

    /// Whether a tenant may be shown an answer.
    pub fn shows(&self, answer: &ObservationRecorded, tenant: &str) -> bool {
        self.is_shared(&answer.source) || answer.first.tenant == tenant
    }

    /// Whether a tenant may know of a query. What has no answer yet shows nothing, and is nobody's.
    pub fn shows_query(&self, query: &QueryRow, tenant: &str) -> bool {
        self.is_shared(query.source()) || query.last.as_ref().is_some_and(|last| last.first.tenant == tenant)
    }
}
