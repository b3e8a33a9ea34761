//! Leases for workers of other processes: what goes wrong with one queue, or with the worker, leaves no task standing.

use super::*;
use crate::core::command::{AdoptPolicy, CreateJob};
use crate::core::partitioning;
use crate::core::vault::MemoryVault;
use crate::engine::fixture::{POLICY, address};
use crate::engine::{Folded, Options, SystemClock};
use crate::sequencer::memory::MemoryLog;
use crate::views::Views;
use mirano_replay::rows::TaskState;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

const PARTITIONS: u32 = 2;

struct World {
    log: Arc<MemoryLog>,
    remote: Remote,
    _folder: tempfile::TempDir,
}

/// Another source whose queue is in another partition than the cadastre's.
fn other() -> String {
    let home = partitioning::of_source("cadastre", PARTITIONS);
    let names = (0..).map(|n: u32| format!("other{n}"));
    names.into_iter().find(|name| partitioning::of_source(name, PARTITIONS) != home).expect("one of many")
}

impl World {
    async fn new() -> Self {
        let log = Arc::new(MemoryLog::new(LogId([1; 16]), PARTITIONS));
        let folder = tempfile::tempdir().expect("temp");
        let options = Options {
            log: Arc::<MemoryLog>::clone(&log),
            views: Arc::new(Views::open(&folder.path().join("views")).expect("opens")),
            vault: Arc::new(MemoryVault::seeded(7)),
            clock: Arc::new(SystemClock),
        };
        let engine = Engine::open(options).await.expect("opens");
        let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
        policy["sources"][other()] = policy["sources"]["cadastre"].clone();
        policy["sources"][other()]["id"] = json!(other());
        let need = |source: &str| json!({"source": source, "params": {"address": "{{ address.building }}"}});
        policy["profiles"]["standard"]["needs"] = json!([need("cadastre"), need(&other())]);
        let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Files, expected: None };
        let Reply::Policy(version) = engine.submit(Command::AdoptPolicy(adopt)).await.expect("adopts").reply else {
            panic!("a version")
        };
        engine.policy_everywhere(version).await.expect("followed");
        let evidence = EvidenceStore::open_folder(&folder.path().join("evidence")).expect("opens");
        Self { log, remote: Remote::new(engine, evidence), _folder: folder }
    }

    /// Has both sources asked about a house, and waits until both tasks stand in their queues.
    async fn ask(&self, n: u64) {
        let mut folded = self.remote.engine.subscribe();
        let command = CreateJob {
            job: JobId([u8::try_from(n).expect("few"); 16]),
            tenant: "t".to_owned(),
            profile: "standard".to_owned(),
            address: address(n),
            inputs: BTreeMap::new(),
            priority: 3,
            max_age_ms: BTreeMap::new(),
            request_digest: [9; 32],
        };
        self.remote.engine.submit(Command::CreateJob(command)).await.expect("created");
        for _ in 0..2 {
            seen(&mut folded, |event| matches!(event, Event::TaskScheduled(_)).then_some(())).await;
        }
    }

    async fn lease(&self, sources: &[String]) -> Result<Vec<Offer>, RemoteError> {
        self.remote.lease(sources, 8, "far", Duration::ZERO).await
    }
}

async fn seen<T>(folded: &mut broadcast::Receiver<Folded>, of: impl Fn(&Event) -> Option<T>) -> T {
    let found = async {
        loop {
            let commit = folded.recv().await.expect("the engine lives");
            if let Some(found) = commit.body.events.iter().find_map(&of) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("it comes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_can_t_be_leased_from_loses_no_lease_of_another() {
    let both = ["cadastre".to_owned(), other()];
    // Whichever of the two stopped, and whichever is asked first.
    for (stopped, alive) in [(&both[0], &both[1]), (&both[1], &both[0])] {
        let world = World::new().await;
        world.ask(1).await;
        world.log.fail(partitioning::of_source(stopped, PARTITIONS), "a full disk");
        let offers = world.lease(&both).await.expect("what can be had");
        assert_eq!(offers.iter().map(|offer| &offer.task.queue).collect::<Vec<_>>(), [alive]);
        assert!(world.lease(std::slice::from_ref(stopped)).await.is_err(), "nothing but what can't be had");
    }
}

/// One thread, so that it is gone before anything comes of its call.
#[tokio::test]
async fn what_is_leased_for_a_worker_that_has_gone_is_given_back() {
    let world = World::new().await;
    world.ask(1).await;
    let mut folded = world.remote.engine.subscribe();
    let sources = ["cadastre".to_owned()];
    {
        let leasing = world.remote.lease(&sources, 8, "gone", Duration::ZERO);
        tokio::pin!(leasing);
        // It has asked for leases, and is gone before it is told.
        assert!(futures::poll!(leasing.as_mut()).is_pending());
    }
    let failed = seen(&mut folded, |event| match event {
        Event::TaskAttemptFailed(event) => Some(event.clone()),
        _ => None,
    });
    let failed = failed.await;
    assert!(failed.cause.starts_with("lease_expired: the worker was gone"), "{}", failed.cause);
    let views = world.remote.engine.views();
    let row: TaskRow = views.row(failed.task.as_bytes()).expect("readable").expect("there");
    assert!(matches!(row.state, TaskState::Retrying { .. }), "{:?}", row.state);
    let source: SourceRow = views.row(b"cadastre").expect("readable").expect("there");
    assert_eq!((source.leases.len(), source.failures), (0, 0), "nobody has it, and the source is not to blame");
    // A lease that is told of stays.
    world.ask(2).await;
    let told = world.lease(&sources).await.expect("leases");
    assert!(!told.is_empty());
    let told: Vec<_> = told.into_iter().map(|offer| offer.task.lease).collect();
    world.ask(3).await;
    let source: SourceRow = views.row(b"cadastre").expect("readable").expect("there");
    assert!(told.iter().all(|lease| source.leases.contains_key(lease)));
}

/// The task of a watch waits for a new day; somebody asks the same in person, and a worker that waits gets it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_task_that_nobody_waited_for_wakes_its_workers() {
    let world = World::new().await;
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["limits"] =
        json!({"rate": "1000/s", "burst": 10, "concurrency": 9, "daily": 100, "background": 0.001});
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Files, expected: None };
    let engine = world.remote.engine.clone();
    let Reply::Policy(version) = engine.submit(Command::AdoptPolicy(adopt)).await.expect("adopts").reply else {
        panic!("a version")
    };
    engine.policy_everywhere(version).await.expect("followed");
    let create = |n: u8, priority: u8| {
        Command::CreateJob(CreateJob {
            job: JobId([n; 16]),
            tenant: "t".to_owned(),
            profile: "standard".to_owned(),
            address: address(1),
            inputs: BTreeMap::new(),
            priority,
            max_age_ms: BTreeMap::new(),
            request_digest: [n; 32],
        })
    };
    let mut folded = engine.subscribe();
    engine.submit(create(1, 5)).await.expect("created");
    seen(&mut folded, |event| matches!(event, Event::TaskScheduled(_)).then_some(())).await;
    let sources = ["cadastre".to_owned()];
    assert!(world.lease(&sources).await.expect("answers").is_empty(), "none of the day is for what nobody waits for");
    let waiting = world.remote.lease(&sources, 1, "far", Duration::from_secs(20));
    tokio::pin!(waiting);
    let asked_at = std::time::Instant::now();
    // It has looked once, and found nothing, before anybody joins.
    let early = tokio::time::timeout(Duration::from_millis(500), waiting.as_mut()).await;
    assert!(early.is_err(), "nothing to do");
    engine.submit(create(2, 3)).await.expect("created");
    let offers = waiting.await.expect("answers");
    assert_eq!(offers.len(), 1);
    assert!(asked_at.elapsed() < Duration::from_secs(15), "as soon as somebody joined");
}
