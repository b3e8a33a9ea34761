//! Connectors of the policy in force, each compiled once.

use crate::core::policy::Policy;
use crate::sources::connector::Connector;
use mirano_schemas::source_of;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Compiled connectors by source, with the version of the policy that they were compiled from.
#[derive(Debug, Default)]
pub struct Connectors(Mutex<BTreeMap<String, (u64, Arc<Connector>)>>);

impl Connectors {
    /// The connector of a source, or of one of its queues; the error says why there is none.
    pub fn of(&self, policy: &Policy, queue: &str) -> Result<Arc<Connector>, String> {
        let source = source_of(queue);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, connector)) = known.get(source)
            && *version == policy.version
        {
            return Ok(Arc::clone(connector));
        }
        let spec = policy.document.sources.get(source).ok_or("the source is not in the policy any more")?;
        let compiled = Connector::compile(spec)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let compiled = Arc::new(compiled);
        known.insert(source.to_owned(), (policy.version, Arc::clone(&compiled)));
        Ok(compiled)
    }

    /// Whether workers of other processes can ask a source: not where it wants a session, which they don't have.
    pub fn may_be_lent(&self, policy: &Policy, source: &str) -> bool {
        self.of(policy, source).map_or(true, |connector| !connector.needs_a_session())
    }
}
