//! A replay puts the rows of facts together out of batches, on all cores: they are those of a fold, commit by commit.

use crate::damage::Draw;
use mirano::audit::replay::{Replayed, replay};
use mirano::audit::verify::Keys;
use mirano::sequencer::embedded::{self, EmbeddedLog};
use mirano::sequencer::{Outcome as Appended, Sequencer};
use mirano_replay::rows::FactRow;
use mirano_replay::store::{MemoryStore, Read, ReadExt, Table};
use mirano_replay::tree;
use mirano_replay::verify::NoKeys;
use mirano_replay::{apply, facts};
use mirano_schemas::canonical::fact_id;
use mirano_schemas::codec::{CommitBody, CommitHead};
use mirano_schemas::envelope::{Envelope, Head};
use mirano_schemas::*;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

/// Several megabytes, so that there are several batches.
const ROUNDS: u64 = 10;
const QUERIES: u64 = 12;
/// Both partitions' queries share facts among themselves, and those with even numbers with the other partition's: they are
/// two shards of one source.
const POOL: usize = 300;

const SOURCE: &str = "registry";

fn fact(partition: u32, n: usize) -> LoggedFact {
    let body = Fact {
        source: SOURCE.to_owned(),
        kind: "listing.offer".to_owned(),
        subject: Subject(format!("property:p{}", n % 7)),
        matched: Match::Id,
        identity: [("id".to_owned(), Value::text(&format!("{}-{n}", partition * (n as u32 % 2))))].into(),
        attrs: [("text".to_owned(), Value::text(&"слова ".repeat(50)))].into(),
        valid: Validity::default(),
        connector: 1,
    };
    LoggedFact { fact_id: fact_id(&body), body: Sealable::Plain(body.into()) }
}

fn requester() -> Requester {
    Requester { job: JobId([1; 16]), need_id: NeedId([1; 16]), tenant: "t".to_owned() }
}

fn query_of(partition: u32, query: u64) -> (QueryKey, TaskId, LeaseToken) {
    let name = [u64::from(partition).to_be_bytes(), query.to_be_bytes()].concat();
    (QueryKey::of(&[&name]), TaskId::of(&[&name]), LeaseToken::of(&[&name]))
}

fn scheduled(partition: u32, query: u64) -> Vec<Event> {
    let (query, task, _) = query_of(partition, query);
    let event = TaskScheduled {
        task,
        source: queue_of(SOURCE, partition),
        query,
        subject: Subject("property:p".to_owned()),
        params: Sealable::Plain(Default::default()),
        priority: 3,
        requester: requester(),
    };
    vec![event.into()]
}

/// An answer that shows these of the pool, after one that showed those.
fn answered(partition: u32, query: u64, round: u64, before: &BTreeSet<usize>, now: &BTreeSet<usize>) -> Vec<Event> {
    let (key, task, lease) = query_of(partition, query);
    let id = |round: u64| ObservationId::of(&[&key.0, &round.to_be_bytes()]);
    let count = |n: usize| u32::try_from(n).expect("small");
    let added: Vec<LoggedFact> = now.difference(before).map(|n| fact(partition, *n)).collect();
    let gone: Vec<FactId> = before.difference(now).map(|n| fact(partition, *n).fact_id).collect();
    let facts = count(now.len());
    let recorded = ObservationRecorded {
        observation: id(round),
        source: SOURCE.to_owned(),
        query: key,
        subject: Subject("property:p".to_owned()),
        task,
        lease,
        chunks: 0,
        base: round.checked_sub(1).map(id),
        outcome: if now.is_empty() { Outcome::NothingFound } else { Outcome::Found },
        complete: true,
        facts_root: tree::root(now.iter().map(|n| fact(partition, *n).fact_id.0)),
        facts,
        added: count(added.len()),
        gone: count(gone.len()),
        volatile: VolatileBlock::These(Vec::new()),
        evidence: Vec::new(),
        observed_at: Timestamp(i64::try_from(round).expect("small") * 1000),
        as_of: None,
        connector: 1,
        policy_version: 0,
        ttl_ms: 1,
        kinds: if now.is_empty() { Default::default() } else { [("listing.offer".to_owned(), facts)].into() },
        first: requester(),
    };
    let mut events: Vec<Event> = vec![recorded.into()];
    events.extend(added.into_iter().map(|fact| FactObserved { query: key, fact }.into()));
    events.extend(gone.into_iter().map(|fact_id| FactVanished { query: key, fact_id }.into()));
    events
}

/// Appends commits of these events.
async fn append(log: &EmbeddedLog, partition: u32, commits: Vec<Vec<Event>>) {
    let mut head: Head = log.head(partition);
    for events in commits {
        let at = CommitHead { recorded_at: Timestamp(1), ..CommitHead::default() };
        let body = CommitBody { head: at, events }.encode().expect("encodes");
        let at = Position { partition, seq: head.next_seq };
        let envelope = Envelope::seal(at, head.hash, &body).expect("small");
        let handed = log.append(partition, [&envelope.to_bytes()[..], &body].concat().into());
        assert!(matches!(handed.await, Ok(Appended::Counted { .. })));
        head = Head { next_seq: head.next_seq + 1, hash: envelope.hash(), ..head };
    }
}

/// A history of two partitions in which facts come, go and come again in several queries at once.
async fn history(folder: &Path) -> EmbeddedLog {
    let options = embedded::Options { partitions: 2, ..embedded::Options::default() };
    let log = EmbeddedLog::open(folder, options).expect("opens");
    let mut draw = Draw(7);
    for partition in 0..2 {
        let mut commits: Vec<Vec<Event>> = (0..QUERIES).map(|query| scheduled(partition, query)).collect();
        let mut shown = vec![BTreeSet::new(); usize::try_from(QUERIES).expect("small")];
        for round in 0..ROUNDS {
            for (query, before) in (0..QUERIES).zip(&mut shown) {
                // Now and then all of it, the same, or nothing.
                let now: BTreeSet<usize> = match draw.below(8) {
                    0 => (0..POOL).collect(),
                    1 => before.clone(),
                    2 => BTreeSet::new(),
                    _ => (0..POOL).filter(|_| draw.below(2) == 0).collect(),
                };
                commits.push(answered(partition, query, round, before, &now));
                *before = now;
            }
        }
        if partition == 0 {
            commits.push(vec![SourceDivided { source: SOURCE.to_owned(), shards: 2 }.into()]);
        }
        append(&log, partition, commits).await;
    }
    log
}

/// The fold, one commit after the other, up to a place in each partition.
fn folded(log: &EmbeddedLog, ends: [u64; 2]) -> MemoryStore {
    let mut store = MemoryStore::default();
    for (partition, end) in (0..2).zip(ends) {
        let mut next = 0;
        while next < end {
            for commit in log.read(partition, next, 1024 * 1024).expect("reads") {
                if commit.position.seq < end {
                    let body = CommitBody::decode(commit.body()).expect("decodes");
                    apply::commit(&mut store, commit.position, commit.hash, &body).expect("folds");
                }
                next = commit.position.seq + 1;
            }
        }
    }
    store
}

fn replayed(log: &EmbeddedLog) -> Replayed {
    replay(log, None, &NoKeys, |_| ControlFlow::Continue(())).expect("replays")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_were_put_together_are_those_of_a_fold() {
    let folder = tempfile::tempdir().expect("temp");
    let log = history(folder.path()).await;
    let ends = [log.head(0).next_seq, log.head(1).next_seq];
    let (fold, replayed) = (folded(&log, ends), replayed(&log));
    assert_eq!(replayed.findings, []);
    assert!(replayed.step.bytes > 5 * 1024 * 1024, "several batches: {} bytes", replayed.step.bytes);
    let state = &replayed.store;
    assert!(fold.iter().eq(state.iter()), "row by row");
    assert_eq!(fold.digest(), state.digest());
    // A fact of both shards has a row of each, is read as one, and is exported once.
    let ids: BTreeSet<FactId> =
        (0..POOL).flat_map(|n| (0..2).map(move |partition| fact(partition, n).fact_id)).collect();
    let whole = |rows: &dyn Read, id: FactId| facts::row(rows, id).expect("reads").map_or(0, |row| row.intervals.len());
    for id in &ids {
        let apart = state.keys(Table::Fact, id.as_bytes(), &[], 9).expect("scans");
        let rows = apart.iter().map(|key| state.row::<FactRow>(key).expect("reads").expect("there").intervals.len());
        assert_eq!(whole(state, *id), rows.sum::<usize>());
        assert_eq!(whole(state, *id), whole(&fold, *id));
    }
    let shared = fact(1, 0).fact_id;
    assert_eq!(state.keys(Table::Fact, shared.as_bytes(), &[], 9).expect("scans").len(), 2);
    let mut csv = Vec::new();
    let exported = mirano::audit::facts::csv(state, &Keys(None), &mut csv).expect("exports");
    assert_eq!(exported.written, ids.len() as u64);
    // However they are read.
    let facts: Vec<Vec<u8>> =
        fold.iter().filter(|(table, ..)| *table == Table::Fact).map(|(_, key, _)| key.to_vec()).collect();
    assert!(facts.len() > POOL, "{}", facts.len());
    for table in [Table::Fact, Table::FactSet, Table::Query] {
        for key in facts.iter().step_by(17).map(Vec::as_slice).chain([&[][..], &[7], &[255; 33]]) {
            assert_eq!(fold.get(table, key), state.get(table, key));
            for prefix in [&[][..], key.get(..1).unwrap_or_default(), key] {
                let scan = |rows: &dyn Read| {
                    let mut found = Vec::new();
                    rows.scan(table, prefix, key, &mut |key, row| {
                        found.push((key.to_vec(), row.to_vec()));
                        found.len() < 5
                    })
                    .expect("scans");
                    (found, rows.last(table, prefix, key).expect("reads"))
                };
                assert_eq!(scan(&fold), scan(state), "{table:?} {prefix:?} {key:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_about_what_is_not_there_ends_its_partition_where_it_stands() {
    let folder = tempfile::tempdir().expect("temp");
    let log = history(folder.path()).await;
    let good = [log.head(0).next_seq, log.head(1).next_seq];
    // A fact that its query does not show goes; what follows would be in order.
    let (key, ..) = query_of(0, 0);
    let mut bad = answered(0, 0, ROUNDS, &BTreeSet::new(), &BTreeSet::new());
    bad.push(FactVanished { query: key, fact_id: FactId([9; 32]) }.into());
    append(&log, 0, vec![bad, scheduled(0, QUERIES)]).await;
    let replayed = replayed(&log);
    let at = Position { partition: 0, seq: good[0] };
    let fold: Vec<_> = replayed.findings.iter().filter(|finding| finding.kind.code() == "fold").collect();
    assert_eq!(fold.len(), 1, "{:?}", replayed.findings);
    assert_eq!(fold[0].at, Some(at));
    assert_eq!([replayed.heads[0].next_seq, replayed.heads[1].next_seq], good);
    assert!(folded(&log, good).iter().eq(replayed.store.iter()), "the commits before it");
}
