//! Evidence in an S3-compatible store: a whole check through the real program, with a store that goes away in between.
//! What the log names is in the store at any time; while it is away tasks are tried again, and nothing is lost.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

#[path = "support/s3.rs"]
mod s3;
#[path = "faults/sites.rs"]
mod sites;
mod support;

use futures::StreamExt;
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::EmbeddedLog;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Event, EvidenceId};
use s3::{BUCKET, S3, SECRET};
use serde_json::{Value, json};
use sites::{Fault, Site, answer};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::client;
use support::program::Program;

const BODY: &str = r#"{"items": [{"n": "one"}, {"n": "two"}]}"#;
const LATER: &str = r#"{"items": [{"n": "three"}]}"#;

fn write(config: &Path, site: &Site) {
    let source = format!(
        "id = \"one\"\ntitle = {{ ru = \"one\", en = \"one\" }}\nlevel = \"property\"\nttl = \"7d\"\nparams = [\"address\"]\n\
         [limits]\nrate = \"600/m\"\nburst = 20\nconcurrency = 4\ntimeout = \"2s\"\n\
         [retry]\nattempts = 1\ninitial = \"200ms\"\nmax = \"200ms\"\n\
         [request]\nurl = \"{}/?a={{{{ address | urlencode }}}}\"\nallow_private = true\n\
         [answer]\nformat = \"json\"\nitems = \"$.items[*]\"\nvalid = [{{ at = \"$.items\" }}]\n\
         [[fact]]\nkind = \"one.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"$.n\", type = \"text\", required = true }}\n",
        site.url
    );
    let profiles = "[standard]\ntitle = { ru = \"Одна\", en = \"One\" }\n\
                    needs = [{ source = \"one\", params = { address = \"{{ address.canonical }}\" } }]\n";
    std::fs::create_dir_all(config.join("sources")).expect("writable");
    std::fs::write(config.join("sources/one.toml"), source).expect("writable");
    std::fs::write(config.join("profiles.toml"), profiles).expect("writable");
}

async fn create(http: &reqwest::Client, url: &str, house: u32) -> String {
    let body = json!({"address": format!("г. Небывалинск, ул. Пробная, д. {house}"), "profile": "standard"});
    let answer = http.post(format!("{url}/v1/jobs")).json(&body).send().await.expect("answers");
    let job: Value = answer.json().await.expect("JSON");
    job["job_id"].as_str().expect("an id").to_owned()
}

/// Follows the events of a job until they say so.
async fn follow(http: &reqwest::Client, url: &str, job: &str, said: impl Fn(&str) -> bool) {
    let answer = http.get(format!("{url}/v1/jobs/{job}/events")).send().await.expect("answers");
    let (mut events, mut text) = (answer.bytes_stream(), String::new());
    let seen = async {
        while !said(&text) {
            let more = events.next().await.expect("goes on").expect("readable");
            text.push_str(&String::from_utf8_lossy(&more));
        }
    };
    tokio::time::timeout(Duration::from_secs(120), seen).await.expect("within two minutes");
}

fn is_final(text: &str) -> bool {
    text.contains("event: done") || text.contains("\"final\":true")
}

async fn read(http: &reqwest::Client, url: &str, path: &str) -> Value {
    let answer = http.get(format!("{url}{path}")).send().await.expect("answers");
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.expect("JSON")
}

/// The evidence of a job's facts, as the interface shows it.
async fn evidence(http: &reqwest::Client, url: &str, job: &str) -> Vec<String> {
    let snapshots = read(http, url, &format!("/v1/jobs/{job}/snapshots")).await;
    let snapshot = snapshots["items"][0]["snapshot_id"].as_str().expect("sealed").to_owned();
    let facts = read(http, url, &format!("/v1/snapshots/{snapshot}/facts")).await;
    let mut bodies = Vec::new();
    for fact in facts["items"].as_array().expect("facts") {
        let id = fact["fact_id"].as_str().expect("an id");
        let answer = http.get(format!("{url}/v1/facts/{id}/evidence")).send().await.expect("answers");
        assert_eq!(answer.status(), 200);
        bodies.push(answer.text().await.expect("a body"));
    }
    bodies
}

/// What the log says by now: evidence that it names, answers, and attempts that the store spoiled.
fn logged(data: &Path) -> (BTreeSet<EvidenceId>, usize, usize) {
    let log = EmbeddedLog::open_read_only(data).expect("the log opens");
    let (mut named, mut answers, mut spoiled, mut next) = (BTreeSet::new(), 0, 0, 0);
    loop {
        let commits = log.read(0, next, 1024 * 1024).expect("readable");
        let Some(last) = commits.last() else { return (named, answers, spoiled) };
        next = last.position.seq + 1;
        for event in commits.iter().flat_map(|commit| CommitBody::decode(commit.body()).expect("decodes").events) {
            match event {
                Event::ObservationRecorded(event) => {
                    answers += 1;
                    named.extend(event.evidence);
                }
                Event::TaskAttemptFailed(event) => {
                    spoiled += usize::from(event.cause.starts_with("evidence_store"));
                    named.extend(event.evidence);
                }
                _ => {}
            }
        }
    }
}

/// Whatever the log names is in the folder of the store.
fn all_there(data: &Path, store: &Path) -> usize {
    let (named, ..) = logged(data);
    for id in &named {
        let name = id.to_string();
        let object = store.join(BUCKET).join("mirano").join(&name[..2]).join(&name);
        assert!(object.is_file(), "{} is named and not there", object.display());
    }
    named.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_is_kept_in_s3_and_a_store_that_is_away_costs_only_time() {
    let folder = tempfile::tempdir().expect("temp");
    let (data, config, store) = (folder.path().join("data"), folder.path().join("config"), folder.path().join("s3"));
    let says = |body: &str| answer("200 OK", "Content-Type: application/json\r\n", body.as_bytes());
    let site = Site::open(says(BODY), Fault::Says(says(LATER))).await;
    write(&config, &site);
    let mut s3 = S3::start(&store).await;
    let environment = s3.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--config", config.to_str().expect("UTF-8")];
    let further = ["--listen", "127.0.0.1:0", "--auth=off", "--evidence", "s3://evidence/mirano"];
    let log = folder.path().join("log");
    let mut server = Program::start_logging(&[&arguments[..], &further[..]].concat(), &environment, &log);
    let (url, http) = (server.says("Mirano is ready").await, client());

    let first = create(&http, &url, 1).await;
    follow(&http, &url, &first, is_final).await;
    assert_eq!(read(&http, &url, &format!("/v1/jobs/{first}")).await["status"], "COMPLETED");
    assert_eq!(evidence(&http, &url, &first).await, [BODY, BODY], "read back as it was received");
    assert_eq!(all_there(&data, &store), 1, "in the store");
    assert!(!data.join("evidence").exists(), "and nowhere else");

    s3.go_away();
    site.mended.store(false, Ordering::SeqCst);
    let second = create(&http, &url, 2).await;
    follow(&http, &url, &second, |text| text.contains("evidence_store")).await;
    let (named, answers, spoiled) = logged(&data);
    assert_eq!((named.len(), answers), (1, 1), "nothing is named that is not durable");
    assert!(spoiled >= 1);
    assert_eq!(read(&http, &url, &format!("/v1/jobs/{second}")).await["final"], false, "it is tried again");

    // Killed while the store is away: nothing but time is lost.
    server.kill().await;
    let mut server = Program::start_logging(&[&arguments[..], &further[..]].concat(), &environment, &log);
    let url = server.says("Mirano is ready").await;
    s3.come_back().await;
    follow(&http, &url, &second, is_final).await;
    assert_eq!(read(&http, &url, &format!("/v1/jobs/{second}")).await["status"], "COMPLETED");
    assert_eq!(evidence(&http, &url, &second).await, [LATER]);
    let (_, answers, spoiled) = logged(&data);
    println!(
        "{answers} answers, {spoiled} attempts without a store, {} objects, {} requests",
        all_there(&data, &store),
        site.asked()
    );
    assert_eq!((answers, all_there(&data, &store)), (2, 2));
    server.end().await;
    let said = std::fs::read_to_string(&log).expect("readable");
    assert!(said.contains("evidence can't be kept") && !said.contains(SECRET), "the cause is logged, and no secret");
}
