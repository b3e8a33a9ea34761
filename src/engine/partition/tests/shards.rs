//! A source with several queues: each query in one of them, each with its part of the budget, and one fact whoever shows it.

use super::*;
use crate::core::partitioning;
use mirano_replay::facts;
use mirano_replay::rows::FactRow;
use mirano_replay::store::Table;
use serde_json::{Value as Json, json};

const SHARDS: u32 = 3;

/// A register of all houses with so many queues, asked by its own subject.
fn policy(shards: u32) -> Json {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["level"] = "source".into();
    policy["sources"]["cadastre"]["limits"] =
        json!({"shards": shards, "rate": "10/s", "burst": 7, "concurrency": 6, "daily": 100});
    policy
}

fn adopt(world: &mut World, policy: &Json) -> Result<Reply, DecideError> {
    let document = policy.to_string();
    world.run(Command::AdoptPolicy(AdoptPolicy { document, origin: PolicyOrigin::Api, expected: None }))
}

fn world() -> World {
    World::with_policy(&policy(SHARDS).to_string())
}

/// Asks about the `n`-th house; the job and the queue that its question stands in.
fn ask(world: &mut World, n: u8) -> (JobId, String) {
    let job = JobId([n; 16]);
    let create = CreateJob {
        job,
        tenant: "t".to_owned(),
        profile: "standard".to_owned(),
        address: AddressRecord { building: format!("Тверская {n}"), ..address() },
        inputs: BTreeMap::new(),
        priority: 3,
        max_age_ms: BTreeMap::new(),
        request_digest: [n; 32],
    };
    world.run(Command::CreateJob(create)).expect("created");
    let scheduled = world.bodies.iter().rev().flat_map(|body| &body.events).find_map(|event| match event {
        Event::TaskScheduled(event) => Some(event.source.clone()),
        _ => None,
    });
    (job, scheduled.expect("a task"))
}

/// Houses whose questions stand in all queues: one for each.
fn one_each(world: &mut World) -> BTreeMap<String, JobId> {
    let mut found = BTreeMap::new();
    for n in 1..=60 {
        let (job, queue) = ask(world, n);
        found.entry(queue).or_insert(job);
        if found.len() == SHARDS as usize {
            return found;
        }
    }
    panic!("queries are not spread: {found:?}");
}

fn row(world: &World, queue: &str) -> SourceRow {
    world.store.row(queue.as_bytes()).expect("readable").unwrap_or_default()
}

fn entry() -> Fact {
    fact("cadastre", "cadastre.developer", "source:cadastre", ("inn", "7707083893"), &[])
}

#[test]
fn each_query_stands_in_the_queue_of_its_hash() {
    let mut world = world();
    let jobs = one_each(&mut world);
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["cadastre", "cadastre#1", "cadastre#2"]);
    for (queue, job) in &jobs {
        let query = world.job(*job).needs[0].need.query.expect("asked");
        assert_eq!(partitioning::shard_of(query, SHARDS), shard_of(queue));
        let known: QueryRow = world.store.row(query.as_bytes()).expect("readable").expect("there");
        assert_eq!((known.queue.as_str(), known.source()), (queue.as_str(), "cadastre"));
        let task = world.lease(queue).expect("queued");
        assert_eq!((task.source(), task.queue.as_str()), ("cadastre", queue.as_str()));
        let Ok(Reply::Observed(id)) = world.answer(&task, vec![entry()]) else { panic!("no observation") };
        let seen: ObservationRow = world.store.row(id.as_bytes()).expect("readable").expect("there");
        assert_eq!(seen.recorded.source, "cadastre", "an answer is the source's");
        assert_eq!(world.job(*job).needs[0].receipt.as_ref().expect("answered").source, "cadastre");
    }
    assert!(world.lease("cadastre#3").is_none(), "there is no fourth");
}

#[test]
fn a_want_in_another_queue_is_refused() {
    let mut world = world();
    let (job, queue) = ask(&mut world, 1);
    let need = world.job(job).needs[0].need.clone();
    let wrong = (0..SHARDS).map(|shard| queue_of("cadastre", shard)).find(|name| *name != queue).expect("another");
    let at = Position { partition: 0, seq: world.bodies.len() as u64 };
    let wanted = TaskWanted {
        job,
        tenant: "t".to_owned(),
        need_id: need.need_id,
        source: wrong,
        query: need.query.expect("asked"),
        subject: need.subject.clone(),
        params: need.params.clone(),
        priority: 3,
        max_age_ms: 0,
        reason: WantReason::Missing,
        asked_at: world.now,
    };
    let body = codec::CommitBody { events: vec![wanted.into()], ..codec::CommitBody::default() };
    let records = world.partition.look(&world.store, &world.vault, at, &body, world.now, 0).expect("reacts");
    for record in records {
        world.record(&record);
    }
    let last = world.bodies.last().expect("a reaction");
    assert!(matches!(&last.events[0], Event::WantRefused(refused) if refused.cause.contains("divided")), "{last:?}");
}

/// One fact has a row for each shard that shows it, and is read as one.
#[test]
fn a_fact_that_two_shards_show_is_one_fact() {
    let mut world = world();
    let jobs = one_each(&mut world);
    let id = fact_id(&entry());
    let whole = |world: &World| facts::row(&world.store, id).expect("readable");
    assert_eq!(whole(&world), None);
    for (n, queue) in ["cadastre#2", "cadastre", "cadastre#1"].into_iter().enumerate() {
        let task = world.lease(queue).expect("queued");
        world.now = world.now.plus_ms(1_000);
        world.answer(&task, vec![entry()]).expect("answers");
        assert_eq!(whole(&world).expect("shown").intervals.len(), n + 1);
        assert!(facts::body(&world.store, id).expect("readable").is_some());
    }
    let rows = world.store.keys(Table::Fact, id.as_bytes(), &[], 9).expect("readable");
    assert_eq!(rows.iter().map(|key| key[32..].to_vec()).collect::<Vec<_>>(), [vec![], vec![1], vec![2]]);
    let home: FactRow = world.store.row(id.as_bytes()).expect("readable").expect("there");
    assert_eq!(home.intervals.len(), 1);

    // Gone for one query, it is still shown by the others.
    let job = jobs["cadastre#1"];
    let recheck = Recheck {
        command: CommandId([9; 16]),
        job,
        tenant: None,
        selected: vec!["cadastre".to_owned()],
        reason: String::new(),
    };
    world.run(Command::Recheck(recheck)).expect("planned");
    let query = world.job(job).needs[0].need.query.expect("asked");
    loop {
        world.now = world.now.plus_ms(1_000);
        let task = world.lease("cadastre#1").expect("queued");
        world.answer(&task, Vec::new()).expect("answers");
        if task.query == query {
            break;
        }
    }
    let intervals = whole(&world).expect("there").intervals;
    assert_eq!(intervals.iter().map(|interval| interval.to.is_some()).collect::<Vec<_>>(), [false, false, true]);
    assert!(intervals.is_sorted_by_key(|interval| interval.from.observed_at), "as the source was asked: {intervals:?}");
}

#[test]
fn parts_of_the_budget_are_the_budget() {
    let mut world = world();
    for n in 1..=60 {
        ask(&mut world, n);
    }
    let leased = |world: &mut World, queue: &str| {
        std::iter::from_fn(|| world.lease(queue)).take(20).map(|task| task.permit).collect::<Vec<Permit>>()
    };
    let now = world.now;
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        all.extend(leased(&mut world, &queue_of("cadastre", shard)));
    }
    assert_eq!(all.len(), 6, "as many tasks at once as the source allows");
    let at_once = all.iter().filter(|permit| permit.not_before == now).count();
    assert!((3..=7).contains(&at_once), "{at_once} at once, of a burst of 7");
}

/// What the source says to one shard, the others obey: in the reaction to the commit that notes it.
#[test]
fn a_rest_and_a_slower_pace_hold_for_all_shards() {
    let mut world = world();
    one_each(&mut world);
    let task = world.lease("cadastre#1").expect("queued");
    let waiting = world.lease("cadastre#2").expect("queued");
    let failed = FailAttempt {
        source: task.queue.clone(),
        task: task.task,
        lease: task.lease,
        outcome: Outcome::Blocked,
        cause: "too_many_requests".to_owned(),
        http_status: Some(429),
        evidence: Vec::new(),
        retry_after_ms: Some(60_000),
    };
    world.run(Command::Fail(failed.clone())).expect("noted");
    let until = Some(world.now.plus_ms(60_000));
    for shard in 0..SHARDS {
        let row = row(&world, &queue_of("cadastre", shard));
        assert_eq!((row.rest_until, row.pace.map(|pace| pace.permille)), (until, Some(500)), "shard {shard}");
    }
    assert!(world.lease("cadastre").is_none(), "it is left alone");
    let commits = world.bodies.len();

    // Another one hears the same of a request from before: the pace is not halved again.
    let failed = FailAttempt { source: waiting.queue, task: waiting.task, lease: waiting.lease, ..failed };
    world.run(Command::Fail(FailAttempt { retry_after_ms: Some(30_000), ..failed })).expect("noted");
    let slowed = |event: &Event| matches!(event, Event::SourceSlowed(_) | Event::SourceRested(_));
    assert!(!world.bodies[commits..].iter().flat_map(|body| &body.events).any(slowed));
    world.now = world.now.plus_ms(60_001);
    assert!(world.lease("cadastre").is_some(), "it may be asked again");
}

#[test]
fn a_source_keeps_its_number_of_queues() {
    let mut world = world();
    let (_, queue) = ask(&mut world, 1);
    let refused = |world: &mut World, policy: &Json| match adopt(world, policy) {
        Err(DecideError::Rejection(Rejection::PolicyInvalid(why))) => why,
        other => panic!("{other:?}"),
    };
    for shards in [1, 2, 4] {
        let why = refused(&mut world, &policy(shards));
        assert!(why.contains("sources.cadastre.limits.shards: is 3 since") && why.contains("another id"), "{why}");
    }
    // Nor is another number to be had by leaving and coming back; its queues are ended meanwhile.
    let mut without = policy(SHARDS);
    without["sources"].as_object_mut().expect("sources").remove("cadastre");
    without["profiles"]["standard"]["needs"].as_array_mut().expect("needs").clear();
    adopt(&mut world, &without).expect("adopted");
    assert!(world.lease(&queue).is_none());
    let ended = |event: &Event| matches!(event, Event::TaskFailed(event) if event.cause.contains("source_removed"));
    assert!(world.bodies.iter().flat_map(|body| &body.events).any(ended));
    assert!(refused(&mut world, &policy(2)).contains("is 3 since"));
    adopt(&mut world, &policy(SHARDS)).expect("as it was");
    let divided = |event: &&Event| matches!(event, Event::SourceDivided(_));
    assert_eq!(world.bodies.iter().flat_map(|body| &body.events).filter(divided).count(), 1, "said once");

    // A source that was there with one queue gets no more.
    let mut other = policy(SHARDS);
    other["sources"]["courts"]["limits"] = json!({"shards": 2, "rate": "10/s", "burst": 2, "concurrency": 2});
    assert!(refused(&mut world, &other).contains("sources.courts.limits.shards: is 1 since"));
    // What can't be divided is refused by the decision as well.
    let mut odd = policy(SHARDS);
    odd["sources"]["cadastre"]["limits"]["burst"] = json!(2);
    assert!(refused(&mut world, &odd).contains("burst is 2, which 3 shards can't divide"));
}
