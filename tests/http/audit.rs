//! Proofs, heads, quotes and replays over HTTP.

use crate::world::{KEY_A, KEY_ADMIN, KEY_B, World};
use mirano::audit::text;
use mirano_replay::proof::{Anchor, Checked, Proof, check};
use serde_json::{Value as Json, json};

fn word(json: &Json) -> &str {
    json.as_str().expect("text")
}

async fn sealed(world: &World, key: &str) -> (String, String) {
    let job = word(&world.create(key, json!({})).await["job_id"]).to_owned();
    let view =
        if key == "k1" { world.complete(&job).await } else { world.until(&job, |view| view["final"] == true).await };
    (job, word(&view["snapshots"][0]["snapshot_id"]).to_owned())
}

#[tokio::test]
async fn a_fact_is_proven_to_be_in_a_snapshot_and_another_not_to_be() {
    let world = World::new().await;
    let (_, snapshot) = sealed(&world, "k1").await;
    let facts = world.read(&format!("/v1/snapshots/{snapshot}/facts")).await;
    let there = word(&facts["items"][0]["fact_id"]).to_owned();
    let elsewhere = mirano_schemas::FactId([7; 32]).to_string();
    for (fact, present) in [(&there, true), (&elsewhere, false)] {
        let path = format!("/v1/snapshots/{snapshot}/proof/{fact}");
        let got = world.get(&path).await;
        assert_eq!(got.status, 200, "{}", got.text);
        let proof = text::read(got.text.as_bytes()).expect("a proof");
        let Ok(Checked::Fact { fact: about, present: found, snapshot: under, log: None, .. }) = check(&proof) else {
            panic!("it holds: {}", got.text);
        };
        assert_eq!((&about.to_string(), found, under.to_string()), (fact, present, snapshot.clone()));
        assert_eq!(got.json()["present"], present);
        // A word that is changed is seen.
        let other = got.text.replace(&format!("\"present\":{present}"), &format!("\"present\":{}", !present));
        assert!(text::read(other.as_bytes()).is_err());
        let binary = world.request("GET", &path, KEY_A).header("accept", "application/octet-stream");
        let binary = binary.send().await.expect("an answer").bytes().await.expect("bytes");
        assert_eq!(Proof::from_bytes(&binary).as_ref(), Ok(&proof));
        assert!(binary.len() < 1200, "{} bytes", binary.len());
    }
    // Another tenant's snapshot is not told apart from none; the log part is for auditors.
    let path = format!("/v1/snapshots/{snapshot}/proof/{there}");
    assert_eq!(world.send(world.request("GET", &path, KEY_B)).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(world.get(&format!("{path}?log=true")).await.problem(), (403, "role_missing".to_owned()));
    let whole = world.send(world.request("GET", &format!("{path}?log=true"), KEY_ADMIN)).await;
    let Ok(Checked::Fact { log: Some((at, head)), .. }) = check(&text::read(whole.text.as_bytes()).expect("a proof"))
    else {
        panic!("it holds: {}", whole.text);
    };
    let row = world.read(&format!("/v1/snapshots/{snapshot}")).await;
    assert_eq!(word(&row["position"]), at.to_string());
    let heads = world.send(world.request("GET", "/v1/log/heads", KEY_ADMIN)).await.json();
    assert_eq!(word(&heads["items"][0]["head"]), head.to_string());
}

#[tokio::test]
async fn a_later_head_is_proven_to_extend_an_earlier_one() {
    let world = World::new().await;
    let heads = || async { world.send(world.request("GET", "/v1/log/heads", KEY_ADMIN)).await.json() };
    let before = word(&heads().await["items"][0]["head"]).to_owned();
    sealed(&world, "k1").await;
    let after = word(&heads().await["items"][0]["head"]).to_owned();
    assert_ne!(before, after);
    let path = |from: &str| format!("/v1/log/extension?from={from}");
    let got = world.send(world.request("GET", &path(&before), KEY_ADMIN)).await;
    let Ok(Checked::Extension { from, to }) = check(&text::read(got.text.as_bytes()).expect("a proof")) else {
        panic!("it holds: {}", got.text);
    };
    assert_eq!((from.to_string(), to.to_string()), (before.clone(), after));
    let mut other: Anchor = before.parse().expect("a head");
    other.hash.0[0] ^= 1;
    let got = world.send(world.request("GET", &path(&other.to_string()), KEY_ADMIN)).await;
    assert_eq!(got.problem(), (422, "not_comparable".to_owned()));
    assert_eq!(world.get(&path(&before)).await.problem(), (403, "role_missing".to_owned()));
    assert_eq!(world.get("/v1/log/heads").await.problem(), (403, "role_missing".to_owned()));
    assert_eq!(world.send(world.request("GET", &path("x"), KEY_ADMIN)).await.problem(), (400, "bad_time".to_owned()));
}

#[tokio::test]
async fn a_replay_is_quoted_and_then_told_as_it_goes() {
    let world = World::new().await;
    let (job, _) = sealed(&world, "k1").await;
    let quote = world.send(world.request("GET", "/v1/audit/quote", KEY_ADMIN)).await.json();
    let commits = quote["commits"].as_u64().expect("a number");
    assert!(commits > 5 && quote["bytes"].as_u64() > Some(100 * commits), "{quote}");
    let early = world.send(world.request("GET", "/v1/audit/quote?until=0:2", KEY_ADMIN)).await.json();
    assert_eq!(
        (&early["commits"], &early["until"]),
        (&json!(3), &json!(["0:2"])),
        "the last commit, as in a replay's cut"
    );
    let twice = world.send(world.request("GET", "/v1/audit/quote?until=0:1,0:2", KEY_ADMIN)).await;
    assert_eq!(twice.problem(), (400, "bad_time".to_owned()));
    assert_eq!(world.get("/v1/audit/quote").await.problem(), (403, "role_missing".to_owned()));
    let wrong = world.send(world.request("GET", "/v1/audit/quote?until=soon", KEY_ADMIN)).await;
    assert_eq!(wrong.problem(), (400, "bad_time".to_owned()));

    let replay = |body: Json| world.send(world.request("POST", "/v1/audit/replay", KEY_ADMIN).json(&body));
    let told = replay(json!({"stream": format!("job/{job}")})).await;
    assert!(told.header("content-type").starts_with("text/event-stream"), "{}", told.text);
    let data = |text: &str, name: &str| -> Option<Json> {
        let block = text.split("\n\n").find(|block| block.lines().any(|line| line == format!("event: {name}")))?;
        let data = block.lines().find_map(|line| line.strip_prefix("data: "))?;
        Some(serde_json::from_str(data).expect("json"))
    };
    assert!(data(&told.text, "progress").is_some() && data(&told.text, "finding").is_none(), "{}", told.text);
    let done = data(&told.text, "done").expect("an end");
    assert_eq!((&done["ok"], &done["commits"]), (&json!(true), &json!(commits)));
    assert!(done["rows"].as_array().expect("rows").iter().any(|row| row["table"] == "Job"), "{done}");
    // The same commits give the same digest, and fewer commits another.
    let again = data(&replay(json!({})).await.text, "done").expect("an end");
    assert_eq!(again["digest"], done["digest"]);
    let early = data(&replay(json!({"until": "0:2"})).await.text, "done").expect("an end");
    assert_eq!((&early["commits"], &early["cut"]), (&json!(3), &json!(["0:2"])));
    assert_ne!(early["digest"], done["digest"]);
    assert_eq!(world.post("/v1/audit/replay", &json!({})).await.problem(), (403, "role_missing".to_owned()));
    assert_eq!(replay(json!({"stream": "x"})).await.problem(), (422, "input_invalid".to_owned()));
}
