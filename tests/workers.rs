//! The example workers of `docs/examples/workers`, as processes, against live sources.

#![allow(clippy::indexing_slicing, reason = "a test that reads what is not there is to fail")]

/// The one of the program, so that figures are its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "faults/sites.rs"]
mod sites;
mod support;

use mirano::demo;
use mirano::http::{self, AppState, Auth};
use mirano::node::{Node, NodeOptions};
use mirano::sources::config::{self, LoadedConfig};
use mirano_replay::rows::{JobRow, SourceRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Event, JobId, JobStatus, Root};
use sites::{Fault, Site, answer};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use support::{configuration, create, create_as, node, until_final};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

const ADDRESS: &str = "г. Москва, ул. Тверская, д. 7, кв. 12";
const SPEED: f64 = 40.0;

/// A node without workers of its own, and where it listens.
async fn served(data: &Path, configuration: &LoadedConfig) -> (Arc<Node>, String) {
    mirano::work::tls::install();
    let options = NodeOptions { data: data.to_owned(), partitions: 1, evidence: None, name: "test".to_owned() };
    let node = Arc::new(Node::open(options).await.expect("opens"));
    node.adopt(&configuration.document, false).await.expect("adopts");
    let state = AppState::new(node.engine.clone(), node.evidence.clone(), Auth::Off, None, CancellationToken::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(http::serve(listener, http::router(state.clone()), state, std::future::pending()));
    (node, url)
}

/// One source, which answers with JSON.
fn one_source(site: &Site) -> LoadedConfig {
    let source = source_of(site, "");
    load(&[("sources/one.toml", source.as_str())])
}

/// The same, asked through a proxy, and once only.
fn one_through_a_proxy(site: &Site) -> LoadedConfig {
    let source = source_of(site, "proxies = \"hidden\"\n[retry]\nattempts = 1\ninitial = \"50ms\"\nmax = \"50ms\"\n");
    let proxies = "[hidden]\n[hidden.proxies]\nonly = \"http://127.0.0.1:1\"\n";
    load(&[("sources/one.toml", source.as_str()), ("proxies.toml", proxies)])
}

fn source_of(site: &Site, limits: &str) -> String {
    format!(
        "id = \"one\"\ntitle = {{ ru = \"one\", en = \"one\" }}\nlevel = \"property\"\nttl = \"7d\"\nparams = [\"address\"]\n\
         [limits]\nrate = \"600/m\"\nburst = 20\n{limits}\
         [request]\nurl = \"{}/?a={{{{ address | urlencode }}}}\"\nallow_private = true\n\
         [answer]\nformat = \"json\"\nitems = \"$.items[*]\"\nvalid = [{{ at = \"$.items\" }}]\n\
         [[fact]]\nkind = \"one.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"$.n\", type = \"text\", required = true }}\n",
        site.url
    )
}

fn load(files: &[(&str, &str)]) -> LoadedConfig {
    let profiles = "[standard]\ntitle = { ru = \"Одна\", en = \"One\" }\n\
                    needs = [{ source = \"one\", params = { address = \"{{ address.canonical }}\" } }]\n";
    let profiles = ("profiles.toml", profiles);
    let all = files.iter().chain([&profiles]);
    config::load(&all.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()).expect("valid")
}

fn start(command: &mut Command, server: &str) -> Child {
    command.env("MIRANO_SERVER", server).stdout(Stdio::null()).kill_on_drop(true).spawn().expect("starts")
}

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/workers").join(name)
}

/// What each source is known to say: the root over its facts.
fn known(row: &JobRow) -> Vec<(String, Root, u32)> {
    let receipts = row.needs.iter().filter_map(|need| need.receipt.as_ref());
    let mut known: Vec<_> =
        receipts.map(|receipt| (receipt.source.clone(), receipt.facts_root, receipt.facts)).collect();
    known.sort();
    known
}

/// Pages, legacy charsets, several sources: whoever asks, the same facts come of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_in_python_finds_what_our_own_find() {
    let options = || demo::Options { speed: SPEED, faults: false, ..demo::Options::default() };
    let ours = demo::start(options()).await.expect("demo");
    let folder = tempfile::tempdir().expect("temp");
    let (own, workers) = node(folder.path(), &configuration(&ours, None, SPEED)).await;
    let job = create(&own, 1, ADDRESS, "standard").await;
    let expected = until_final(&own, job).await;
    workers.stop().await;

    let theirs = demo::start(options()).await.expect("demo");
    let folder = tempfile::tempdir().expect("temp");
    let (far, server) = served(folder.path(), &configuration(&theirs, None, SPEED)).await;
    let mut worker = start(Command::new("python3").arg(example("worker.py")), &server);
    let job = create(&far, 1, ADDRESS, "standard").await;
    let found = until_final(&far, job).await;
    assert_eq!(found.status, JobStatus::Completed);
    assert!(known(&found).iter().any(|(.., facts)| *facts > 0));
    assert_eq!(known(&found), known(&expected));
    assert!(worker.try_wait().expect("asked").is_none(), "it works on");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let asked = client.get(format!("{}/control/requests", theirs.base_url())).send().await.expect("answers");
    let asked: serde_json::Value = asked.json().await.expect("json");
    assert_eq!(asked["over_limit"], 0, "{asked}");
    assert!(asked["total"].as_u64().is_some_and(|total| total > 6), "pages were asked for: {asked}");
}

/// It reads the answers itself, and two of them share the work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_in_go_give_facts() {
    let items: Vec<_> = (0..3).map(|n| serde_json::json!({"n": n.to_string()})).collect();
    let body = serde_json::json!({ "items": items }).to_string();
    let site = Site::open(answer("200 OK", "Content-Type: application/json\r\n", body.as_bytes()), Fault::Drips).await;
    let folder = tempfile::tempdir().expect("temp");
    let program = built(folder.path()).await;
    let (node, server) = served(&folder.path().join("data"), &one_source(&site)).await;
    let _workers: Vec<Child> =
        (0..2).map(|_| start(Command::new(&program).args(["one", "one.thing", "items"]), &server)).collect();
    for flat in 1..=4 {
        let job = create(&node, flat, &format!("г. Москва, ул. Тверская, д. 7, кв. {flat}"), "standard").await;
        let row = until_final(&node, job).await;
        assert_eq!((row.status, known(&row)[0].2), (JobStatus::Completed, 3));
    }
    assert_eq!(site.heads.lock().expect("no panic").len(), 4, "one request each");
}

/// The worker in Go, compiled.
async fn built(folder: &Path) -> std::path::PathBuf {
    let program = folder.join("worker");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg(example("worker.go"));
    build.env("GO111MODULE", "off").env("GOCACHE", folder.join("cache"));
    assert!(build.status().await.expect("go runs").success(), "it compiles");
    program
}

/// Its attempts are lost on our side: they use up none of the source's, are booked to nobody, and nobody is asked directly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_the_proxy_costs_the_source_nothing() {
    let folder = tempfile::tempdir().expect("temp");
    let mut go = Command::new(built(folder.path()).await);
    go.args(["one", "one.thing", "items"]);
    let mut python = Command::new("python3");
    python.arg(example("worker.py"));
    for (name, mut command) in [("go", go), ("python", python)] {
        let body = br#"{"items": []}"#;
        let site = Site::open(answer("200 OK", "Content-Type: application/json\r\n", body), Fault::Drips).await;
        let (node, server) = served(&folder.path().join(name), &one_through_a_proxy(&site)).await;
        let mut folded = node.engine.subscribe();
        let _worker = start(&mut command, &server);
        create(&node, 1, ADDRESS, "standard").await;
        let mut causes = Vec::new();
        // Three, where the source's file allows one.
        while causes.len() < 3 {
            let next = tokio::time::timeout(std::time::Duration::from_secs(60), folded.recv()).await;
            let commit =
                next.unwrap_or_else(|_| panic!("{name} tells nothing more: {causes:?}")).expect("is read in time");
            for event in &commit.body.events {
                match event {
                    Event::TaskAttemptFailed(event) => causes.push(event.cause.clone()),
                    Event::TaskFailed(event) => panic!("{name}: {} ends it", event.cause),
                    _ => {}
                }
            }
        }
        assert!(causes.iter().all(|cause| cause.starts_with("proxy_not_here: ")), "{name}: {causes:?}");
        let row: SourceRow = node.engine.views().row(b"one").expect("readable").expect("there");
        assert_eq!((row.failures, row.breakers), (0, Default::default()), "{name}");
        assert!(site.heads.lock().expect("no panic").is_empty(), "{name} asked directly");
    }
}

/// Four sources that allow more than anybody asks.
fn wide_sources() -> LoadedConfig {
    let mut files = std::collections::BTreeMap::new();
    let mut needs = String::new();
    for id in ["s0", "s1", "s2", "s3"] {
        let text = format!(
            "id = \"{id}\"\ntitle = {{ ru = \"{id}\", en = \"{id}\" }}\nlevel = \"property\"\nttl = \"7d\"\nparams = [\"address\"]\n\
             [limits]\nrate = \"2000/s\"\nburst = 2000\nconcurrency = 1000\n\
             [request]\nurl = \"http://source.example/?a={{{{ address | urlencode }}}}\"\n\
             [answer]\nformat = \"json\"\nitems = \"$.items[*]\"\nvalid = [{{ at = \"$.items\" }}]\n\
             [[fact]]\nkind = \"{id}.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"$.n\", type = \"text\", required = true }}\n"
        );
        files.insert(format!("sources/{id}.toml"), text);
        needs.push_str(&format!("{{ source = \"{id}\", params = {{ address = \"{{{{ address.canonical }}}}\" }} }},"));
    }
    let profile = format!("[standard]\ntitle = {{ ru = \"Все\", en = \"All\" }}\nneeds = [{needs}]\n");
    files.insert("profiles.toml".to_owned(), profile);
    config::load(&files).expect("valid")
}

/// A worker that leases so many tasks with each call, asks nobody, and tells what it was given; until no task is left.
async fn work(server: String, source: usize, max: usize) -> (Vec<String>, usize) {
    let client = support::client();
    let post = async |path: String, body: serde_json::Value| -> serde_json::Value {
        let answer = client.post(format!("{server}/v1/worker/{path}")).json(&body).send().await.expect("answers");
        let status = answer.status();
        let text = answer.text().await.expect("readable");
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    };
    let (mut done, mut calls, mut evidence) = (Vec::new(), 0, None::<String>);
    loop {
        let body = serde_json::json!({"sources": [format!("s{source}")], "max": max, "worker": "w", "wait_s": 1});
        let tasks = post("lease".to_owned(), body).await["tasks"].as_array().expect("tasks").clone();
        calls += 1;
        if tasks.is_empty() {
            return (done, calls);
        }
        for task in tasks {
            let (id, lease) =
                (task["task_id"].as_str().expect("an id"), task["lease_token"].as_str().expect("a token"));
            if evidence.is_none() {
                let path = format!("{server}/v1/worker/tasks/{id}/evidence");
                let kept = client.post(path).header("mirano-lease", lease).body("page").send().await.expect("kept");
                let kept: serde_json::Value = kept.json().await.expect("JSON");
                evidence = kept["evidence_id"].as_str().map(str::to_owned);
            }
            let facts = serde_json::json!([{"kind": format!("s{source}.thing"), "attrs": {"n": id}}]);
            let told =
                serde_json::json!({"lease_token": lease, "outcome": "found", "evidence": [evidence], "facts": facts});
            let told = post(format!("tasks/{id}/complete"), told).await;
            assert!(told["observation_id"].is_string(), "{told}");
            done.push(id.to_owned());
        }
    }
}

/// Tasks leased and told over real HTTP: each once, and how many a second. `MIRANO_LEASES=20000` for a figure; the answers of
/// all jobs count as well, so a lease is not all that is paid for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_a_second_over_http() {
    let wanted = std::env::var("MIRANO_LEASES").ok().and_then(|count| count.parse().ok()).unwrap_or(400usize);
    let folder = tempfile::tempdir().expect("temp");
    let (node, server) = served(folder.path(), &wide_sources()).await;
    for max in [1usize, 20] {
        let jobs = wanted.div_ceil(4);
        let create = |n: usize| {
            let (node, text) = (&node, format!("г. Москва, ул. Тверская, д. {}, кв. {max}", n + 1));
            async move { create_as(node, JobId::of(&[&max.to_le_bytes(), &n.to_le_bytes()]), &text, "standard", &[]).await }
        };
        let commits =
            || (0..node.engine.partitions()).map(|partition| node.engine.log().head(partition).next_seq).sum::<u64>();
        let before = commits();
        let created = futures::future::join_all((0..jobs).map(create)).await;
        let leases = tokio::spawn(span_of_leases(node.engine.subscribe(), jobs * 4));
        let began = Instant::now();
        let workers: Vec<_> = (0..32).map(|n| tokio::spawn(work(server.clone(), n % 4, max))).collect();
        let leased = leases.await.expect("counted");
        let (mut tasks, mut calls) = (Vec::new(), 0);
        for worker in workers {
            let (done, asked) = worker.await.expect("works");
            tasks.extend(done);
            calls += asked;
        }
        let distinct: BTreeSet<&String> = tasks.iter().collect();
        assert_eq!((tasks.len(), distinct.len()), (jobs * 4, jobs * 4), "each task once");
        println!(
            "{} tasks, {max} a call at most, {calls} calls: {:.0} leased and told a second",
            tasks.len(),
            tasks.len() as f64 / leased.duration_since(began).as_secs_f64()
        );
        for job in created {
            assert_eq!(until_final(&node, job).await.status, JobStatus::Completed);
        }
        // A lease, an answer, what tells the job, and a part of what asked for it: how many a second there are follows.
        let each = (commits() - before) as f64 / tasks.len() as f64;
        println!("{each:.2} commits for each task");
        assert!(each <= 6.0, "{each:.2} commits for each task");
    }
}

/// When so many tasks had been leased and told.
async fn span_of_leases(mut folded: tokio::sync::broadcast::Receiver<mirano::engine::Folded>, count: usize) -> Instant {
    let mut told = 0;
    while told < count {
        match folded.recv().await {
            Ok(commit) => {
                told += commit.body.events.iter().filter(|event| matches!(event, Event::TaskCompleted(_))).count()
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => panic!("a reader of events was too slow"),
            Err(error) => panic!("{error}"),
        }
    }
    Instant::now()
}
