//! Jobs made by hand: rows in memory, under the policy of the demo.

use mirano::core::policy::Policy;
use mirano::core::risk::DEFAULT_RISK_TOML;
use mirano::core::vault::MemoryVault;
use mirano::explain::words::Lang;
use mirano::explain::{self, Context};
use mirano::sources::config;
use mirano_replay::rows::{AttemptRow, JobRow, NeedRow, NeedTaskRow, PendingRow, RiskRow, TaskRow, TaskState, key};
use mirano_replay::store::{MemoryStore, WriteExt};
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The time of every read: 2027-01-15T08:00:00Z.
pub const NOW: i64 = 1_800_000_000_000;
pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// So long ago an attempt failed that did. Milliseconds.
pub const FAILED_AGO: u64 = 30_000;

/// How a need is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub origin: Origin,
    pub outcome: Outcome,
    pub facts: u32,
    pub age_ms: u64,
    pub complete: bool,
}

/// One need of a job.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub source: String,
    pub answer: Option<Answer>,
    /// Waits for its source; where its task is.
    pub pending: Option<Waits>,
    /// The last attempt failed, and nothing followed.
    pub failed: bool,
    /// Why, as the log keeps it; else that it timed out.
    pub cause: Option<String>,
    pub not_applicable: Option<NotApplicable>,
    /// Its subject is not known yet.
    pub without_subject: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    Queued,
    Running,
    Retrying,
}

impl Row {
    pub fn of(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    /// With an answer; no facts means that the source has nothing.
    pub fn answered(source: &str, origin: Origin, facts: u32, age_ms: u64) -> Self {
        let outcome = if facts == 0 { Outcome::NothingFound } else { Outcome::Found };
        Self { answer: Some(Answer { origin, outcome, facts, age_ms, complete: true }), ..Self::of(source) }
    }
}

/// A job with all that its words are made of.
pub struct Made {
    pub rows: MemoryStore,
    pub job: JobRow,
    pub policy: &'static Policy,
    /// What it was made of.
    pub given: Vec<Row>,
    vault: MemoryVault,
}

/// The demo's policy, which has seven sources.
pub static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let mut files = mirano::demo::config("http://127.0.0.1:1", None).expect("the demo's files");
    files.insert("risk.toml".to_owned(), DEFAULT_RISK_TOML.to_owned());
    let document = config::load(&files).unwrap_or_else(|problems| panic!("{problems:?}")).document;
    Policy::compile(1, document, BTreeMap::new()).expect("compiles")
});

/// The same, whose levels of risk have no titles of their own.
pub static UNTITLED: LazyLock<Policy> = LazyLock::new(|| {
    let mut document = POLICY.document.clone();
    document.risk.levels.iter_mut().for_each(|level| level.title = None);
    Policy::compile(1, document, BTreeMap::new()).expect("compiles")
});

/// A job of these rows.
pub fn made(rows: &[Row], risk: Option<Assessment>) -> Made {
    let policy: &'static Policy = &POLICY;
    let job = JobId::of(&[b"job"]);
    let mut store = MemoryStore::default();
    let mut needs = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let need_id = NeedId::of(&[&n.to_le_bytes()]);
        let spec = &policy.document.sources[&row.source];
        let subject = Subject(format!("property:{n}"));
        let query = QueryKey::of(&[&n.to_le_bytes()]);
        if let Some(waits) = row.pending {
            task(&mut store, job, need_id, row, query, &subject, waits);
        }
        needs.push(NeedRow {
            need: Need {
                need_id,
                source: row.source.clone(),
                level: spec.level,
                subject,
                query: (!row.without_subject && row.not_applicable.is_none()).then_some(query),
                params: Sealable::Plain(BTreeMap::new()),
                parent: None,
                entry: u32::try_from(n).expect("few"),
            },
            receipt: row.answer.as_ref().map(|answer| Receipt {
                receipt_id: ReceiptId::of(&[&n.to_le_bytes()]),
                need_id,
                source: row.source.clone(),
                origin: answer.origin,
                outcome: answer.outcome,
                complete: answer.complete,
                observation: ObservationId::of(&[&n.to_le_bytes()]),
                at: Position { partition: 0, seq: 1 },
                facts_root: Root([7; 32]),
                facts: answer.facts,
                observed_at: Timestamp(NOW - i64::try_from(answer.age_ms).expect("an age")),
                as_of: None,
                parts: ReuseParts { reused: answer.facts, stale: 0, missing: 0 },
                ttl_ms: spec.ttl.0,
                serve_stale_ms: spec.serve_stale.0,
                policy_version: 1,
                taken_at: Timestamp(NOW - 1_000),
                reason: "fresh".to_owned(),
            }),
            pending: row.pending.map(|_| PendingRow { since: Timestamp(NOW - 60_000), reason: WantReason::Missing }),
            last_failure: row.failed.then(|| {
                let cause = row.cause.clone().unwrap_or_else(|| "timeout: no answer within 20s".to_owned());
                let outcome = (!cause.starts_with("depends_on:")).then_some(Outcome::Unavailable);
                Failure { outcome, cause, at: Timestamp(NOW - i64::try_from(FAILED_AGO).expect("a time")) }
            }),
            not_applicable: row.not_applicable.clone(),
            withdrawn: false,
        });
    }
    let canonical = "г Москва, ул Тверская, д 7";
    let job = JobRow {
        created: JobCreated {
            job,
            tenant: "local".to_owned(),
            profile: "standard".to_owned(),
            address: AddressRecord {
                input: canonical.to_owned(),
                canonical: canonical.to_owned(),
                building: canonical.to_owned(),
                flat: None,
                cadastral: None,
                postcode: None,
                confidence: "high".to_owned(),
                subject: Subject("property:0".to_owned()),
                building_subject: Subject("property:0".to_owned()),
                warnings: Vec::new(),
            },
            inputs: BTreeMap::new(),
            priority: 3,
            max_age_ms: BTreeMap::new(),
            request_digest: [0; 32],
            needs: needs.iter().map(|need| need.need.clone()).collect(),
        },
        created_at: Timestamp(NOW - 120_000),
        needs,
        status: JobStatus::Created,
        is_final: false,
        completed_at: None,
        risk: risk.map(|assessment| RiskRow { assessment, policy_version: 1, at: Timestamp(NOW - 1_000) }),
        snapshots: Vec::new(),
        rechecks: Vec::new(),
        position: Position { partition: 0, seq: 9 },
        updated_at: Timestamp(NOW - 1_000),
    };
    Made { rows: store, job, policy, given: rows.to_vec(), vault: MemoryVault::seeded(1) }
}

fn task(
    store: &mut MemoryStore,
    job: JobId,
    need_id: NeedId,
    row: &Row,
    query: QueryKey,
    subject: &Subject,
    waits: Waits,
) {
    let task = TaskId::of(&[query.as_bytes()]);
    let named = NeedTaskRow { task, alias: TaskAlias::of(&[query.as_bytes()]), joined: false, foreign: false };
    store.put_row(&key::need_task(job, need_id), &named).expect("encodes");
    let lease = LeaseToken::of(&[query.as_bytes()]);
    let attempt = AttemptRow {
        n: 1,
        lease,
        started_at: Timestamp(NOW - 50_000),
        ended_at: (waits == Waits::Retrying).then_some(Timestamp(NOW - 40_000)),
        worker: "w".to_owned(),
        proxy: None,
        outcome: (waits == Waits::Retrying).then_some(Outcome::Unavailable),
        cause: (waits == Waits::Retrying).then(|| "timeout".to_owned()),
        http_status: None,
        evidence: Vec::new(),
    };
    let task_row = TaskRow {
        scheduled: TaskScheduled {
            task,
            source: row.source.clone(),
            query,
            subject: subject.clone(),
            params: Sealable::Plain(BTreeMap::new()),
            priority: 3,
            requester: Requester { job, need_id, tenant: "local".to_owned() },
        },
        requesters: 1,
        priority: 3,
        enqueued_at: Timestamp(NOW - 60_000),
        enqueued_seq: 5,
        turn: 0,
        attempts: if waits == Waits::Queued { Vec::new() } else { vec![attempt] },
        state: match waits {
            Waits::Queued => TaskState::Queued,
            Waits::Running => TaskState::Running { lease, deadline: Timestamp(NOW + 60_000) },
            Waits::Retrying => TaskState::Retrying { at: Timestamp(NOW + 20_000) },
        },
        partition: 0,
        moves: Vec::new(),
    };
    store.put_row(task.as_bytes(), &task_row).expect("encodes");
}

impl Made {
    pub fn context(&self, lang: Lang) -> Context<'_> {
        Context {
            rows: &self.rows,
            policy: self.policy,
            partitions: 1,
            vault: &self.vault,
            now: Timestamp(NOW),
            lang,
            as_of: None,
        }
    }

    pub fn view(&self, lang: Lang) -> explain::model::JobView {
        explain::job(&self.context(lang), &self.job).expect("reads").view
    }

    pub fn explanation(&self, lang: Lang) -> explain::model::Explanation {
        explain::explain(&self.context(lang), &self.job, &self.view(lang)).expect("reads")
    }

    /// The name of a source for people.
    pub fn title(&self, source: &str, lang: Lang) -> &str {
        let title = &self.policy.document.sources[source].title;
        if lang == Lang::Ru { &title.ru } else { &title.en }
    }
}
