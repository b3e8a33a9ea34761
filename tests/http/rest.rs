//! Everything around jobs: tasks, reports, explanations, facts, evidence, snapshots, sources, the log.

use crate::world::{KEY_A, KEY_ADMIN, World, case, developer};
use serde_json::{Value as Json, json};

async fn completed(world: &World) -> (String, Json) {
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let view = world.complete(&job).await;
    (job, view)
}

fn text(json: &Json) -> &str {
    json.as_str().expect("text")
}

#[tokio::test]
async fn a_report_holds_facts_and_what_was_not_checked() {
    let world = World::new().await;
    let (job, view) = completed(&world).await;
    let report = world.read(&format!("/v1/jobs/{job}/report?lang=en")).await;
    assert!(text(&report["notice"]).contains("not legal advice"));
    assert_eq!(report["job_id"], view["job_id"]);
    assert_eq!(report["snapshot_id"], view["snapshots"][0]["snapshot_id"]);
    let courts = text(&view["sources"][1]["need_id"]);
    assert_eq!(report["facts"][courts][0]["attrs"], json!({"role": "Ответчик"}));
    assert_eq!(report["facts"][courts][0]["connector"], "courts@1");
    let page = world
        .send(world.request("GET", &format!("/v1/jobs/{job}/report"), KEY_A).header("accept", "text/html,*/*"))
        .await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text.contains("Это не юридическая консультация") && page.text.contains("Ответчик"), "{}", page.text);
    // The kept file leads to where it is verified, by the name that the caller knows.
    let proxied = world.request("GET", &format!("/v1/jobs/{job}/report"), KEY_A).header("accept", "text/html");
    let proxied = proxied.header("x-forwarded-host", "mirano.example").header("x-forwarded-proto", "https");
    let proxied = world.send(proxied).await;
    let link = format!("https:&#x2f;&#x2f;mirano.example&#x2f;snapshots&#x2f;{}", text(&report["snapshot_id"]));
    assert!(proxied.text.contains(&link) && proxied.text.contains("class=\"qr\""), "{}", proxied.text);
    assert_ne!(proxied.header("etag"), page.header("etag"), "by another name it is another page");
}

#[tokio::test]
async fn a_report_names_a_snapshot_only_of_what_it_shows() {
    let world = World::new().await;
    let (job, view) = completed(&world).await;
    let first = text(&view["snapshots"][0]["snapshot_id"]).to_owned();
    let report = async || world.read(&format!("/v1/jobs/{job}/report?lang=en")).await;
    let as_page = async || {
        let page = world.request("GET", &format!("/v1/jobs/{job}/report?lang=en"), KEY_A).header("accept", "text/html");
        world.send(page).await.text
    };
    assert_eq!(report().await["snapshot_id"], json!(first));
    world.pass(60_000);
    // One of two sources that are asked again has answered: this is sealed nowhere.
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts", "bankrupts"]})).await;
    assert_eq!(report().await["snapshot_id"], json!(first), "nothing else is shown yet");
    world.answer_in_order(&job, "courts", vec![case("2", "Ответчик")]).await;
    let between = report().await;
    assert_eq!((&between["snapshot_id"], &between["final"]), (&Json::Null, &json!(false)));
    let page = as_page().await;
    assert!(page.contains("is not sealed as it stands") && page.contains(&first), "{page}");
    assert!(!page.contains("How to verify this report"), "{page}");
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    let done = report().await;
    let second = text(&done["snapshot_id"]).to_owned();
    assert_ne!(second, first);
    assert!(as_page().await.contains("How to verify this report"));
    let sealed = world.read(&format!("/v1/jobs/{job}/report?as_of={}", text(&view["position"]))).await;
    assert_eq!(sealed["snapshot_id"], json!(first), "as it was sealed then");
}

/// What was assessed stays until the check moves: what age took from the page is told as counted, and not as left out.
#[tokio::test]
async fn a_score_that_counts_what_is_too_old_to_be_shown_says_so() {
    let world = World::new().await;
    const DAY: i64 = 86_400_000;
    let (job, view) = completed(&world).await;
    let receipt = view["sources"].as_array().expect("rows").iter().find(|row| row["source"] == "courts");
    let receipt = receipt.expect("asked")["receipt_id"].clone();
    // Assessed while the answer about courts is stale and shown; five days later it is not.
    world.pass(100 * DAY);
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["cadastre"]})).await;
    world.answer_in_order(&job, "cadastre", vec![developer()]).await;
    assert_eq!(world.read(&format!("/v1/jobs/{job}")).await["risk"]["outdated"], json!([]));
    world.pass(5 * DAY);
    let report = world.read(&format!("/v1/jobs/{job}/report?lang=en")).await;
    assert_eq!((&report["snapshot_id"], &report["risk"]["score"]), (&Json::Null, &json!(60)), "{report:#}");
    assert_eq!(report["risk"]["outdated"], json!(["courts"]));
    let told = world.read(&format!("/v1/jobs/{job}/explain?lang=en")).await;
    let of = |code: &str| -> Vec<Json> {
        let sentences = told["sentences"].as_array().expect("sentences").iter();
        sentences.filter(|sentence| sentence["code"] == code).cloned().collect()
    };
    assert_eq!(of("risk.factor")[0]["receipts"], json!([receipt]), "{told:#}");
    let outdated = of("risk.outdated");
    assert_eq!(outdated.len(), 1, "{told:#}");
    assert!(text(&outdated[0]["text"]).contains("Courts"), "{outdated:?}");
    assert_eq!(outdated[0]["receipts"], json!([receipt]));
    let left_out = of("risk.unevaluated");
    assert_eq!(left_out.iter().map(|one| &one["args"]["sources"]).collect::<Vec<_>>(), [&json!(["bankrupts"])]);
    // A snapshot holds what is shown, so its risk is of that.
    let sealed = world.send(world.request("POST", &format!("/v1/jobs/{job}/seal"), KEY_A)).await;
    assert_eq!(sealed.status, 200, "{}", sealed.text);
    let after = world.read(&format!("/v1/jobs/{job}/report?lang=en")).await;
    assert_eq!((&after["risk"]["score"], &after["risk"]["outdated"]), (&json!(0), &json!([])), "{after:#}");
    assert_eq!(after["snapshot_id"], sealed.json()["snapshot_id"]);
}

#[tokio::test]
async fn a_draft_is_held_against_the_receipts() {
    let world = World::new().await;
    let (job, _) = completed(&world).await;
    world.pass(60_000);
    let reused = text(&world.create("k2", json!({})).await["job_id"]).to_owned();
    let path = format!("/v1/jobs/{reused}/review");
    let draft = "Здравствуйте! Все источники проверены сегодня. All is well, the flat is clean.";
    let found = world.post(&path, &json!({"text": draft})).await;
    assert_eq!(found.status, 200, "{}", found.text);
    let found = found.json();
    assert_eq!(found["ok"], false);
    let codes: Vec<&str> =
        found["claims"].as_array().expect("claims").iter().map(|claim| text(&claim["code"])).collect();
    assert_eq!(codes, ["time.reused", "absence.clean", "absence.clean"]);
    for claim in found["claims"].as_array().expect("claims") {
        let place = |name: &str| usize::try_from(claim[name].as_u64().expect("a place")).expect("small");
        let there: String = draft.chars().skip(place("start")).take(place("end") - place("start")).collect();
        assert_eq!(there, text(&claim["text"]));
    }
    assert_eq!(found["claims"][0]["receipts"].as_array().map(Vec::len), Some(3));
    let fresh =
        world.post(&format!("/v1/jobs/{job}/review"), &json!({"text": "Sources were asked for this check."})).await;
    assert_eq!(fresh.json(), json!({"ok": true, "claims": []}));
    let long = world.post(&path, &json!({"text": "а".repeat(50_001)})).await;
    assert_eq!(long.problem(), (413, "too_large".to_owned()));
    let stranger = world.request("POST", &path, crate::world::KEY_B).json(&json!({"text": draft}));
    assert_eq!(world.send(stranger).await.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_explanation_names_its_receipts() {
    let world = World::new().await;
    let (job, _) = completed(&world).await;
    let fetched = world.read(&format!("/v1/jobs/{job}/explain?lang=en")).await;
    assert!(text(&fetched["why_fast"]["text"]).starts_with("It was not fast"));
    assert_eq!(fetched["why_updating"]["text"], "Nothing is being updated now.");
    world.pass(60_000);
    let reused = text(&world.create("k2", json!({})).await["job_id"]).to_owned();
    let told = world.read(&format!("/v1/jobs/{reused}/explain")).await;
    assert_eq!(told["lang"], "ru");
    assert!(text(&told["sentences"][0]["text"]).contains("Есть ответ: 3 из 3, из них 3 из предыдущих проверок"));
    let receipts: Vec<&str> =
        told["receipts"].as_array().expect("receipts").iter().map(|r| text(&r["receipt_id"])).collect();
    assert_eq!(receipts.len(), 3);
    let sentences = told["sentences"].as_array().expect("sentences");
    let reused: Vec<&Json> = sentences.iter().filter(|sentence| sentence["code"] == "source.reused").collect();
    assert_eq!(reused.len(), 3);
    for sentence in &reused {
        assert!(receipts.contains(&text(&sentence["receipts"][0])), "{sentence}");
        assert!(text(&sentence["text"]).contains("данные использованы из предыдущей проверки"));
    }
    let why: Vec<&str> = told["why_fast"]["sentences"].as_array().expect("ids").iter().map(text).collect();
    assert_eq!(why, reused.iter().map(|sentence| text(&sentence["id"])).collect::<Vec<_>>());
    let said = sentences.iter().map(|sentence| text(&sentence["text"])).collect::<String>();
    assert!(said.contains("записей не найдено") && !said.contains("проверено 3") && !said.contains("чисто"), "{said}");
}

#[tokio::test]
async fn an_explanation_says_what_the_risk_rests_on_and_by_which_receipts() {
    let world = World::new().await;
    let (job, view) = completed(&world).await;
    let told = world.read(&format!("/v1/jobs/{job}/explain?lang=en")).await;
    let of_risk = |sentence: &&Json| sentence["topic"] == "risk";
    let said: Vec<&Json> = told["sentences"].as_array().expect("sentences").iter().filter(of_risk).collect();
    assert_eq!(said.iter().map(|one| text(&one["code"])).collect::<Vec<_>>(), ["risk.score", "risk.factor"]);
    assert_eq!(said[1]["text"], "Adds 60 points: \"Defendant\"; 1 record.");
    assert_eq!((&said[1]["args"]["rule"], &said[1]["args"]["points"]), (&json!("defendant"), &json!(60)));
    // The case is of the courts' answer, and of no other.
    assert_eq!(said[1]["receipts"], json!([view["sources"][1]["receipt_id"]]));
}

#[tokio::test]
async fn tasks_show_their_attempts_and_no_address_of_a_proxy() {
    let world = World::new().await;
    let (job, _) = completed(&world).await;
    let tasks = world.read(&format!("/v1/jobs/{job}/tasks")).await;
    let items = tasks["items"].as_array().expect("items");
    assert_eq!(items.len(), 3);
    for task in items {
        assert_eq!((&task["status"], &task["attempts"][0]["n"]), (&json!("done"), &json!(1)));
        let one = world.read(&format!("/v1/tasks/{}", text(&task["task_id"]))).await;
        assert_eq!(one, *task);
    }
}

#[tokio::test]
async fn all_tasks_of_a_job_are_told_the_latest_first() {
    let world = World::new().await;
    let (job, _) = completed(&world).await;
    let before = world.read(&format!("/v1/jobs/{job}/tasks")).await["items"].clone();
    let asked = world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts"]})).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    world.answer_in_order(&job, "courts", vec![crate::world::case("2", "Истец")]).await;
    let after = world.read(&format!("/v1/jobs/{job}/tasks")).await["items"].clone();
    assert_eq!(after.as_array().map(Vec::len), Some(4), "the first one of the courts is there still: {after:#}");
    assert_eq!((&after[0], &after[2], &after[3]), (&before[0], &before[1], &before[2]));
    assert_eq!((&after[1]["source"], &after[1]["need_id"]), (&json!("courts"), &before[1]["need_id"]));
    assert_ne!(after[1]["observation_id"], before[1]["observation_id"]);
    let (mut seen, mut path) = (Vec::new(), format!("/v1/jobs/{job}/tasks?limit=1"));
    loop {
        let page = world.read(&path).await;
        seen.extend(page["items"].as_array().expect("items").clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/jobs/{job}/tasks?limit=1&cursor={cursor}");
    }
    assert_eq!(json!(seen), after);
}

#[tokio::test]
async fn facts_lead_to_their_evidence() {
    let world = World::new().await;
    let (job, view) = completed(&world).await;
    let subject = world.read("/v1/subjects?q=7707083893").await["items"][0]["subject"].clone();
    assert_eq!(subject, "company:7707083893");
    let facts = world.read("/v1/subjects/company%3A7707083893/facts?kind=court.case").await;
    let fact = &facts["items"][0];
    assert_eq!(fact["subject"], subject);
    assert!(fact.get("gone_at").is_none(), "what is absent is left out of facts");
    let facts = "/v1/subjects/company%3A7707083893/facts";
    for held in
        ["valid_at=2027-01-15", "valid_at=2027-01-15T10:00:00Z", "valid_at=2027-01-15T10:00:00%2B03:00&as_of=now"]
    {
        assert_eq!(world.read(&format!("{facts}?{held}")).await["items"][0]["fact_id"], fact["fact_id"], "{held}");
    }
    let never = world.get(&format!("{facts}?valid_at=2027-02-30")).await;
    assert_eq!(never.problem(), (400, "bad_time".to_owned()));
    let one = world.read(&format!("/v1/facts/{}", text(&fact["fact_id"]))).await;
    assert_eq!(one, *fact);
    let raw = world.get(&format!("/v1/facts/{}/evidence", text(&fact["fact_id"]))).await;
    assert_eq!((raw.status, raw.text.as_str()), (200, "1"));
    assert!(raw.header("content-disposition").starts_with("attachment"));
    assert_eq!(raw.header("mirano-evidence"), text(&fact["evidence"][0]));
    let none = world.get(&format!("/v1/facts/{}/evidence?n=9", text(&fact["fact_id"]))).await;
    assert_eq!(none.problem(), (404, "not_found".to_owned()));

    let snapshot = text(&view["snapshots"][0]["snapshot_id"]).to_owned();
    let sealed = world.read(&format!("/v1/snapshots/{snapshot}")).await;
    assert_eq!((&sealed["job_id"], &sealed["facts"], &sealed["status"]), (&json!(job), &json!(2), &json!("COMPLETED")));
    assert_eq!(sealed["receipts"].as_array().map(Vec::len), Some(3));
    let (mut ids, mut path) = (Vec::new(), format!("/v1/snapshots/{snapshot}/facts?limit=1"));
    loop {
        let page = world.read(&path).await;
        ids.extend(page["items"].as_array().expect("items").iter().map(|fact| text(&fact["fact_id"]).to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/snapshots/{snapshot}/facts?limit=1&cursor={cursor}");
    }
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&text(&fact["fact_id"]).to_owned()));
    let sealed_again = world.send(world.request("POST", &format!("/v1/jobs/{job}/seal"), KEY_A)).await;
    assert_eq!(sealed_again.json()["snapshot_id"], json!(snapshot), "an unchanged job has its snapshot already");
}

#[tokio::test]
async fn a_search_goes_on_behind_its_cursor() {
    let world = World::new().await;
    for flat in 1..=3 {
        let address = format!("г Москва, ул Тверская, д 7, кв {flat}");
        world.create(&format!("k{flat}"), json!({"address": address})).await;
    }
    let all = world.read("/v1/subjects?q=тверская").await;
    let all: Vec<&str> = all["items"].as_array().expect("items").iter().map(|one| text(&one["subject"])).collect();
    assert_eq!(all.len(), 4, "three flats of one house");
    let (mut seen, mut path) = (Vec::new(), "/v1/subjects?q=тверская&limit=1".to_owned());
    loop {
        let page = world.read(&path).await;
        seen.extend(page["items"].as_array().expect("items").iter().map(|one| text(&one["subject"]).to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/subjects?q=тверская&limit=1&cursor={cursor}");
    }
    assert_eq!(seen, all, "none missing, none twice");
    assert_eq!(world.get("/v1/subjects?cursor=zzzz").await.problem(), (400, "bad_cursor".to_owned()));
}

#[tokio::test]
async fn sources_and_profiles_are_told() {
    let world = World::new().await;
    let before = world.read("/v1/sources").await;
    assert_eq!(before["items"][0]["health"], "unknown");
    completed(&world).await;
    let after = world.read("/v1/sources").await;
    let ids: Vec<&str> =
        after["items"].as_array().expect("items").iter().map(|source| text(&source["source"])).collect();
    assert_eq!(ids, ["bankrupts", "cadastre", "courts"]);
    assert_eq!(
        (&after["items"][2]["health"], &after["items"][2]["permits_left"]),
        (&json!("ok"), &json!(10)),
        "about, to who is no operator"
    );
    let profiles = world.read("/v1/profiles").await;
    assert_eq!(profiles["items"][0]["inputs"]["seller_inn"], json!({"type": "inn", "required": true, "title": null}));
    assert_eq!(profiles["items"][1]["sources"], json!(["cadastre", "courts", "bankrupts"]));
}

#[tokio::test]
async fn the_log_is_a_chain_and_can_be_searched() {
    let world = World::new().await;
    let (job, _) = completed(&world).await;
    let read = |path: String| world.send(world.request("GET", &path, KEY_ADMIN));
    let (mut records, mut path) = (Vec::new(), "/v1/log?limit=3".to_owned());
    loop {
        let page = read(path).await.json();
        records.extend(page["items"].as_array().expect("items").clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/log?limit=3&cursor={cursor}");
    }
    assert!(records.len() > 5);
    for (n, pair) in records.windows(2).enumerate() {
        assert_eq!(pair[0]["hash"], pair[1]["prev"], "{n}");
        assert_eq!(pair[0]["position"], format!("0:{n}"));
    }
    let created = read(format!("/v1/log?stream=job/{job}&type=JobCreated")).await.json();
    assert_eq!(created["items"].as_array().map(Vec::len), Some(1));
    let event = &created["items"][0]["events"][0];
    assert_eq!((&event["type"], &event["body"]["job"]), (&json!("JobCreated"), &json!(job)));
    assert_eq!(read("/v1/log?type=Nothing".to_owned()).await.problem(), (422, "input_invalid".to_owned()));
    assert_eq!(read("/v1/log?from=9:0".to_owned()).await.problem(), (400, "bad_time".to_owned()));
}

#[tokio::test]
async fn the_log_is_listed_to_the_end_of_its_last_partition() {
    let world = World::with_partitions(3).await;
    completed(&world).await;
    let (mut listed, mut path) = (Vec::new(), "/v1/log?limit=2".to_owned());
    loop {
        let page = world.send(world.request("GET", &path, KEY_ADMIN)).await.json();
        listed.extend(page["items"].as_array().expect("items").iter().map(|one| text(&one["position"]).to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/log?limit=2&cursor={cursor}");
    }
    let mut all = Vec::new();
    for partition in 0..3 {
        let end = world.engine.log().head(partition).next_seq;
        assert!(end > 0, "every partition has something");
        all.extend((0..end).map(|seq| format!("{partition}:{seq}")));
    }
    assert_eq!(listed, all);
}

#[tokio::test]
async fn another_tenants_fetch_is_shown_as_ones_own() {
    let world = World::new().await;
    let first = text(&world.create("k1", json!({})).await["job_id"]).to_owned();
    let task = world.lease("cadastre").await;
    let body = json!({"address": crate::world::ADDRESS, "profile": "standard"});
    let second = world.send(world.request("POST", "/v1/jobs", crate::world::KEY_B).json(&body)).await.json();
    let second = text(&second["job_id"]).to_owned();
    world.answer(&task, vec![crate::world::developer()]).await;
    world.until(&first, |view| view["sources"][0]["state"] == "fresh").await;
    let read = world.request("GET", &format!("/v1/jobs/{second}"), crate::world::KEY_B);
    let theirs = world.send(read).await.json();
    assert_eq!((&theirs["sources"][0]["origin"], &theirs["sources"][0]["joined"]), (&json!("fetched"), &json!(false)));
    assert_ne!(
        theirs["sources"][0]["task_id"],
        world.read(&format!("/v1/jobs/{first}")).await["sources"][0]["task_id"]
    );
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let world = World::new().await;
    let served = world.get("/openapi.json").await.json();
    let text = format!("{served:#}\n");
    expect_test::expect_file![format!("{}/tests/golden/openapi.json", env!("CARGO_MANIFEST_DIR"))].assert_eq(&text);
    assert_eq!(world.get("/v1/openapi.json").await.status, 200);
    let known = world.send(world.request("GET", "/healthz", KEY_A).header("x-request-id", "mine-1")).await;
    assert_eq!(known.header("x-request-id"), "mine-1");
    assert_eq!(world.get("/healthz").await.header("x-request-id").len(), 16);
}
