//! Sources that do not answer, or say that they are asked too fast: how that is told.

use crate::world::{KEY_A, KEY_ADMIN, POLICY, World, developer, row};
use mirano::core::command::{AdoptPolicy, Command, FailAttempt, LeasedTask};
use mirano_schemas::{Outcome, PolicyOrigin};
use serde_json::{Value as Json, json};

async fn world() -> World {
    let world = World::bare(1).await;
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    let cadastre = &mut policy["sources"]["cadastre"];
    cadastre["retry"] = json!({"attempts": 9, "initial": "2s", "factor": 1.0, "max": "2s"});
    cadastre["limits"] = json!({"rate": "60/m", "concurrency": 1, "breaker": {"failures": 2, "rest": "2m"}});
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Files, expected: None };
    world.engine.submit(Command::AdoptPolicy(adopt)).await.expect("the policy is valid");
    world
}

async fn fails(world: &World, task: &LeasedTask, outcome: Outcome, http_status: Option<u16>) {
    let command = FailAttempt {
        source: task.queue.clone(),
        task: task.task,
        lease: task.lease,
        outcome,
        cause: "http_status: 503".to_owned(),
        http_status,
        evidence: Vec::new(),
        retry_after_ms: None,
    };
    world.engine.submit(Command::Fail(command)).await.expect("noted");
}

/// The cadastre, as a key's holder sees it.
async fn cadastre(world: &World, key: &str) -> Json {
    let got = world.send(world.request("GET", "/v1/sources", key)).await.json();
    let items = got["items"].as_array().expect("sources");
    items.iter().find(|one| one["source"] == "cadastre").expect("there").clone()
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_told_so_until_it_does() {
    let world = world().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let task = world.lease("cadastre").await;
    assert_eq!(
        cadastre(&world, KEY_ADMIN).await["breaker"],
        json!({"state": "closed", "since": null, "until": null, "times": 0})
    );
    fails(&world, &task, Outcome::Unavailable, None).await;
    world.pass(10_000);
    let task = world.lease("cadastre").await;
    fails(&world, &task, Outcome::Unavailable, None).await;

    let source = cadastre(&world, KEY_ADMIN).await;
    assert_eq!((&source["health"], &source["permits_left"]), (&json!("down"), &json!(0)));
    let breaker = &source["breaker"];
    assert_eq!((&breaker["state"], &breaker["times"]), (&json!("open"), &json!(1)));
    assert_eq!(
        (breaker["since"].as_str(), breaker["until"].as_str()),
        (Some("2027-01-15T08:00:10.000Z"), Some("2027-01-15T08:02:10.000Z"))
    );
    let coarse = cadastre(&world, KEY_A).await;
    assert_eq!(coarse["breaker"]["until"], "2027-01-15T08:03:00.000Z", "to the minute, and not too soon");
    let view = world.read(&format!("/v1/jobs/{job}?lang=en")).await;
    let blocked = &row(&view, "cadastre")["blocked_on"];
    assert_eq!(
        (&blocked["reason"], &blocked["cause"], &blocked["eta_s"]),
        (&json!("backoff"), &json!("breaker_open"), &json!(120))
    );
    let told = world.read(&format!("/v1/jobs/{job}/explain?lang=en")).await;
    let why = told["why_updating"]["text"].as_str().expect("words");
    assert!(why.contains("does not answer, so it is left alone"), "{why}");

    world.pass(121_000);
    assert_eq!(cadastre(&world, KEY_ADMIN).await["breaker"]["state"], "half_open");
    let probe = world.lease("cadastre").await;
    world.answer(&probe, vec![developer()]).await;
    let source = cadastre(&world, KEY_ADMIN).await;
    assert_eq!((&source["health"], &source["breaker"]["state"]), (&json!("ok"), &json!("closed")));
}

#[tokio::test]
async fn a_source_that_is_asked_too_fast_is_told_to_be_slowed() {
    let world = world().await;
    world.create("k1", json!({})).await;
    assert_eq!(cadastre(&world, KEY_A).await["slowed"], Json::Null);
    let task = world.lease("cadastre").await;
    fails(&world, &task, Outcome::Blocked, Some(429)).await;
    let source = cadastre(&world, KEY_ADMIN).await;
    assert_eq!(
        source["slowed"],
        json!({"percent": 50, "full_at": "2027-01-15T08:10:00.000Z", "because": "slowed_down"})
    );
    assert_eq!((&source["health"], &source["breaker"]["state"]), (&json!("failing"), &json!("closed")));
    world.pass(300_000);
    assert_eq!(cadastre(&world, KEY_ADMIN).await["slowed"]["percent"], 75);
    world.pass(300_000);
    assert_eq!(cadastre(&world, KEY_ADMIN).await["slowed"], Json::Null);
}

/// A 503 speaks of the source's own state: it is never told as if we had asked too fast.
#[tokio::test]
async fn a_source_that_is_overloaded_is_not_told_to_be_asked_too_fast() {
    let world = world().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let task = world.lease("cadastre").await;
    fails(&world, &task, Outcome::Unavailable, Some(503)).await;
    let source = cadastre(&world, KEY_ADMIN).await;
    assert_eq!((&source["slowed"]["percent"], &source["slowed"]["because"]), (&json!(50), &json!("overloaded")));
    for lang in ["ru", "en"] {
        let told = world.read(&format!("/v1/jobs/{job}/explain?lang={lang}")).await.to_string();
        assert!(!told.contains("too fast") && !told.contains("слишком частых"), "{told}");
    }
}
