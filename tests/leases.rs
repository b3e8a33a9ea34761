//! Leases on the real clock of the real engine: a dead worker's ends and its task is done by another, and that of a worker
//! which is alive and slow does not.

#[path = "support/s3.rs"]
mod s3;
#[path = "faults/sites.rs"]
mod sites;
mod support;

use mirano::core::command::{Command, Complete, LeaseTasks, LeasedTask, Rejection, Reply};
use mirano::core::source::LEASE_GRACE_MS;
use mirano::engine::{Engine, EngineError};
use mirano::node::{Node, NodeOptions};
use mirano::sources::config::{self, LoadedConfig, ProxySecrets};
use mirano::work::evidence::EvidenceStore;
use mirano::work::removed;
use mirano_replay::rows::{SourceRow, TaskRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Event, JobStatus, LeaseToken, Outcome};
use s3::{BUCKET, S3};
use sites::{Fault, Site, answer};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use support::{create, until_final};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

fn configuration(site: &Site) -> LoadedConfig {
    configured(site, "", &[])
}

/// With more in the source's limits, and more files.
fn configured(site: &Site, limits: &str, more: &[(&str, &str)]) -> LoadedConfig {
    let source = format!(
        "id = \"one\"\ntitle = {{ ru = \"one\", en = \"one\" }}\nlevel = \"property\"\nttl = \"7d\"\nparams = [\"address\"]\n\
         [limits]\nrate = \"600/m\"\nburst = 20\ntimeout = \"500ms\"\n{limits}[retry]\nattempts = 1\n\
         [request]\nurl = \"{}/?a={{{{ address | urlencode }}}}\"\nallow_private = true\n\
         [answer]\nformat = \"json\"\nitems = \"$.items[*]\"\nvalid = [{{ at = \"$.items\" }}]\n\
         [[fact]]\nkind = \"one.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"$.n\", type = \"text\", required = true }}\n",
        site.url
    );
    let profiles = "[standard]\ntitle = { ru = \"Одна\", en = \"One\" }\n\
                    needs = [{ source = \"one\", params = { address = \"{{ address.canonical }}\" } }]\n";
    let files = [("sources/one.toml", source.as_str()), ("profiles.toml", profiles)];
    let files = files.iter().chain(more).map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let files: BTreeMap<String, String> = files.collect();
    config::load(&files).expect("valid")
}

async fn node(data: &Path, configuration: &LoadedConfig) -> Node {
    let options = NodeOptions { data: data.to_owned(), partitions: 1, evidence: None, name: "test".to_owned() };
    let node = Node::open(options).await.expect("opens");
    node.adopt(&configuration.document, false).await.expect("adopts");
    node
}

async fn site() -> Site {
    Site::open(answer("200 OK", "Content-Type: application/json\r\n", br#"{"items": [{"n": "one"}]}"#), Fault::Drips)
        .await
}

/// Waits for an event of this kind.
async fn until(folded: &mut broadcast::Receiver<mirano::engine::Folded>, of: impl Fn(&Event) -> bool) {
    let seen = async {
        loop {
            let commit = folded.recv().await.expect("the engine lives");
            if commit.body.events.iter().any(&of) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.expect("within a minute");
}

async fn lease(engine: &Engine) -> LeasedTask {
    let mut folded = engine.subscribe();
    loop {
        let tokens = vec![LeaseToken([7; 16])];
        let lease = LeaseTasks { source: "one".to_owned(), worker: "dead".to_owned(), tokens };
        let Reply::Leased(leased) = engine.submit(Command::Lease(lease)).await.expect("leases").reply else {
            panic!("no lease")
        };
        if let Some(task) = leased.tasks.into_iter().next() {
            return task;
        }
        folded.recv().await.expect("the engine lives");
    }
}

fn nothing(task: &LeasedTask, engine: &Engine) -> Command {
    Command::Complete(Complete {
        source: task.queue.clone(),
        task: task.task,
        lease: task.lease,
        outcome: Outcome::NothingFound,
        by_status_only: false,
        complete: true,
        as_of: None,
        observed_at: engine.now(),
        evidence: Vec::new(),
        facts: Vec::new(),
        http_status: Some(200),
    })
}

/// The source allows one attempt only: a worker that dies is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_task_of_a_dead_worker_is_done_by_another_when_its_lease_has_ended() {
    let (folder, site) = (tempfile::tempdir().expect("temp"), site().await);
    let configuration = configuration(&site);
    let node = node(folder.path(), &configuration).await;
    let job = create(&node, 1, "г. Небывалинск, ул. Пробная, д. 1", "standard").await;
    let task = lease(&node.engine).await;
    let mut folded = node.engine.subscribe();
    let workers = node.work(configuration.proxies.clone());
    until(&mut folded, |event| matches!(event, Event::TaskAttemptFailed(_))).await;
    let ended = node.engine.now();
    assert!(ended > task.deadline, "not before its deadline");
    assert!(ended.since_ms(task.deadline) < 5_000, "and soon after: {} ms", ended.since_ms(task.deadline));
    assert_eq!(site.asked(), 0, "nobody asks while somebody else may");

    let row = until_final(&node, job).await;
    assert_eq!(row.status, JobStatus::Completed);
    assert_eq!(site.asked(), 1);
    let late = node.engine.submit(nothing(&task, &node.engine)).await;
    assert!(matches!(late, Err(EngineError::Rejected(Rejection::LeaseLost))), "{late:?}");
    let row: TaskRow = node.engine.views().row(task.task.as_bytes()).expect("readable").expect("there");
    let told: Vec<_> = row.attempts.iter().map(|attempt| (attempt.worker.as_str(), attempt.outcome)).collect();
    assert_eq!(told, [("dead", Some(Outcome::Unavailable)), ("test/in-process", Some(Outcome::Found))]);
    workers.stop().await;
}

/// The evidence store takes longer than the grace of a lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_attempt_that_lives_keeps_its_lease() {
    let (folder, site) = (tempfile::tempdir().expect("temp"), site().await);
    let s3 = S3::start(&folder.path().join("s3")).await;
    let configuration = configuration(&site);
    let mut node = node(&folder.path().join("data"), &configuration).await;
    let options = s3.environment().map(|(name, value)| (name.to_ascii_lowercase(), value));
    node.evidence = EvidenceStore::open_with(&format!("s3://{BUCKET}/slow"), options).expect("opens");
    s3.gate.send_replace(false);
    let mut folded = node.engine.subscribe();
    let workers = node.work(configuration.proxies.clone());
    let job = create(&node, 1, "г. Небывалинск, ул. Пробная, д. 1", "standard").await;
    until(&mut folded, |event| matches!(event, Event::TaskStarted(_))).await;
    let started = node.engine.now();
    until(&mut folded, |event| matches!(event, Event::LeaseExtended(_))).await;
    // Past the deadline that the lease began with: window, timeout and grace.
    let first = started.plus_ms(LEASE_GRACE_MS + 3_000);
    tokio::time::sleep(Duration::from_millis(first.since_ms(node.engine.now()))).await;
    s3.gate.send_replace(true);
    let row = until_final(&node, job).await;
    assert_eq!((row.status, site.asked()), (JobStatus::Completed, 1), "one attempt did it");
    workers.stop().await;
}

/// A node that has no workers ends what waits for a source that left the policy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_source_keeps_no_check_waiting_although_nobody_works() {
    let (folder, site) = (tempfile::tempdir().expect("temp"), site().await);
    let node = node(folder.path(), &configuration(&site)).await;
    let ending = tokio::spawn(removed::end(node.engine.clone(), CancellationToken::new()));
    let mut folded = node.engine.subscribe();
    let job = create(&node, 1, "г. Небывалинск, ул. Пробная, д. 1", "standard").await;
    until(&mut folded, |event| matches!(event, Event::TaskScheduled(_))).await;
    let mut document = configuration(&site).document;
    document.sources.clear();
    document.profiles.clear();
    node.adopt(&document, true).await.expect("adopts");
    let row = until_final(&node, job).await;
    assert_eq!((row.status, site.asked()), (JobStatus::Failed, 0));
    let failure = row.needs[0].last_failure.as_ref().expect("told");
    assert!(failure.cause.starts_with("source_removed"), "{failure:?}");
    ending.abort();
}

/// The node's own file lacks the proxy that the policy names: no fault of the source.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_this_node_does_not_know_is_no_fault_of_the_source() {
    let (folder, site) = (tempfile::tempdir().expect("temp"), site().await);
    let proxies = "[ru.proxies]\none = \"http://127.0.0.1:9\"\n";
    let configuration = configured(&site, "proxies = \"ru\"\n", &[("proxies.toml", proxies)]);
    let node = node(folder.path(), &configuration).await;
    let mut folded = node.engine.subscribe();
    let workers = node.work(ProxySecrets::default());
    create(&node, 1, "г. Небывалинск, ул. Пробная, д. 1", "standard").await;
    until(
        &mut folded,
        |event| matches!(event, Event::TaskAttemptFailed(failed) if failed.cause.starts_with("proxy_not_here")),
    )
    .await;
    let row: SourceRow = node.engine.views().row(b"one").expect("readable").expect("there");
    assert_eq!((row.failures, row.delayed, site.asked()), (0, 1, 0), "its one attempt is not used up");
    assert!(row.breakers.is_empty(), "{:?}", row.breakers);
    workers.stop().await;
}
