//! Server-sent events: their order, and that who comes back misses none and gets none twice.

use crate::world::{KEY_A, World, case};
use futures::StreamExt;
use serde_json::{Value as Json, json};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: String,
    pub name: String,
    pub data: Json,
}

/// A stream of events, read as it comes.
pub struct Stream {
    bytes: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Stream {
    async fn open(world: &World, job: &str, last: Option<&str>) -> Self {
        Self::at(world, &format!("/v1/jobs/{job}/events"), KEY_A, last).await
    }

    /// Any stream of the interface.
    pub async fn at(world: &World, path: &str, key: &str, last: Option<&str>) -> Self {
        let request = world.request("GET", path, key);
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        let kind = response.headers().get("content-type").expect("a type").to_str().expect("text").to_owned();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self { bytes: Box::pin(response.bytes_stream()), text: String::new() }
    }

    pub async fn next(&mut self) -> Message {
        // Comments come every 15 seconds: only a message counts as one.
        let next = tokio::time::timeout(Duration::from_secs(20), self.message()).await;
        next.expect("a message comes")
    }

    async fn message(&mut self) -> Message {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                        .unwrap_or_default()
                        .to_owned()
                };
                let (id, name, data) = (field("id"), field("event"), field("data"));
                self.text = rest.to_owned();
                if name.is_empty() {
                    continue; // a comment
                }
                return Message { id, name, data: serde_json::from_str(&data).expect("json") };
            }
            let chunk = self.bytes.next().await.expect("the stream is open").expect("bytes");
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// Messages up to and including the first that is wanted.
    pub async fn until(&mut self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut seen = Vec::new();
        loop {
            seen.push(self.next().await);
            if seen.last().is_some_and(&wanted) {
                return seen;
            }
        }
    }
}

fn is_done(message: &Message) -> bool {
    message.name == "done"
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

#[tokio::test]
async fn a_job_is_followed_and_every_break_is_mended() {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let mut stream = Stream::open(&world, &job, None).await;
    let first = stream.next().await;
    assert_eq!((first.name.as_str(), &first.data["job_id"]), ("job", &json!(job)));
    world.complete(&job).await;
    let mut all = stream.until(is_done).await;
    assert_eq!(all.last().expect("done").data["status"], "COMPLETED");
    let names: Vec<&str> = all.iter().map(|message| message.name.as_str()).collect();
    for name in ["source", "facts", "risk", "snapshot", "done"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let facts: Vec<&Json> = all.iter().filter(|message| message.name == "facts").map(|message| &message.data).collect();
    assert_eq!((facts[0]["added"].as_u64(), facts[0]["gone"].as_u64()), (Some(1), Some(0)));

    // The stream stays open: a recheck is told on it, with what changed.
    let recheck = world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts"]})).await;
    assert_eq!(recheck.status, 202);
    let task = world.lease("courts").await;
    world.answer(&task, vec![case("1", "Истец"), case("2", "Истец")]).await;
    all.extend(stream.until(is_done).await);
    let last_facts = all.iter().rev().find(|message| message.name == "facts").expect("facts");
    let counts = ["added", "gone", "changed"].map(|name| last_facts.data[name].as_u64().expect("a count"));
    assert_eq!(counts, [1, 0, 1], "one case is new, one has another role");

    let order: Vec<&str> = ids(&all);
    let mut unique = order.clone();
    unique.dedup();
    assert_eq!(unique, order, "each id once");
    for (index, message) in std::iter::once(&first).chain(&all).enumerate().take(all.len()) {
        let mut again = Stream::open(&world, &job, Some(&message.id)).await;
        let mut rest = Vec::new();
        while rest.len() < all.len() - index {
            let next = tokio::time::timeout(Duration::from_secs(10), again.message()).await;
            rest.push(next.unwrap_or_else(|_| panic!("from {}: {:?} of {:?}", message.id, ids(&rest), ids(&all))));
        }
        assert_eq!(ids(&rest), &order[index..], "from {}", message.id);
        let facts = rest.iter().rev().find(|message| message.name == "facts");
        assert!(facts.is_none_or(|facts| facts.data == last_facts.data), "the same change however often it is told");
    }
}

#[tokio::test]
async fn a_final_job_says_so_at_once() {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    world.complete(&job).await;
    let mut stream = Stream::open(&world, &job, None).await;
    let messages = stream.until(is_done).await;
    let names: Vec<&str> = messages.iter().map(|message| message.name.as_str()).collect();
    assert_eq!(names, ["job", "done"]);
}

#[tokio::test]
async fn progress_in_other_partitions_is_told_too() {
    let world = World::with_partitions(4).await;
    for partition in 0..4 {
        while world.engine.cut().iter().all(|shown| shown.partition != partition) {
            tokio::task::yield_now().await;
        }
    }
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let mut stream = Stream::open(&world, &job, None).await;
    assert_eq!(stream.next().await.name, "job");
    world.complete(&job).await;
    let all = stream.until(is_done).await;
    let ran = |source: &str| {
        all.iter().any(|message| {
            message.name == "source" && message.data["source"] == source && message.data["attempts"] == 1
        })
    };
    assert!(ran("cadastre") && ran("courts") && ran("bankrupts"), "{all:#?}");
    let last = all.iter().rev().find(|message| !message.id.is_empty()).expect("ids");
    assert!(is_done(last));
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let mut stream = Stream::open(&world, &job, None).await;
    assert_eq!(stream.next().await.name, "job");
    world.stop.cancel();
    let end = async { while let Some(Ok(_)) = stream.bytes.next().await {} };
    tokio::time::timeout(Duration::from_secs(20), end).await.expect("it ends");
}
