//! Views folded again from the start of the log are, row for row, those that the engine wrote while it decided (I1):
//! whatever the batches, the threads, or the place where an earlier rebuild stopped.
//!
//! 50,000 facts by default; `MIRANO_FACTS=1000000` for a million. Facts come and go, so that rows are changed, not only
//! added. Compared by digest over every row of every table.

#[path = "support/ticking.rs"]
mod ticking;

use futures::future::join_all;
use mirano::core::command::{
    AdoptPolicy, AnsweredFact, Command, Complete, LeaseTasks, LeasedTask, Recheck, Rejection, Reply,
};
use mirano::core::vault::MemoryVault;
use mirano::engine::{Engine, EngineError, Options, catch_up_in};
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::{self, EmbeddedLog};
use mirano::views::Views;
use mirano_replay::rows::{JobRow, QueryRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::canonical::fact_id;
use mirano_schemas::envelope::Head;
use mirano_schemas::*;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;
use ticking::{Ticking, create};

const PARTITIONS: u32 = 2;
/// Facts of one observation.
const FACTS: u64 = 100;
/// Of these, so many are others when the source is asked again.
const CHANGED: u64 = 10;
/// Every so many-th job is asked again.
const RECHECKED: u64 = 4;
/// Jobs at once.
const DRIVERS: u64 = 32;

const POLICY: &str = r#"{
  "sources": {
    "listings": {"id": "listings", "title": {"ru": "Объявления", "en": "Listings"}, "level": "property", "ttl": "7d", "serve_stale": "30d",
      "params": ["address"], "limits": {"rate": "200/s", "burst": 50, "concurrency": 64}, "request": {"url": "http://x/{{ address }}"},
      "answer": {"format": "json", "items": "$.items[*]", "valid": [{"at": "$.items"}]},
      "fact": [{"kind": "listing.offer", "identity": ["id"], "attrs": {"id": {"at": "$.id", "type": "text"},
        "price": {"at": "$.price", "type": "integer"}, "text": {"at": "$.text", "type": "text"},
        "views": {"at": "$.views", "type": "integer", "volatile": true}}}]}
  },
  "profiles": {"one": {"title": {"ru": "Один", "en": "One"}, "needs": [
    {"source": "listings", "params": {"address": "{{ address.building }}"}}]}},
  "risk": {"ruleset": "test", "levels": [{"id": "low", "from": 0}, {"id": "high", "from": 50}],
    "rule": [{"id": "cheap", "when": "fact.kind == 'listing.offer' && fact.price < 3", "points": 7, "severity": "high",
      "title": {"ru": "Дёшево", "en": "Cheap"}}]}
}"#;

fn job_id(n: u64) -> JobId {
    JobId::of(&[b"rebuild", &n.to_be_bytes()])
}

/// What the source says at its first answer, or, shifted, at a later one.
fn facts(task: &LeasedTask, shift: u64) -> Vec<AnsweredFact> {
    let one = |n: u64| {
        let integer = |n: u64| Value::Integer(i64::try_from(n).expect("small"));
        let fact = Fact {
            source: task.queue.clone(),
            kind: "listing.offer".to_owned(),
            subject: task.subject.clone(),
            matched: Match::Id,
            identity: [("id".to_owned(), Value::text(&format!("{}-{n}", task.subject)))].into(),
            attrs: [
                ("price".to_owned(), integer(n)),
                ("text".to_owned(), Value::text("Двухкомнатная квартира с видом на парк, без посредников")),
            ]
            .into(),
            valid: Validity::default(),
            connector: 1,
        };
        AnsweredFact {
            kind: fact.kind.clone(),
            volatile: Some(Sealable::Plain([("views".to_owned(), integer(n + shift))].into())),
            fact: LoggedFact { fact_id: fact_id(&fact), body: Sealable::Plain(fact.into()) },
        }
    };
    (shift..FACTS + shift).map(one).collect()
}

struct Drive {
    engine: Engine,
    tokens: AtomicU64,
    answered: AtomicU64,
}

impl Drive {
    /// Works on whatever there is until this job is final.
    async fn finish(&self, job: JobId) {
        let mut folded = self.engine.subscribe();
        loop {
            let row: JobRow = self.engine.views().row(job.as_bytes()).expect("readable").expect("there");
            if row.is_final {
                return;
            }
            let tokens = (0..2).map(|_| self.tokens.fetch_add(1, Ordering::SeqCst));
            let tokens = tokens.map(|n| LeaseToken::of(&[&n.to_be_bytes()])).collect();
            let lease = LeaseTasks { source: "listings".to_owned(), worker: "test".to_owned(), tokens };
            let Reply::Leased(leased) = self.engine.submit(Command::Lease(lease)).await.expect("leases").reply else {
                panic!("a lease answers with leases");
            };
            for task in &leased.tasks {
                self.answer(task).await;
            }
            if leased.tasks.is_empty() && leased.next_at.is_none() {
                let _ = folded.recv().await;
            }
        }
    }

    async fn answer(&self, task: &LeasedTask) {
        let query: Option<QueryRow> = self.engine.views().row(task.query.as_bytes()).expect("readable");
        let shift = if query.is_some_and(|query| query.last.is_some()) { CHANGED } else { 0 };
        let complete = Complete {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome: Outcome::Found,
            by_status_only: false,
            complete: true,
            as_of: None,
            observed_at: self.engine.now(),
            evidence: vec![EvidenceId([9; 32])],
            facts: facts(task, shift),
            http_status: Some(200),
        };
        match self.engine.submit(Command::Complete(complete)).await {
            Ok(_) => {
                self.answered.fetch_add(1, Ordering::SeqCst);
            }
            // A slow machine: somebody else has it now.
            Err(EngineError::Rejected(Rejection::LeaseLost)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn run(&self, from: u64, jobs: u64) {
        for n in (from..jobs).step_by(DRIVERS as usize) {
            self.engine.submit(create(job_id(n), n)).await.expect("created");
            self.finish(job_id(n)).await;
            if n % RECHECKED == 0 {
                let recheck = Recheck {
                    command: CommandId::of(&[&n.to_be_bytes()]),
                    job: job_id(n),
                    tenant: None,
                    selected: Vec::new(),
                    reason: "test".to_owned(),
                };
                self.engine.submit(Command::Recheck(recheck)).await.expect("planned");
                self.finish(job_id(n)).await;
            }
        }
    }
}

fn heads(log: &dyn Sequencer) -> Vec<Head> {
    (0..PARTITIONS).map(|partition| log.head(partition)).collect()
}

/// Folds all partitions in batches of so many bytes, each for as long as `go_on` says.
fn fold(log: &dyn Sequencer, views: &Views, batch: usize, go_on: impl Fn(u64, u64) -> bool) {
    for partition in 0..PARTITIONS {
        let progress = |next, end| if go_on(next, end) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        catch_up_in(log, views, partition, batch, progress).expect("folds");
    }
}

/// The most memory that this process has held so far, where the system tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |rest| rest.trim().to_owned())
}

fn views(folder: &Path, name: &str) -> Views {
    Views::open(&folder.join(name)).expect("opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_from_the_log_are_those_that_grew_with_it() {
    let wanted: u64 = std::env::var("MIRANO_FACTS").map_or(50_000, |text| text.parse().expect("a number"));
    let jobs = wanted.div_ceil(FACTS);
    let folder = tempfile::tempdir().expect("temp");
    let options = embedded::Options { partitions: PARTITIONS, ..embedded::Options::default() };
    let log: Arc<dyn Sequencer> = Arc::new(EmbeddedLog::open(folder.path().join("data"), options).expect("opens"));
    let grown = Arc::new(views(folder.path(), "grown"));
    let engine = Engine::open(Options {
        log: Arc::clone(&log),
        views: Arc::clone(&grown),
        vault: Arc::new(MemoryVault::seeded(1)),
        clock: Arc::new(Ticking { now: AtomicI64::new(1_800_000_000_000), step_ms: 2 }),
    })
    .await
    .expect("opens");
    let adopt = AdoptPolicy { document: POLICY.to_owned(), origin: PolicyOrigin::Files, expected: None };
    engine.submit(Command::AdoptPolicy(adopt)).await.expect("adopted");
    // The other partition follows before anybody asks it for anything.
    let mut folded = engine.subscribe();
    while mirano_replay::apply::in_force(&*grown, 1).expect("readable").is_none() {
        let _ = folded.recv().await;
    }

    let began = Instant::now();
    let drive = Drive { engine, tokens: AtomicU64::new(0), answered: AtomicU64::new(0) };
    join_all((0..DRIVERS).map(|n| drive.run(n, jobs))).await;
    let incremental = began.elapsed();
    // Reactions that still run would move the heads between the two looks.
    let (whole, rows, end) = loop {
        let before = heads(&*log);
        let (digest, rows) = grown.digest().expect("readable");
        if heads(&*log) == before {
            break (digest, rows, before);
        }
    };
    let commits: u64 = end.iter().map(|head| head.next_seq).sum();
    let known = jobs * FACTS + jobs.div_ceil(RECHECKED) * CHANGED;
    assert_eq!(drive.answered.load(Ordering::SeqCst), jobs + jobs.div_ceil(RECHECKED));
    println!(
        "{known} facts in {jobs} jobs, {commits} commits, {rows} rows, decided and folded in {incremental:?}; peak {}",
        peak()
    );
    let mut facts = 0;
    mirano_replay::store::Read::scan(&*grown, mirano_replay::store::Table::Fact, &[], &[], &mut |_, _| {
        facts += 1;
        true
    })
    .expect("readable");
    assert_eq!(facts, known, "each fact once");

    let began = Instant::now();
    let again = views(folder.path(), "again");
    fold(&*log, &again, 4 * 1024 * 1024, |_, _| true);
    let took = began.elapsed();
    println!(
        "folded from the start in {took:?} ({:.0} facts a second); peak {}",
        known as f64 / took.as_secs_f64(),
        peak()
    );
    assert_eq!(again.digest().expect("readable"), (whole, rows));
    drop(again);

    // Each partition on a thread of its own, in batches of another size.
    let threads = views(folder.path(), "threads");
    std::thread::scope(|scope| {
        for partition in 0..PARTITIONS {
            let (log, views) = (&*log, &threads);
            scope.spawn(move || {
                catch_up_in(log, views, partition, 64 * 1024, |_, _| ControlFlow::Continue(())).expect("folds")
            });
        }
    });
    assert_eq!(threads.digest().expect("readable"), (whole, rows));
    drop(threads);

    // Stopped in the middle, twice, the views closed and opened in between; then commit by commit for a while.
    let stopped = views(folder.path(), "stopped");
    fold(&*log, &stopped, 256 * 1024, |next, end| next < end / 3);
    let third = stopped.digest().expect("readable");
    assert_ne!(third.0, whole, "a third of the log is not the whole: the digest tells");
    drop(stopped);
    let stopped = views(folder.path(), "stopped");
    assert!((0..PARTITIONS).all(|partition| stopped.anchor(partition).expect("readable").is_some()));
    fold(&*log, &stopped, 1, |next, end| next < end / 2);
    drop(stopped);
    let stopped = views(folder.path(), "stopped");
    fold(&*log, &stopped, 1024 * 1024, |_, _| true);
    assert_eq!(stopped.digest().expect("readable"), (whole, rows));
    assert_eq!(heads(&*log), end, "nothing was decided meanwhile");
}
