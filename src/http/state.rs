//! What every handler stands on.

use super::auth::{Auth, Caller};
use super::error::{Problem, Result};
use crate::audit::heads::CommitTrees;
use crate::core::policy::Policy;
use crate::engine::Engine;
use crate::explain::Context;
use crate::explain::words::Lang;
use crate::work::evidence::EvidenceStore;
use metrics_exporter_prometheus::PrometheusHandle;
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::{JobId, Subject, Timestamp};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Shared by all handlers; clones are handles to the same one.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    engine: Engine,
    evidence: EvidenceStore,
    auth: Auth,
    metrics: Option<PrometheusHandle>,
    stop: CancellationToken,
    commit_trees: CommitTrees,
    replays: Arc<Semaphore>,
}

impl AppState {
    /// `stop`: when it is cancelled, streams of events end, so that the server can.
    pub fn new(
        engine: Engine,
        evidence: EvidenceStore,
        auth: Auth,
        metrics: Option<PrometheusHandle>,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            engine,
            evidence,
            auth,
            metrics,
            stop,
            commit_trees: CommitTrees::new(),
            replays: Arc::new(Semaphore::new(1)),
        }))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The evidence store.
    pub fn evidence(&self) -> &EvidenceStore {
        &self.0.evidence
    }

    /// How callers are told apart.
    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// What renders the metrics.
    pub fn metrics(&self) -> Option<&PrometheusHandle> {
        self.0.metrics.as_ref()
    }

    /// Cancelled when the server stops.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// The commit trees of the log, for proofs.
    pub fn commit_trees(&self) -> &CommitTrees {
        &self.0.commit_trees
    }

    /// Who may replay the log now: one at a time.
    pub fn replays(&self) -> &Arc<Semaphore> {
        &self.0.replays
    }

    /// The policy in force.
    pub fn policy(&self) -> Result<Arc<Policy>> {
        Ok(self.engine().policy()?)
    }

    /// What a view is computed from, at `now`.
    pub fn context<'a>(&'a self, policy: &'a Policy, lang: Lang, now: Timestamp) -> Context<'a> {
        let engine = self.engine();
        Context { rows: &**engine.views(), policy, vault: &**engine.vault(), now, lang }
    }

    /// A job of the caller's tenant; another tenant's is not told apart from none.
    pub fn job(&self, caller: &Caller, id: &str) -> Result<JobRow> {
        let id: JobId = id.parse().map_err(|_| Problem::not_found("job"))?;
        let row: Option<JobRow> = self.engine().views().row(id.as_bytes())?;
        row.filter(|row| row.created.tenant == caller.tenant).ok_or_else(|| Problem::not_found("job"))
    }
}

/// Notes in the access log that person data was read.
pub fn log_access(caller: &Caller, what: &str, id: &str, persons: &[Subject]) {
    if persons.is_empty() {
        return;
    }
    let mut names: Vec<&str> = persons.iter().map(|subject| subject.0.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    tracing::info!(
        target: "access",
        key = caller.key,
        tenant = caller.tenant,
        what,
        id,
        persons = names.join(","),
        "person data was read"
    );
}
