//! A log that was made right has no finding; each thing that is made wrong is found where it is.

use super::sets::{Sets, changed};
use super::*;
use crate::tree;
use mirano_schemas::codec::CommitHead;
use mirano_schemas::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn fact(n: u8) -> LoggedFact {
    let body = Fact {
        source: "s".to_owned(),
        kind: "k".to_owned(),
        subject: Subject("company:1".to_owned()),
        matched: Match::Id,
        identity: [("n".to_owned(), Value::Integer(n.into()))].into(),
        attrs: Attrs::new(),
        valid: Validity::default(),
        connector: 1,
    };
    LoggedFact { fact_id: canonical::fact_id(&body), body: Sealable::Plain(body.into()) }
}

fn observation(n: u8, base: Option<u8>, shows: &[u8], came: &[u8], gone: &[u8]) -> Vec<Event> {
    let ids = |list: &[u8]| list.iter().map(|n| fact(*n).fact_id).collect::<Vec<_>>();
    let count = |list: &[u8]| u32::try_from(list.len()).expect("small");
    let query = QueryKey([1; 16]);
    let recorded = ObservationRecorded {
        observation: ObservationId([n; 16]),
        source: "s".to_owned(),
        query,
        subject: Subject("company:1".to_owned()),
        task: TaskId([n; 16]),
        lease: LeaseToken([n; 16]),
        chunks: 0,
        base: base.map(|n| ObservationId([n; 16])),
        outcome: Outcome::Found,
        complete: true,
        facts_root: tree::root(ids(shows).into_iter().map(|id| id.0)),
        facts: count(shows),
        added: count(came),
        gone: count(gone),
        volatile: VolatileBlock::Same,
        evidence: vec![EvidenceId([n; 32])],
        observed_at: Timestamp(n.into()),
        as_of: None,
        connector: 1,
        policy_version: 0,
        ttl_ms: 1,
        kinds: [("k".to_owned(), count(shows))].into(),
        first: Requester { job: JobId([1; 16]), need_id: NeedId([1; 16]), tenant: "t".to_owned() },
    };
    let mut events: Vec<Event> = vec![recorded.into()];
    events.extend(came.iter().map(|n| Event::from(FactObserved { query, fact: fact(*n) })));
    events.extend(ids(gone).into_iter().map(|fact_id| Event::from(FactVanished { query, fact_id })));
    events
}

fn audit(commits: &[Vec<Event>]) -> Vec<Kind> {
    let commits = commits.iter().map(|events| (None, events.clone())).collect();
    audit_of(&[commits])
}

/// Commits by partition: what caused each, and its events.
type Commits = Vec<(Option<Position>, Vec<Event>)>;

fn audit_of(partitions: &[Commits]) -> Vec<Kind> {
    audit_judged(partitions, &Judged::All)
}

fn audit_judged(partitions: &[Commits], judged: &Judged) -> Vec<Kind> {
    let (mut looked, mut parts, mut heads) = (Looked::default(), Vec::new(), Heads::new());
    for (partition, commits) in (0u32..).zip(partitions) {
        let mut audit = PartitionAudit::new();
        for (seq, (cause, events)) in (0u64..).zip(commits) {
            let at = Position { partition, seq };
            let recorded_at = Timestamp(i64::try_from(seq).expect("small"));
            let head = CommitHead { recorded_at, cause: *cause, ..CommitHead::default() };
            let body = CommitBody { head, events: events.clone() };
            facts(at, &body, &NoKeys, &mut looked);
            audit.commit(at, &body, Trust::Nothing);
        }
        heads.insert(partition, Some(commits.len() as u64));
        parts.push(audit.finish());
    }
    let all = Collected::across(parts, &heads, judged);
    let mut found = looked.findings;
    found.extend(all.findings.iter().cloned());
    found.extend(all.snapshots(0..all.seals()));
    found.extend(all.worlds());
    found.iter().map(|finding| finding.kind).collect()
}

/// A snapshot of the whole base, of which `change` may make a wrong one.
fn world(shows: &[u8], queries: u64, cut: &[(u32, u64)], change: impl FnOnce(&mut WorldBody)) -> Vec<Event> {
    let mut body = WorldBody {
        cut: cut.iter().map(|(partition, seq)| Position { partition: *partition, seq: *seq }).collect(),
        facts_root: tree::root(shows.iter().map(|n| fact(*n).fact_id.0)),
        facts: shows.len() as u64,
        queries,
        policy_version: 0,
        schema_version: 1,
        sealed_at: Timestamp(9),
    };
    change(&mut body);
    let snapshot = SnapshotId::of(&[&codec::encode(&body).expect("encodes")]);
    vec![WorldSealed { snapshot, body }.into()]
}

/// A log that is written to is read one partition after another: the second was read before the first, so that it lacks what
/// the first one's last commits rest on.
#[test]
fn commits_that_came_while_a_log_was_read_are_not_judged_by_what_came_later_still() {
    let at = |partition, seq| Position { partition, seq };
    let sealed = world(&[], 0, &[(0, 1), (1, 3)], |_| {});
    let log: [Commits; 2] = [
        vec![(None, Vec::new()), (Some(at(1, 1)), Vec::new()), (Some(at(1, 2)), Vec::new()), (None, sealed)],
        vec![(None, Vec::new()), (None, Vec::new())],
    ];
    let bounds = |first| Judged::Before([(0, first), (1, 2)].into());
    assert_eq!(audit_of(&log), [Kind::Reference], "one for each partition that is named");
    assert_eq!(audit_judged(&log, &bounds(2)), [], "0:1 rests on 1:1, which is there");
    assert_eq!(audit_judged(&log, &Judged::Closed), []);
    // What was there when the reading began, and is lost, is found all the same.
    assert_eq!(audit_judged(&log, &bounds(3)), [Kind::Reference]);
}

#[test]
fn snapshots_of_the_whole_base_are_recomputed_at_their_cut() {
    let cause = Some(Position { partition: 1, seq: 1 });
    // Partition 1 answers twice; a commit of partition 0 rests on the second answer; then the base is sealed.
    let history = |sealed: Vec<Event>| {
        let first = observation(1, None, &[1, 2], &[1, 2], &[]);
        let second = observation(2, Some(1), &[2, 3], &[3], &[1]);
        audit_of(&[
            vec![(None, Vec::new()), (cause, Vec::new()), (None, sealed)],
            vec![(None, first), (None, second), (None, Vec::new())],
        ])
    };
    assert_eq!(history(world(&[2, 3], 1, &[(0, 1), (1, 1)], |_| {})), []);
    assert_eq!(history(world(&[1, 2], 1, &[(0, 0), (1, 0)], |_| {})), [], "an earlier cut shows what was shown then");
    assert_eq!(history(world(&[], 0, &[(0, 0)], |_| {})), [], "before any answer");
    let cut = [(0, 1), (1, 1)];
    for (what, sealed, kinds) in [
        ("other facts", world(&[1, 2], 1, &cut, |_| {}), vec![Kind::SnapshotFactsRoot]),
        ("another number of facts", world(&[2, 3], 1, &cut, |body| body.facts = 3), vec![Kind::SnapshotFactsRoot]),
        ("another number of queries", world(&[2, 3], 2, &cut, |_| {}), vec![Kind::SnapshotFactsRoot]),
        ("a cut without a cause", world(&[1, 2], 1, &[(0, 1), (1, 0)], |_| {}), vec![Kind::SnapshotCut]),
        ("a place twice", world(&[2, 3], 1, &[(0, 1), (1, 1), (1, 1)], |_| {}), vec![Kind::SnapshotCut]),
        ("a place that is not there", world(&[2, 3], 1, &[(0, 1), (1, 7)], |_| {}), vec![Kind::Reference]),
        ("a place after it", world(&[2, 3], 1, &[(0, 7), (1, 1)], |_| {}), vec![Kind::Reference]),
    ] {
        assert_eq!(history(sealed), kinds, "{what}");
    }
    let mut renamed = world(&[2, 3], 1, &cut, |_| {});
    let Some(Event::WorldSealed(sealed)) = renamed.last_mut() else { panic!("a seal") };
    sealed.snapshot = SnapshotId([7; SnapshotId::LEN]);
    assert_eq!(history(renamed), [Kind::SnapshotId]);
}

#[test]
fn observations_are_recomputed() {
    let good = [observation(1, None, &[1, 2], &[1, 2], &[]), observation(2, Some(1), &[2, 3], &[3], &[1])];
    assert_eq!(audit(&good), []);
    let cases: [(&str, Vec<Event>, &[Kind]); 6] = [
        ("another base", observation(2, None, &[2, 3], &[3], &[1]), &[Kind::ObservationBase]),
        ("another root", observation(2, Some(1), &[2, 4], &[3], &[1]), &[Kind::ObservationRoot]),
        (
            "a fact less told",
            observation(2, Some(1), &[2, 3], &[], &[1]),
            &[Kind::ObservationCounts, Kind::ObservationRoot],
        ),
        ("one that was there came", observation(2, Some(1), &[1, 2], &[2], &[]), &[Kind::FactTwice]),
        ("one that was not there went", observation(2, Some(1), &[1, 2], &[], &[9]), &[Kind::FactTwice]),
        ("again", observation(1, Some(1), &[1, 2], &[], &[]), &[Kind::FactTwice]),
    ];
    let [first, _] = good;
    for (what, second, kinds) in cases {
        assert_eq!(audit(&[first.clone(), second]), kinds, "{what}");
    }
}

/// An answer to another question, announced as a part of `observation(n, …)`; `change` may make a wrong one.
fn part(of: u8, shows: &[u8], change: impl FnOnce(&mut AnswerNarrowed, &mut ObservationRecorded)) -> Vec<Event> {
    let mut events = observation(of, None, shows, shows, &[]);
    let query = QueryKey([2; 16]);
    let Some(Event::ObservationRecorded(mut recorded)) = events.first().cloned() else { panic!("an answer") };
    (recorded.query, recorded.observation) = (query, ObservationId([100 + of; 16]));
    let mut narrowed = AnswerNarrowed {
        source: "s".to_owned(),
        query,
        subject: recorded.subject.clone(),
        params: Sealable::Plain(Params::new()),
        larger: QueryKey([1; 16]),
        part_of: ObservationId([of; 16]),
    };
    change(&mut narrowed, &mut recorded);
    for event in &mut events {
        if let Event::FactObserved(observed) = event {
            observed.query = query;
        }
    }
    events.splice(0..1, [narrowed.into(), recorded.into()]);
    events
}

#[test]
fn a_part_of_a_larger_answer_is_one() {
    let whole = || observation(1, None, &[1, 2], &[1, 2], &[]);
    for shows in [&[1][..], &[1, 2], &[]] {
        assert_eq!(audit(&[whole(), part(1, shows, |_, _| {})]), [], "{shows:?}");
    }
    let later = || observation(2, Some(1), &[2, 3], &[3], &[1]);
    assert_eq!(audit(&[whole(), later(), part(2, &[3], |_, _| {})]), []);
    type Change = fn(&mut AnswerNarrowed, &mut ObservationRecorded);
    let cases: [(&str, &[u8], Change); 9] = [
        ("a fact that the larger answer does not have", &[1, 3], |_, _| {}),
        ("of an answer that is not there", &[1], |narrowed, _| narrowed.part_of = ObservationId([9; 16])),
        ("of a question that is not there", &[1], |narrowed, _| narrowed.larger = QueryKey([9; 16])),
        ("of itself", &[1], |narrowed, _| narrowed.larger = QueryKey([2; 16])),
        ("announced for another question", &[1], |narrowed, _| narrowed.query = QueryKey([9; 16])),
        ("other evidence", &[1], |_, recorded| recorded.evidence = vec![EvidenceId([9; 32])]),
        ("another time", &[1], |_, recorded| recorded.observed_at = Timestamp(0)),
        ("another task", &[1], |_, recorded| recorded.task = TaskId([9; 16])),
        ("not told as whole", &[1], |_, recorded| recorded.complete = false),
    ];
    for (what, shows, change) in cases {
        assert_eq!(audit(&[whole(), part(1, shows, change)]), [Kind::Part], "{what}");
    }
    assert_eq!(
        audit(&[whole(), later(), part(1, &[1], |_, _| {})]),
        [Kind::Part],
        "of an answer that is the last no more"
    );
    let mut cut = whole();
    let Some(Event::ObservationRecorded(recorded)) = cut.first_mut() else { panic!("an answer") };
    recorded.complete = false;
    let unfinished = part(1, &[1], |_, recorded| recorded.complete = false);
    assert_eq!(audit(&[cut, unfinished]), [Kind::Part], "of an answer that was cut");
    let alone = part(1, &[1], |_, _| {}).into_iter().take(1).collect();
    assert_eq!(audit(&[whole(), alone]), [Kind::Part], "announced, and nothing followed");
}

#[test]
fn a_fact_under_another_name_and_a_stray_one_are_found() {
    let mut events = observation(1, None, &[1], &[1], &[]);
    let Some(Event::FactObserved(observed)) = events.last_mut() else { panic!("a fact") };
    let Sealable::Plain(body) = &mut observed.fact.body else { panic!("plain") };
    let mut changed = Fact::from(body.clone());
    changed.kind.push('x');
    *body = changed.into();
    assert_eq!(audit(&[events]), [Kind::FactId]);
    let stray = Event::from(FactObserved { query: QueryKey([1; 16]), fact: fact(1) });
    assert_eq!(audit(&[vec![stray]]), [Kind::FactStray]);
}

#[test]
fn codes_are_words_and_distinct() {
    let codes: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), Kind::ALL.len());
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
}

proptest! {
    /// A long history of small changes gives the same sets as keeping each of them whole.
    #[test]
    fn sets_are_what_they_were(steps in prop::collection::vec(prop::collection::btree_set(any::<u8>(), 0..80), 1..60)) {
        let id = |n: &u8| FactId([*n; 32]);
        let (mut sets, mut whole): (Sets, BTreeMap<Root, Vec<FactId>>) = Default::default();
        let mut before: (Option<Root>, Arc<[FactId]>) = (None, [].into());
        for step in &steps {
            let shows: BTreeSet<FactId> = step.iter().map(id).collect();
            let old: BTreeSet<FactId> = before.1.iter().copied().collect();
            let added: Vec<FactId> = shows.difference(&old).copied().collect();
            let gone: Vec<FactId> = old.difference(&shows).copied().collect();
            let now = changed(&before.1, &added, &gone);
            prop_assert_eq!(now.to_vec(), shows.iter().copied().collect::<Vec<_>>());
            let root = tree::root(now.iter().map(|id| id.0));
            sets.note(root, &now, before.0, &added, &gone);
            whole.insert(root, now.to_vec());
            before = (Some(root), now);
        }
        for (root, facts) in whole {
            prop_assert_eq!(sets.get(&root).map(|found| found.to_vec()), Some(facts));
        }
    }
}
