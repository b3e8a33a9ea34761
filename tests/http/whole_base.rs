//! Who may see what of the whole base, and that one fact of it is one, however many answers show it.

use crate::world::{KEY_A, KEY_AUDITOR, KEY_B, World, case, developer};
use mirano_schemas::canonical::fact_id;
use serde_json::{Value as Json, json};

const INN: &str = "500100732259";

fn id(job: &Json) -> String {
    job["job_id"].as_str().expect("an id").to_owned()
}

async fn seal(world: &World) -> Json {
    world.send(world.request("POST", "/v1/world/seal", KEY_AUDITOR)).await.json()
}

fn name(sealed: &Json) -> &str {
    sealed["snapshot_id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_key_of_an_auditor_alone_opens_what_is_for_auditors() {
    let world = World::new().await;
    let job = id(&world.create("k1", json!({})).await);
    let done = world.complete(&job).await;
    let sealed = seal(&world).await;
    let ask = |path: String| world.send(world.request("GET", &path, KEY_AUDITOR));
    assert_eq!(ask(format!("/v1/snapshots/{}", name(&sealed))).await.json(), sealed);
    let fact = fact_id(&developer());
    let proof = ask(format!("/v1/snapshots/{}/proof/{fact}?log=true", name(&sealed))).await.json();
    assert_eq!(proof["present"], true);
    let diff = ask(format!("/v1/diff?from=world@0:0&to={}", name(&sealed))).await.json();
    assert_eq!(diff["counts"]["unchanged"], 0, "{diff:#}");
    // What is a tenant's is for users.
    let own = done["snapshots"][0]["snapshot_id"].as_str().expect("sealed");
    for path in [
        format!("/v1/snapshots/{own}"),
        format!("/v1/snapshots/{own}/proof/{fact}"),
        format!("/v1/diff?from={own}&to=job:{job}@now"),
    ] {
        assert_eq!(ask(path).await.problem(), (403, "role_missing".to_owned()));
    }
    // What the log does not have is no moment.
    for until in ["0:99999", "7:0"] {
        assert_eq!(ask(format!("/v1/audit/quote?until={until}")).await.problem(), (400, "bad_time".to_owned()));
        let replay = world.request("POST", "/v1/audit/replay", KEY_AUDITOR).json(&json!({"until": until}));
        assert_eq!(world.send(replay).await.problem(), (400, "bad_time".to_owned()));
    }
}

#[tokio::test]
async fn a_fact_that_two_objects_show_goes_when_both_have_let_go_of_it() {
    let world = World::new().await;
    let mut jobs = Vec::new();
    for (key, address) in [("k1", "г Москва, ул Тверская, д 7"), ("k2", "г Москва, ул Тверская, д 9")]
    {
        let job = id(&world.create(key, json!({"address": address})).await);
        world.answer_in_order(&job, "cadastre", vec![developer()]).await;
        jobs.push(job);
    }
    let both = seal(&world).await;
    assert_eq!(both["facts"], 1, "two answers, one fact");
    let mut sealed = vec![both];
    for job in &jobs {
        world.pass(1_000);
        world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["cadastre"]})).await;
        let task = world.lease("cadastre").await;
        world.answer(&task, Vec::new()).await;
        sealed.push(seal(&world).await);
    }
    let counts = async |from: usize, to: usize| {
        let path = format!("/v1/diff?from={}&to={}", name(&sealed[from]), name(&sealed[to]));
        world.send(world.request("GET", &path, KEY_AUDITOR)).await.json()["counts"].clone()
    };
    let told = |gone: u32, unchanged: u32| json!({"added": 0, "changed": 0, "gone": gone, "unchanged": unchanged});
    assert_eq!(counts(0, 1).await, told(0, 1), "the other object's answer shows it still");
    assert_eq!(counts(1, 2).await, told(1, 0));
    assert_eq!(counts(0, 2).await, told(1, 0), "once, though two answers let go of it");
}

/// A source that is asked about a person may answer with what is said of a company: who never asked about that person learns
/// nothing of it.
#[tokio::test]
async fn what_was_asked_about_a_person_is_for_who_asked() {
    let world = World::new().await;
    let job = world.create("k1", json!({"profile": "seller", "inputs": {"seller_inn": INN}})).await;
    let task = world.lease("courts").await;
    world.answer(&task, vec![case("9", "Истец")]).await;
    world.until(&id(&job), |view| view["final"] == true).await;
    let now = mirano::explain::time::rfc3339(world.now());
    let company = "company%3A7707083893";
    for path in [format!("/v1/subjects/{company}/facts"), format!("/v1/subjects/{company}/history")] {
        let shown = world.send(world.request("GET", &path, KEY_A)).await.json();
        assert_eq!(shown["items"].as_array().map(Vec::len), Some(1), "{path}");
        let foreign = world.send(world.request("GET", &path, KEY_B)).await;
        assert_eq!(foreign.problem(), (404, "not_found".to_owned()), "as of a company that nobody ever named: {path}");
    }
    let diff = format!("/v1/diff?from=company:7707083893@0:0&to=company:7707083893@{now}");
    let of = |key: &'static str| world.send(world.request("GET", &diff, key));
    assert_eq!(of(KEY_A).await.json()["not_compared"][0]["subject"], task.subject.0);
    let foreign = of(KEY_B).await.text;
    assert!(!foreign.contains("person:"), "{foreign}");
}
