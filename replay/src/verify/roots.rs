//! Roots of observations: most of an audit's work, and any thread can do it.

use super::{Finding, Kind};
use crate::store::{MemoryStore, StoreError};
use crate::tree::{self, stored, stored::Planned};
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
        self.other_than(tree::root(self.facts.iter().map(|id| id.0)))
    }

    /// The same, for who keeps the set as well: with the pages that it is stored in.
    pub fn plan(&self) -> Result<(Planned, Option<Finding>), StoreError> {
        let set = stored::changed(&MemoryStore::default(), None, &self.facts, &[])?;
        let found = self.other_than(set.root);
        Ok((set, found))
    }

    fn other_than(&self, root: Root) -> Option<Finding> {
        let Self { at, observation, told, .. } = self;
        let detail = || format!("{observation} has the root {told}; its facts give {root}");
        (root != *told).then(|| Finding::at(Kind::ObservationRoot, *at, detail()))
    }
}
