//! How quick verifying and replaying are, against reading, decoding and hashing alone, in the same run and on all cores.
//!
//! 20,000 facts by default, `MIRANO_FACTS=1000000` for a million. Prints; what it found is in `docs/performance.md`.

use mirano::audit::replay::replay;
use mirano::audit::verify::{Options, Progress, run};
use mirano::sequencer::embedded::{self, AuditedFolder, EmbeddedLog};
use mirano::sequencer::{AppendError, Outcome as Appended, Sequencer};
use mirano_replay::tree;
use mirano_replay::verify::{Looked, NoKeys, facts};
use mirano_schemas::canonical::fact_id;
use mirano_schemas::codec::{CommitBody, CommitHead};
use mirano_schemas::envelope::{Envelope, Head};
use mirano_schemas::*;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const PARTITIONS: u32 = 2;
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

async fn make(folder: &Path, wanted: u64) {
    let options = embedded::Options { partitions: PARTITIONS, ..embedded::Options::default() };
    let log = EmbeddedLog::open(folder, options).expect("opens");
    let mut heads: Vec<Head> = (0..PARTITIONS).map(|partition| log.head(partition)).collect();
    let mut handed = Vec::new();
    for query in 0..wanted.div_ceil(FACTS) {
        let head = &mut heads[usize::try_from(query % u64::from(PARTITIONS)).expect("small")];
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

/// Every byte, the chain, decoding, and the id of every fact: one thread a partition.
fn raw(folder: &Path) -> u64 {
    let folder = AuditedFolder::open(folder).expect("opens");
    std::thread::scope(|scope| {
        let look = |partition| {
            let folder = &folder;
            move || {
                let mut looked = Looked::default();
                folder.walk(partition, |batch| {
                    for commit in batch {
                        let body = CommitBody::decode(commit.body()).expect("decodes");
                        facts(commit.position, &body, &NoKeys, &mut looked);
                    }
                });
                looked.facts
            }
        };
        let threads: Vec<_> = (0..PARTITIONS).map(|partition| scope.spawn(look(partition))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_and_replaying_against_reading_alone() {
    let wanted: u64 = std::env::var("MIRANO_FACTS").map_or(20_000, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("temp");
    make(folder.path(), wanted).await;
    let rate = |began: Instant| wanted as f64 / began.elapsed().as_secs_f64();
    let (mut raws, mut verifies, mut replays) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(raw(folder.path()), wanted);
        raws.push(rate(began));
        let began = Instant::now();
        let options = Options {
            log: folder.path(),
            evidence: None,
            views: None,
            keys: None,
            heads: Vec::new(),
            resume: None,
            threads: 2,
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
    println!("{wanted} facts, middle of 5: raw scan, decode and hash {raw:.0} facts/s");
    println!(
        "verify {verify:.0} facts/s: {:.2} of raw; replay {replay:.0} facts/s: {:.2} of raw",
        verify / raw,
        replay / raw
    );
}
