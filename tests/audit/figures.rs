//! How quick verifying and replaying are, against reading, decoding and hashing alone, in the same run and on all cores.
//!
//! 20,000 facts by default, `MIRANO_FACTS=1000000` for a million. Prints; what it found is in `docs/performance.md`.

use mirano::audit::replay::replay;
use mirano::audit::verify::{Options, Progress, run};
use mirano::sequencer::embedded::{self, AuditedFolder, EmbeddedLog};
use mirano::sequencer::{AppendError, Committed, Outcome as Appended, Sequencer};
use mirano_replay::tree;
use mirano_replay::verify::{Looked, NoKeys, facts};
use mirano_schemas::canonical::fact_id;
use mirano_schemas::codec::{CommitBody, CommitHead};
use mirano_schemas::envelope::{Envelope, Head};
use mirano_schemas::*;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

const FACTS: u64 = 100;

fn fact(query: u64, n: u64) -> LoggedFact {
    let body = Fact {
        source: "listings".to_owned(),
        kind: "listing.offer".to_owned(),
        subject: Subject(format!("property:q{query}")),
        matched: Match::Id,
        identity: [("id".to_owned(), Value::text(&format!("{query}-{n}")))].into(),
        attrs: [
            ("price".to_owned(), Value::Integer(i64::try_from(n).expect("small"))),
            ("text".to_owned(), Value::text("Двухкомнатная квартира с видом на парк, без посредников")),
        ]
        .into(),
        valid: Validity::default(),
        connector: 1,
    };
    LoggedFact { fact_id: fact_id(&body), body: Sealable::Plain(body.into()) }
}

/// One query is scheduled, and answered with [`FACTS`] facts.
fn bodies(query: u64) -> [CommitBody; 2] {
    let key = QueryKey::of(&[&query.to_be_bytes()]);
    let (task, lease) = (TaskId::of(&[&query.to_be_bytes()]), LeaseToken::of(&[&query.to_be_bytes()]));
    let subject = Subject(format!("property:q{query}"));
    let requester = Requester { job: JobId([1; 16]), need_id: NeedId([1; 16]), tenant: "t".to_owned() };
    let scheduled = TaskScheduled {
        task,
        source: "listings".to_owned(),
        query: key,
        subject: subject.clone(),
        params: Sealable::Plain(Default::default()),
        priority: 3,
        requester: requester.clone(),
    };
    let shown: Vec<LoggedFact> = (0..FACTS).map(|n| fact(query, n)).collect();
    let count = u32::try_from(FACTS).expect("small");
    let recorded = ObservationRecorded {
        observation: ObservationId::of(&[&query.to_be_bytes()]),
        source: "listings".to_owned(),
        query: key,
        subject,
        task,
        lease,
        chunks: 0,
        base: None,
        outcome: Outcome::Found,
        complete: true,
        facts_root: tree::root(shown.iter().map(|fact| fact.fact_id.0)),
        facts: count,
        added: count,
        gone: 0,
        volatile: VolatileBlock::These(Vec::new()),
        evidence: Vec::new(),
        observed_at: Timestamp(1),
        as_of: None,
        connector: 1,
        policy_version: 0,
        ttl_ms: 1,
        kinds: [("listing.offer".to_owned(), count)].into(),
        first: requester,
    };
    let mut events: Vec<Event> = vec![recorded.into()];
    events.extend(shown.into_iter().map(|fact| Event::from(FactObserved { query: key, fact })));
    let head = CommitHead { recorded_at: Timestamp(1), ..CommitHead::default() };
    [CommitBody { head: head.clone(), events: vec![scheduled.into()] }, CommitBody { head, events }]
}

async fn counted(handed: impl IntoIterator<Item = futures::future::BoxFuture<'static, Result<Appended, AppendError>>>) {
    for outcome in futures::future::join_all(handed).await {
        assert!(matches!(outcome, Ok(Appended::Counted { .. })), "{outcome:?}");
    }
}

async fn make(folder: &Path, wanted: u64, partitions: u32) {
    let options = embedded::Options { partitions, ..embedded::Options::default() };
    let log = EmbeddedLog::open(folder, options).expect("opens");
    let mut heads: Vec<Head> = (0..partitions).map(|partition| log.head(partition)).collect();
    let mut handed = Vec::new();
    for query in 0..wanted.div_ceil(FACTS) {
        let head = &mut heads[usize::try_from(query % u64::from(partitions)).expect("small")];
        for body in bodies(query) {
            let body = body.encode().expect("encodes");
            let at = Position { partition: head.partition, seq: head.next_seq };
            let envelope = Envelope::seal(at, head.hash, &body).expect("small");
            handed.push(log.append(head.partition, [&envelope.to_bytes()[..], &body].concat().into()));
            *head = Head { next_seq: head.next_seq + 1, hash: envelope.hash(), ..*head };
        }
        if handed.len() >= 200 {
            counted(handed.drain(..)).await;
        }
    }
    counted(handed).await;
}

/// Every byte, the chain, decoding, and the id of every fact: a thread a partition reads, all cores decode and hash.
fn raw(folder: &Path, partitions: u32, cores: usize) -> u64 {
    let folder = AuditedFolder::open(folder).expect("opens");
    let (send, batches) = std::sync::mpsc::sync_channel::<Vec<Committed>>(cores);
    let batches = Mutex::new(batches);
    std::thread::scope(|scope| {
        for partition in 0..partitions {
            let (folder, send) = (&folder, send.clone());
            scope.spawn(move || folder.walk(partition, |batch| send.send(batch).expect("somebody takes it")));
        }
        drop(send);
        let look = || {
            let mut looked = Looked::default();
            loop {
                let next = batches.lock().expect("nobody panicked").recv();
                let Ok(batch) = next else { return looked.facts };
                for commit in batch {
                    let body = CommitBody::decode(commit.body()).expect("decodes");
                    facts(commit.position, &body, &NoKeys, &mut looked);
                }
            }
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(look)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_and_replaying_against_reading_alone() {
    let wanted: u64 = std::env::var("MIRANO_FACTS").map_or(20_000, |text| text.parse().expect("a number"));
    let cores = std::thread::available_parallelism().expect("known").get();
    println!("{wanted} facts, {cores} cores, middle of 5 runs in turn; raw: every byte, the chain, decoding, fact ids");
    for partitions in [1, 2] {
        let folder = tempfile::tempdir().expect("temp");
        make(folder.path(), wanted, partitions).await;
        let rate = |began: Instant| wanted as f64 / began.elapsed().as_secs_f64();
        let (mut raws, mut verifies, mut replays) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(raw(folder.path(), partitions, cores), wanted);
            raws.push(rate(began));
            let began = Instant::now();
            let options = Options {
                log: folder.path(),
                evidence: None,
                views: None,
                keys: None,
                heads: Vec::new(),
                resume: None,
                found: Vec::new(),
                threads: cores,
            };
            let report = run(options, Arc::new(Progress::default()), |_| {}).await.expect("looks");
            verifies.push(rate(began));
            assert_eq!((report.facts, report.findings.len()), (wanted, 0));
            let began = Instant::now();
            let log = EmbeddedLog::open_read_only(folder.path()).expect("opens");
            let replayed = replay(&log, None, &NoKeys, |_| ControlFlow::Continue(())).expect("replays");
            replays.push(rate(began));
            assert_eq!((replayed.step.facts, replayed.findings.len()), (wanted, 0));
        }
        let middle = |rates: &mut Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        let (raw, verify, replay) = (middle(&mut raws), middle(&mut verifies), middle(&mut replays));
        println!(
            "{partitions} partitions: raw {raw:.0} facts/s; verify {verify:.0}: {:.2} of raw; replay {replay:.0}: {:.2} of raw",
            verify / raw,
            replay / raw
        );
    }
}
