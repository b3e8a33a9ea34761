//! What is told of a task that waits for proxies which other sources use as much as all together may.

use super::*;
use crate::core::source::forecast::{Forecast, forecast};
use serde_json::{Value as Json, json};

/// Two sources that go through one pool, of which `total` is allowed in all.
fn world(total: &Json) -> World {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["limits"] = json!({"rate": "10/s", "burst": 10, "concurrency": 2, "proxies": "ru"});
    policy["sources"]["registry"] = policy["sources"]["cadastre"].clone();
    policy["sources"]["registry"]["id"] = "registry".into();
    policy["proxies"] = json!({"ru": {"proxies": ["one"], "total": total}});
    let need = |source: &str| json!({"source": source, "params": {"address": "{{ address.building }}"}});
    policy["profiles"]["standard"]["needs"] = json!([need("cadastre"), need("registry")]);
    World::with_policy(&policy.to_string())
}

/// What the last task of a source is told to wait for.
fn told(world: &World, source: &str) -> Option<Forecast> {
    let of_source = |event: &Event| match event {
        Event::TaskScheduled(event) if event.source == source => Some(event.task),
        _ => None,
    };
    let task = world.bodies.iter().rev().flat_map(|body| &body.events).find_map(of_source).expect("a task");
    let row: TaskRow = world.store.row(task.as_bytes()).expect("readable").expect("there");
    forecast(&world.store, world.partition.policy(), 1, &row, world.now).expect("readable")
}

#[test]
fn a_task_behind_others_of_its_pool_is_told_so() {
    let mut world = world(&json!({"concurrency": 1}));
    world.create(1);
    let other = world.lease("registry").expect("asked first");
    assert!(world.lease("cadastre").is_none(), "the only proxy is in use");
    let held = told(&world, "cadastre").expect("it waits");
    assert_eq!(
        (held.reason, held.cause, held.eta_ms),
        ("proxy", Some("proxy_total"), None),
        "no attempt has ended yet"
    );
    world.now = world.now.plus_ms(4_000);
    world.answer(&other, Vec::new()).expect("answers");
    let task = world.lease("cadastre").expect("the proxy is free");
    world.now = world.now.plus_ms(2_000);
    world.answer(&task, Vec::new()).expect("answers");

    // How long an attempt takes is known now, and so is the time.
    world.now = world.now.plus_ms(30 * 86_400_000);
    world.create(2);
    world.lease("registry").expect("asked first");
    let held = told(&world, "cadastre").expect("it waits");
    assert_eq!((held.reason, held.cause, held.eta_ms), ("proxy", Some("proxy_total"), Some(2_000)));
}

#[test]
fn a_task_whose_pool_has_used_its_rate_is_told_when_it_goes_on() {
    let mut world = world(&json!({"rate": "2/m"}));
    world.create(1);
    assert_eq!(told(&world, "cadastre").map(|held| held.reason), Some("queue"), "nobody holds it up");
    world.lease("registry").expect("asked first");
    assert!(world.lease("cadastre").is_none(), "the proxy may not be used again at once");
    let held = told(&world, "cadastre").expect("it waits");
    assert_eq!((held.reason, held.cause), ("proxy", Some("proxy_total")));
    let eta_ms = held.eta_ms.expect("known");
    assert!((29_000..33_000).contains(&eta_ms), "{eta_ms}");
    world.now = world.now.plus_ms(eta_ms);
    assert!(world.lease("cadastre").is_some(), "as it was told");
}

const DAY: i64 = 86_400_000;

/// A source that goes through two proxies, in the evening; and the midnight that follows.
fn in_the_evening(pool: &Json) -> (World, Timestamp) {
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["cadastre"]["limits"] = json!({"rate": "10/s", "burst": 10, "concurrency": 4, "proxies": "ru"});
    policy["proxies"] = json!({ "ru": pool });
    let mut world = World::with_policy(&policy.to_string());
    let midnight = Timestamp((world.now.0.div_euclid(DAY) + 1) * DAY);
    world.now = Timestamp(midnight.0 - 2 * 3_600_000);
    (world, midnight)
}

fn page(world: &mut World, task: &LeasedTask) -> Reply {
    world.run(Command::Permit { source: task.queue.clone(), lease: task.lease, n: 1 }).expect("its own lease")
}

#[test]
fn a_proxy_whose_day_is_used_up_leaves_the_others_to_be_used() {
    let (mut world, midnight) = in_the_evening(&json!({"proxies": ["one", "two"], "daily": 2}));
    world.create(1);
    let task = world.lease("cadastre").expect("asked");
    assert_eq!(task.proxy.as_deref(), Some("ru/one"));
    assert!(matches!(page(&mut world, &task), Reply::Permits { .. }), "the second through it today");
    // The third is not: the task begins anew, and at once, since another proxy has its day before it.
    let Reply::Noted(Some(retry)) = page(&mut world, &task) else { panic!("a third request through one proxy") };
    assert!(retry.since_ms(world.now) < 1_000, "{retry:?}");
    world.now = retry;
    let task = world.lease("cadastre").expect("through the other");
    assert_eq!(task.proxy.as_deref(), Some("ru/two"));
    assert!(matches!(page(&mut world, &task), Reply::Permits { .. }));
    let Reply::Noted(Some(retry)) = page(&mut world, &task) else { panic!("a third request through the other") };
    assert_eq!(retry, midnight, "no proxy is left today");
    world.now = retry;
    let task = world.lease("cadastre").expect("a new day");
    world.answer(&task, Vec::new()).expect("answers");
}

#[test]
fn hours_in_which_a_pool_rests_are_told_and_kept() {
    let (mut world, midnight) = in_the_evening(&json!({"proxies": ["one", "two"], "quiet": "21:00-03:00"}));
    world.create(1);
    assert!(world.lease("cadastre").is_none(), "all rest");
    let held = told(&world, "cadastre").expect("it waits");
    assert_eq!((held.reason, held.cause, held.eta_ms), ("proxy", Some("quiet_hours"), Some(5 * 3_600_000)));
    world.now = midnight.plus_ms(3 * 3_600_000);
    assert!(world.lease("cadastre").is_some(), "as it was told");
}

#[test]
fn a_days_quota_of_all_sources_together_is_one() {
    let mut world = world(&json!({"daily": 1}));
    let midnight = Timestamp((world.now.0.div_euclid(DAY) + 1) * DAY);
    world.create(1);
    world.lease("registry").expect("asked first");
    assert!(world.lease("cadastre").is_none(), "the proxy's day is used up by another source");
    let held = told(&world, "cadastre").expect("it waits");
    assert_eq!((held.reason, held.cause), ("proxy", Some("daily_quota")));
    assert_eq!(held.eta_ms, Some(midnight.since_ms(world.now)));
    world.now = midnight;
    assert!(world.lease("cadastre").is_some(), "a new day");
}

#[test]
fn a_burst_through_a_proxy_is_its_own() {
    let starts = |pool: Json| {
        let (mut world, _) = in_the_evening(&pool);
        world.create(1);
        let task = world.lease("cadastre").expect("asked");
        let mut starts = vec![task.permit.not_before];
        for _ in 0..3 {
            let Reply::Permits { permits, .. } = page(&mut world, &task) else { panic!("it has a permit") };
            starts.extend(permits.iter().map(|permit| permit.not_before));
        }
        starts.iter().map(|at| at.since_ms(world.now) / 1_000).collect::<Vec<_>>()
    };
    let spaced = starts(json!({"proxies": ["one"], "rate": "6/m"}));
    assert!(spaced.windows(2).all(|two| two[1] - two[0] >= 9), "{spaced:?}");
    let burst = starts(json!({"proxies": ["one"], "rate": "6/m", "burst": 3}));
    assert!(burst[2] < 5 && burst[3] >= 9, "{burst:?}");
}
