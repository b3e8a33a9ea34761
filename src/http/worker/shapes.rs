//! The JSON of the workers' calls.

use crate::explain::time::rfc3339;
use crate::sources::connector::{GivenFact, PreparedRequest};
use crate::work::remote::Offer;
use mirano_schemas::Permit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a worker can do now.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseBody {
    /// Sources that it can ask, best first; left out: all of them.
    #[serde(default)]
    pub sources: Option<Vec<String>>,
    /// At most so many tasks, 1 to 100.
    #[serde(default = "one")]
    pub max: usize,
    /// What it is called; the log and the task say so.
    #[serde(default)]
    pub worker: Option<String>,
    /// How long to wait for work, in seconds, 60 at most.
    #[serde(default)]
    pub wait_s: u64,
}

/// Tasks, each under a lease.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Leases {
    /// Empty when there was nothing to do.
    pub tasks: Vec<LeasedView>,
}

/// A task under a lease.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeasedView {
    /// The task.
    pub task_id: String,
    /// Send it with every call about the task.
    pub lease_token: String,
    /// After this the task is somebody else's.
    pub deadline: String,
    /// The source.
    pub source: String,
    /// About whom.
    pub subject: String,
    /// The parameters.
    pub params: BTreeMap<String, String>,
    /// Counted from 1.
    pub attempt: u32,
    /// The source's file: `courts@3`.
    pub connector: String,
    /// The first request.
    pub request: RequestView,
    /// `pool/name`, or null: ask directly.
    pub proxy: Option<String>,
    /// When its requests may start; each permit is good for one.
    pub permits: Vec<PermitView>,
    /// How long one request may take, in milliseconds.
    pub timeout_ms: u64,
    /// The largest answer that is read, in bytes.
    pub max_bytes: u64,
}

/// A request as the source's file says it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RequestView {
    /// `GET` or `POST`.
    pub method: String,
    /// The address; `${NAME}` stands for a secret that the worker has.
    pub url: String,
    /// Headers; a value `env:NAME`, or `${NAME}` in it, stands for a secret.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<String>,
}

/// A window in which one request may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitView {
    /// From then on.
    pub not_before: String,
    /// Until then.
    pub not_after: String,
}

/// A lease.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitBody {
    /// As the lease gave it.
    pub lease_token: String,
    /// For so many HTTP requests, 1 to 20; left out: for one. Not with `unused`.
    #[serde(default)]
    pub n: Option<u32>,
    /// Permits that will not be used, to be given back instead, as they were granted.
    #[serde(default)]
    pub unused: Option<Vec<PermitView>>,
}

/// Further permits.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Granted {
    /// How many; 0 also while the lease has one that begins in the far future.
    pub granted: u32,
    /// When the first of them begins; null when none was granted.
    pub not_before: Option<String>,
    /// Each is good for one request.
    pub permits: Vec<PermitView>,
    /// The lease's deadline now.
    pub deadline: Option<String>,
}

/// A lease.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatBody {
    /// As the lease gave it.
    pub lease_token: String,
}

/// How a lease stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Kept {
    /// Its deadline now.
    pub deadline: String,
    /// There is no use in going on.
    pub cancel: bool,
    /// The source is left alone until then: no request starts before, whatever permits there are. Null: it may be asked.
    pub rests_until: Option<String>,
}

/// Kept evidence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EvidenceKept {
    /// Name it in `complete` or `fail`.
    pub evidence_id: String,
}

/// What was received so far.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextBody {
    /// As the lease gave it.
    pub lease_token: String,
    /// The pages, in order.
    pub evidence: Vec<String>,
    /// The HTTP status of the last page; 200 when left out.
    #[serde(default)]
    pub http_status: Option<u16>,
}

/// What is to be asked next.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NextRequest {
    /// The request for the next page; null: complete the task.
    pub request: Option<RequestView>,
}

/// What came of a task.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteBody {
    /// As the lease gave it.
    pub lease_token: String,
    /// `found` or `nothing_found`; may be left out where the server reads the evidence.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Whether the source showed all that it has.
    #[serde(default = "yes")]
    pub complete: bool,
    /// The source's own date, `YYYY-MM-DD`.
    #[serde(default)]
    pub as_of: Option<String>,
    /// When the source was asked; not before the task was leased.
    #[serde(default)]
    pub observed_at: Option<String>,
    /// The raw answers, in order; at least one.
    pub evidence: Vec<String>,
    /// What they say; left out: the server reads them by the source's file.
    #[serde(default)]
    pub facts: Option<Vec<FactBody>>,
    /// What was told before, in order; before `facts`.
    #[serde(default)]
    pub parts: Vec<String>,
    /// The HTTP status of the answers; 200 when left out.
    #[serde(default)]
    pub http_status: Option<u16>,
}

/// Some of an answer's facts.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartBody {
    /// As the lease gave it.
    pub lease_token: String,
    /// What a page said; at least one.
    pub facts: Vec<FactBody>,
}

/// A part that was kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartKept {
    /// Its id, for `complete`.
    pub part_id: String,
    /// How many facts it has.
    pub facts: usize,
}

/// A fact that a worker read.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FactBody {
    /// One of the source's kinds.
    pub kind: String,
    /// About whom; left out: as the source's file says.
    #[serde(default)]
    pub subject: Option<String>,
    /// Identity and material attributes; dates ISO, decimals as text with a point.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attrs: BTreeMap<String, serde_json::Value>,
    /// Attributes that are no news.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub volatile: BTreeMap<String, serde_json::Value>,
    /// When it holds in the world.
    #[serde(default)]
    pub valid: Option<ValidBody>,
}

/// When a fact holds in the world.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidBody {
    /// From then on, `YYYY-MM-DD`.
    #[serde(default)]
    pub from: Option<String>,
    /// Until then.
    #[serde(default)]
    pub to: Option<String>,
}

/// What was recorded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Recorded {
    /// The observation; null when the attempt was recorded as failed.
    pub observation_id: Option<String>,
    /// When the task is tried again; null: never, or it is done.
    pub retry_at: Option<String>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailBody {
    /// As the lease gave it.
    pub lease_token: String,
    /// `unavailable`, `blocked`, `unparsable` or `refused`.
    pub outcome: String,
    /// A code and words: `timeout: no answer in 20 s`. No secret, nothing about a person.
    pub cause: String,
    /// How long the source asked to be left alone, in seconds.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
    /// The HTTP status.
    #[serde(default)]
    pub http_status: Option<u16>,
    /// What was received.
    #[serde(default)]
    pub evidence: Vec<String>,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

pub(super) fn permit(permit: &Permit) -> PermitView {
    PermitView { not_before: rfc3339(permit.not_before), not_after: rfc3339(permit.not_after) }
}

pub(super) fn request(request: PreparedRequest) -> RequestView {
    let url = request.url.to_string();
    RequestView { method: request.method, url, headers: request.headers, body: request.body }
}

pub(super) fn leased(offer: Offer) -> LeasedView {
    let spec = offer.source.spec();
    LeasedView {
        source: offer.task.source().to_owned(),
        task_id: offer.task.task.to_string(),
        lease_token: offer.task.lease.to_string(),
        deadline: rfc3339(offer.task.deadline),
        connector: format!("{}@{}", offer.task.source(), offer.connector),
        subject: offer.task.subject.0.clone(),
        params: offer.params,
        attempt: offer.task.attempt,
        request: request(offer.request),
        proxy: offer.task.proxy,
        permits: vec![permit(&offer.task.permit)],
        timeout_ms: spec.limits.timeout.0,
        max_bytes: spec.request.max_bytes,
    }
}

pub(super) fn given(facts: Vec<FactBody>) -> Vec<GivenFact> {
    let one = |fact: FactBody| {
        let valid = fact.valid.unwrap_or_default();
        let (attrs, volatile) = (fact.attrs, fact.volatile);
        GivenFact { kind: fact.kind, subject: fact.subject, attrs, volatile, from: valid.from, to: valid.to }
    };
    facts.into_iter().map(one).collect()
}
