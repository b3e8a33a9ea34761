//! A whole check, decided and folded in memory.

mod breakers;
mod demand;
mod forecasts;
mod held;
mod named;
mod nests;
mod permits;
mod pools;
mod queue;
mod reuse;
mod shards;
mod suspicion;

use super::*;
use crate::core::command::*;
use crate::core::vault::MemoryVault;
use mirano_replay::rows::{JobRow, ObservationRow, QueryRow, SourceRow, TaskRow, TaskState};
use mirano_replay::store::MemoryStore;
use mirano_schemas::canonical::fact_id;
use std::collections::BTreeMap;

const POLICY: &str = r#"{
  "sources": {
    "cadastre": {"id": "cadastre", "title": {"ru": "Кадастр", "en": "Cadastre"}, "level": "property", "ttl": "7d", "serve_stale": "30d",
      "params": ["address"], "limits": {"rate": "10/s", "burst": 10, "concurrency": 2}, "request": {"url": "http://x/{{ address }}"},
      "answer": {"format": "json", "items": "$.items[*]", "valid": [{"at": "$.items"}]},
      "fact": [{"kind": "cadastre.developer", "identity": ["inn"], "attrs": {"inn": {"at": "$.inn", "type": "text"}}}]},
    "courts": {"id": "courts", "title": {"ru": "Суды", "en": "Courts"}, "level": "developer", "ttl": "14d", "serve_stale": "90d",
      "params": ["inn"], "limits": {"rate": "10/s", "burst": 10}, "retry": {"attempts": 2}, "request": {"url": "http://x/{{ inn }}"},
      "answer": {"format": "json", "items": "$.cases[*]", "valid": [{"at": "$.cases"}]},
      "fact": [{"kind": "court.case", "subject": "company:{{ inn }}", "identity": ["number"],
        "attrs": {"number": {"at": "$.n", "type": "text"}, "role": {"at": "$.r", "type": "text"}}}]}
  },
  "profiles": {"standard": {"title": {"ru": "Стандарт", "en": "Standard"}, "needs": [
    {"source": "cadastre", "params": {"address": "{{ address.building }}"}},
    {"source": "courts", "params": {"inn": "{{ fact.inn }}"}, "for_each": "cadastre.developer"}]}},
  "risk": {"ruleset": "test", "levels": [{"id": "low", "from": 0}, {"id": "high", "from": 50}],
    "rule": [{"id": "defendant", "when": "fact.kind == 'court.case' && fact.role == 'Ответчик'", "points": 60, "severity": "high",
      "title": {"ru": "Ответчик", "en": "Defendant"}}]}
}"#;

struct World {
    store: MemoryStore,
    vault: MemoryVault,
    partition: Partition,
    now: Timestamp,
    looked: u64,
    bodies: Vec<codec::CommitBody>,
}

impl World {
    fn new() -> Self {
        Self::with_policy(POLICY)
    }

    fn with_policy(policy: &str) -> Self {
        let store = MemoryStore::default();
        let partition = Partition::begin(Head::genesis(LogId([1; 16]), 0), 1, &store).expect("empty");
        let mut world = Self {
            store,
            vault: MemoryVault::seeded(7),
            partition,
            now: Timestamp(1_800_000_000_000),
            looked: 0,
            bodies: Vec::new(),
        };
        let adopt = AdoptPolicy { document: policy.to_owned(), origin: PolicyOrigin::Files, expected: None };
        assert!(matches!(world.run(Command::AdoptPolicy(adopt)), Ok(Reply::Policy(0))));
        world
    }

    fn record(&mut self, record: &[u8]) -> Vec<(Ticket, Result<Reply, DecideError>)> {
        let settled = self.partition.counted().expect("in flight");
        settled.changes.write_to(&mut self.store).expect("rows encode");
        self.partition.written(settled.position.seq);
        let body = codec::CommitBody::decode(&record[mirano_schemas::envelope::HEADER_LEN..]).expect("own body");
        assert_eq!(settled.body, body, "listeners are told what the log holds");
        self.bodies.push(body);
        settled.answers
    }

    /// Runs a command, and every reaction that follows.
    fn run(&mut self, command: Command) -> Result<Reply, DecideError> {
        let given = self.partition.give(&self.store, &self.vault, 1, &command, self.now, 0);
        let reply = match given {
            Given::Append(record) => self.record(&record).pop().expect("one answer").1,
            Given::Answered(answer) => answer,
            Given::Waits => panic!("nothing is in flight"),
        };
        while let Some(body) = self.bodies.get(self.looked as usize).cloned() {
            let cause = Position { partition: 0, seq: self.looked };
            self.looked += 1;
            let records = self.partition.look(&self.store, &self.vault, cause, &body, self.now, 0).expect("reacts");
            for record in records {
                self.record(&record);
            }
        }
        reply
    }

    fn create(&mut self, n: u8) -> JobId {
        let job = JobId([n; 16]);
        let command = CreateJob {
            job,
            tenant: "t".to_owned(),
            profile: "standard".to_owned(),
            address: address(),
            inputs: BTreeMap::new(),
            priority: 3,
            max_age_ms: BTreeMap::new(),
            request_digest: [n; 32],
        };
        self.run(Command::CreateJob(command)).expect("created");
        job
    }

    fn job(&self, job: JobId) -> JobRow {
        self.store.row(job.as_bytes()).expect("readable").expect("there")
    }

    fn lease(&mut self, source: &str) -> Option<LeasedTask> {
        let token = LeaseToken::of(&[&self.bodies.len().to_le_bytes(), source.as_bytes()]);
        let command = LeaseTasks { source: source.to_owned(), worker: "w".to_owned(), tokens: vec![token] };
        match self.run(Command::Lease(command)).expect("leases") {
            Reply::Leased(leased) => leased.tasks.into_iter().next(),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, task: &LeasedTask, facts: Vec<Fact>) -> Result<Reply, DecideError> {
        self.answer_of(task, facts, true)
    }

    /// The same of a source that cuts its list in silence.
    fn answer_in_part(&mut self, task: &LeasedTask, facts: Vec<Fact>) -> Result<Reply, DecideError> {
        self.answer_of(task, facts, false)
    }

    fn answer_of(&mut self, task: &LeasedTask, facts: Vec<Fact>, complete: bool) -> Result<Reply, DecideError> {
        let facts: Vec<AnsweredFact> = facts
            .into_iter()
            .map(|fact| AnsweredFact {
                kind: fact.kind.clone(),
                volatile: None,
                fact: LoggedFact { fact_id: fact_id(&fact), body: Sealable::Plain(fact.into()) },
            })
            .collect();
        self.run(Command::Complete(Complete {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome: if facts.is_empty() { Outcome::NothingFound } else { Outcome::Found },
            by_status_only: false,
            complete,
            as_of: None,
            observed_at: self.now,
            evidence: vec![EvidenceId([9; 32])],
            facts,
            http_status: Some(200),
        }))
    }

    fn fail(&mut self, task: &LeasedTask) -> Result<Reply, DecideError> {
        self.run(Command::Fail(FailAttempt {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome: Outcome::Unavailable,
            cause: "timeout".to_owned(),
            http_status: None,
            evidence: Vec::new(),
            retry_after_ms: None,
        }))
    }
}

fn address() -> AddressRecord {
    AddressRecord {
        input: "x".to_owned(),
        canonical: "Тверская 7, 1".to_owned(),
        building: "Тверская 7".to_owned(),
        flat: Some("1".to_owned()),
        cadastral: None,
        postcode: None,
        confidence: "high".to_owned(),
        subject: Subject("property:aa".to_owned()),
        building_subject: Subject("property:bb".to_owned()),
        warnings: Vec::new(),
    }
}

fn fact(source: &str, kind: &str, subject: &str, identity: (&str, &str), attrs: &[(&str, &str)]) -> Fact {
    Fact {
        source: source.to_owned(),
        kind: kind.to_owned(),
        subject: Subject(subject.to_owned()),
        matched: Match::Id,
        identity: [(identity.0.to_owned(), Value::text(identity.1))].into(),
        attrs: attrs.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect(),
        valid: Validity::default(),
        connector: 1,
    }
}

fn developer() -> Fact {
    fact("cadastre", "cadastre.developer", "property:bb", ("inn", "7707083893"), &[])
}

fn case(number: &str, role: &str) -> Fact {
    fact("courts", "court.case", "company:7707083893", ("number", number), &[("role", role)])
}

/// Runs a first check to its end.
fn complete(world: &mut World, n: u8) -> JobId {
    let job = world.create(n);
    let task = world.lease("cadastre").expect("queued");
    world.answer(&task, vec![developer()]).expect("answers");
    let task = world.lease("courts").expect("discovered");
    world.answer(&task, vec![case("1", "Ответчик")]).expect("answers");
    job
}

#[test]
fn a_check_runs_to_its_snapshot_and_is_reused_in_one_commit() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    let row = world.job(job);
    assert_eq!((row.status, row.is_final), (JobStatus::Completed, true));
    assert_eq!(row.needs.len(), 2);
    let risk = &row.risk.as_ref().expect("assessed").assessment;
    assert_eq!((risk.score, risk.level.as_str()), (60, "high"));
    assert_eq!(row.snapshots.len(), 1);

    let before = world.bodies.len();
    let again = world.create(2);
    let row = world.job(again);
    assert_eq!((row.status, row.is_final), (JobStatus::Completed, true));
    assert!(row.needs.iter().all(|need| need.receipt.as_ref().is_some_and(|receipt| receipt.origin == Origin::Reused)));
    assert_eq!(world.bodies.len(), before + 1, "a fully reused check is one commit");
    assert_eq!(row.snapshots[0].facts_root, world.job(job).snapshots[0].facts_root);
}

#[test]
fn jobs_about_one_object_join_one_task() {
    let mut world = World::new();
    let jobs: Vec<JobId> = (1..=40).map(|n| world.create(n)).collect();
    let task = world.lease("cadastre").expect("queued");
    assert!(world.lease("cadastre").is_none(), "one task for all");
    world.answer(&task, vec![developer()]).expect("answers");
    let task = world.lease("courts").expect("discovered once");
    assert!(world.lease("courts").is_none());
    world.answer(&task, Vec::new()).expect("answers");
    for (n, job) in jobs.iter().enumerate() {
        let row = world.job(*job);
        assert_eq!(row.status, JobStatus::Completed);
        let origin = row.needs[0].receipt.as_ref().expect("answered").origin;
        assert_eq!(origin, if n == 0 { Origin::Fetched } else { Origin::Coalesced });
    }
}

#[test]
fn stale_is_served_while_it_is_asked_again_and_a_failure_keeps_it() {
    let mut world = World::new();
    complete(&mut world, 1);
    world.now = world.now.plus_ms(8 * 86_400_000);
    let job = world.create(2);
    let row = world.job(job);
    assert_eq!((row.status, row.is_final), (JobStatus::Partial, false));
    let cadastre = row.needs[0].receipt.as_ref().expect("served");
    assert_eq!(cadastre.origin, Origin::ServedStale);
    assert!(row.needs[0].pending.is_some() && row.needs[1].pending.is_none(), "only the stale one is asked");
    for _ in 0..5 {
        let task = world.lease("cadastre").expect("queued, or due for a retry");
        world.fail(&task).expect("noted");
        world.now = world.now.plus_ms(600_000);
    }
    let row = world.job(job);
    assert_eq!((row.status, row.is_final), (JobStatus::Partial, true));
    assert!(row.needs[0].last_failure.is_some() && row.needs[0].receipt.is_some());
    assert_eq!(row.snapshots.len(), 1, "sealed with what it has");
}

#[test]
fn a_failed_parent_fails_what_depends_on_it() {
    let mut world = World::new();
    let job = world.create(1);
    for _ in 0..5 {
        let task = world.lease("cadastre").expect("queued, or due for a retry");
        world.fail(&task).expect("noted");
        world.now = world.now.plus_ms(600_000);
    }
    let row = world.job(job);
    assert_eq!((row.status, row.is_final), (JobStatus::Failed, true));
    assert!(row.needs[1].last_failure.as_ref().is_some_and(|failure| failure.cause.starts_with("depends_on:")));
    assert!(row.snapshots.is_empty(), "nothing is shown, nothing is sealed");
}

#[test]
fn late_and_repeated_answers_change_nothing() {
    let mut world = World::new();
    world.create(1);
    let task = world.lease("cadastre").expect("queued");
    let first = world.answer(&task, vec![developer()]).expect("answers");
    let digest = world.store.digest();
    assert_eq!(world.answer(&task, vec![developer()]), Ok(first), "a repeat gets the same answer");
    let stranger = LeasedTask { lease: LeaseToken([3; 16]), ..task.clone() };
    assert_eq!(world.answer(&stranger, vec![]), Err(Rejection::LeaseLost.into()));
    assert_eq!(world.fail(&task), Err(Rejection::LeaseLost.into()));
    assert_eq!(world.store.digest(), digest);
}

#[test]
fn the_lease_of_another_task_answers_nothing() {
    let mut world = World::new();
    let mut policy: serde_json::Value = serde_json::from_str(POLICY).expect("json");
    policy["sources"]["courts"]["limits"]["concurrency"] = 2.into();
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Api, expected: Some(0) };
    world.run(Command::AdoptPolicy(adopt)).expect("adopted");
    let job = world.create(1);
    let task = world.lease("cadastre").expect("queued");
    let second = fact("cadastre", "cadastre.developer", "property:bb", ("inn", "7736050003"), &[]);
    world.answer(&task, vec![developer(), second]).expect("answers");
    let one = world.lease("courts").expect("one of two");
    let other = world.lease("courts").expect("the other one");
    let mixed = LeasedTask { lease: other.lease, ..one.clone() };
    let before = world.store.digest();
    assert_eq!(world.answer(&mixed, Vec::new()), Err(Rejection::LeaseLost.into()));
    assert_eq!(world.fail(&mixed), Err(Rejection::LeaseLost.into()));
    assert_eq!(world.store.digest(), before);
    for task in [one, other] {
        world.answer(&task, Vec::new()).expect("its own lease is held still");
    }
    assert!(world.job(job).is_final, "neither is stuck");
}

#[test]
fn an_expired_lease_is_taken_back_and_the_late_worker_refused() {
    let mut world = World::new();
    world.create(1);
    let task = world.lease("cadastre").expect("queued");
    world.now = task.deadline.plus_ms(1);
    world.run(Command::ExpireLeases).expect("expires");
    assert_eq!(world.answer(&task, vec![developer()]), Err(Rejection::LeaseLost.into()));
    world.now = world.now.plus_ms(600_000);
    let again = world.lease("cadastre").expect("tried again");
    assert_eq!((again.task, again.attempt), (task.task, 2));
    world.answer(&again, vec![developer()]).expect("answers");
}

/// The source's file allows five attempts.
#[test]
fn dead_workers_use_up_no_attempt_of_the_source() {
    let mut world = World::new();
    let job = world.create(1);
    for lost in 1..=6 {
        let task = world.lease("cadastre").expect("tried again");
        assert_eq!(task.attempt, lost);
        world.now = task.deadline.plus_ms(1);
        world.run(Command::ExpireLeases).expect("expires");
        world.now = world.now.plus_ms(600_000);
    }
    let task = world.lease("cadastre").expect("tried again");
    world.fail(&task).expect("the source was down, for the first time");
    world.now = world.now.plus_ms(600_000);
    let task = world.lease("cadastre").expect("tried again");
    assert_eq!(task.attempt, 8);
    world.answer(&task, vec![developer()]).expect("answers");
    assert!(world.job(job).needs[0].receipt.is_some());
}

#[test]
fn a_task_that_kills_every_worker_ends() {
    let mut world = World::new();
    world.create(1);
    let mut times = 0;
    while let Some(task) = world.lease("cadastre") {
        times += 1;
        world.now = task.deadline.plus_ms(1);
        world.run(Command::ExpireLeases).expect("expires");
        let row: TaskRow = world.store.row(task.task.as_bytes()).expect("readable").expect("there");
        if let TaskState::Failed { cause, .. } = &row.state {
            assert_eq!(cause, "lease_expired: the worker did not answer in time, 100 times");
            break;
        }
        world.now = world.now.plus_ms(600_000);
    }
    assert_eq!(times, crate::core::source::MOST_LOST);
}

#[test]
fn recheck_finds_what_came_and_went_and_seals_anew() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    world.now = world.now.plus_ms(86_400_000);
    let command = Recheck {
        command: CommandId([5; 16]),
        job,
        tenant: Some("t".to_owned()),
        selected: vec!["courts".to_owned()],
        reason: "asked".to_owned(),
    };
    world.run(Command::Recheck(command.clone())).expect("planned");
    assert_eq!(world.job(job).status, JobStatus::Partial);
    let task = world.lease("courts").expect("asked though fresh");
    world.answer(&task, vec![case("2", "Истец")]).expect("answers");
    let row = world.job(job);
    assert_eq!(row.status, JobStatus::Completed);
    assert_eq!(row.snapshots.len(), 2);
    assert_eq!(row.risk.as_ref().expect("assessed").assessment.score, 0);
    let query = row.needs[1].need.query.expect("asked");
    let known: QueryRow = world.store.row(query.as_bytes()).expect("readable").expect("there");
    assert_eq!(known.last.expect("answered").facts, 1);
    let commits = world.bodies.len();
    world.run(Command::Recheck(command)).expect("a repeat");
    assert_eq!(world.bodies.len(), commits);
}

#[test]
fn nothing_by_status_alone_is_not_believed_at_once() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    let recheck = Recheck {
        command: CommandId([6; 16]),
        job,
        tenant: None,
        selected: vec!["courts".to_owned()],
        reason: String::new(),
    };
    world.run(Command::Recheck(recheck)).expect("planned");
    let status_only = |world: &mut World, task: &LeasedTask| {
        world.run(Command::Complete(Complete {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome: Outcome::NothingFound,
            by_status_only: true,
            complete: true,
            as_of: None,
            observed_at: world.now,
            evidence: vec![EvidenceId([9; 32])],
            facts: Vec::new(),
            http_status: Some(404),
        }))
    };
    let task = world.lease("courts").expect("asked");
    let Ok(Reply::Noted(Some(retry))) = status_only(&mut world, &task) else { panic!("suspicious") };
    assert!(retry >= world.now.plus_ms(3_600_000));
    assert_eq!(world.job(job).needs[1].receipt.as_ref().expect("kept").facts, 1);
    world.now = retry;
    let task = world.lease("courts").expect("asked again");
    assert!(matches!(status_only(&mut world, &task), Ok(Reply::Observed(_))), "agreed an hour later");
    assert_eq!(world.job(job).needs[1].receipt.as_ref().expect("answered").facts, 0);
}

#[test]
fn a_large_answer_takes_several_commits_and_is_seen_whole() {
    let mut world = World::new();
    world.create(1);
    let task = world.lease("cadastre").expect("queued");
    world.answer(&task, vec![developer()]).expect("answers");
    let task = world.lease("courts").expect("discovered");
    let facts: Vec<Fact> = (0..12_000).map(|n| case(&n.to_string(), "Истец")).collect();
    let before = world.bodies.len();
    let mut reply = world.answer(&task, facts.clone());
    while reply == Ok(Reply::More) {
        let source: SourceRow = world.store.row(b"courts").expect("readable").expect("there");
        assert_eq!(source.leases.len(), 1, "the lease is held meanwhile");
        reply = world.answer(&task, facts.clone());
    }
    assert!(matches!(reply, Ok(Reply::Observed(_))), "{reply:?}");
    assert!(world.bodies.len() > before + 3);
    assert!(world.store.iter().all(|(table, ..)| table != Table::Chunk));
    let known: QueryRow = {
        let query = world.job(JobId([1; 16])).needs[1].need.query.expect("asked");
        world.store.row(query.as_bytes()).expect("readable").expect("there")
    };
    assert_eq!(known.last.expect("answered").facts, 12_000);
}

#[test]
fn replay_of_the_log_gives_the_same_rows() {
    let mut world = World::new();
    complete(&mut world, 1);
    world.create(2);
    let mut replayed = MemoryStore::default();
    let mut head = Head::genesis(LogId([1; 16]), 0);
    for body in &world.bodies {
        let bytes = body.encode().expect("encodes");
        let position = Position { partition: 0, seq: head.next_seq };
        let envelope = Envelope::seal(position, head.hash, &bytes).expect("small");
        apply::commit(&mut replayed, position, envelope.hash(), body).expect("folds");
        head = Head { partition: 0, next_seq: head.next_seq + 1, hash: envelope.hash() };
    }
    assert_eq!(replayed.digest(), world.store.digest());
}

#[test]
fn the_queue_of_a_removed_source_ends() {
    let mut world = World::new();
    let job = world.create(1);
    let other = world.create(2);
    let mut policy: serde_json::Value = serde_json::from_str(POLICY).expect("json");
    policy["sources"].as_object_mut().expect("sources").remove("cadastre");
    policy["profiles"] = serde_json::json!({});
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Api, expected: Some(0) };
    world.run(Command::AdoptPolicy(adopt)).expect("adopted");
    assert!(world.lease("cadastre").is_none());
    for job in [job, other] {
        let row = world.job(job);
        assert_eq!((row.status, row.is_final), (JobStatus::Failed, true));
        assert!(row.needs[0].last_failure.as_ref().is_some_and(|failure| failure.cause.starts_with("source_removed")));
    }
    let source: SourceRow = world.store.row(b"cadastre").expect("readable").expect("there");
    assert_eq!((source.queued, source.delayed), (0, 0));
}

/// Its attempt was under way when the source left: nobody would ever try it again.
#[test]
fn an_attempt_at_a_removed_source_that_fails_is_the_last() {
    let mut world = World::new();
    let job = world.create(1);
    let task = world.lease("cadastre").expect("queued");
    let mut policy: serde_json::Value = serde_json::from_str(POLICY).expect("json");
    policy["sources"].as_object_mut().expect("sources").remove("cadastre");
    policy["profiles"] = serde_json::json!({});
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Api, expected: Some(0) };
    world.run(Command::AdoptPolicy(adopt)).expect("adopted");
    assert_eq!(world.fail(&task), Ok(Reply::Noted(None)));
    let row = world.job(job);
    assert!(row.is_final, "its job is told");
    assert!(row.needs[0].last_failure.as_ref().is_some_and(|failure| failure.cause.starts_with("source_removed")));
    let source: SourceRow = world.store.row(b"cadastre").expect("readable").expect("there");
    assert_eq!((source.queued, source.delayed, source.leases.len()), (0, 0, 0));
}

#[test]
fn what_was_seen_before_a_wait_does_not_answer_it_after_a_restart() {
    let mut world = World::new();
    let job = complete(&mut world, 1);
    let recheck = Recheck {
        command: CommandId([7; 16]),
        job,
        tenant: None,
        selected: vec!["courts".to_owned()],
        reason: String::new(),
    };
    world.run(Command::Recheck(recheck)).expect("planned");
    let head = world.partition.head();
    world.partition = Partition::begin(head, 1, &world.store).expect("begins again");
    world.looked = world.partition.cursor(0);
    world.run(Command::ExpireLeases).expect("nothing is due");
    assert!(world.job(job).needs[1].pending.is_some(), "the first check's answer is no answer to the re-check");
}

#[test]
fn a_permit_comes_back_once() {
    let mut world = World::new();
    world.create(1);
    let task = world.lease("cadastre").expect("queued");
    let more = Command::Permit { source: task.queue.clone(), lease: task.lease, n: 3 };
    let Ok(Reply::Permits { permits, .. }) = world.run(more) else { panic!("held") };
    let back = Command::ReturnPermits { source: task.queue.clone(), lease: task.lease, permits: permits.clone() };
    world.run(back.clone()).expect("taken back");
    let again = Command::Permit { source: task.queue.clone(), lease: task.lease, n: 1 };
    let Ok(Reply::Permits { permits: reused, .. }) = world.run(again) else { panic!("held") };
    assert!(permits.contains(&reused[0]), "one that was given back");
    let before = world.store.digest();
    world.run(back).expect("said twice");
    assert_eq!(world.store.digest(), before, "nothing comes back a second time");
}

#[test]
fn a_node_says_once_that_it_decides_and_again_after_another_did() {
    use mirano_replay::decider::{self, DeciderRow};
    let mut world = World::new();
    let node = |name: &str| DeciderChanged { node: name.to_owned(), url: Some(format!("http://{name}")) };
    let mut said = Vec::new();
    for name in ["a", "a", "b", "a"] {
        let before = world.bodies.len();
        assert_eq!(world.run(Command::TakeOver(node(name))), Ok(Reply::Done));
        said.push(world.bodies.len() - before);
        let row: DeciderRow = world.store.row(&decider::key(0)).expect("readable").expect("there");
        assert_eq!(row.changed, node(name));
    }
    assert_eq!(said, [1, 0, 1, 1]);
}
