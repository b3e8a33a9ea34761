//! Checks that are made again by themselves.

use super::world::{KEY_B, World, case, developer};
use mirano::core::command::Command;
use serde_json::{Value as Json, json};

const DAY_MS: i64 = 86_400_000;

fn text(value: &Json) -> &str {
    value.as_str().expect("text")
}

/// Moves the clock; a command makes the engine look at it.
async fn pass(world: &World, ms: i64) {
    world.pass(ms);
    world.engine.submit(Command::RingWatches).await.expect("decided");
}

#[tokio::test]
async fn a_watched_check_is_made_again_and_stays_the_same_check() {
    let world = World::new().await;
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    let first = world.complete(&job).await;
    let body = json!({"job_id": job, "every": "1d", "reason": "key"});
    let set = world.post("/v1/watches", &body).await;
    assert_eq!(set.status, 201, "{}", set.text);
    let watch = set.json();
    assert_eq!((&watch["job_id"], &watch["every"], &watch["last_at"]), (&json!(job), &json!("1d"), &Json::Null));
    let about = format!("/v1/watches/{}", text(&watch["watch_id"]));
    assert_eq!(world.read("/v1/watches").await["items"], json!([watch]));

    // Before its time nothing happens; at its time everything is asked, though it is fresh.
    pass(&world, DAY_MS / 2).await;
    assert_eq!(world.read(&format!("/v1/jobs/{job}")).await["final"], true);
    pass(&world, DAY_MS).await;
    let during = world.read(&format!("/v1/jobs/{job}")).await;
    assert_eq!((&during["final"], &during["progress"]["updating"]), (&json!(false), &json!(3)), "{during:#}");
    assert_eq!((&during["status"], &during["job_id"]), (&json!("PARTIAL"), &first["job_id"]));
    let rang = world.read(&about).await;
    assert!(rang["last_at"].is_string() && rang["next_at"] != watch["next_at"], "{rang}");
    world.answer_in_order(&job, "cadastre", vec![developer()]).await;
    world.answer_in_order(&job, "courts", vec![case("2", "Истец")]).await;
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    let second = world.until(&job, |view| view["final"] == true).await;
    assert_eq!((&second["status"], second["snapshots"].as_array().map(Vec::len)), (&json!("COMPLETED"), Some(2)));
    assert_eq!(second["risk"]["score"], 0);

    // Nobody else sees it, or ends it; ended, it rings no more.
    let stranger = world.send(world.request("GET", &about, KEY_B)).await;
    assert_eq!(stranger.problem(), (404, "not_found".to_owned()));
    let ended = world.send(world.request("DELETE", &about, super::world::KEY_A)).await;
    assert_eq!(ended.status, 204, "{}", ended.text);
    assert_eq!(world.get(&about).await.problem(), (404, "not_found".to_owned()));
    pass(&world, 3 * DAY_MS).await;
    assert_eq!(world.read(&format!("/v1/jobs/{job}")).await["position"], second["position"]);
}

#[tokio::test]
async fn a_watch_may_make_its_check() {
    let world = World::new().await;
    let body = json!({"address": super::world::ADDRESS, "profile": "standard", "every": "12h", "reason": "paid",
        "hours": "22:00-06:00"});
    let send = || {
        world.send(world.request("POST", "/v1/watches", super::world::KEY_A).header("idempotency-key", "w").json(&body))
    };
    let first = send().await;
    assert_eq!((first.status, &first.json()["hours"]), (201, &json!("22:00-06:00")), "{}", first.text);
    let hour: u32 = text(&first.json()["next_at"])[11..13].parse().expect("an hour");
    assert!(!(6..22).contains(&hour), "{}", first.text);
    assert_eq!(send().await.json(), first.json(), "the same key sets one watch of one check");
    let job = text(&first.json()["job_id"]).to_owned();
    assert_eq!(world.read(&format!("/v1/jobs/{job}")).await["sources"].as_array().map(Vec::len), Some(3));
}

/// A key is good for one path and for 24 hours.
#[tokio::test]
async fn a_key_of_another_path_or_of_yesterday_is_another_key() {
    let world = World::new().await;
    world.create("k", json!({})).await;
    let watch = |flat: u8| {
        let address = format!("г Москва, ул Тверская, д 7, кв {flat}");
        let body = json!({"address": address, "profile": "standard", "every": "12h", "reason": "paid"});
        let request = world.request("POST", "/v1/watches", super::world::KEY_A).header("idempotency-key", "k");
        world.send(request.json(&body))
    };
    let first = watch(8).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(watch(9).await.problem(), (409, "idempotency_mismatch".to_owned()), "the same path, another body");
    world.pass(DAY_MS + 1);
    let second = watch(9).await;
    assert_eq!(second.status, 201, "{}", second.text);
    assert_eq!(watch(9).await.json()["watch_id"], second.json()["watch_id"]);
    assert_ne!(second.json()["watch_id"], first.json()["watch_id"]);
    // The first one ended: the key still names the second.
    let about = format!("/v1/watches/{}", text(&first.json()["watch_id"]));
    assert_eq!(world.send(world.request("DELETE", &about, super::world::KEY_A)).await.status, 204);
    assert_eq!(watch(9).await.json()["watch_id"], second.json()["watch_id"]);
}

#[tokio::test]
async fn rubbish_is_refused_with_its_place() {
    let world = World::new().await;
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    for (body, wanted) in [
        (json!({"job_id": job, "every": "soon", "reason": "key"}), (422, "input_invalid")),
        (json!({"job_id": job, "every": "1s", "reason": "key"}), (422, "input_invalid")),
        (json!({"job_id": job, "every": "1d", "reason": "whim"}), (422, "input_invalid")),
        (json!({"job_id": job, "every": "1d", "reason": "key", "hours": "night"}), (422, "input_invalid")),
        (json!({"job_id": job, "address": "x", "every": "1d", "reason": "key"}), (422, "input_invalid")),
        (json!({"every": "1d", "reason": "key"}), (422, "input_missing")),
        (json!({"address": super::world::ADDRESS, "every": "1d", "reason": "key"}), (422, "input_missing")),
        (json!({"address": "", "profile": "standard", "every": "1d", "reason": "key"}), (422, "address_empty")),
        (json!({"job_id": "nonsense", "every": "1d", "reason": "key"}), (404, "not_found")),
        (json!({"job_id": job, "every": "1d", "reason": "key", "more": 1}), (400, "bad_json")),
    ] {
        assert_eq!(world.post("/v1/watches", &body).await.problem(), (wanted.0, wanted.1.to_owned()), "{body}");
    }
    assert_eq!(world.read("/v1/watches").await["items"], json!([]));
}

/// A task that was given up is listed for operators; tried again, it answers whoever went without.
#[tokio::test]
async fn a_dead_letter_is_tried_again() {
    use super::world::{KEY_A, KEY_ADMIN, row};
    let world = World::new().await;
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    let task = world.lease("bankrupts").await;
    world.fail(&task).await;
    let view = world.until(&job, |view| row(view, "bankrupts")["state"] == "failed").await;
    // The job says so, in words and by a code, and the operators' list names the job as the job names the task.
    let without = row(&view, "bankrupts");
    assert_eq!(without["dead_letter"], "waiting", "{without}");
    let note = text(&without["note"]["en"]);
    assert!(note.ends_with("(given up, attempts: 1; it waits for an operator, who can have it tried again)"), "{note}");
    let told = world.read(&format!("/v1/jobs/{job}/explain?lang=en")).await;
    let told = told["sentences"].as_array().expect("sentences").iter().find(|one| one["code"] == "source.failed");
    assert!(told.is_some_and(|one| text(&one["text"]).contains("waits for an operator")), "{told:?}");
    let operator = |method: &'static str, path: String| world.send(world.request(method, &path, KEY_ADMIN));
    let listed = operator("GET", "/v1/dead-letters".to_owned()).await.json();
    let letter = listed["items"][0].clone();
    assert_eq!(
        (&letter["source"], &letter["attempts"], listed["items"].as_array().map(Vec::len)),
        (&json!("bankrupts"), &json!(1), Some(1))
    );
    assert!(text(&letter["cause"]).starts_with("timeout:"), "{letter}");
    let waits = json!([{"job_id": job, "need_id": without["need_id"], "task_id": without["task_id"]}]);
    assert_eq!(letter["waiting"], waits);
    assert_eq!(world.read(&format!("/v1/tasks/{}", text(&waits[0]["task_id"]))).await["status"], "failed");
    assert_eq!(operator("GET", "/v1/dead-letters?source=courts".to_owned()).await.json()["items"], json!([]));
    let about = format!("/v1/dead-letters/{}", text(&letter["task_id"]));
    let user = world.send(world.request("POST", &format!("{about}/retry"), KEY_A)).await;
    assert_eq!(user.problem(), (403, "role_missing".to_owned()));

    assert_eq!(operator("POST", format!("{about}/retry")).await.status, 204);
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    assert_eq!(operator("GET", "/v1/dead-letters".to_owned()).await.json()["items"], json!([]));
    for (method, path) in
        [("POST", format!("{about}/retry")), ("DELETE", about.clone()), ("DELETE", "/v1/dead-letters/x".to_owned())]
    {
        assert_eq!(operator(method, path).await.problem(), (404, "not_found".to_owned()), "seen to already");
    }
}
