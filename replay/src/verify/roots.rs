//! Roots of observations: most of an audit's work, and any thread can do it.

use super::{Finding, Kind};
use crate::tree;
use mirano_schemas::{FactId, ObservationId, Position, Root};
use std::sync::Arc;

/// An observation's root that is to be recomputed.
#[derive(Debug, Clone)]
pub struct RootCheck {
    pub(super) at: Position,
    pub(super) observation: ObservationId,
    pub(super) told: Root,
    pub(super) facts: Arc<[FactId]>,
}

impl RootCheck {
    /// Recomputes it; what was found if it is another.
    pub fn check(&self) -> Option<Finding> {
        let root = tree::root(self.facts.iter().map(|id| id.0));
        let Self { at, observation, told, .. } = self;
        let detail = || format!("{observation} has the root {told}; its facts give {root}");
        (root != *told).then(|| Finding::at(Kind::ObservationRoot, *at, detail()))
    }
}
