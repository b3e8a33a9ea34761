//! A log of many facts, written as a decider would, without one.

use mirano::sequencer::{AppendError, Outcome as Appended, Sequencer};
use mirano_replay::tree;
use mirano_schemas::canonical::fact_id;
use mirano_schemas::codec::{CommitBody, CommitHead};
use mirano_schemas::envelope::{Envelope, Head};
use mirano_schemas::*;

/// Facts of one answer.
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

/// Appends at least so many facts to a log, two commits for each hundred, shared among its partitions.
pub async fn fill(log: &dyn Sequencer, wanted: u64) {
    let mut heads: Vec<Head> = (0..log.partitions()).map(|partition| log.head(partition)).collect();
    let mut handed = Vec::new();
    for query in 0..wanted.div_ceil(FACTS) {
        let head = &mut heads[usize::try_from(query % u64::from(log.partitions())).expect("small")];
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
