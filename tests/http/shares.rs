//! A source whose licence forbids it shares nothing between tenants: two of them, over HTTP.

use crate::world::{ADDRESS, KEY_A, KEY_ADMIN, KEY_B, POLICY, World, case, developer, row};
use mirano::core::command::{AdoptPolicy, Command};
use mirano_schemas::PolicyOrigin;
use serde_json::{Value as Json, json};

/// A world whose courts answer each tenant for itself.
async fn world() -> World {
    let world = World::bare(1).await;
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    policy["sources"]["courts"]["share"] = json!("tenant");
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Files, expected: None };
    world.engine.submit(Command::AdoptPolicy(adopt)).await.expect("the policy is valid");
    world
}

async fn read(world: &World, key: &str, path: &str) -> Json {
    let got = world.send(world.request("GET", path, key)).await;
    assert_eq!(got.status, 200, "{}", got.text);
    got.json()
}

async fn status(world: &World, key: &str, path: &str) -> u16 {
    world.send(world.request("GET", path, key)).await.status
}

async fn create(world: &World, key: &str, name: &str) -> String {
    let body = json!({"address": ADDRESS, "profile": "standard"});
    let request = world.request("POST", "/v1/jobs", key).header("idempotency-key", name).json(&body);
    let job = world.send(request).await.json();
    job["job_id"].as_str().expect("an id").to_owned()
}

/// The courts' row of a job, when it is as wanted; each look follows a commit.
async fn courts(world: &World, key: &str, job: &str, wanted: impl Fn(&Json) -> bool) -> Json {
    let mut folded = world.engine.subscribe();
    loop {
        let view = read(world, key, &format!("/v1/jobs/{job}")).await;
        let found = row(&view, "courts").clone();
        if wanted(&found) {
            return found;
        }
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), folded.recv()).await;
        next.unwrap_or_else(|_| panic!("it never came: {view:#}")).expect("the engine lives");
    }
}

fn text(value: &Json) -> String {
    value.as_str().expect("text").to_owned()
}

#[tokio::test]
async fn each_tenant_asks_for_itself_and_sees_its_own() {
    let world = world().await;
    let of_a = create(&world, KEY_A, "k1").await;
    let task = world.lease("cadastre").await;
    world.answer(&task, vec![developer()]).await;
    let for_a = world.lease("courts").await;

    // The cadastre is shared, the task of the courts under way is not.
    let of_b = create(&world, KEY_B, "k1").await;
    let view = read(&world, KEY_B, &format!("/v1/jobs/{of_b}")).await;
    assert_eq!(row(&view, "cadastre")["origin"], "reused");
    courts(&world, KEY_B, &of_b, |row| row["task_id"].is_string()).await;
    world.answer(&for_a, vec![case("1", "Ответчик")]).await;
    courts(&world, KEY_A, &of_a, |row| row["state"] == "fresh").await;
    let for_b = world.lease("courts").await;
    assert_ne!((for_a.query, for_a.task), (for_b.query, for_b.task));
    assert_eq!(for_a.params, for_b.params, "the source is asked the same");
    let waits = courts(&world, KEY_B, &of_b, |row| row["state"] == "running").await;
    assert_eq!((&waits["facts"], &waits["joined"]), (&json!(0), &json!(false)), "{waits:#}");

    // What A's check brought is known to A alone, by whatever name it is asked for.
    let subject = "/v1/subjects/company:7707083893";
    let seen = read(&world, KEY_A, &format!("{subject}/facts")).await;
    let fact = text(&seen["items"][0]["fact_id"]);
    assert_eq!(read(&world, KEY_B, &format!("{subject}/facts")).await["items"], json!([]));
    assert_eq!(read(&world, KEY_B, &format!("{subject}/history")).await["items"], json!([]));
    for path in [format!("/v1/facts/{fact}"), format!("/v1/facts/{fact}/evidence")] {
        assert_eq!((status(&world, KEY_A, &path).await, status(&world, KEY_B, &path).await), (200, 404), "{path}");
    }
    let diff = "/v1/diff?from=company:7707083893@0:3&to=company:7707083893";
    assert_eq!((status(&world, KEY_A, diff).await, status(&world, KEY_B, diff).await), (200, 404));

    // B's own answer says the same and one thing more: each sees what it asked for, and when.
    world.pass(60_000);
    world.answer(&for_b, vec![case("1", "Ответчик"), case("2", "Истец")]).await;
    let answered = courts(&world, KEY_B, &of_b, |row| row["state"] == "fresh").await;
    assert_eq!((&answered["origin"], &answered["facts"]), (&json!("fetched"), &json!(2)));
    let (a, b) = (
        read(&world, KEY_A, &format!("{subject}/history")).await["items"].as_array().expect("items").clone(),
        read(&world, KEY_B, &format!("{subject}/history")).await["items"].as_array().expect("items").clone(),
    );
    assert_eq!((a.len(), b.len()), (1, 2));
    let same = b.iter().find(|one| one["fact"]["fact_id"] == json!(fact)).expect("the same fact has the same name");
    assert_eq!(same["intervals"].as_array().map(Vec::len), Some(1));
    assert_ne!(same["intervals"][0]["from"], a[0]["intervals"][0]["from"]);

    // A second check of A reuses A's answer; one of B reuses B's.
    for (key, facts) in [(KEY_A, 1), (KEY_B, 2)] {
        let again = create(&world, key, "k2").await;
        let reused = courts(&world, key, &again, |_| true).await;
        assert_eq!((&reused["origin"], &reused["facts"]), (&json!("reused"), &json!(facts)), "{key}");
    }
    // An auditor of tenant A reads the log, and the answers of its own tenant.
    assert_eq!(read(&world, KEY_ADMIN, &format!("{subject}/facts")).await["items"].as_array().map(Vec::len), Some(1));
}
