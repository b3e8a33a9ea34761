//! Who is told of what: once for each cause, by signed webhooks that are tried again, and in the list.

use crate::world::{KEY_B, POLICY, World, case, developer};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use mirano::core::command::{AdoptPolicy, Command};
use mirano::core::notify::NotifyCommand;
use mirano::notify::{Courier, run, sign};
use mirano::work::fetch::{FetchOptions, Fetcher};
use mirano_schemas::PolicyOrigin;
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

const DAY_MS: i64 = 86_400_000;

fn text(value: &Json) -> &str {
    value.as_str().expect("text")
}

/// A request as a receiver got it.
#[derive(Debug, Clone)]
pub struct Got {
    id: String,
    timestamp: i64,
    signature: String,
    body: String,
}

impl Got {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).expect("json")
    }

    fn signed_by(&self, secret: &str) -> bool {
        let want = sign::signatures(&[secret.to_owned()], &self.id, self.timestamp, &self.body);
        self.signature.split(' ').any(|one| one == want)
    }
}

/// A receiver that answers as the test says.
pub struct Receiver {
    pub url: String,
    got: Mutex<Vec<Got>>,
    status: AtomicU16,
    came: Notify,
}

impl Receiver {
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook?token=very-secret", listener.local_addr().expect("bound"));
        let receiver = Arc::new(Self { url, got: Mutex::default(), status: AtomicU16::new(204), came: Notify::new() });
        let router = axum::Router::new().route("/hook", axum::routing::post(take)).with_state(Arc::clone(&receiver));
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Waits until so many requests have come.
    pub async fn until(&self, count: usize) -> Vec<Got> {
        let came = async {
            loop {
                let waits = self.came.notified();
                let got = self.got.lock().expect("no panic").clone();
                if got.len() >= count {
                    return got;
                }
                waits.await;
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), came).await;
        waited.unwrap_or_else(|_| panic!("{count} never came: {:#?}", self.got.lock().expect("no panic")))
    }
}

async fn take(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: String) -> StatusCode {
    let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let timestamp = of("webhook-timestamp").parse().expect("seconds");
    let got = Got { id: of("webhook-id"), timestamp, signature: of("webhook-signature"), body };
    receiver.got.lock().expect("no panic").push(got);
    receiver.came.notify_waiters();
    StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).expect("a status")
}

/// A world in which webhooks may lead to loopback, are tried twice more, and are delivered.
pub async fn delivering() -> World {
    let world = World::bare(1).await;
    let mut document: Json = serde_json::from_str(POLICY).expect("json");
    document["notify"] = json!({"allow_private": true, "retry": ["0s", "0s"]});
    let adopt = AdoptPolicy { document: document.to_string(), origin: PolicyOrigin::Files, expected: None };
    world.engine.submit(Command::AdoptPolicy(adopt)).await.expect("the policy is valid");
    let courier =
        Courier { engine: world.engine.clone(), fetcher: Fetcher::new(FetchOptions::default()), mailer: None };
    tokio::spawn(run(Arc::new(courier), world.stop.clone()));
    world
}

async fn webhook(world: &World, receiver: &Receiver, extra: Json) -> Json {
    let mut body = json!({"url": receiver.url});
    for (name, value) in extra.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let got = world.post("/v1/webhooks", &body).await;
    assert_eq!(got.status, 201, "{}", got.text);
    got.json()
}

/// Reads the deliveries of a webhook until they are as the test waits for; each look follows a commit.
pub async fn deliveries(world: &World, id: &str, wanted: impl Fn(&[Json]) -> bool) -> Vec<Json> {
    let mut folded = world.engine.subscribe();
    loop {
        let page = world.read(&format!("/v1/webhooks/{id}/deliveries")).await;
        let items = page["items"].as_array().expect("items").clone();
        if wanted(&items) {
            return items;
        }
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), folded.recv()).await;
        next.unwrap_or_else(|_| panic!("it never came: {items:#?}")).expect("the engine lives");
    }
}

fn types(list: &Json) -> Vec<&str> {
    let mut types: Vec<&str> = list["items"].as_array().expect("items").iter().map(|one| text(&one["type"])).collect();
    types.reverse();
    types
}

#[tokio::test]
async fn each_cause_is_listed_once_in_words_and_can_be_read() {
    let world = World::new().await;
    let job = text(&world.create("k", json!({"notify": {}})).await["job_id"]).to_owned();
    world.complete(&job).await;
    let list = world.read("/v1/notifications?lang=en").await;
    assert_eq!(types(&list), ["job.first_result", "job.final"], "{list:#}");
    assert_eq!(list["unread"], 2);
    assert!(text(&list["items"][0]["text"]).ends_with("the check has ended; all data are within their TTL"));
    assert_eq!(list["items"][0]["data"]["job_id"], json!(job));

    // The same key and body: the same check, and nothing is told again.
    world.create("k", json!({"notify": {}})).await;
    // The first answers are what others are compared with; the second ones change one thing, add one, and the risk.
    let recheck = world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts"]})).await;
    assert_eq!(recheck.status, 202, "{}", recheck.text);
    world.answer_in_order(&job, "courts", vec![case("1", "Истец"), case("2", "Истец")]).await;
    world.until(&job, |view| view["final"] == true).await;
    let list = world.read("/v1/notifications?lang=ru").await;
    // What one commit gives cause for stands together, in no order.
    let mut together = types(&list)[2..].to_vec();
    together.sort_unstable();
    assert_eq!(together, ["facts.changed", "job.final", "risk.level_changed"], "{list:#}");
    let one = |what: &str| {
        let found = list["items"].as_array().expect("items").iter().find(|one| one["type"] == what);
        found.unwrap_or_else(|| panic!("{what} in {list:#}"))
    };
    let changed = &one("facts.changed")["data"];
    let counts = ["added", "gone", "changed"].map(|name| changed[name].as_u64().expect("a count"));
    assert_eq!(counts, [1, 0, 1]);
    assert!(text(&one("facts.changed")["text"]).ends_with("появилось 1, изменилось 1"), "{list:#}");
    assert_eq!(one("risk.level_changed")["data"]["level"], json!({"from": "high", "to": "low", "score": 0}));
    // Where the difference can be read: it is there.
    let diff = world.read(text(&changed["diff_url"])).await;
    assert_eq!((&diff["counts"]["added"], &diff["counts"]["changed"]), (&json!(1), &json!(1)), "{diff:#}");
    // Asked again with the same answer, nothing has changed.
    world.post(&format!("/v1/jobs/{job}/recheck"), &json!({"sources": ["courts"]})).await;
    world.answer_in_order(&job, "courts", vec![case("1", "Истец"), case("2", "Истец")]).await;
    world.until(&job, |view| view["final"] == true).await;
    let list = world.read("/v1/notifications").await;
    assert_eq!(types(&list)[5..], ["job.final"], "{list:#}");

    let id = text(&list["items"][0]["notification_id"]);
    let read = world.post("/v1/notifications/read", &json!({"ids": [id]})).await;
    assert_eq!(read.status, 204, "{}", read.text);
    let list = world.read("/v1/notifications?unread=true").await;
    assert_eq!((list["items"].as_array().map(Vec::len), &list["unread"]), (Some(5), &json!(5)));
    let stranger = world.request("POST", "/v1/notifications/read", KEY_B).json(&json!({"ids": [id]}));
    assert_eq!(world.send(stranger).await.problem(), (404, "not_found".to_owned()));
    let theirs = world.send(world.request("GET", "/v1/notifications", KEY_B)).await.json();
    assert_eq!((theirs["items"].as_array().map(Vec::len), &theirs["unread"]), (Some(0), &json!(0)));
    world.post("/v1/notifications/read", &json!({"all": true})).await;
    assert_eq!(world.read("/v1/notifications").await["unread"], 0);
    // By pages, each once.
    let first = world.read("/v1/notifications?limit=4").await;
    let rest = world.read(&format!("/v1/notifications?limit=4&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!((types(&first).len(), types(&rest).len(), &rest["next_cursor"]), (4, 2, &Json::Null));
}

#[tokio::test]
async fn a_check_that_nobody_asked_to_hear_of_is_not_told() {
    let world = World::new().await;
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    world.complete(&job).await;
    assert_eq!(world.read("/v1/notifications").await["items"], json!([]));
    // From now on; and a report that is stale is told when it happens, once.
    let about = format!("/v1/jobs/{job}/notify");
    let put = |body: Json| world.send(world.request("PUT", &about, super::world::KEY_A).json(&body));
    let set = put(json!({"events": ["report.stale"]})).await;
    assert_eq!((set.status, set.json()["stale_at"].is_string()), (200, true), "{}", set.text);
    let tell = || world.engine.submit(Command::Notify(NotifyCommand::TellStale));
    tell().await.expect("decided");
    assert_eq!(world.read("/v1/notifications").await["items"], json!([]));
    world.pass(DAY_MS + 1);
    tell().await.expect("decided");
    tell().await.expect("decided");
    let list = world.read("/v1/notifications?lang=en").await;
    assert_eq!(types(&list), ["report.stale"], "{list:#}");
    assert_eq!(list["items"][0]["data"]["source"], "bankrupts");
    assert_eq!(world.read(&about).await["stale_at"], Json::Null, "it is told once, not for each source");
    // A stranger sees nothing of it, and can't set it.
    let stranger = world.request("PUT", &about, KEY_B).json(&json!({}));
    assert_eq!(world.send(stranger).await.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn webhooks_are_signed_tried_again_given_up_and_sent_by_hand() {
    let world = delivering().await;
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let hook = webhook(&world, &receiver, json!({"events": ["job.final"]})).await;
    let (id, secret) = (text(&hook["webhook_id"]), text(&hook["secret"]).to_owned());
    assert!(sign::parse(&secret).is_some() && hook["url"] == json!(receiver.url), "{hook}");
    let listed = world.read("/v1/webhooks").await;
    assert!(listed["items"][0]["url"] == hook["url"] && listed["items"][0].get("secret").is_none(), "{listed}");
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    world.complete(&job).await;
    // Once, and two more times; then it is a dead letter.
    let got = receiver.until(3).await;
    let dead = deliveries(&world, id, |items| items.len() == 1 && items[0]["state"] == "dead").await;
    assert_eq!(dead[0]["attempts"].as_array().map(Vec::len), Some(3), "{dead:#?}");
    assert_eq!(
        (&dead[0]["attempts"][2]["status"], &dead[0]["attempts"][2]["cause"]),
        (&json!(500), &json!("status 500"))
    );
    assert!(got.iter().all(|one| one.id == got[0].id && one.signed_by(&secret)), "{got:#?}");
    assert!(!got[0].signed_by(&sign::secret(&[9; 32])), "another secret signs otherwise");
    let body = got[0].json();
    assert_eq!((&body["type"], &body["data"]["job_id"]), (&json!("job.final"), &json!(job)));
    assert_eq!((&body["data"]["status"], &body["data"]["final"]), (&json!("COMPLETED"), &json!(true)));

    // By hand, after its secret was rotated: both sign, and the id is the same.
    let rotated = world.post(&format!("/v1/webhooks/{id}/rotate"), &json!({"overlap": "1h"})).await.json();
    let second = text(&rotated["secret"]).to_owned();
    receiver.answer(204);
    let retry = format!("/v1/webhooks/{id}/deliveries/{}/retry", text(&dead[0]["delivery_id"]));
    assert_eq!(world.post(&retry, &json!({})).await.status, 202);
    let got = receiver.until(4).await;
    assert!(got[3].id == got[0].id && got[3].signed_by(&secret) && got[3].signed_by(&second), "{got:#?}");
    deliveries(&world, id, |items| items[0]["state"] == "delivered").await;
    // After the overlap only the new one signs; also what was delivered may be sent again.
    world.pass(3_600_001);
    assert_eq!(world.post(&retry, &json!({})).await.status, 202);
    let got = receiver.until(5).await;
    assert!(!got[4].signed_by(&secret) && got[4].signed_by(&second));

    // Nothing of it is in the log in clear: neither secret nor URL, nor in what the interface shows of the log.
    let log = world.send(world.request("GET", "/v1/log?limit=500", super::world::KEY_ADMIN)).await.text;
    for hidden in [secret.as_str(), second.as_str(), "very-secret", &secret[6..]] {
        assert!(!log.contains(hidden), "{hidden}");
    }
    assert!(log.contains("ChannelSet") && log.contains("DeliveryChanged"));
    // Nobody else sees it, or ends it; ended, what is not delivered is given up.
    let about = format!("/v1/webhooks/{id}");
    for method in ["GET", "DELETE"] {
        assert_eq!(world.send(world.request(method, &about, KEY_B)).await.problem(), (404, "not_found".to_owned()));
    }
    assert_eq!(world.send(world.request("DELETE", &about, super::world::KEY_A)).await.status, 204);
    assert_eq!(world.get(&about).await.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_receiver_that_says_gone_is_told_nothing_more_until_its_url_is_given_anew() {
    let world = delivering().await;
    let receiver = Receiver::start().await;
    receiver.answer(410);
    let hook = webhook(&world, &receiver, json!({"events": ["job.first_result", "job.final"]})).await;
    let id = text(&hook["webhook_id"]);
    let about = format!("/v1/webhooks/{id}");
    assert_eq!(world.read(&about).await["stopped_at"], Json::Null);
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    let task = world.lease("cadastre").await;
    world.answer(&task, vec![developer()]).await;
    let dead = deliveries(&world, id, |items| items.iter().any(|one| one["state"] == "dead")).await;
    assert_eq!(dead[0]["attempts"].as_array().map(Vec::len), Some(1), "{dead:#?}");
    assert_eq!(dead[0]["attempts"][0]["status"], 410, "{dead:#?}");
    let tells = &dead[0]["tells"][0];
    assert_eq!((&tells["type"], &tells["job_id"]), (&json!("job.first_result"), &json!(job)), "{dead:#?}");
    assert!(text(&tells["text"]).contains("Тверская"), "whom it was about: {dead:#?}");
    // It is stopped, and says so in its list.
    let listed = world.read("/v1/webhooks").await;
    assert!(listed["items"][0]["stopped_at"].is_string(), "{listed:#}");
    // The end of the check is not sent there, nor what is asked for by hand, nor anything after a mute was ended.
    world.answer_in_order(&job, "courts", Vec::new()).await;
    world.answer_in_order(&job, "bankrupts", Vec::new()).await;
    world.until(&job, |view| view["final"] == true).await;
    let patch = |body: Json| world.send(world.request("PATCH", &about, super::world::KEY_A).json(&body));
    let muted = patch(json!({"mute": "0s"})).await.json();
    assert!(muted["stopped_at"].is_string(), "{muted}");
    let retry = format!("{about}/deliveries/{}/retry", text(&dead[0]["delivery_id"]));
    let refused = world.post(&format!("{retry}?lang=en"), &json!({})).await;
    assert_eq!(refused.problem(), (404, "not_found".to_owned()));
    assert!(text(&refused.json()["detail"]).contains("410"), "{}", refused.text);
    assert_eq!(deliveries(&world, id, |_| true).await.len(), 1, "nothing more was raised for it");
    assert_eq!(receiver.got.lock().expect("no panic").len(), 1, "it was asked once");
    let listed = world.read("/v1/notifications").await;
    assert_eq!(types(&listed), ["job.first_result", "job.final"], "what happened is listed all the same");
    // Its URL once more, and it is told again.
    receiver.answer(204);
    let again = patch(json!({"url": receiver.url})).await.json();
    assert_eq!(again["stopped_at"], Json::Null, "{again}");
    assert_eq!(world.post(&retry, &json!({})).await.status, 202);
    receiver.until(2).await;
    deliveries(&world, id, |items| items[0]["state"] == "delivered").await;
}

#[tokio::test]
async fn what_waits_for_a_receiver_that_is_gone_is_given_up() {
    let world = delivering().await;
    let receiver = Receiver::start().await;
    receiver.answer(410);
    let hook = webhook(&world, &receiver, json!({"digest": "1h", "events": ["job.final"]})).await;
    let other = webhook(&world, &receiver, json!({"events": ["job.first_result"]})).await;
    let id = text(&hook["webhook_id"]);
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    world.complete(&job).await;
    deliveries(&world, text(&other["webhook_id"]), |items| items.iter().any(|one| one["state"] == "dead")).await;
    // A channel of the same receiver is another channel: it is asked for itself.
    assert_eq!(world.read(&format!("/v1/webhooks/{id}")).await["stopped_at"], Json::Null);
    let collecting = deliveries(&world, id, |items| items.len() == 1).await;
    assert_eq!(collecting[0]["state"], "collecting");
    let set = mirano::core::notify::NotifyCommand::StopChannel { channel: channel_set(&world, id), by: 410 };
    world.engine.submit(Command::Notify(set)).await.expect("decided");
    // Its time comes, and it is not sent. What another channel is told makes the courier look at the clock.
    let awake = Receiver::start().await;
    webhook(&world, &awake, json!({"events": ["job.final"]})).await;
    world.pass(3_600_000);
    world.create("k2", json!({})).await;
    let dead = deliveries(&world, id, |items| items[0]["state"] == "dead").await;
    assert_eq!(dead[0]["attempts"], json!([]), "{dead:#?}");
    assert_eq!(receiver.got.lock().expect("no panic").len(), 1);
}

/// A channel as it stands in the log's views.
fn channel_set(world: &World, id: &str) -> mirano_schemas::ChannelSet {
    use mirano_replay::store::ReadExt;
    let id: mirano_schemas::ChannelId = id.parse().expect("an id");
    let row: Option<mirano_replay::rows::ChannelRow> = world.engine.views().row(id.as_bytes()).expect("readable");
    row.expect("the channel").set
}

#[tokio::test]
async fn a_digest_tells_together_and_a_mute_tells_nobody() {
    let world = delivering().await;
    let (receiver, quiet) = (Receiver::start().await, Receiver::start().await);
    let hook = webhook(&world, &receiver, json!({"digest": "1h", "events": ["job.first_result", "job.final"]})).await;
    let muted = webhook(&world, &quiet, json!({})).await;
    let about = format!("/v1/webhooks/{}", text(&muted["webhook_id"]));
    let patch = world.send(world.request("PATCH", &about, super::world::KEY_A).json(&json!({"mute": "8h"}))).await;
    assert!(patch.json()["muted_until"].is_string(), "{}", patch.text);
    let job = text(&world.create("k", json!({})).await["job_id"]).to_owned();
    world.complete(&job).await;
    let id = text(&hook["webhook_id"]);
    let collecting = deliveries(&world, id, |items| items.len() == 1).await;
    assert_eq!(
        (&collecting[0]["state"], collecting[0]["notifications"].as_array().map(Vec::len)),
        (&json!("collecting"), Some(2))
    );
    let retry = format!("/v1/webhooks/{id}/deliveries/{}/retry", text(&collecting[0]["delivery_id"]));
    assert_eq!(world.post(&retry, &json!({})).await.problem(), (404, "not_found".to_owned()));
    // Its time comes; another commit makes the courier look at the clock.
    world.pass(3_600_000);
    world.create("k2", json!({})).await;
    let got = receiver.until(1).await;
    let body = got[0].json();
    let told: Vec<&str> =
        body["data"]["items"].as_array().expect("items").iter().map(|one| text(&one["type"])).collect();
    assert_eq!((&body["type"], told), (&json!("digest"), vec!["job.first_result", "job.final"]), "{body:#}");
    assert!(quiet.got.lock().expect("no panic").is_empty(), "who is silent was told nothing");
    // All of it is in the list.
    assert!(types(&world.read("/v1/notifications").await).len() >= 2);
}

#[tokio::test]
async fn a_source_that_was_down_and_answers_is_told() {
    let world = World::new().await;
    world.post("/v1/webhooks", &json!({"url": "https://receiver.example/", "events": ["source.recovered"]})).await;
    // Five failures in a row: two attempts of each of two checks, and one of a third.
    for n in 0..3 {
        world.create(&format!("k{n}"), json!({"address": format!("г Москва, ул Тверская, д {n}1")})).await;
    }
    for _ in 0..5 {
        let task = world.lease("cadastre").await;
        world.fail(&task).await;
        world.pass(60_000);
    }
    assert_eq!(world.read("/v1/notifications").await["items"], json!([]));
    let task = world.lease("cadastre").await;
    world.answer(&task, vec![developer()]).await;
    let list = world.read("/v1/notifications?lang=en").await;
    assert_eq!(types(&list), ["source.recovered"], "{list:#}");
    assert_eq!(list["items"][0]["data"]["source"], "cadastre");
    assert!(text(&list["items"][0]["text"]).contains("answers again"), "{list:#}");
}

#[tokio::test]
async fn rubbish_is_refused_with_its_place() {
    let world = World::new().await;
    for (path, body, wanted) in [
        ("/v1/webhooks", json!({"url": "nonsense"}), "/url"),
        ("/v1/webhooks", json!({"url": "ftp://example.org/"}), "/url"),
        ("/v1/webhooks", json!({"url": "https://user:password@example.org/"}), "/url"),
        ("/v1/webhooks", json!({"url": "http://127.0.0.1/"}), "/url"),
        ("/v1/webhooks", json!({"url": "http://metadata.google.internal/"}), "/url"),
        ("/v1/webhooks", json!({"url": "https://example.org/", "events": ["job.final", "x"]}), "/events/1"),
        ("/v1/webhooks", json!({"url": "https://example.org/", "secret": "whsec_short"}), "/secret"),
        ("/v1/webhooks", json!({"url": "https://example.org/", "digest": "soon"}), "/digest"),
        ("/v1/webhooks", json!({"url": "https://example.org/", "digest": "32d"}), "/digest"),
        ("/v1/emails", json!({"address": "nobody"}), "/address"),
        ("/v1/emails", json!({"address": "a@example.org", "lang": "de"}), "/lang"),
        ("/v1/notifications/read", json!({}), "/ids"),
    ] {
        let got = world.post(path, &body).await;
        assert_eq!(got.problem().0, 422, "{body}: {}", got.text);
        assert_eq!(got.json()["errors"][0]["at"], wanted, "{}", got.text);
        assert!(!got.text.contains("password@") && !got.text.contains("whsec_short"), "{}", got.text);
    }
    // A channel of another tenant is none; a check that names one is not made.
    let theirs = world.request("POST", "/v1/webhooks", KEY_B).json(&json!({"url": "https://example.org/"}));
    let theirs = text(&world.send(theirs).await.json()["webhook_id"]).to_owned();
    let body = json!({"address": super::world::ADDRESS, "profile": "standard", "notify": {"channels": [theirs]}});
    assert_eq!(world.post("/v1/jobs", &body).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(world.read("/v1/jobs").await["items"], json!([]));
    // One key is one webhook, with its first secret; another body under it is refused.
    let send = |body: Json| {
        world
            .send(world.request("POST", "/v1/webhooks", super::world::KEY_A).header("idempotency-key", "w").json(&body))
    };
    let first = send(json!({"url": "https://example.org/"})).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(send(json!({"url": "https://example.org/"})).await.json(), first.json());
    let other = send(json!({"url": "https://example.org/", "events": []})).await;
    assert_eq!(other.problem(), (409, "idempotency_mismatch".to_owned()));
}
