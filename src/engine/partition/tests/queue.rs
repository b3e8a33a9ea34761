//! What goes first is what the policy says: priorities of kinds of work, costs, and what else counts.

use super::*;
use serde_json::{Value as Json, json};

fn policy(queue: &Json) -> String {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["limits"] = json!({"rate": "1000/s", "burst": 1_000, "concurrency": 1_000});
    policy["profiles"]["standard"]["needs"] =
        json!([{"source": "cadastre", "params": {"address": "{{ address.canonical }}"}}]);
    policy["queue"] = queue.clone();
    policy.to_string()
}

/// A tenant asks about a house.
fn ask(world: &mut World, n: u8, tenant: &str, house: u8, priority: u8) -> JobId {
    let job = JobId([n; 16]);
    let subject = Subject(format!("property:{house}"));
    let command = CreateJob {
        job,
        tenant: tenant.to_owned(),
        profile: "standard".to_owned(),
        address: AddressRecord { canonical: format!("Тверская 7, {house}"), subject, ..super::address() },
        inputs: BTreeMap::new(),
        priority,
        max_age_ms: BTreeMap::new(),
        request_digest: [n; 32],
    };
    world.run(Command::CreateJob(command)).expect("created");
    job
}

/// The houses in the order in which they are asked about.
fn order(world: &mut World) -> Vec<u8> {
    std::iter::from_fn(|| world.lease("cadastre")).map(|task| house(&task)).collect()
}

fn weighed(world: &World) -> Vec<QueueWeighed> {
    let of = |event: &Event| match event {
        Event::QueueWeighed(event) => Some(event.clone()),
        _ => None,
    };
    world.bodies.iter().flat_map(|body| &body.events).filter_map(of).collect()
}

#[test]
fn costs_of_priorities_are_those_of_the_policy() {
    // Two houses of people, then two that watches ask about.
    let told = |queue: &Json| {
        let mut world = World::with_policy(&policy(queue));
        for (n, tenant, priority) in
            [(1, "people", 3), (2, "people", 3), (3, "people", 3), (4, "watches", 5), (5, "watches", 5)]
        {
            ask(&mut world, n, tenant, n, priority);
        }
        order(&mut world)
    };
    assert_eq!(told(&json!({})), [1, 4, 2, 3, 5], "a watch costs as much as sixteen of people");
    assert_eq!(told(&json!({"costs": [1, 1, 1, 1, 1]})), [1, 4, 2, 5, 3], "all are alike");
}

#[test]
fn further_jobs_move_a_task_forward_as_far_as_the_policy_says() {
    let told = |waiting: u32| {
        let mut world = World::with_policy(&policy(&json!({"waiting": waiting})));
        for n in 1..=4 {
            ask(&mut world, n, "t", n, 3);
        }
        ask(&mut world, 5, "t", 4, 3);
        order(&mut world)
    };
    assert_eq!(told(0), [1, 2, 3, 4]);
    assert_eq!(told(1), [1, 2, 3, 4], "beside the third, which came before it");
    assert_eq!(told(2), [1, 2, 4, 3]);
    assert_eq!(told(9), [1, 4, 2, 3], "never before what came first");
}

#[test]
fn what_came_long_before_goes_before_a_fair_share() {
    let told = |age: u32| {
        let mut world = World::with_policy(&policy(&json!({"age": age})));
        for n in 1..=6 {
            ask(&mut world, n, "large", n, 3);
        }
        for n in 11..=13 {
            ask(&mut world, n, "small", n, 3);
        }
        order(&mut world)
    };
    assert_eq!(told(0), [1, 11, 2, 12, 3, 13, 4, 5, 6]);
    assert_eq!(told(1), [1, 11, 2, 3, 4, 5, 6, 12, 13], "behind the first place they go as they came");
}

#[test]
fn watches_and_what_is_asked_ahead_have_their_priorities() {
    let hour = 3_600_000;
    for (reason, priority) in [(WatchReason::Paid, 3), (WatchReason::Key, 4)] {
        let mut world = World::with_policy(&policy(&json!({"paid": 3, "watch": 4})));
        let job = ask(&mut world, 1, "t", 1, 3);
        let task = world.lease("cadastre").expect("asked");
        world.answer(&task, Vec::new()).expect("answers");
        let watch =
            SetWatch { watch: WatchId([1; 16]), job, tenant: "t".to_owned(), every_ms: hour, hours: None, reason };
        world.run(Command::SetWatch(watch)).expect("set");
        world.now = world.now.plus_ms(2 * hour);
        world.run(Command::RingWatches).expect("rings");
        let wanted = world.bodies.iter().rev().flat_map(|body| &body.events).find_map(|event| match event {
            Event::TaskWanted(event) => Some(event.priority),
            _ => None,
        });
        assert_eq!(wanted, Some(priority), "{reason:?}");
    }
}

/// A watch whose hours have passed while nobody was there to ring it.
#[test]
fn a_watch_that_missed_its_hours_waits_for_the_next() {
    let hour = 3_600_000;
    let mut world = World::with_policy(&policy(&json!({})));
    let midnight = Timestamp((world.now.0 / 86_400_000 + 1) * 86_400_000);
    let job = ask(&mut world, 1, "t", 1, 3);
    let task = world.lease("cadastre").expect("asked");
    world.answer(&task, Vec::new()).expect("answers");
    let hours = Some(Hours { from: 120, to: 240 });
    let (watch, reason) = (WatchId([1; 16]), WatchReason::Key);
    let set = SetWatch { watch, job, tenant: "t".to_owned(), every_ms: hour, hours, reason };
    world.run(Command::SetWatch(set)).expect("set");
    let rung = |world: &mut World, at: Timestamp| {
        let before = world.bodies.len();
        world.now = at;
        world.run(Command::RingWatches).expect("rings");
        let events: Vec<Event> = world.bodies[before..].iter().flat_map(|body| body.events.clone()).collect();
        let next = events.iter().find_map(|event| match event {
            Event::WatchRang(event) => Some(event.next_at),
            _ => None,
        });
        (next.expect("it was due"), events.iter().any(|event| matches!(event, Event::TaskWanted(_))))
    };
    let (next, asked) = rung(&mut world, midnight.plus_ms(10 * hour));
    assert!(!asked, "ten o'clock is none of its hours");
    assert!((midnight.plus_ms(26 * hour)..midnight.plus_ms(28 * hour)).contains(&next), "{next:?}");
    let (_, asked) = rung(&mut world, next);
    assert!(asked, "in its hours it rings");
}

/// The house that a lease is about.
fn house(task: &LeasedTask) -> u8 {
    let Sealable::Plain(params) = &task.params else { panic!("no person") };
    params["address"].rsplit(' ').next().expect("a number").parse().expect("a number")
}

/// Leases and answers until a house is asked about; how many others were before it.
fn others_before(world: &mut World, wanted: u8) -> usize {
    let mut before = 0;
    loop {
        let task = world.lease("cadastre").expect("it waits as well");
        let found = house(&task);
        world.answer(&task, Vec::new()).expect("answers");
        if found == wanted {
            return before;
        }
        before += 1;
    }
}

/// Asks about houses, fails each once, and waits until all may be tried again.
fn failed_once(world: &mut World, tenant: &str, houses: std::ops::Range<u8>, priority: u8) {
    for n in houses.clone() {
        ask(world, n, tenant, n, priority);
    }
    let tasks: Vec<LeasedTask> = houses.map(|_| world.lease("cadastre").expect("queued")).collect();
    tasks.iter().for_each(|task| drop(world.fail(task).expect("noted")));
    world.now = world.now.plus_ms(10_000);
}

fn of_retries() -> World {
    let mut policy: Json = serde_json::from_str(&policy(&json!({}))).expect("JSON");
    policy["sources"]["cadastre"]["limits"]["breaker"] = json!({"failures": 0});
    World::with_policy(&policy.to_string())
}

#[test]
fn what_failed_once_is_tried_again_however_many_people_wait() {
    let mut world = of_retries();
    failed_once(&mut world, "watches", 1..2, 5);
    for n in 10..60 {
        ask(&mut world, n, "people", n, 3);
    }
    assert!(others_before(&mut world, 1) <= 18, "a sixteenth part is its");
}

#[test]
fn what_nobody_waits_for_hides_no_retry_that_people_wait_for() {
    let mut world = of_retries();
    failed_once(&mut world, "watches", 1..41, 5);
    failed_once(&mut world, "people", 50..51, 3);
    for n in 60..200 {
        ask(&mut world, n, "others", n, 3);
    }
    let before = others_before(&mut world, 50);
    assert!(before <= 4, "{before} of forty retries by watches, and of others, came first");
}

#[test]
fn retries_of_one_tenant_delay_no_other() {
    let mut world = of_retries();
    failed_once(&mut world, "large", 1..101, 3);
    ask(&mut world, 200, "small", 200, 3);
    ask(&mut world, 201, "small", 201, 3);
    let (first, second) = (others_before(&mut world, 200), others_before(&mut world, 201));
    assert!(first <= 2 && second <= 2, "{first}, {second} of a hundred that are due came first");
    // And they cost their tenant as much: it is even with one that has as many new ones.
    for n in 210..240 {
        ask(&mut world, n, "even", n, 3);
    }
    let mut of_large = 0;
    for _ in 0..40 {
        let task = world.lease("cadastre").expect("queued");
        of_large += usize::from(house(&task) < 101);
        world.answer(&task, Vec::new()).expect("answers");
    }
    assert!((18..=22).contains(&of_large), "{of_large} of forty");
    let row: SourceRow = world.store.row(b"cadastre").expect("readable").expect("there");
    assert_eq!(row.delayed, 0, "what is due stands among the others");
}

/// More are due than one start moves: none is lost, and each is tried again once.
#[test]
fn hundreds_that_are_due_at_once_are_all_tried_again() {
    let mut world = of_retries();
    failed_once(&mut world, "a", 1..151, 3);
    let mut tasks: Vec<LeasedTask> = std::iter::from_fn(|| world.lease("cadastre")).collect();
    assert_eq!(tasks.len(), 150);
    tasks.sort_by_key(|task| task.task);
    tasks.dedup_by_key(|task| task.task);
    assert_eq!(tasks.len(), 150, "each once");
    assert!(tasks.iter().all(|task| task.attempt == 2));
    let row: SourceRow = world.store.row(b"cadastre").expect("readable").expect("there");
    assert_eq!((row.queued, row.delayed, row.leases.len()), (0, 0, 150));
}

#[test]
fn partitions_are_told_once_and_tasks_in_the_queue_keep_their_turns() {
    let mut world = World::with_policy(&policy(&json!({})));
    assert_eq!(weighed(&world), [], "what always held need not be said");
    for n in 1..=2 {
        ask(&mut world, n, "t", n, 3);
    }
    let adopt = |world: &mut World, queue: &Json| {
        let adopt = AdoptPolicy { document: policy(queue), origin: PolicyOrigin::Api, expected: None };
        world.run(Command::AdoptPolicy(adopt)).expect("adopted")
    };
    let other = json!({"costs": [1, 2, 3, 4, 5], "waiting": 1});
    adopt(&mut world, &other);
    adopt(&mut world, &json!({"costs": [1, 2, 3, 4, 5], "waiting": 1, "paid": 5}));
    let want = QueueWeighed { costs: [1, 2, 3, 4, 5], waiting: 1, age: 0 };
    assert_eq!(weighed(&world), [want], "priorities are no weights");
    adopt(&mut world, &json!({}));
    assert_eq!(weighed(&world).len(), 2, "and what held before is said again");
    assert_eq!(order(&mut world), [1, 2]);
}

/// What nobody waits for is due, and held back with the rest of the day.
#[test]
fn a_retry_that_is_held_back_hides_none_that_people_wait_for() {
    let mut policy: Json = serde_json::from_str(&policy(&json!({}))).expect("JSON");
    policy["sources"]["cadastre"]["limits"]["daily"] = json!(10);
    policy["sources"]["cadastre"]["limits"]["background"] = json!(0.1);
    let mut world = World::with_policy(&policy.to_string());
    let lease = |world: &mut World| {
        let tokens = vec![LeaseToken([7; 16])];
        let lease = LeaseTasks { source: "cadastre".to_owned(), worker: "w".to_owned(), tokens };
        let Ok(Reply::Leased(leased)) = world.run(Command::Lease(lease)) else { panic!("no lease") };
        (leased.tasks.len(), leased.next_at)
    };
    ask(&mut world, 1, "watches", 1, 5);
    let watch = world.lease("cadastre").expect("one of the day is for it");
    ask(&mut world, 2, "people", 2, 3);
    let person = world.lease("cadastre").expect("a person waits");
    let Ok(Reply::Noted(Some(held_back))) = world.fail(&watch) else { panic!("tried again") };
    world.now = world.now.plus_ms(500);
    let Ok(Reply::Noted(Some(due))) = world.fail(&person) else { panic!("tried again") };
    world.now = held_back.plus_ms(1);
    assert!(world.now < due);
    assert_eq!(lease(&mut world), (0, Some(due)));
    world.now = due;
    assert_eq!(lease(&mut world).0, 1, "and had");
}

#[test]
fn the_rest_of_a_day_is_kept_for_what_people_wait_for() {
    let mut policy: Json = serde_json::from_str(&policy(&json!({}))).expect("JSON");
    policy["sources"]["cadastre"]["limits"]["daily"] = json!(5);
    policy["sources"]["cadastre"]["limits"]["background"] = json!(0.5);
    let mut world = World::with_policy(&policy.to_string());
    let midnight = Timestamp((world.now.0 / 86_400_000 + 1) * 86_400_000);
    world.now = Timestamp(midnight.0 - 7_200_000);
    for n in 1..=4 {
        ask(&mut world, n, "watches", n, 5);
    }
    assert_eq!(order(&mut world), [1, 2], "half of five, and no part of a third");
    let lease = |world: &mut World| {
        let lease =
            LeaseTasks { source: "cadastre".to_owned(), worker: "w".to_owned(), tokens: vec![LeaseToken([7; 16])] };
        let Ok(Reply::Leased(leased)) = world.run(Command::Lease(lease)) else { panic!("no lease") };
        (leased.tasks.len(), leased.next_at)
    };
    assert_eq!(lease(&mut world), (0, Some(midnight)));
    let waiting = world.bodies.iter().flat_map(|body| &body.events).filter_map(|event| match event {
        Event::TaskScheduled(event) => Some(event.task),
        _ => None,
    });
    let third: TaskRow = world.store.row(waiting.collect::<Vec<_>>()[2].as_bytes()).expect("readable").expect("there");
    let policy = world.partition.policy();
    let held = crate::core::source::forecast::forecast(&world.store, policy, 1, &third, world.now).expect("readable");
    let held = held.expect("it waits");
    assert_eq!((held.reason, held.cause, held.eta_ms), ("rate", Some("daily_quota"), Some(7_200_000)));

    // Who comes in person finds what was kept, and who joins a watch makes it urgent.
    ask(&mut world, 11, "people", 11, 3);
    ask(&mut world, 12, "people", 4, 3);
    assert_eq!(order(&mut world), [11, 4]);
    world.now = midnight;
    assert_eq!(order(&mut world), [3], "the next day has a quota of its own");
}
