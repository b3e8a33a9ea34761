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
