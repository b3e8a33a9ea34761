//! What a lease holds, and how it is given back: nobody is blamed for what is nobody's doing.

use super::*;
use serde_json::{Value as Json, json};

const HOUR: u64 = 3_600_000;

fn world(limits: &Json, proxies: &Json) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["limits"] = limits.clone();
    policy["proxies"] = proxies.clone();
    World::with_policy(&policy.to_string())
}

fn cadastre(world: &World) -> SourceRow {
    world.store.row(b"cadastre").expect("readable").expect("there")
}

fn permit(world: &mut World, task: &LeasedTask) -> Result<Reply, DecideError> {
    world.run(Command::Permit { source: task.queue.clone(), lease: task.lease, n: 1 })
}

fn attempts(world: &World, task: &LeasedTask) -> Vec<String> {
    let row: TaskRow = world.store.row(task.task.as_bytes()).expect("readable").expect("there");
    let code =
        |cause: &Option<String>| cause.as_deref().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    row.attempts.iter().map(|attempt| code(&attempt.cause)).collect()
}

#[test]
fn a_dead_worker_is_no_fault_of_its_proxy() {
    let mut world = world(
        &json!({"rate": "10/s", "burst": 10, "concurrency": 2, "proxies": "ru"}),
        &json!({"ru": {"proxies": ["one"], "failures": 2, "cool_down": "1h"}}),
    );
    world.create(1);
    for _ in 0..3 {
        let task = world.lease("cadastre").expect("asked, by the only proxy");
        assert_eq!(cadastre(&world).proxies["ru/one"].in_use, 1);
        world.now = task.deadline.plus_ms(1);
        world.run(Command::ExpireLeases).expect("taken back");
        let row = cadastre(&world);
        assert_eq!((row.proxies["ru/one"].failures, row.proxies["ru/one"].in_use), (0, 0), "free, and not to blame");
        assert_eq!((row.failures, row.last_outcome), (0, None), "nor is the source");
        world.now = world.now.plus_ms(HOUR);
    }
}

#[test]
fn a_task_whose_day_is_used_up_gives_its_lease_back() {
    let mut world = world(&json!({"rate": "10/s", "burst": 10, "concurrency": 1, "daily": 2}), &json!({}));
    let midnight = Timestamp((world.now.0 / 86_400_000 + 1) * 86_400_000);
    world.now = Timestamp(midnight.0 - 2 * HOUR as i64);
    let job = world.create(1);
    let task = world.lease("cadastre").expect("asked");
    assert!(matches!(permit(&mut world, &task), Ok(Reply::Permits { .. })), "a second page today");
    let Ok(Reply::Noted(Some(retry))) = permit(&mut world, &task) else { panic!("the third is for tomorrow") };
    assert!(retry >= midnight, "{retry:?}");
    let row = cadastre(&world);
    assert!(row.leases.is_empty(), "its place is free");
    assert_eq!((row.failures, row.delayed, attempts(&world, &task)), (0, 1, vec!["put_off".to_owned()]));
    let late = permit(&mut world, &task);
    assert!(matches!(late, Err(DecideError::Rejection(Rejection::LeaseLost))), "{late:?}");
    world.now = retry;
    let task = world.lease("cadastre").expect("it goes on tomorrow");
    assert_eq!(task.attempt, 2);
    world.answer(&task, vec![developer()]).expect("answers");
    assert!(world.job(job).needs[0].receipt.is_some());
}

#[test]
fn a_short_wait_is_waited_for_and_the_rate_alone_puts_nothing_off() {
    let mut world = world(&json!({"rate": "1/h", "burst": 1, "concurrency": 1}), &json!({}));
    world.create(1);
    let task = world.lease("cadastre").expect("asked");
    let Ok(Reply::Permits { permits, .. }) = permit(&mut world, &task) else { panic!("an hour is its rate") };
    assert!(permits[0].not_before.since_ms(world.now) >= HOUR);

    let mut world = self::world(&json!({"rate": "10/s", "burst": 10, "daily": 1}), &json!({}));
    let midnight = Timestamp((world.now.0 / 86_400_000 + 1) * 86_400_000);
    world.now = Timestamp(midnight.0 - 60_000);
    world.create(1);
    let task = world.lease("cadastre").expect("asked");
    assert!(matches!(permit(&mut world, &task), Ok(Reply::Permits { .. })), "a minute to midnight");
}

/// More pages than a day allows: it ends, and says why.
#[test]
fn a_task_that_no_day_is_long_enough_for_ends() {
    let mut world = world(&json!({"rate": "10/s", "burst": 10, "concurrency": 1, "daily": 1}), &json!({}));
    let job = world.create(1);
    let mut days = 0;
    while let Some(task) = world.lease("cadastre") {
        days += 1;
        let Ok(Reply::Noted(retry)) = permit(&mut world, &task) else { panic!("no further page today") };
        let Some(retry) = retry else { break };
        world.now = retry;
    }
    assert_eq!(days, crate::core::source::MOST_PUT_OFF);
    let failure = world.job(job).needs[0].last_failure.clone().expect("told");
    assert!(failure.cause.starts_with("put_off") && world.job(job).is_final, "{failure:?}");
}

#[test]
fn a_task_is_not_tried_again_after_its_time() {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["retry"] =
        json!({"attempts": 100, "initial": "20s", "factor": 1.0, "max": "20s", "within": "1m"});
    let mut world = World::with_policy(&policy.to_string());
    let (job, begun) = (world.create(1), world.now);
    let mut made = Vec::new();
    let task = loop {
        let task = world.lease("cadastre").expect("it is time");
        made.push(world.now.since_ms(begun) / 1_000);
        match world.fail(&task) {
            Ok(Reply::Noted(Some(at))) => world.now = at,
            Ok(Reply::Noted(None)) => break task,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(made, [0, 10, 20, 30, 40, 50, 60], "the next one would be ten seconds too late");
    let row: TaskRow = world.store.row(task.task.as_bytes()).expect("readable").expect("there");
    assert!(matches!(row.state, TaskState::Failed { outcome: Outcome::Unavailable, .. }), "{:?}", row.state);
    assert!(world.job(job).is_final, "its job is told");
}
