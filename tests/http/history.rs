//! Time travel and diffs: what was read at a moment is what is read as of it, for ever.

use crate::world::{KEY_A, KEY_ADMIN, KEY_B, World, all_queued, case, developer, fact, row};
use mirano::history::schedule::seal_every;
use mirano_replay::history::{WorldRow, last_world};
use mirano_replay::proof::{Checked, check};
use mirano_schemas::{Position, Timestamp};
use serde_json::{Value as Json, json};

fn id(job: &Json) -> String {
    job["job_id"].as_str().expect("an id").to_owned()
}

fn now(world: &World) -> String {
    mirano::explain::time::rfc3339(world.now())
}

/// What differs between a read at a moment and one as of it: how long a queue was is not kept.
fn known(mut view: Json) -> Json {
    for row in view["sources"].as_array_mut().expect("rows") {
        row["blocked_on"] = Json::Null;
    }
    view
}

/// A life of a job, with what was read at each of its moments.
async fn lived(world: &World) -> (String, Vec<(String, Json, Json)>) {
    let job = id(&world.create("k1", json!({})).await);
    let mut moments = Vec::new();
    macro_rules! note {
        ($wanted:expr) => {
            let view = world.until(&job, $wanted).await;
            let report = world.read(&format!("/v1/jobs/{job}/report")).await;
            moments.push((now(world), known(view), known(report)));
            // Less than a lease lasts.
            world.pass(10_000);
        };
    }
    note!(all_queued);
    let task = world.lease("cadastre").await;
    note!(|view| row(view, "cadastre")["state"] == "running");
    world.fail(&task).await;
    note!(|view| row(view, "cadastre")["state"] == "retrying");
    let task = world.lease("cadastre").await;
    note!(|view| row(view, "cadastre")["state"] == "running");
    world.answer(&task, vec![developer()]).await;
    note!(|view| row(view, "courts")["state"] == "queued" && all_queued(view));
    let task = world.lease("courts").await;
    world.answer(&task, vec![case("1", "Ответчик"), case("2", "Истец"), case("3", "Истец")]).await;
    note!(|view| row(view, "courts")["state"] == "fresh");
    let task = world.lease("bankrupts").await;
    world.answer(&task, Vec::new()).await;
    note!(|view| view["final"] == true);
    // Two days later the list is past its TTL; then the courts are asked again, and answer otherwise.
    world.pass(2 * 86_400_000);
    note!(|view| view["status"] == "PARTIAL");
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts", "bankrupts"]})).await;
    // The new tasks have no attempt yet: those of before had one.
    note!(|view| row(view, "courts")["updating"] == true
        && ["courts", "bankrupts"].iter().all(|source| row(view, source)["attempts"] == 0));
    let task = world.lease("courts").await;
    world.answer(&task, vec![case("2", "Ответчик"), case("3", "Истец"), case("4", "Истец")]).await;
    note!(|view| row(view, "courts")["state"] == "fresh");
    let task = world.lease("bankrupts").await;
    world.fail(&task).await;
    note!(|view| view["final"] == true);
    (job, moments)
}

#[tokio::test]
async fn a_moment_is_read_for_ever_as_it_was() {
    for partitions in [1, 3] {
        let world = World::with_partitions(partitions).await;
        let (job, moments) = lived(&world).await;
        world.pass(400 * 86_400_000);
        let states: std::collections::BTreeSet<&str> = moments
            .iter()
            .flat_map(|(_, view, _)| view["sources"].as_array().expect("rows"))
            .filter_map(|row| row["state"].as_str())
            .collect();
        for state in ["queued", "running", "retrying", "waiting_for_subject", "fresh", "failed"] {
            assert!(states.contains(state), "the life has a row that is {state}: {states:?}");
        }
        for (at, view, report) in &moments {
            let then = known(world.read(&format!("/v1/jobs/{job}?as_of={at}")).await);
            assert_eq!(then, *view, "{partitions} partitions, as of {at}");
            let then = known(world.read(&format!("/v1/jobs/{job}/report?as_of={at}")).await);
            assert_eq!(then, *report, "the report as of {at}");
        }
        // A position is as good as a time: what the job was after that commit.
        let changes = world.read(&format!("/v1/jobs/{job}/changes?limit=500")).await;
        let changes = changes["items"].as_array().expect("items");
        assert!(changes.len() > 6, "{changes:#?}");
        for change in changes {
            let position = change["position"].as_str().expect("a position");
            let then = world.read(&format!("/v1/jobs/{job}?as_of={position}")).await;
            assert_eq!(then["position"], *position);
            assert_eq!(then["progress"]["total"], change["total"]);
        }
        let sealed: Vec<&Json> =
            changes.iter().map(|change| &change["snapshot_id"]).filter(|id| !id.is_null()).collect();
        let now = world.read(&format!("/v1/jobs/{job}")).await;
        let listed: Vec<&Json> =
            now["snapshots"].as_array().expect("a list").iter().rev().map(|one| &one["snapshot_id"]).collect();
        assert_eq!(sealed, listed, "each snapshot is at the change that sealed it");
        // In pages it is the same list.
        let (mut paged, mut path) = (Vec::new(), format!("/v1/jobs/{job}/changes?limit=2"));
        loop {
            let page = world.read(&path).await;
            paged.extend(page["items"].as_array().expect("items").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/jobs/{job}/changes?limit=2&cursor={cursor}");
        }
        assert_eq!(paged, *changes);
    }
}

#[tokio::test]
async fn facts_and_subjects_are_known_as_of_a_moment() {
    let world = World::new().await;
    let (_, moments) = lived(&world).await;
    let company = "company%3A7707083893";
    let numbers = |facts: &Json| -> Vec<String> {
        let mut of: Vec<String> = facts["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|fact| format!("{} {}", fact["identity"]["number"], fact["attrs"]["role"]).replace('"', ""))
            .collect();
        of.sort();
        of
    };
    let at = |n: usize| moments[n].0.clone();
    let read = async |at: String| {
        let path = format!("/v1/subjects/{company}/facts?kind=court.case&as_of={at}");
        world.read(&path).await
    };
    assert_eq!(numbers(&read(at(4)).await), [""; 0], "asked, not answered yet");
    assert_eq!(numbers(&read(at(6)).await), ["1 Ответчик", "2 Истец", "3 Истец"]);
    assert_eq!(numbers(&read(at(10)).await), ["2 Ответчик", "3 Истец", "4 Истец"]);
    let before = read(at(6)).await;
    assert!(before["items"].as_array().expect("items").iter().all(|fact| fact.get("gone_at").is_none()));

    let history = world.read(&format!("/v1/subjects/{company}/history")).await;
    let lines: Vec<String> = history["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|one| {
            let gone = one["intervals"][0]["gone_at"].is_string();
            format!("{} {} {}", one["fact"]["identity"]["number"], one["fact"]["attrs"]["role"], gone).replace('"', "")
        })
        .collect();
    assert_eq!(lines, ["1 Ответчик true", "2 Истец true", "2 Ответчик false", "3 Истец false", "4 Истец false"]);
    // Page by page it is the same, and so it is all at once, in the order in which they came.
    let mut pages = Vec::new();
    let mut next = String::new();
    loop {
        let page = world.read(&format!("/v1/subjects/{company}/history?limit=2{next}")).await;
        pages.extend(page["items"].as_array().expect("items").clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(&json!(pages), &history["items"]);
    let all = async |query: &str| -> Vec<Json> {
        let path = format!("/v1/subjects/{company}/history{query}");
        let got = world.send(world.request("GET", &path, KEY_A).header("accept", "application/x-ndjson")).await;
        assert_eq!((got.status, got.header("content-type")), (200, "application/x-ndjson"), "{}", got.text);
        got.text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    };
    let mut told = all("").await;
    assert_eq!(told.pop(), Some(json!({"end": true, "items": 5})));
    let came = |one: &Json| one["intervals"][0]["position"].as_str().expect("text").parse::<Position>().expect("one");
    assert!(told.is_sorted_by_key(came), "as they came");
    let by_id = |items: &[Json]| -> std::collections::BTreeMap<String, Json> {
        items.iter().map(|one| (one["fact"]["fact_id"].to_string(), one.clone())).collect()
    };
    assert_eq!(by_id(&told), by_id(&pages));
    assert_eq!(all(&format!("?as_of={}", at(6))).await.len(), 4);
    assert_eq!(all("?kind=no.such").await, [json!({"end": true, "items": 0})]);
    let path = "/v1/subjects/person:nobody/history";
    let got = world.send(world.request("GET", path, KEY_A).header("accept", "application/x-ndjson")).await;
    assert_eq!(got.problem().0, 404, "refused before the first line");

    let then = world.read(&format!("/v1/subjects/{company}/history?as_of={}", at(6))).await;
    assert_eq!(then["items"].as_array().map(Vec::len), Some(3));
    assert!(then["items"].as_array().expect("items").iter().all(|one| one["intervals"][0]["gone_at"].is_null()));

    let gone = before["items"].as_array().expect("items").iter().find(|fact| fact["identity"]["number"] == "1");
    let gone = gone.expect("the first case")["fact_id"].as_str().expect("an id").to_owned();
    let fact_now = world.read(&format!("/v1/facts/{gone}")).await;
    assert!(fact_now["gone_at"].is_string());
    let fact_then = world.read(&format!("/v1/facts/{gone}?as_of={}", at(6))).await;
    assert!(fact_then.get("gone_at").is_none() && fact_then["fact_id"] == gone);
    let unknown = world.get(&format!("/v1/facts/{gone}?as_of={}", at(4))).await;
    assert_eq!(unknown.problem(), (404, "not_found".to_owned()), "it was not known then");
}

/// An item in a line.
fn line(item: &Json) -> String {
    let text = format!("{} {} {}", item["op"], item["identity"]["number"], item["attrs"]);
    text.replace('"', "")
}

#[tokio::test]
async fn a_diff_says_what_changed_what_was_left_out_and_why_the_risk_moved() {
    let world = World::new().await;
    let (job, moments) = lived(&world).await;
    let snapshots = world.read(&format!("/v1/jobs/{job}")).await["snapshots"].clone();
    let snapshot = |n: usize| snapshots[n]["snapshot_id"].as_str().expect("an id").to_owned();
    let last = snapshots.as_array().expect("a list").len() - 1;
    let diff = world.read(&format!("/v1/diff?from={}&to={}", snapshot(0), snapshot(last))).await;
    assert_eq!(diff["counts"], json!({"added": 1, "gone": 1, "changed": 1, "unchanged": 2}));
    let items: Vec<String> = diff["items"].as_array().expect("items").iter().map(line).collect();
    assert_eq!(items, ["changed 2 {role:{from:Истец,to:Ответчик}}", "added 4 {}", "gone 1 {}"]);
    let first = &diff["items"][0];
    assert_eq!(
        (&first["kind"], &first["cause"], &first["erased"]),
        (&json!("court.case"), &json!("world"), &json!(false))
    );
    assert_eq!((&first["from"]["attrs"]["role"], &first["to"]["attrs"]["role"]), (&json!("Истец"), &json!("Ответчик")));
    assert!(first["from"].get("gone_at").is_none(), "told as of its own side");
    assert_eq!(diff["items"][1]["from"], Json::Null);
    assert_eq!(diff["items"][2]["to"], Json::Null);
    // The national list failed when it was asked again, and what it had said was too old to be shown.
    assert_eq!(
        diff["not_compared"],
        json!([{"source": "bankrupts", "subject": "source:bankrupts", "side": "to", "reason": "failed"}])
    );
    // One defendant went (−60), another came by a change (+60): the score is as it was, and yet both are told.
    let risk = &diff["risk"];
    assert_eq!((&risk["from"], &risk["to"]), (&json!(60), &json!(60)));
    let moved: Vec<(&Json, &Json)> =
        risk["because"].as_array().expect("a list").iter().map(|one| (&one["by"], &one["points"])).collect();
    assert_eq!(moved, [(&json!("gone"), &json!(-60)), (&json!("changed"), &json!(60))]);
    let receipts: Vec<&Json> =
        diff["receipts"].as_array().expect("a list").iter().map(|receipt| &receipt["source"]).collect();
    assert_eq!(receipts, ["courts"]);

    // From before any answer: nothing is told as added where nothing was known.
    let from = format!("job:{job}@{}", moments[0].0);
    let to = format!("job:{job}@{}", moments[5].0);
    let diff = world.read(&format!("/v1/diff?from={from}&to={to}")).await;
    assert_eq!(diff["counts"]["added"], 0);
    let reasons: Vec<String> = diff["not_compared"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| format!("{} {} {}", one["source"], one["side"], one["reason"]).replace('"', ""))
        .collect();
    assert_eq!(reasons, ["bankrupts both missing", "cadastre from missing", "courts from missing"]);
    // Before any answer the risk was assessed as well: nothing known, at least 0.
    let then = &moments[0].1["risk"]["score"];
    assert_eq!((&diff["risk"]["from"], &diff["risk"]["to"]), (then, &json!(60)));
    assert_eq!(diff["risk"]["because"][0]["by"], "coverage");

    // Both ways round it is the same, turned.
    let back = world.read(&format!("/v1/diff?from={}&to={}", snapshot(last), snapshot(0))).await;
    let items: Vec<String> = back["items"].as_array().expect("items").iter().map(line).collect();
    assert_eq!(items, ["changed 2 {role:{from:Ответчик,to:Истец}}", "added 1 {}", "gone 4 {}"]);

    // A subject at two times, the whole base at two cuts.
    let company = |n: usize| format!("company:7707083893@{}", moments[n].0);
    let diff = world.read(&format!("/v1/diff?from={}&to={}", company(6), company(10))).await;
    assert_eq!(diff["counts"], json!({"added": 1, "gone": 1, "changed": 1, "unchanged": 1}));
    let world_at = |n: usize| format!("world@{}", moments[n].0);
    let path = format!("/v1/diff?from={}&to={}", world_at(6), world_at(10));
    assert_eq!(world.get(&path).await.problem(), (403, "role_missing".to_owned()));
    let diff = world.send(world.request("GET", &path, KEY_ADMIN)).await.json();
    assert_eq!(diff["counts"], json!({"added": 1, "gone": 1, "changed": 1, "unchanged": 2}));
}

/// All differences as lines are those of the pages.
#[tokio::test]
async fn a_diff_comes_as_lines_too() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.answer_in_order(&job, "cadastre", vec![developer()]).await;
    let offers = |from: u32, role: &str| (from..from + 700).map(|n| case(&n.to_string(), role)).collect::<Vec<_>>();
    world.answer_in_order(&job, "courts", offers(0, "Истец")).await;
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    world.until(&job, |view| view["final"] == true).await;
    let then = now(&world);
    world.pass(60_000);
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts"]})).await;
    let task = world.lease("courts").await;
    world.answer(&task, offers(200, "Ответчик")).await;
    world.until(&job, |view| view["final"] == true).await;
    let path = format!("/v1/diff?from=job:{job}@{then}&to=job:{job}@{}", now(&world));
    let mut paged = world.read(&format!("{path}&limit=500")).await;
    let mut items = paged["items"].as_array().expect("items").clone();
    while let Some(cursor) = paged["next_cursor"].as_str() {
        paged = world.read(&format!("{path}&limit=500&cursor={cursor}")).await;
        items.extend(paged["items"].as_array().expect("items").iter().cloned());
    }
    let lines =
        async |path: &str, accept: &str| world.send(world.request("GET", path, KEY_A).header("accept", accept)).await;
    let got = lines(&path, "application/x-ndjson, application/json;q=0.5").await;
    assert_eq!((got.status, got.header("content-type")), (200, "application/x-ndjson"), "{}", got.text);
    assert!(!got.header("mirano-position").is_empty());
    let told: Vec<Json> = got.text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let (head, rest) = told.split_first().expect("a first line");
    let (end, rest) = rest.split_last().expect("a last line");
    assert_eq!(*end, json!({"end": true, "items": 900}));
    paged["items"] = json!([]);
    assert_eq!(*head, paged, "the first line is what belongs to the whole");
    assert_eq!(head["counts"], json!({"added": 200, "gone": 200, "changed": 500, "unchanged": 1}));
    let sorted = |items: &[Json]| {
        let mut texts: Vec<String> = items.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(rest), sorted(&items));
    // What is refused is a problem, and no first line.
    assert_eq!(lines("/v1/diff?from=nonsense&to=nonsense", "application/x-ndjson").await.problem().0, 404);
}

/// Steps of a task within one millisecond are told apart by their positions, and a pause that is over from one that is not.
#[tokio::test]
async fn a_task_is_shown_as_it_stood_at_each_commit() {
    let world = World::new().await;
    let first = id(&world.create("k1", json!({})).await);
    let second = id(&world.create("k2", json!({"address": "г Москва, ул Тверская, д 9"})).await);
    let stood = |view: &Json| {
        let row = row(view, "cadastre");
        [&row["state"], &row["attempts"], &row["cause"], &row["outcome"]].map(Clone::clone)
    };
    let mut seen: Vec<(String, String, [Json; 4])> = Vec::new();
    let mut note = async || {
        for job in [&first, &second] {
            let got = world.get(&format!("/v1/jobs/{job}")).await;
            seen.push((job.clone(), got.header("mirano-position").to_owned(), stood(&got.json())));
        }
    };
    note().await;
    for _ in 0..2 {
        let task = world.lease("cadastre").await;
        note().await;
        world.fail(&task).await;
        note().await;
    }
    // The pauses of both are over; the start that looks for whom to take moves both to the queue, and takes one.
    world.pass(3_600_000);
    note().await;
    let task = world.lease("cadastre").await;
    note().await;
    world.answer(&task, vec![developer()]).await;
    world.lease("cadastre").await;
    note().await;
    let of = |state: &str| seen.iter().filter(|(_, _, then)| then[0] == state && then[1] == 1).count();
    assert!(of("running") > 0 && of("retrying") > 0 && of("queued") == 1, "{seen:#?}");
    for (job, position, then) in &seen {
        let view = world.read(&format!("/v1/jobs/{job}?as_of={position}")).await;
        assert_eq!(&stood(&view), then, "as of {position}");
    }
}

#[tokio::test]
async fn the_risk_moves_by_what_moved_it() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    world.answer_in_order(&job, "cadastre", vec![developer()]).await;
    world.answer_in_order(&job, "courts", vec![case("1", "Истец"), case("2", "Ответчик")]).await;
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    world.until(&job, |view| view["final"] == true).await;
    let moment = |world: &World| format!("job:{job}@{}", now(world));
    let with_one = moment(&world);
    let recheck = async |facts| {
        world.pass(60_000);
        world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts"]})).await;
        let task = world.lease("courts").await;
        world.answer(&task, facts).await;
        world.until(&job, |view| view["final"] == true).await;
        moment(&world)
    };
    let with_none = recheck(vec![case("1", "Истец")]).await;
    let by_change = recheck(vec![case("1", "Ответчик")]).await;
    let by_addition = recheck(vec![case("1", "Ответчик"), case("3", "Ответчик")]).await;
    for (from, to, scores, by, points, facts) in [
        (&with_one, &with_none, [60, 0], "gone", -60, 1),
        (&with_none, &by_change, [0, 60], "changed", 60, 1),
        (&with_none, &with_one, [0, 60], "added", 60, 1),
        (&by_change, &by_addition, [60, 100], "added", 60, 1),
        (&by_addition, &with_none, [100, 0], "gone", -60, 1),
    ] {
        let diff = world.read(&format!("/v1/diff?from={from}&to={to}")).await;
        let risk = &diff["risk"];
        assert_eq!((&risk["from"], &risk["to"]), (&json!(scores[0]), &json!(scores[1])), "{risk:#}");
        let because = risk["because"].as_array().expect("a list").iter().find(|one| one["by"] == by);
        let because = because.unwrap_or_else(|| panic!("by {by}: {risk:#}"));
        assert_eq!((&because["rule"], &because["points"]), (&json!("defendant"), &json!(points)));
        assert_eq!(because["facts"].as_array().map(Vec::len), Some(facts), "{because:#}");
    }
    // Another ruleset: the same facts are worth less.
    let before = by_addition;
    let policy = world.send(world.request("GET", "/v1/policy", KEY_ADMIN)).await;
    let mut document = policy.json();
    document["document"]["risk"]["rule"][0]["points"] = json!(10);
    let over_all = r#"size(facts.filter(f, f.kind == "court.case" && f.role == "Ответчик")) >= 3"#;
    let title = json!({"ru": "Много дел", "en": "Many cases"});
    let old = json!({"id": "old", "title": title, "points": 3, "severity": "low",
        "when": r#"fact.kind == "court.case" && days(as_of) > days("2027-01-15")"#});
    let many = json!({"id": "many", "title": title, "when": over_all, "points": 7, "severity": "low"});
    document["document"]["risk"]["rule"].as_array_mut().expect("a list").extend([many, old]);
    let put = world.request("PUT", "/v1/policy", KEY_ADMIN).header("if-match", policy.header("etag")).json(&document);
    let put = world.send(put).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let after = recheck(vec![case("1", "Ответчик"), case("3", "Ответчик")]).await;
    let risk = world.read(&format!("/v1/diff?from={before}&to={after}")).await["risk"].clone();
    assert_eq!((&risk["from"], &risk["to"]), (&json!(100), &json!(20)));
    assert_eq!((&risk["because"][0]["by"], &risk["because"][0]["points"]), (&json!("ruleset"), &json!(-100)));
    // A rule over all facts moves by the fact that came, not by the day: two of its three were there before.
    let before = after;
    let after = recheck(vec![case("1", "Ответчик"), case("3", "Ответчик"), case("4", "Ответчик")]).await;
    for (from, to, by, points) in [(&before, &after, "added", 7), (&after, &before, "gone", -7)] {
        let risk = world.read(&format!("/v1/diff?from={from}&to={to}")).await["risk"].clone();
        let because = risk["because"].as_array().expect("a list").iter().find(|one| one["rule"] == "many");
        let because = because.unwrap_or_else(|| panic!("{risk:#}"));
        assert_eq!((&because["by"], &because["points"]), (&json!(by), &json!(points)), "{risk:#}");
        assert_eq!(because["facts"].as_array().map(Vec::len), Some(1), "{because:#}");
    }
    // Nothing but the day moves the other rule: the same facts, asked again when it has come.
    world.pass(86_400_000);
    let later = recheck(vec![case("1", "Ответчик"), case("3", "Ответчик"), case("4", "Ответчик")]).await;
    let risk = world.read(&format!("/v1/diff?from={after}&to={later}")).await["risk"].clone();
    let moved: Vec<(&Json, &Json, &Json)> = risk["because"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (&one["rule"], &one["by"], &one["points"]))
        .collect();
    assert_eq!(moved, [(&json!("old"), &json!("date"), &json!(9))], "{risk:#}");
}

#[tokio::test]
async fn sides_that_cannot_be_compared_are_refused_with_a_word() {
    let world = World::new().await;
    let (job, moments) = lived(&world).await;
    let other = world.post("/v1/jobs", &json!({"address": "г Москва, ул Тверская, д 9", "profile": "standard"})).await;
    let other = id(&other.json());
    let at = &moments[6].0;
    for (from, to, expected) in [
        (format!("job:{job}@{at}"), format!("job:{other}@now"), (422, "not_comparable")),
        (format!("job:{job}@{at}"), format!("company:7707083893@{at}"), (422, "not_comparable")),
        (format!("job:{job}@yesterday"), format!("job:{job}@now"), (400, "bad_time")),
        (format!("job:{job}@2000-01-01T00:00:00Z"), format!("job:{job}@now"), (404, "not_found")),
        (format!("job:{job}@0:1,0:2"), format!("job:{job}@now"), (400, "bad_time")),
        (format!("job:{job}@0:999999"), format!("job:{job}@now"), (400, "bad_time")),
        ("nonsense".to_owned(), format!("job:{job}@now"), (404, "not_found")),
        ("company:1".to_owned(), format!("company:7707083893@{at}"), (404, "not_found")),
        (String::new(), format!("job:{job}@now"), (422, "input_missing")),
    ] {
        let got = world.get(&format!("/v1/diff?from={from}&to={to}")).await;
        assert_eq!(got.problem(), (expected.0, expected.1.to_owned()), "{from} {to}: {}", got.text);
    }
    let path = format!("/v1/diff?from=job:{job}@{at}&to=job:{job}@now");
    let foreign = world.send(world.request("GET", &path, KEY_B)).await;
    assert_eq!(foreign.problem(), (404, "not_found".to_owned()), "another tenant's job is none");
    assert_eq!(world.get(&format!("{path}&cursor=aaaa")).await.problem(), (400, "bad_cursor".to_owned()));
}

#[tokio::test]
async fn the_whole_base_is_sealed_by_schedule() {
    let world = World::new().await;
    let mut folded = world.engine.subscribe();
    let sealed = || last_world(&**world.engine.views()).expect("readable");
    let schedule = tokio::spawn(seal_every(world.engine.clone(), std::time::Duration::from_millis(20)));
    let mut until = async |wanted: &dyn Fn(&WorldRow) -> bool| {
        loop {
            if let Some((id, row)) = sealed().filter(|(_, row)| wanted(row)) {
                return (id, row);
            }
            let next = tokio::time::timeout(std::time::Duration::from_secs(20), folded.recv()).await;
            // Whatever came, or was missed: look again.
            let _ = next.expect("it is sealed in time");
        }
    };
    let (empty, row) = until(&|_| true).await;
    assert_eq!((row.body.facts, row.body.queries), (0, 0));
    let job = id(&world.create("k1", json!({})).await);
    world.complete(&job).await;
    let (full, row) = until(&|row| row.body.queries == 3).await;
    assert_ne!(full, empty);
    assert_eq!(row.body.facts, 2);
    schedule.abort();
    // A base that did not change has its snapshot, so a schedule makes no noise.
    let again = world.send(world.request("POST", "/v1/world/seal", KEY_ADMIN)).await.json();
    assert_eq!(again["snapshot_id"], full.to_string());
}

#[tokio::test]
async fn the_whole_base_is_sealed_at_a_cut() {
    let world = World::with_partitions(3).await;
    let (_, moments) = lived(&world).await;
    let seal = || world.send(world.request("POST", "/v1/world/seal", KEY_ADMIN));
    assert_eq!(world.post("/v1/world/seal", &json!({})).await.problem(), (403, "role_missing".to_owned()));
    let first = seal().await.json();
    assert_eq!((&first["facts"], &first["queries"]), (&json!(4), &json!(3)), "{first:#}");
    assert_eq!(seal().await.json()["snapshot_id"], first["snapshot_id"], "an unchanged base has its snapshot");
    let job = id(&world.create("k9", json!({"max_age": {"*": "0s"}})).await);
    world.pass(1_000);
    let lot = fact("cadastre", "cadastre.developer", "property:bb", ("inn", "7707083893"), &[("name", "X")]);
    world.answer_in_order(&job, "cadastre", vec![lot]).await;
    let second = seal().await.json();
    assert_ne!(second["facts_root"], first["facts_root"]);
    let snapshot = |sealed: &Json| sealed["snapshot_id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/diff?from={}&to={}", snapshot(&first), snapshot(&second));
    let diff = world.send(world.request("GET", &path, KEY_ADMIN)).await.json();
    assert_eq!(diff["counts"]["changed"], 1, "{diff:#}");
    assert_eq!(diff["from"]["facts_root"], first["facts_root"]);
    assert_eq!(world.send(world.request("GET", &path, KEY_A)).await.problem().0, 403);
    // It is read by its id, and proves what it holds: also later, from the intervals at its cut.
    let id = snapshot(&first);
    let read = world.send(world.request("GET", &format!("/v1/snapshots/{id}"), KEY_ADMIN)).await;
    assert_eq!(read.json(), first);
    assert_eq!(world.get(&format!("/v1/snapshots/{id}")).await.problem(), (403, "role_missing".to_owned()));
    let shown = diff["items"][0].clone();
    let fact = |side: &str| shown[side]["fact_id"].as_str().expect("an id").to_owned();
    for (sealed, fact, present) in [
        (&first, fact("from"), true),
        (&first, fact("to"), false),
        (&second, fact("from"), false),
        (&second, fact("to"), true),
    ] {
        let path = format!("/v1/snapshots/{}/proof/{fact}?log=true", snapshot(sealed));
        let got = world.send(world.request("GET", &path, KEY_ADMIN)).await;
        let proof = mirano::audit::text::read(got.text.as_bytes()).expect("a proof");
        let Ok(Checked::Fact { present: found, snapshot: under, log: Some((at, _)), .. }) = check(&proof) else {
            panic!("it holds: {}", got.text);
        };
        assert_eq!((found, under.to_string()), (present, snapshot(sealed)));
        assert_eq!(
            (at.to_string(), &got.json()["kind"]),
            (sealed["position"].as_str().expect("one").to_owned(), &json!("world_fact"))
        );
        assert_eq!(world.get(&path).await.problem(), (403, "role_missing".to_owned()));
    }
    // The cut of the first one, written out, is the same side.
    let cut: Vec<&str> = first["cut"].as_array().expect("a cut").iter().filter_map(Json::as_str).collect();
    let path = format!("/v1/diff?from=world@{}&to={}", cut.join(","), snapshot(&second));
    let by_cut = world.send(world.request("GET", &path, KEY_ADMIN)).await.json();
    assert_eq!(by_cut["counts"], diff["counts"]);
    assert!(Timestamp(crate::world::START) < world.now() && !moments.is_empty());
}
