//! What every handler stands on.

use super::auth::{Auth, Caller, Role};
use super::error::{Code, Problem, Result, refused};
use super::events::live::Live;
use crate::audit::heads::CommitTrees;
use crate::checkpoint::Taker;
use crate::core::policy::Policy;
use crate::engine::Engine;
use crate::explain::Context;
use crate::explain::words::Lang;
use crate::history::{Asker, Book, LogTimes};
use crate::work::evidence::EvidenceStore;
use crate::work::remote::Remote;
use metrics_exporter_prometheus::PrometheusHandle;
use mirano_replay::history::{self, Moment};
use mirano_replay::rows::{JobRow, PolicyRow, key};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::{JobId, Subject, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
    streams: Arc<Semaphore>,
    remote: Remote,
    policies: Mutex<BTreeMap<u64, Arc<Policy>>>,
    live: Live,
    checkpoints: OnceLock<Arc<Taker>>,
    no_mail: OnceLock<()>,
}

/// Answers of any length that are on their way at once.
const STREAMS: usize = 32;
/// Earlier policies that are kept compiled.
const POLICIES: usize = 16;

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
            remote: Remote::new(engine.clone(), evidence.clone()),
            engine,
            evidence,
            auth,
            metrics,
            stop,
            commit_trees: CommitTrees::new(),
            replays: Arc::new(Semaphore::new(1)),
            streams: Arc::new(Semaphore::new(STREAMS)),
            policies: Mutex::default(),
            live: Live::default(),
            checkpoints: OnceLock::new(),
            no_mail: OnceLock::new(),
        }))
    }

    /// Says that no mail server is configured: addresses are not taken then, since nothing would ever be sent to them.
    pub fn without_mail(&self) {
        self.0.no_mail.get_or_init(|| ());
    }

    /// Whether mail is sent.
    pub fn sends_mail(&self) -> bool {
        self.0.no_mail.get().is_none()
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

    /// Leave to give an answer of any length: each holds a thread while it lasts.
    pub fn long_answer(&self) -> Result<OwnedSemaphorePermit> {
        let taken = Arc::clone(&self.0.streams).try_acquire_owned();
        taken.map_err(|_| Problem::said(Code::TooMany, "busy", &[]))
    }

    /// What workers of other processes are answered by.
    pub fn remote(&self) -> &Remote {
        &self.0.remote
    }

    /// From now on callers may ask for checkpoints.
    pub fn keep_checkpoints(&self, taker: Arc<Taker>) {
        // Whoever was there first stays.
        let _ = self.0.checkpoints.set(taker);
    }

    /// What takes checkpoints.
    pub fn checkpoints(&self) -> Option<&Arc<Taker>> {
        self.0.checkpoints.get()
    }

    /// Who listens to what happens.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// The policy in force.
    pub fn policy(&self) -> Result<Arc<Policy>> {
        Ok(self.engine().policy()?)
    }

    /// A policy that is or was in force, by its version.
    pub fn policy_of(&self, version: u64) -> std::result::Result<Arc<Policy>, StoreError> {
        let refused = |why: String| StoreError::Storage(why);
        let now = self.engine().policy().map_err(|error| refused(error.to_string()))?;
        if now.version == version {
            return Ok(now);
        }
        let mut kept = self.0.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = kept.get(&version) {
            return Ok(Arc::clone(policy));
        }
        let row: Option<PolicyRow> = self.engine().views().row(&key::policy(version))?;
        let row = row.ok_or_else(|| refused(format!("there is no policy {version}")))?;
        let policy = Arc::new(Policy::adopted(&row.adopted).map_err(refused)?);
        if kept.len() >= POLICIES {
            kept.pop_first();
        }
        kept.insert(version, Arc::clone(&policy));
        Ok(policy)
    }

    /// The policy that was in force at a moment.
    pub fn policy_at(&self, moment: &Moment) -> Result<Arc<Policy>> {
        match history::policy_at(&**self.engine().views(), moment)? {
            Some(row) => Ok(self.policy_of(row.adopted.version)?),
            None => self.policy(),
        }
    }

    /// The moment that a parameter names: a time, a position, a cut, or `now`.
    pub fn moment(&self, parameter: &str, text: &str) -> Result<Moment> {
        let engine = self.engine();
        crate::history::moment::parse(text, &**engine.views(), &LogTimes(&**engine.log()), engine.now())
            .map_err(|error| Problem::from(error).at(parameter, refused("moment_at", &[])))
    }

    /// The moment that `?as_of=` names, where it is given.
    pub fn as_of(&self, text: Option<&str>) -> Result<Option<Moment>> {
        text.map(|text| self.moment("as_of", text)).transpose()
    }

    /// Has a question about history answered, as far as the caller may see.
    pub fn history<T>(&self, caller: &Caller, ask: impl FnOnce(&Book<'_>) -> Result<T>) -> Result<T> {
        let engine = self.engine();
        ask(&Book {
            rows: &**engine.views(),
            times: &LogTimes(&**engine.log()),
            vault: &**engine.vault(),
            policy: &|version| self.policy_of(version),
            now: engine.now(),
            asker: Asker::Tenant { tenant: caller.tenant.clone(), auditor: caller.need(Role::Auditor).is_ok() },
        })
    }

    /// What a view is computed from, at a moment or now.
    pub fn context_at<'a>(&'a self, policy: &'a Policy, lang: Lang, as_of: Option<Moment>) -> Context<'a> {
        let now = as_of.as_ref().map_or_else(|| self.engine().now(), |moment| moment.at);
        Context { as_of, ..self.context(policy, lang, now) }
    }

    /// The job as it was known at a moment; before it was asked for there is none.
    pub fn job_at(&self, job: &JobRow, moment: &Moment) -> Result<JobRow> {
        let then = history::job_at(&**self.engine().views(), job, moment)?;
        then.ok_or_else(|| Problem::before_job(job.created_at).at("as_of", refused("before_job_at", &[])))
    }

    /// What a view is computed from, at `now`.
    pub fn context<'a>(&'a self, policy: &'a Policy, lang: Lang, now: Timestamp) -> Context<'a> {
        let engine = self.engine();
        Context {
            rows: &**engine.views(),
            policy,
            partitions: engine.partitions(),
            vault: &**engine.vault(),
            now,
            lang,
            as_of: None,
        }
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
