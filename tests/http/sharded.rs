//! A source with four queues on four partitions is one source to everybody who looks.

use super::world::{KEY_A, KEY_ADMIN, KEY_B, KEY_WORKER, POLICY, World, row};
use mirano::core::command::{AdoptPolicy, Command};
use mirano_schemas::PolicyOrigin;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

const JOBS: usize = 12;

/// A register of the whole country, asked by the building; `share` as its licence says.
async fn world(share: &str) -> World {
    let world = World::bare(4).await;
    let mut policy: Json = serde_json::from_str(POLICY).expect("JSON");
    let source = &mut policy["sources"]["cadastre"];
    source["level"] = json!("source");
    source["share"] = json!(share);
    source["limits"] = json!({"shards": 4, "rate": "40/s", "burst": 40, "concurrency": 8});
    policy["profiles"]["standard"]["needs"] =
        json!([{"source": "cadastre", "params": {"address": "{{ address.building }}"}}]);
    let adopt = AdoptPolicy { document: policy.to_string(), origin: PolicyOrigin::Files, expected: None };
    let answer = world.engine.submit(Command::AdoptPolicy(adopt)).await.expect("the policy is valid");
    let mirano::core::command::Reply::Policy(version) = answer.reply else { panic!("a policy has a version") };
    world.engine.policy_everywhere(version).await.expect("followed");
    world
}

fn text(value: &Json) -> String {
    value.as_str().expect("text").to_owned()
}

async fn read(world: &World, key: &str, path: &str) -> Json {
    let got = world.send(world.request("GET", path, key)).await;
    assert_eq!(got.status, 200, "{path}: {}", got.text);
    got.json()
}

/// Starts a check of the `n`-th house.
async fn create(world: &World, key: &str, n: usize) -> String {
    let body = json!({"address": format!("г Москва, ул Тверская, д {n}"), "profile": "standard"});
    let request = world.request("POST", "/v1/jobs", key).header("idempotency-key", format!("k{n}")).json(&body);
    let got = world.send(request).await;
    assert_eq!(got.status, 202, "{}", got.text);
    text(&got.json()["job_id"])
}

/// Reads something until it is as wanted; each look follows a commit.
async fn until(world: &World, key: &str, path: &str, wanted: impl Fn(&Json) -> bool) -> Json {
    let mut folded = world.engine.subscribe();
    loop {
        let view = read(world, key, path).await;
        if wanted(&view) {
            return view;
        }
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), folded.recv()).await;
        next.unwrap_or_else(|_| panic!("it never came: {view:#}")).expect("the engine lives");
    }
}

async fn call(world: &World, path: &str, body: &Json) -> Json {
    let got = world.send(world.request("POST", &format!("/v1/worker/{path}"), KEY_WORKER).json(body)).await;
    assert_eq!(got.status, 200, "{path}: {}", got.text);
    got.json()
}

/// Leases up to so many tasks, of whatever shard.
async fn lease(world: &World, max: usize) -> Vec<Json> {
    let leased =
        call(world, "lease", &json!({"sources": ["cadastre"], "worker": "far", "max": max, "wait_s": 20})).await;
    let tasks = leased["tasks"].as_array().expect("tasks").clone();
    assert!(!tasks.is_empty(), "nothing to lease");
    for task in &tasks {
        assert_eq!((&task["source"], &task["connector"]), (&json!("cadastre"), &json!("cadastre@1")), "{task}");
    }
    tasks
}

/// Answers a task with one page.
async fn answer(world: &World, task: &Json, page: &str) {
    let about = format!("tasks/{}", text(&task["task_id"]));
    let keep = world.request("POST", &format!("/v1/worker/{about}/evidence"), KEY_WORKER);
    let keep = keep.header("mirano-lease", text(&task["lease_token"])).header("content-type", "application/json");
    let kept = world.send(keep.body(page.to_owned())).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    let done = json!({"lease_token": task["lease_token"], "evidence": [kept.json()["evidence_id"]]});
    let told = call(world, &format!("{about}/complete"), &done).await;
    assert!(told["observation_id"].is_string(), "{told}");
}

fn of_cadastre(view: &Json) -> &Json {
    let items = view["items"].as_array().expect("items");
    items.iter().find(|one| one["source"] == "cadastre").expect("the source")
}

/// The sum over a source's shards.
fn sum(source: &Json, of: &str) -> u64 {
    let shards = source["shards"].as_array().expect("shards");
    shards.iter().map(|shard| shard[of].as_u64().expect("a number")).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_queues_are_one_source() {
    let world = world("all").await;
    let mut jobs = Vec::new();
    for n in 1..=JOBS {
        jobs.push(create(&world, KEY_A, n).await);
    }
    let queued = |view: &Json| of_cadastre(view)["queue"] == JOBS;
    let view = until(&world, KEY_ADMIN, "/v1/sources", queued).await;
    let source = of_cadastre(&view);
    assert_eq!(source["shards"].as_array().map(Vec::len), Some(4), "{source:#}");
    assert_eq!(sum(source, "queue"), JOBS as u64);
    assert!(source["shards"].as_array().expect("shards").iter().filter(|one| one["queue"] != 0).count() > 1);
    assert_eq!((&source["rate"], &source["concurrency"]), (&json!("40/1s"), &json!(8)), "as its file says");
    assert_eq!(source["permits_left"], sum(source, "permits_left"));
    let others = view["items"].as_array().expect("items").iter().filter(|one| one["shards"].is_array()).count();
    assert_eq!(others, 1, "a source with one queue lists none");
    let job = read(&world, KEY_A, &format!("/v1/jobs/{}", jobs[0])).await;
    assert_eq!(row(&job, "cadastre")["state"], "queued");

    // Two tasks of each shard at once; a worker that asks for one gets one of any shard.
    let mut tasks = lease(&world, 1).await;
    let (mut answered, mut moments) = (0, Vec::new());
    while answered < JOBS {
        for task in std::mem::take(&mut tasks) {
            answer(&world, &task, r#"{"items": [{"inn": "7707083893"}]}"#).await;
            answered += 1;
            let cut: Vec<String> = world.engine.cut().iter().map(ToString::to_string).collect();
            moments.push((cut.join(","), answered));
        }
        if answered < JOBS {
            tasks = lease(&world, JOBS).await;
            assert!(tasks.len() <= 8, "as many at once as the source allows");
        }
    }
    for job in &jobs {
        let view = world.until(job, |view| view["final"] == true).await;
        assert_eq!(row(&view, "cadastre")["facts"], 1, "{view:#}");
        let tasks = read(&world, KEY_A, &format!("/v1/jobs/{job}/tasks")).await;
        assert_eq!(tasks["items"][0]["source"], "cadastre", "{tasks:#}");
    }

    // It is one fact with an interval for each question, whatever row holds it.
    let subject = "/v1/subjects/source:cadastre";
    let history = read(&world, KEY_A, &format!("{subject}/history")).await;
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "{history:#}");
    assert_eq!(history["items"][0]["intervals"].as_array().map(Vec::len), Some(JOBS));
    // As of a moment it is there as often as it had been shown, whichever queue asked first.
    for (moment, shown) in moments {
        let then = read(&world, KEY_A, &format!("{subject}/history?as_of={moment}")).await;
        assert_eq!(then["items"][0]["intervals"].as_array().map(Vec::len), Some(shown), "{moment}: {then:#}");
    }
    let known = read(&world, KEY_A, &format!("{subject}/facts")).await;
    assert_eq!(known["items"].as_array().map(Vec::len), Some(1), "{known:#}");
    let fact = read(&world, KEY_A, &format!("/v1/facts/{}", text(&known["items"][0]["fact_id"]))).await;
    assert_eq!((&fact["source"], &fact["connector"]), (&json!("cadastre"), &json!("cadastre@1")));
    let rested = read(&world, KEY_ADMIN, "/v1/sources").await;
    assert_eq!((&of_cadastre(&rested)["queue"], &of_cadastre(&rested)["health"]), (&json!(0), &json!("ok")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_and_outcomes_are_the_source_s() {
    let world = world("all").await;
    for n in 1..=JOBS {
        create(&world, KEY_A, n).await;
    }
    until(&world, KEY_ADMIN, "/v1/sources", |view| of_cadastre(view)["queue"] == JOBS).await;
    let mut failed = 0;
    while failed < JOBS {
        for task in lease(&world, 8).await {
            let refused = json!({"lease_token": task["lease_token"], "outcome": "refused", "cause": "no such house"});
            call(&world, &format!("tasks/{}/fail", text(&task["task_id"])), &refused).await;
            failed += 1;
        }
    }
    // Page by page, over all queues.
    let (mut letters, mut next) = (Vec::new(), String::new());
    loop {
        let page = read(&world, KEY_ADMIN, &format!("/v1/dead-letters?source=cadastre&limit=5{next}")).await;
        letters.extend(page["items"].as_array().expect("items").clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let ids: BTreeSet<String> = letters.iter().map(|one| text(&one["task_id"])).collect();
    assert_eq!((letters.len(), ids.len()), (JOBS, JOBS), "{letters:#?}");
    assert!(letters.iter().all(|one| one["source"] == "cadastre"));
    for id in ids {
        let retry = world.request("POST", &format!("/v1/dead-letters/{id}/retry"), KEY_ADMIN);
        assert_eq!(world.send(retry).await.status, 204);
    }
    until(&world, KEY_ADMIN, "/v1/sources", |view| of_cadastre(view)["queue"] == JOBS).await;
    let outcomes = read(&world, KEY_ADMIN, "/v1/sources/outcomes").await;
    let of: Vec<&Json> = outcomes["items"].as_array().expect("items").iter().map(|one| &one["source"]).collect();
    assert_eq!(of, ["cadastre"], "{outcomes:#}");
}

/// What a licence forbids to share is another tenant's in each shard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_share_no_more_than_their_source() {
    let world = world("tenant").await;
    for n in 1..=JOBS {
        create(&world, KEY_A, n).await;
    }
    let of_b = create(&world, KEY_B, 1).await;
    until(&world, KEY_ADMIN, "/v1/sources", |view| of_cadastre(view)["queue"] == JOBS + 1).await;
    let mut answered = 0;
    while answered <= JOBS {
        for task in lease(&world, 8).await {
            answer(&world, &task, r#"{"items": [{"inn": "7707083893"}]}"#).await;
            answered += 1;
        }
    }
    until(&world, KEY_B, &format!("/v1/jobs/{of_b}"), |view| view["final"] == true).await;
    let history = async |key: &str| read(&world, key, "/v1/subjects/source:cadastre/history").await;
    let intervals = |view: &Json| view["items"][0]["intervals"].as_array().map(Vec::len);
    assert_eq!(intervals(&history(KEY_A).await), Some(JOBS));
    assert_eq!(intervals(&history(KEY_B).await), Some(1), "its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_of_shards_is_refused_with_what_to_do() {
    let world = world("all").await;
    let policy = read(&world, KEY_ADMIN, "/v1/policy").await;
    let put = async |shards: u64| {
        let mut document = policy["document"].clone();
        document["sources"]["cadastre"]["limits"]["shards"] = json!(shards);
        let tag = format!("\"{}\"", policy["version"]);
        let request = world.request("PUT", "/v1/policy", KEY_ADMIN).header("if-match", tag);
        world.send(request.json(&json!({"document": document}))).await
    };
    let refused = put(2).await;
    assert_eq!(refused.problem(), (422, "policy_invalid".to_owned()));
    assert!(
        refused.text.contains("sources.cadastre.limits.shards") && refused.text.contains("another id"),
        "{}",
        refused.text
    );
    let refused = put(17).await;
    assert_eq!(refused.problem(), (422, "policy_invalid".to_owned()));
    assert!(refused.text.contains("from 1 to 16"), "{}", refused.text);
}
