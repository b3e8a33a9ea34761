//! Tasks for workers of other processes, over real HTTP.

use super::world::{KEY_A, KEY_WORKER, World, row};
use serde_json::{Value as Json, json};

async fn call(world: &World, path: &str, body: &Json) -> super::world::Got {
    world.send(world.request("POST", &format!("/v1/worker/{path}"), KEY_WORKER).json(body)).await
}

fn text(value: &Json) -> &str {
    value.as_str().expect("text")
}

/// Leases the one task of a source, waiting for it.
async fn lease(world: &World, source: &str) -> Json {
    let got = call(world, "lease", &json!({"sources": [source], "worker": "far", "wait_s": 20})).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let tasks = got.json()["tasks"].as_array().expect("tasks").clone();
    assert_eq!(tasks.len(), 1, "{}", got.text);
    tasks[0].clone()
}

/// Keeps a raw answer.
async fn keep(world: &World, task: &Json, body: &str) -> String {
    let path = format!("/v1/worker/tasks/{}/evidence", text(&task["task_id"]));
    let request = world.request("POST", &path, KEY_WORKER).header("mirano-lease", text(&task["lease_token"]));
    let kept = world.send(request.header("content-type", "application/json").body(body.to_owned())).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    text(&kept.json()["evidence_id"]).to_owned()
}

#[tokio::test]
async fn a_worker_of_another_process_does_a_task() {
    let world = World::new().await;
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    let task = lease(&world, "cadastre").await;
    assert_eq!(task["connector"], "cadastre@1");
    assert_eq!(task["request"]["method"], "GET");
    assert!(text(&task["request"]["url"]).starts_with("http://x.example/"), "{task}");
    assert_eq!((&task["attempt"], &task["proxy"]), (&json!(1), &Json::Null));
    assert_eq!(task["permits"].as_array().map(Vec::len), Some(1));
    let about = format!("tasks/{}", text(&task["task_id"]));
    let with = |mut body: Json| {
        body["lease_token"] = task["lease_token"].clone();
        body
    };

    let more = call(&world, &format!("{about}/permit"), &with(json!({"n": 2}))).await.json();
    assert_eq!((&more["granted"], more["permits"].as_array().map(Vec::len)), (&json!(2), Some(2)));
    assert_eq!(more["not_before"], more["permits"][0]["not_before"]);
    let back = call(&world, &format!("{about}/permit"), &with(json!({"unused": more["permits"]}))).await;
    assert_eq!((back.status, &back.json()["granted"]), (200, &json!(0)), "{}", back.text);
    let kept = call(&world, &format!("{about}/heartbeat"), &with(json!({}))).await.json();
    assert_eq!(kept["cancel"], false);

    // The server reads what was kept: nothing follows the page, and it says what it is to say.
    let page = keep(&world, &task, r#"{"items": [{"inn": "7707083893"}]}"#).await;
    let next = call(&world, &format!("{about}/next"), &with(json!({"evidence": [page]}))).await;
    assert_eq!((next.status, &next.json()["request"]), (200, &Json::Null), "{}", next.text);
    let done = with(json!({"evidence": [page]}));
    let first = call(&world, &format!("{about}/complete"), &done).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert!(first.json()["observation_id"].is_string());
    // Said twice, it is recorded once, and answered the same.
    assert_eq!(call(&world, &format!("{about}/complete"), &done).await.json(), first.json());
    let late =
        call(&world, &format!("{about}/fail"), &with(json!({"outcome": "blocked", "cause": "captcha: late"}))).await;
    assert_eq!(late.problem(), (409, "lease_lost".to_owned()));

    // The next one reads by itself.
    let task = lease(&world, "courts").await;
    let about = format!("tasks/{}", text(&task["task_id"]));
    let page = keep(&world, &task, "anything").await;
    let told = |facts: Json| json!({"lease_token": task["lease_token"], "outcome": "found", "evidence": [page], "facts": facts});
    let wrong = told(json!([
        {"kind": "court.case", "attrs": {"role": "Ответчик", "sum": "1"}},
        {"kind": "court.verdict", "attrs": {}}]));
    let refused = call(&world, &format!("{about}/complete"), &wrong).await;
    assert_eq!(refused.problem(), (422, "input_invalid".to_owned()));
    let errors = refused.json()["errors"].clone();
    let places: Vec<&str> = errors.as_array().expect("errors").iter().map(|error| text(&error["at"])).collect();
    assert_eq!(places, ["/facts/0/attrs/sum", "/facts/0/attrs/number", "/facts/1/kind"]);
    let right = told(json!([{"kind": "court.case", "attrs": {"number": "А40-1/2026", "role": "Ответчик"}}]));
    assert_eq!(call(&world, &format!("{about}/complete"), &right).await.status, 200);
    let view = world.until(&job, |view| row(view, "courts")["state"] == "fresh").await;
    assert_eq!((&row(&view, "courts")["facts"], &view["risk"]["score"]), (&json!(1), &json!(60)));
    let facts = world.read("/v1/subjects/company:7707083893/facts").await;
    assert_eq!(facts["items"][0]["identity"], json!({"number": "А40-1/2026"}));
    assert_eq!(facts["items"][0]["evidence"], json!([page]));
}

/// A long answer is told page by page; it is shown when it is complete.
#[tokio::test]
async fn facts_are_told_in_parts() {
    let world = World::new().await;
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    let first = lease(&world, "cadastre").await;
    let page = keep(&world, &first, r#"{"items": [{"inn": "7707083893"}]}"#).await;
    let path = format!("tasks/{}/complete", text(&first["task_id"]));
    call(&world, &path, &json!({"lease_token": first["lease_token"], "evidence": [page]})).await;
    let task = lease(&world, "courts").await;
    let about = format!("tasks/{}", text(&task["task_id"]));
    let page = keep(&world, &task, "anything").await;
    let case = |n: usize| json!({"kind": "court.case", "attrs": {"number": format!("А40-{n}/2026"), "role": "Истец"}});
    let part = async |facts: Json| {
        call(&world, &format!("{about}/facts"), &json!({"lease_token": task["lease_token"], "facts": facts})).await
    };
    let wrong = part(json!([case(0), {"kind": "court.verdict", "attrs": {}}])).await;
    assert_eq!(wrong.problem(), (422, "input_invalid".to_owned()), "at once, not in the end");
    assert_eq!(part(json!([])).await.problem(), (422, "input_invalid".to_owned()));
    let mut parts = Vec::new();
    for n in 0..3 {
        let kept = part(json!([case(2 * n), case(2 * n + 1)])).await;
        assert_eq!((kept.status, &kept.json()["facts"]), (200, &json!(2)), "{}", kept.text);
        parts.push(kept.json()["part_id"].clone());
    }
    let facts = world.read("/v1/subjects/company:7707083893/facts").await;
    assert_eq!(facts["items"], json!([]), "half an answer is none");
    let complete = |parts: Json| json!({"lease_token": task["lease_token"], "outcome": "found", "evidence": [page], "parts": parts, "facts": [case(6)]});
    let none = call(&world, &format!("{about}/complete"), &complete(json!([page]))).await;
    assert_eq!((none.problem().0, &none.json()["errors"][0]["at"]), (422, &json!("/parts/0")), "{}", none.text);
    let done = call(&world, &format!("{about}/complete"), &complete(json!(parts))).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(call(&world, &format!("{about}/complete"), &complete(json!(parts))).await.json(), done.json());
    let view = world.until(&job, |view| row(view, "courts")["state"] == "fresh").await;
    assert_eq!(row(&view, "courts")["facts"], 7);
    let late = part(json!([case(9)])).await;
    assert_eq!(late.problem(), (409, "lease_lost".to_owned()));
}

#[tokio::test]
async fn a_page_that_is_no_answer_is_a_failed_attempt() {
    let world = World::new().await;
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    let task = lease(&world, "bankrupts").await;
    let page = keep(&world, &task, "<html>Are you a robot?</html>").await;
    let path = format!("tasks/{}/complete", text(&task["task_id"]));
    let told = call(&world, &path, &json!({"lease_token": task["lease_token"], "evidence": [page]})).await;
    assert_eq!((told.status, &told.json()["observation_id"]), (200, &Json::Null), "{}", told.text);
    let view = world.until(&job, |view| row(view, "bankrupts")["state"] == "failed").await;
    assert_eq!(row(&view, "bankrupts")["last_failure"]["outcome"], "unparsable");
}

#[tokio::test]
async fn a_lease_that_ended_is_lost() {
    let world = World::new().await;
    world.create("k", json!({})).await;
    let task = lease(&world, "cadastre").await;
    world.pass(3_600_000);
    let with = json!({"lease_token": task["lease_token"], "outcome": "unavailable", "cause": "timeout: none"});
    let path = format!("tasks/{}", text(&task["task_id"]));
    world.engine.submit(mirano::core::command::Command::ExpireLeases).await.expect("taken back");
    world.pass(60_000);
    let again = lease(&world, "cadastre").await;
    assert_eq!((&again["task_id"], &again["attempt"]), (&task["task_id"], &json!(2)));
    assert_ne!(again["lease_token"], task["lease_token"]);
    for (call_path, body) in [
        ("fail", with.clone()),
        ("heartbeat", json!({"lease_token": task["lease_token"]})),
        ("permit", json!({"lease_token": task["lease_token"]})),
    ] {
        let got = call(&world, &format!("{path}/{call_path}"), &body).await;
        assert_eq!(got.problem(), (409, "lease_lost".to_owned()), "{call_path}");
    }
}

#[tokio::test]
async fn rubbish_of_workers_is_refused_with_its_place() {
    let world = World::new().await;
    world.create("k", json!({})).await;
    let empty = call(&world, "lease", &json!({"sources": ["courts"], "wait_s": 0})).await;
    assert_eq!((empty.status, &empty.json()["tasks"]), (200, &json!([])), "nothing to do is no error");
    let task = lease(&world, "cadastre").await;
    let about = format!("tasks/{}", text(&task["task_id"]));
    let lease = &task["lease_token"];
    for (path, body, wanted) in [
        ("lease".to_owned(), json!({"sources": ["moon"]}), (422, "source_unknown")),
        ("lease".to_owned(), json!({"max": 0}), (422, "input_invalid")),
        ("lease".to_owned(), json!({"max": "many"}), (400, "bad_json")),
        ("tasks/nonsense/heartbeat".to_owned(), json!({"lease_token": lease}), (404, "not_found")),
        (format!("{about}/heartbeat"), json!({"lease_token": "nonsense"}), (409, "lease_lost")),
        (format!("{about}/complete"), json!({"lease_token": lease, "evidence": []}), (422, "input_invalid")),
        (format!("{about}/complete"), json!({"lease_token": lease, "evidence": ["x"]}), (422, "input_invalid")),
        (
            format!("{about}/complete"),
            json!({"lease_token": lease, "evidence": ["x"], "outcome": "maybe"}),
            (422, "input_invalid"),
        ),
        (
            format!("{about}/fail"),
            json!({"lease_token": lease, "outcome": "found", "cause": "x"}),
            (422, "input_invalid"),
        ),
        (
            format!("{about}/fail"),
            json!({"lease_token": lease, "outcome": "blocked", "cause": " "}),
            (422, "input_invalid"),
        ),
    ] {
        let got = call(&world, &path, &body).await;
        assert_eq!(got.problem(), (wanted.0, wanted.1.to_owned()), "{path} {body}");
    }
    let page = keep(&world, &task, r#"{"items": [{"inn": "7707083893"}]}"#).await;
    let told = |as_of: &str| json!({"lease_token": lease, "evidence": [page], "as_of": as_of});
    let undated = call(&world, &format!("{about}/complete"), &told("yesterday")).await;
    assert_eq!((undated.status, &undated.json()["errors"][0]["at"]), (422, &json!("/as_of")), "{}", undated.text);
    let dated = call(&world, &format!("{about}/complete"), &told("2027-01-14T23:00:00Z")).await;
    assert_eq!(dated.status, 200, "{}", dated.text);
    let user = world.send(world.request("POST", "/v1/worker/lease", KEY_A).json(&json!({}))).await;
    assert_eq!(user.problem(), (403, "role_missing".to_owned()));
}

#[tokio::test]
async fn what_a_worker_may_not_say_is_refused() {
    let world = World::new().await;
    world.create("k", json!({})).await;
    let task = lease(&world, "cadastre").await;
    let about = format!("tasks/{}", text(&task["task_id"]));
    let refused = async |path: &str, mut body: Json, at: &str| {
        body["lease_token"] = task["lease_token"].clone();
        let got = call(&world, &format!("{about}/{path}"), &body).await;
        assert_eq!(
            (got.problem(), &got.json()["errors"][0]["at"]),
            ((422, "input_invalid".to_owned()), &json!(at)),
            "{}",
            got.text
        );
    };
    for n in [0, 21] {
        refused("permit", json!({"n": n}), "/n").await;
    }
    let granted = task["permits"][0].clone();
    refused("permit", json!({"n": 1, "unused": [granted]}), "/n").await;
    let years = json!({"not_before": granted["not_before"], "not_after": "2099-01-01T00:00:00Z"});
    refused("permit", json!({"unused": [years]}), "/unused/0").await;
    // What would pass for the server's own trouble: it opens no breaker and may be repeated a hundred times.
    for cause in ["lease_expired: not so", "put_off", "evidence_store: full", "key_store: gone", "proxy_not_here: no"] {
        refused("fail", json!({"outcome": "blocked", "cause": cause}), "/cause").await;
    }
    let page = keep(&world, &task, r#"{"items": []}"#).await;
    let long_ago = json!({"evidence": [page], "observed_at": "2001-01-01T00:00:00Z"});
    refused("complete", long_ago, "/observed_at").await;
    // None of it was an end: the lease is held still.
    let mut kept = json!({"lease_token": task["lease_token"]});
    let still = call(&world, &format!("{about}/heartbeat"), &kept).await.json();
    assert_eq!((&still["cancel"], &still["rests_until"]), (&json!(false), &Json::Null));
    kept["evidence"] = json!([page]);
    kept["observed_at"] = json!(mirano::explain::time::rfc3339(world.now()));
    assert_eq!(call(&world, &format!("{about}/complete"), &kept).await.status, 200);
}

/// What the source says to one task the others of its workers are told with the next heartbeat.
#[tokio::test]
async fn a_heartbeat_says_that_the_source_is_left_alone() {
    let world = World::new().await;
    for flat in [1, 2] {
        let body = json!({"address": format!("г Москва, ул Тверская, д 7{flat}"), "profile": "standard"});
        let request = world.request("POST", "/v1/jobs", KEY_A).header("idempotency-key", format!("k{flat}"));
        assert_eq!(world.send(request.json(&body)).await.status, 202);
    }
    let (one, other) = (lease(&world, "cadastre").await, lease(&world, "cadastre").await);
    let path = format!("tasks/{}/fail", text(&one["task_id"]));
    let failed = json!({"lease_token": one["lease_token"], "outcome": "blocked", "cause": "too_many_requests: 429",
        "http_status": 429, "retry_after_s": 600});
    assert_eq!(call(&world, &path, &failed).await.status, 200);
    let path = format!("tasks/{}/heartbeat", text(&other["task_id"]));
    let kept = call(&world, &path, &json!({"lease_token": other["lease_token"]})).await.json();
    let until: chrono::DateTime<chrono::Utc> = text(&kept["rests_until"]).parse().expect("a time");
    assert!(until.timestamp_millis() > world.now().plus_ms(500_000).0, "{kept}");
    assert_eq!(kept["cancel"], false, "what it has received is of use");
}
