//! Streams of everything, of subjects and of sources: resumed anywhere without loss or repeat, apart by tenant.

use crate::events::{Message, Stream};
use crate::world::{KEY_A, KEY_ADMIN, KEY_B, World, case};
use serde_json::json;
use std::time::Duration;

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

async fn no_more(stream: &mut Stream) {
    // What is not sent can't be awaited: a further message of another kind would come first.
    let quiet = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test]
async fn everything_of_a_tenant_is_told_and_every_break_is_mended() {
    for partitions in [1, 2] {
        let world = World::with_partitions(partitions).await;
        let mut own = Stream::at(&world, "/v1/events", KEY_A, None).await;
        let mut theirs = Stream::at(&world, "/v1/events", KEY_B, None).await;
        let opened = own.next().await;
        assert_eq!((opened.name.as_str(), theirs.next().await.name.as_str()), ("open", "open"));
        let job = world.create("k", json!({"notify": {}})).await["job_id"].as_str().expect("an id").to_owned();
        world.complete(&job).await;
        let is_end = |message: &Message| message.name == "job" && message.data["final"] == true;
        let all = own.until(is_end).await;
        let names: Vec<&str> = all.iter().map(|message| message.name.as_str()).collect();
        for name in ["job", "answer", "risk", "snapshot", "notification"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        assert!(all.iter().all(|one| one.name == "notification" || one.data["job_id"] == json!(job)));
        no_more(&mut theirs).await;
        let mut unique = ids(&all);
        unique.dedup();
        assert_eq!(unique, ids(&all), "each id once");
        for (index, message) in std::iter::once(&opened).chain(&all).enumerate().take(all.len()) {
            let mut again = Stream::at(&world, "/v1/events", KEY_A, Some(&message.id)).await;
            let rest = again.until(is_end).await;
            // Of several partitions the order between them is that of the log's cut, not of the clock.
            match partitions {
                1 => assert_eq!(rest, all[index..], "from {}", message.id),
                _ => assert_eq!(rest.len(), all.len() - index, "from {}", message.id),
            }
        }
    }
}

#[tokio::test]
async fn all_tenants_are_followed_by_auditors_only() {
    let world = World::new().await;
    let refused = world.get("/v1/events?all=true").await;
    assert_eq!(refused.problem(), (403, "role_missing".to_owned()));
    let mut all = Stream::at(&world, "/v1/events?all=true", KEY_ADMIN, None).await;
    assert_eq!(all.next().await.name, "open");
    let body = json!({"address": crate::world::ADDRESS, "profile": "standard"});
    let created = world.send(world.request("POST", "/v1/jobs", KEY_B).json(&body)).await.json();
    let told = all.until(|message| message.name == "job").await;
    assert_eq!(told.last().expect("one").data["job_id"], created["job_id"]);
    for bad in ["nonsense", "1:0", "0:1;9.9"] {
        let request = world.request("GET", "/v1/events", KEY_A).header("last-event-id", bad);
        assert_eq!(world.send(request).await.problem(), (400, "bad_cursor".to_owned()), "{bad}");
    }
    // An id of a log that was longer, or is another: everything is to be read anew.
    let mut ahead = Stream::at(&world, "/v1/events", KEY_A, Some("0:999999")).await;
    assert_eq!(ahead.next().await.name, "resync");
}

#[tokio::test]
async fn a_subject_tells_of_answers_about_it_and_sources_of_how_they_are() {
    let world = World::new().await;
    let mut company = Stream::at(&world, "/v1/subjects/company%3A7707083893/events", KEY_A, None).await;
    let mut sources = Stream::at(&world, "/v1/sources/events", KEY_A, None).await;
    let opened = company.next().await;
    let begun = sources.next().await;
    assert_eq!((begun.name.as_str(), begun.id.as_str()), ("open", ""), "every stream begins so: {begun:?}");
    assert!(begun.data["position"].is_string(), "{begun:?}");
    let mut first = Vec::new();
    while first.len() < 3 {
        let message = sources.next().await;
        assert_eq!(message.name, "source", "{message:?}");
        first.push(message);
    }
    let job = world.create("k", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    world.complete(&job).await;
    let told = company.next().await;
    assert_eq!(
        (told.name.as_str(), &told.data["source"], &told.data["added"]),
        ("observation", &json!("courts"), &json!(1))
    );
    let courts = sources.until(|one| one.data["source"] == "courts" && one.data["health"] == "ok").await;
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts"]})).await;
    world.answer_in_order(&job, "courts", vec![case("2", "Истец")]).await;
    let second = company.next().await;
    assert_eq!((&second.data["added"], &second.data["gone"]), (&json!(1), &json!(1)));
    let mut again = Stream::at(&world, "/v1/subjects/company%3A7707083893/events", KEY_A, Some(&opened.id)).await;
    assert_eq!((again.next().await, again.next().await), (told.clone(), second.clone()));
    let mut rest = Stream::at(&world, "/v1/subjects/company%3A7707083893/events", KEY_A, Some(&told.id)).await;
    assert_eq!(rest.next().await, second);
    // Who comes back to the sources gets those that were touched since.
    let last = courts.last().expect("one").id.clone();
    let mut back = Stream::at(&world, "/v1/sources/events", KEY_A, Some(&last)).await;
    assert_eq!(back.next().await.data["source"], "courts");
}
