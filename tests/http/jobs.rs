//! Jobs, from being asked for to being reused, stale and failed: the JSON as a golden text.

use crate::world::{KEY_A, World, all_queued, case, row};
use expect_test::expect_file;
use serde_json::{Value as Json, json};

/// The golden text of a job; everything in it is a function of the test.
fn check(name: &str, job: &Json) {
    let text = format!("{job:#}\n");
    expect_file![format!("{}/tests/golden/http/{name}.json", env!("CARGO_MANIFEST_DIR"))].assert_eq(&text);
}

fn id(job: &Json) -> String {
    job["job_id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_job_from_created_to_reused_and_stale() {
    let world = World::new().await;
    let created = world.create("k1", json!({})).await;
    assert_eq!((created["status"].as_str(), created["final"].as_bool()), (Some("CREATED"), Some(false)));
    let job = id(&created);
    check("created", &world.until(&job, all_queued).await);

    let task = world.lease("cadastre").await;
    let running = world.until(&job, |view| view["sources"][0]["state"] == "running").await;
    assert_eq!(running["status"], "IN_PROGRESS");
    check("in_progress", &running);

    world.pass(1_000);
    world.answer(&task, vec![crate::world::developer()]).await;
    let partial = world.until(&job, |view| row(view, "courts")["state"] == "queued" && all_queued(view)).await;
    assert_eq!(partial["status"], "PARTIAL");
    world.answer_in_order(&job, "courts", vec![case("1", "Ответчик")]).await;
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    let completed = world.until(&job, |view| view["final"] == true).await;
    assert_eq!(completed["status"], "COMPLETED");
    check("completed", &completed);

    world.pass(3_600_000);
    let reused = world.create("k2", json!({})).await;
    assert_eq!((reused["status"].as_str(), reused["progress"]["reused"].as_u64()), (Some("COMPLETED"), Some(3)));
    assert!(reused["honesty"][0].as_str().expect("honest").contains("все ответы взяты из предыдущих проверок"));
    check("reused", &reused);

    // Two days on the national list is past its TTL, and may not be shown at all.
    world.pass(2 * 86_400_000);
    let expired = world.read(&format!("/v1/jobs/{job}?lang=en")).await;
    assert_eq!((expired["status"].as_str(), expired["final"].as_bool()), (Some("PARTIAL"), Some(true)));
    check("expired", &expired);

    // Eight days on the cadastre is stale; a new job shows it, marked so, while it is asked again.
    world.pass(6 * 86_400_000);
    let stale = world.create("k3", json!({})).await;
    assert_eq!(stale["sources"][0]["origin"], "served_stale");
    check("stale", &world.until(&id(&stale), all_queued).await);
}

#[tokio::test]
async fn a_job_whose_source_fails() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    let task = world.lease("cadastre").await;
    world.fail(&task).await;
    let retrying = world.until(&job, |view| view["sources"][0]["state"] == "retrying").await;
    assert_eq!(retrying["sources"][0]["blocked_on"]["reason"], "backoff");
    assert_eq!(retrying["sources"][0]["outcome"], "unavailable");
    world.pass(10_000);
    let task = world.lease("cadastre").await;
    world.fail(&task).await;
    let task = world.lease("bankrupts").await;
    world.fail(&task).await;
    let failed = world.until(&job, |view| view["final"] == true).await;
    assert_eq!(failed["status"], "FAILED");
    assert!(failed["sources"][1]["cause"].as_str().is_some_and(|cause| cause.starts_with("depends_on:")));
    assert_eq!(failed["progress"]["failed"], 3);
    check("failed", &failed);
    // Who was not asked, because another gave no answer, is not said to have given none; causes are told in words.
    let report = world.read(&format!("/v1/jobs/{job}/report")).await;
    let why: Vec<&str> = report["not_checked"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["reason"] == "failed")
        .filter_map(|one| one["text"]["ru"].as_str())
        .collect();
    assert_eq!(why.len(), 3, "{report}");
    let given_up = |attempts| {
        format!(
            "источник не ответил вовремя (запрос оставлен, попыток: {attempts}; ждёт оператора, который может его повторить)"
        )
    };
    assert_eq!((why[0], why[2]), (given_up(2).as_str(), given_up(1).as_str()));
    assert!(why[1].starts_with("не спрашивали: источник «") && why[1].ends_with("не дал ответа"), "{}", why[1]);
    let told = world.read(&format!("/v1/jobs/{job}/explain")).await;
    for sentence in told["sentences"].as_array().expect("sentences") {
        let text = sentence["text"].as_str().expect("text");
        assert!(!text.contains("depends_on") && !text.contains("no answer within"), "{text}");
    }
    let honest = failed["honesty"].to_string();
    assert!(honest.contains("Не спрашивали: ") && !honest.contains("timeout"), "{honest}");
}

/// What an answer was before a failed re-check it is after it, and that is told wherever the check is.
#[tokio::test]
async fn a_recheck_that_failed_is_told() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.complete(&job).await;
    world.pass(60_000);
    let before = world.read(&format!("/v1/jobs/{job}/explain?lang=en")).await;
    assert!(!before.to_string().contains("not_renewed"), "{before}");
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["bankrupts"]})).await;
    let task = world.lease("bankrupts").await;
    world.fail(&task).await;
    let view = world.until(&job, |view| view["final"] == true).await;
    assert_eq!((&view["status"], &view["progress"]["answered"]), (&json!("COMPLETED"), &json!(3)));
    let view = world.read(&format!("/v1/jobs/{job}?lang=en")).await;
    let honest = view["honesty"].to_string();
    assert!(honest.contains("The last attempt to renew the data failed: "), "{honest}");
    let told = world.read(&format!("/v1/jobs/{job}/explain?lang=en")).await;
    let row = view["sources"].as_array().expect("rows").iter().find(|row| row["source"] == "bankrupts").expect("a row");
    let sentences = told["sentences"].as_array().expect("sentences");
    let sentence = sentences.iter().find(|one| one["code"] == "source.not_renewed").expect("told");
    assert_eq!(sentence["receipts"], json!([row["receipt_id"]]), "of the answer that is shown");
    let text = sentence["text"].as_str().expect("text");
    assert!(text.contains("the source did not answer in time") && text.contains("1 minute ago"), "{text}");
    let path = format!("/v1/jobs/{job}/review");
    for (draft, ok) in [("The re-check succeeded.", false), ("The re-check did not succeed.", true)] {
        let review = world.post(&path, &json!({"text": draft})).await.json();
        assert_eq!(review["ok"], ok, "{draft}: {review}");
    }
}

#[tokio::test]
async fn the_same_key_gives_the_first_answer_for_a_day() {
    let world = World::new().await;
    let body = json!({"address": crate::world::ADDRESS, "profile": "standard"});
    let ask =
        |body: Json| world.send(world.request("POST", "/v1/jobs", KEY_A).header("idempotency-key", "same").json(&body));
    let first = ask(body.clone()).await;
    assert_eq!(first.header("location"), format!("/v1/jobs/{}", id(&first.json())));
    assert_eq!(id(&ask(body.clone()).await.json()), id(&first.json()));
    let other = ask(json!({"address": "г Москва, ул Тверская, д 9", "profile": "standard"})).await;
    assert_eq!(other.problem(), (409, "idempotency_mismatch".to_owned()));
    world.pass(24 * 3_600_000 + 1);
    assert_ne!(id(&ask(body.clone()).await.json()), id(&first.json()));
    // Without a key each request is a job of its own.
    let (one, two) = (world.post("/v1/jobs", &body).await.json(), world.post("/v1/jobs", &body).await.json());
    assert_ne!(id(&one), id(&two));
}

#[tokio::test]
async fn a_smaller_max_age_asks_again_and_joins_nobody_else() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.complete(&job).await;
    world.pass(10_000);
    let forced = world.create("k2", json!({"max_age": {"courts": "0s", "*": "1d"}})).await;
    let states: Vec<&str> = (0..3).filter_map(|i| forced["sources"][i]["state"].as_str()).collect();
    assert_eq!(states, ["fresh", "queued", "fresh"]);
    assert_eq!(forced["sources"][1]["freshness"], "fresh", "what is known is shown meanwhile");
}

#[tokio::test]
async fn a_recheck_asks_once_for_each_key() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.complete(&job).await;
    let path = format!("/v1/jobs/{job}/recheck");
    let ask = |body: Json| world.send(world.request("POST", &path, KEY_A).header("idempotency-key", "r").json(&body));
    let first = ask(json!({"sources": ["courts"], "reason": "asked by a test"})).await;
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!(first.json()["sources"][1]["updating"], true);
    let task = world.lease("courts").await;
    world.pass(1_000);
    world.answer(&task, vec![case("2", "Истец")]).await;
    let done = world.until(&job, |view| view["final"] == true).await;
    assert_eq!(done["snapshots"].as_array().map(Vec::len), Some(2));
    let repeat = ask(json!({"sources": ["courts"], "reason": "asked by a test"})).await;
    assert_eq!((repeat.status, repeat.json()["final"].as_bool()), (202, Some(true)), "a repeat asks nobody");
    assert_eq!(ask(json!({"sources": ["cadastre"]})).await.problem(), (409, "idempotency_mismatch".to_owned()));
    let unknown = world.post(&path, &json!({"sources": ["nobody"]})).await;
    assert_eq!(unknown.problem(), (422, "source_unknown".to_owned()));
    let nobody = world.post(&path, &json!({"sources": []})).await;
    assert_eq!(nobody.problem(), (422, "input_invalid".to_owned()), "nothing named is not everything");
}

#[tokio::test]
async fn an_unchanged_job_has_the_same_tag_and_another_language_another() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.complete(&job).await;
    let path = format!("/v1/jobs/{job}");
    let first = world.get(&path).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert!(first.header("mirano-position").starts_with("0:"));
    world.pass(5_000);
    let again = |path: String| world.send(world.request("GET", &path, KEY_A).header("if-none-match", &tag));
    assert_eq!(again(path.clone()).await.status, 304, "an age alone is no change");
    assert_eq!(again(format!("{path}?lang=en")).await.status, 200);
    world.pass(2 * 86_400_000);
    assert_eq!(again(path).await.status, 200, "a TTL that ended is a change");
}

#[tokio::test]
async fn a_report_and_the_policy_are_sent_once() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.complete(&job).await;
    let path = format!("/v1/jobs/{job}/report");
    let first = world.get(&path).await;
    let again = |path: &str, tag: &str, accept: &str| {
        let request = world.request("GET", path, KEY_A).header("if-none-match", tag).header("accept", accept);
        world.send(request)
    };
    let tag = first.header("etag").to_owned();
    world.pass(5_000);
    let same = again(&path, &tag, "application/json").await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", tag.as_str()));
    let page = again(&path, &tag, "text/html").await;
    assert_eq!((page.status, page.header("etag") == tag), (200, false), "the page is another answer");
    assert_eq!(again(&path, page.header("etag"), "text/html").await.status, 304);
    world.pass(2 * 86_400_000);
    assert_eq!(again(&path, &tag, "application/json").await.status, 200, "a TTL that ended is a change");
    let tag = world.get("/v1/policy").await.header("etag").to_owned();
    assert_eq!(again("/v1/policy", &tag, "*/*").await.status, 304);
    assert_eq!(again("/v1/policy", &format!("\"77\", W/{tag}"), "*/*").await.status, 304);
    assert_eq!(again("/v1/policy", "\"77\"", "*/*").await.status, 200);
}

#[tokio::test]
async fn data_that_grows_too_old_while_it_is_asked_for_is_a_change() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.answer_in_order(&job, "cadastre", vec![crate::world::developer()]).await;
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    // The courts never answer, so that the risk is as unsure before as it is after.
    let asked = world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["bankrupts"]})).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    // Until the wish has reached the source, the last task's answer might be on its way.
    world.until(&job, |view| row(view, "bankrupts")["state"] == "queued" && all_queued(view)).await;
    let path = format!("/v1/jobs/{job}");
    let before = world.get(&path).await;
    let again = || world.send(world.request("GET", &path, KEY_A).header("if-none-match", before.header("etag")));
    assert_eq!(again().await.status, 304);
    // A day is the whole life of this source's answers; its row stays as queued as it was.
    world.pass(86_400_000);
    let after = again().await;
    assert_eq!(after.status, 200, "what was shown is shown no more");
    let (before, after) = (before.json(), after.json());
    assert_eq!(
        (&row(&before, "bankrupts")["freshness"], &row(&after, "bankrupts")["freshness"]),
        (&json!("fresh"), &json!("expired"))
    );
    assert_eq!((&before["status"], &after["status"]), (&json!("PARTIAL"), &json!("PARTIAL")));
    assert_eq!(row(&after, "bankrupts")["state"], row(&before, "bankrupts")["state"], "{before:#}");
}

#[tokio::test]
async fn as_of_computes_ages_of_then() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.complete(&job).await;
    let (world, job) = (&world, &job);
    let read = |as_of: String| async move { world.get(&format!("/v1/jobs/{job}?as_of={as_of}")).await };
    world.pass(3 * 86_400_000);
    let then = mirano::explain::time::rfc3339(mirano_schemas::Timestamp(crate::world::START + 86_400_000 / 2));
    let view = read(then).await.json();
    assert_eq!((view["status"].as_str(), view["sources"][0]["age_s"].as_u64()), (Some("COMPLETED"), Some(43_200)));
    assert_eq!(world.read(&format!("/v1/jobs/{job}")).await["status"], "PARTIAL");
    let position = view["position"].as_str().expect("a position").to_owned();
    assert_eq!(read(position).await.json()["status"], "COMPLETED");
    let day = read("2027-01-16".to_owned()).await.json();
    assert_eq!((day["status"].as_str(), day["sources"][0]["age_s"].as_u64()), (Some("COMPLETED"), Some(57_600)));
    let before = mirano::explain::time::rfc3339(mirano_schemas::Timestamp(crate::world::START - 1));
    assert_eq!(read(before).await.problem(), (404, "not_found".to_owned()), "there was no such job yet");
    for bad in ["yesterday", "0:99999", "2100-01-01T00:00:00Z", "2100-01-01", "2027-02-30"] {
        assert_eq!(read(bad.to_owned()).await.problem(), (400, "bad_time".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn lists_go_on_behind_their_cursor() {
    let world = World::new().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(id(&world.create(&format!("k{n}"), json!({})).await));
        world.pass(1_000);
    }
    made.reverse();
    let (mut seen, mut path) = (Vec::new(), "/v1/jobs?limit=2".to_owned());
    loop {
        let page = world.read(&path).await;
        seen.extend(page["items"].as_array().expect("items").iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/jobs?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, made, "newest first, none missing, none twice");
}
