//! One source with one queue and with four, on the same four partitions of a real engine: every question is asked once, by its
//! shard, each fact is one, the views fold again from the log as they grew (I1), and how many tasks a second it comes to.
//!
//! `MIRANO_LEASES=20000` for a figure; without it a small form shows the rest.

#[path = "support/ticking.rs"]
mod ticking;

use futures::future::join_all;
use mirano::audit::replay::replay;
use mirano::core::command::{AdoptPolicy, AnsweredFact, Command, Complete, LeaseTasks, LeasedTask, Rejection, Reply};
use mirano::core::partitioning;
use mirano::core::vault::MemoryVault;
use mirano::engine::{Engine, EngineError, Options, catch_up_in};
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::{self, EmbeddedLog};
use mirano::views::Views;
use mirano_replay::facts;
use mirano_replay::rows::{JobRow, SourceRow};
use mirano_replay::store::{Read, ReadExt, Table};
use mirano_replay::verify::NoKeys;
use mirano_schemas::canonical::fact_id;
use mirano_schemas::envelope::Head;
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};
use ticking::{Ticking, create};

const PARTITIONS: u32 = 4;
const SOURCE: &str = "registry";
/// Facts of one answer.
const FACTS: u64 = 5;
/// Every so many-th answer shows a fact that the others of this kind show as well.
const SHARED: u64 = 40;
/// Workers at once, and tasks that each leases.
const WORKERS: usize = 32;
const LEASED_AT_ONCE: usize = 4;

fn policy(shards: u32) -> String {
    serde_json::json!({
        "sources": {SOURCE: {
            "id": SOURCE, "title": {"ru": "Реестр", "en": "Registry"}, "level": "source", "ttl": "7d", "params": ["address"],
            "limits": {"shards": shards, "rate": "400/s", "burst": 100, "concurrency": 128},
            "request": {"url": "http://x/{{ address }}"},
            "answer": {"format": "json", "items": "$.items[*]", "valid": [{"at": "$.items"}]},
            "fact": [{"kind": "registry.entry", "identity": ["id"], "attrs": {"id": {"at": "$.id", "type": "text"}}}]}},
        "profiles": {"one": {"title": {"ru": "Один", "en": "One"}, "needs": [
            {"source": SOURCE, "params": {"address": "{{ address.building }}"}}]}},
        "risk": {"ruleset": "test", "levels": [{"id": "low", "from": 0}], "rule": []},
    })
    .to_string()
}

fn job_id(n: u64) -> JobId {
    JobId::of(&[b"sharded", &n.to_be_bytes()])
}

fn entry(id: &str) -> AnsweredFact {
    let fact = Fact {
        source: SOURCE.to_owned(),
        kind: "registry.entry".to_owned(),
        subject: Subject(format!("source:{SOURCE}")),
        matched: Match::Id,
        identity: [("id".to_owned(), Value::text(id))].into(),
        attrs: BTreeMap::new(),
        valid: Validity::default(),
        connector: 1,
    };
    let logged = LoggedFact { fact_id: fact_id(&fact), body: Sealable::Plain(fact.into()) };
    AnsweredFact { kind: "registry.entry".to_owned(), volatile: None, fact: logged }
}

/// What the source answers to a task.
fn answer(task: &LeasedTask, at: Timestamp) -> Complete {
    let shared = u64::from(task.query.0[0]).is_multiple_of(SHARED);
    let own = (u64::from(shared)..FACTS).map(|n| entry(&format!("{}-{n}", task.query)));
    Complete {
        source: task.queue.clone(),
        task: task.task,
        lease: task.lease,
        outcome: Outcome::Found,
        by_status_only: false,
        complete: true,
        as_of: None,
        observed_at: at,
        evidence: vec![EvidenceId([9; 32])],
        facts: shared.then(|| entry("shared")).into_iter().chain(own).collect(),
        http_status: Some(200),
    }
}

struct Run {
    engine: Engine,
    log: Arc<dyn Sequencer>,
    views: Arc<Views>,
    queues: Vec<String>,
    /// Queries that were asked, and by which queue.
    asked: Mutex<Vec<(QueryKey, String)>>,
    folder: tempfile::TempDir,
}

impl Run {
    async fn open(shards: u32) -> Self {
        let folder = tempfile::tempdir().expect("temp");
        let options = embedded::Options { partitions: PARTITIONS, ..embedded::Options::default() };
        let log: Arc<dyn Sequencer> = Arc::new(EmbeddedLog::open(folder.path().join("data"), options).expect("opens"));
        let views = Arc::new(Views::open(&folder.path().join("grown")).expect("opens"));
        let engine = Engine::open(Options {
            log: Arc::clone(&log),
            views: Arc::clone(&views),
            vault: Arc::new(MemoryVault::seeded(1)),
            clock: Arc::new(Ticking { now: AtomicI64::new(1_800_000_000_000), step_ms: 4 }),
        })
        .await
        .expect("opens");
        let adopt = AdoptPolicy { document: policy(shards), origin: PolicyOrigin::Files, expected: None };
        let Reply::Policy(version) = engine.submit(Command::AdoptPolicy(adopt)).await.expect("adopted").reply else {
            panic!("a policy has a version");
        };
        engine.policy_everywhere(version).await.expect("followed");
        let queues = (0..shards).map(|shard| queue_of(SOURCE, shard)).collect();
        Self { engine, log, views, queues, asked: Mutex::default(), folder }
    }

    fn queue(&self, name: &str) -> SourceRow {
        self.views.row(name.as_bytes()).expect("readable").unwrap_or_default()
    }

    /// Asks so many questions, and waits until all stand in a queue.
    async fn ask(&self, jobs: u64) {
        let mut folded = self.engine.subscribe();
        for first in (0..jobs).step_by(256) {
            let some = (first..jobs.min(first + 256)).map(|n| self.engine.submit(create(job_id(n), n)));
            join_all(some).await.into_iter().for_each(|answer| drop(answer.expect("created")));
        }
        while self.queues.iter().map(|name| self.queue(name).queued).sum::<u64>() < jobs {
            let _ = folded.recv().await;
        }
    }

    /// Works on one queue until it is empty.
    async fn work(&self, worker: usize) {
        let name = self.queues.iter().cycle().nth(worker).expect("a queue");
        for n in 0u64.. {
            let token = |k: usize| LeaseToken::of(&[&worker.to_be_bytes(), &n.to_be_bytes(), &k.to_be_bytes()]);
            let tokens = (0..LEASED_AT_ONCE).map(token).collect();
            let lease = LeaseTasks { source: name.clone(), worker: "test".to_owned(), tokens };
            let Reply::Leased(leased) = self.engine.submit(Command::Lease(lease)).await.expect("leases").reply else {
                panic!("a lease answers with leases");
            };
            if leased.tasks.is_empty() && self.queue(name).queued == 0 {
                return;
            }
            for task in &leased.tasks {
                assert_eq!(task.source(), SOURCE);
                match self.engine.submit(Command::Complete(answer(task, self.engine.now()))).await {
                    Ok(_) => self.asked.lock().expect("whole").push((task.query, task.queue.clone())),
                    // A slow machine: somebody else has it now.
                    Err(EngineError::Rejected(Rejection::LeaseLost)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    async fn until_final(&self, jobs: u64) {
        let mut folded = self.engine.subscribe();
        for n in 0..jobs {
            while !self.views.row::<JobRow>(job_id(n).as_bytes()).expect("readable").expect("there").is_final {
                let _ = folded.recv().await;
            }
        }
    }

    fn heads(&self) -> Vec<Head> {
        (0..PARTITIONS).map(|partition| self.log.head(partition)).collect()
    }

    /// The digest of the views when nothing is under way any more.
    fn at_rest(&self) -> ([u8; 32], u64) {
        loop {
            let before = self.heads();
            let (digest, rows) = self.views.digest().expect("readable");
            if self.heads() == before {
                return (digest, rows);
            }
        }
    }
}

/// So many questions to a source with so many queues: how long they take to be leased and answered.
async fn measure(shards: u32, jobs: u64) -> Duration {
    let run = Run::open(shards).await;
    run.ask(jobs).await;
    let began = Instant::now();
    join_all((0..WORKERS).map(|worker| run.work(worker))).await;
    let took = began.elapsed();
    run.until_final(jobs).await;

    let asked = run.asked.lock().expect("whole").clone();
    let queries: BTreeSet<QueryKey> = asked.iter().map(|(query, _)| *query).collect();
    assert_eq!((asked.len() as u64, queries.len() as u64), (jobs, jobs), "each question once");
    for (query, queue) in &asked {
        assert_eq!(partitioning::shard_of(*query, shards), shard_of(queue));
    }
    let used: BTreeSet<&String> = asked.iter().map(|(_, queue)| queue).collect();
    assert_eq!(used.len() as u32, shards, "all queues are used");

    // The fact that many show is one; of several shards each has a row of it.
    let shared = entry("shared").fact.fact_id;
    let shows: Vec<&String> = asked
        .iter()
        .filter(|(query, _)| u64::from(query.0[0]).is_multiple_of(SHARED))
        .map(|(_, queue)| queue)
        .collect();
    let row = facts::row(&*run.views, shared).expect("readable").expect("shown");
    assert_eq!(row.intervals.len(), shows.len());
    let mut rows = 0;
    run.views
        .scan(Table::Fact, shared.as_bytes(), &[], &mut |_, _| {
            rows += 1;
            true
        })
        .expect("readable");
    assert_eq!(rows, shows.iter().collect::<BTreeSet<_>>().len());

    // Whatever the order in which the partitions are folded.
    let (digest, rows) = run.at_rest();
    for (name, order) in [("up", [0, 1, 2, 3]), ("down", [3, 2, 1, 0])] {
        let again = Views::open(&run.folder.path().join(name)).expect("opens");
        for partition in order {
            catch_up_in(&*run.log, &again, partition, 64 * 1024, |_, _| ControlFlow::Continue(())).expect("folds");
        }
        assert_eq!(again.digest().expect("readable"), (digest, rows), "{name}");
    }
    // An auditor recomputes facts and observations, and puts the rows of facts together in its own way.
    let replayed = replay(&*run.log, None, &NoKeys, |_| ControlFlow::Continue(())).expect("replays");
    assert_eq!(replayed.findings, []);
    assert_eq!(replayed.store.digest(), digest);
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_queues_lease_more_than_one() {
    let jobs: u64 = std::env::var("MIRANO_LEASES").map_or(400, |text| text.parse().expect("a number"));
    let mut a_second = Vec::new();
    for shards in [1, 4] {
        let took = measure(shards, jobs).await;
        a_second.push(jobs as f64 / took.as_secs_f64());
        println!(
            "{shards} queues on {PARTITIONS} partitions: {:.0} tasks leased and answered a second",
            jobs as f64 / took.as_secs_f64()
        );
    }
    println!("four to one: {:.2}", a_second[1] / a_second[0]);
}
