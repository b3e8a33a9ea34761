//! A farm of two dozen sources that misbehave, each in its own way and under a limit that it enforces and counts itself. The
//! real program asks all of them at once, is killed (`kill -9`) in the middle, and goes on.
//!
//! No source is asked above its limit; no query is asked twice at once; every job ends, completed; each trouble is told
//! apart from the others; and while work waits, what the sources allow is used.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::routing::get;
use mirano::demo::{self, Fault, farm};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::api::Api;
use support::program::Program;

/// Addresses that are asked about; each by two jobs at once.
const ADDRESSES: u32 = 20;
/// How much of what the two dozen allow is to be used while work waits for them. Most of them allow ten or twenty requests in the
/// time that is looked at, so one more or less at its ends is worth a twentieth.
const USED: f64 = 0.9;
/// How much of what busier sources allow is to be used: there one request is half a percent at most.
const USED_OF_MANY: f64 = 0.95;

/// How a trouble is to be told: outcome, and code of the cause.
const fn told(fault: Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::Outage | Fault::Status500 => ("unavailable", "http_status"),
        Fault::Captcha | Fault::Status403 => ("blocked", "blocked"),
        Fault::Status429 => ("blocked", "too_many_requests"),
        Fault::Maintenance => ("unparsable", "bad_json"),
        Fault::Garbage | Fault::WrongCharset => ("unparsable", "wrong_charset"),
        Fault::Timeout | Fault::Slow | Fault::SlowLoris => ("unavailable", "timeout"),
        Fault::HalfPage => ("unavailable", "truncated"),
        Fault::RedirectPrivate => ("unavailable", "connect"),
        Fault::Huge => ("unavailable", "too_large"),
    }
}

/// How long is looked at what is used.
const LOOK: Duration = Duration::from_secs(10);

/// Whether this machine has time for a test of speed: its timers, seen from beside the program that is judged.
#[derive(Default)]
struct Machine {
    ticks: AtomicU64,
    late: AtomicU64,
}

impl Machine {
    /// Looks on in the background.
    fn watch() -> Arc<Self> {
        let machine = Arc::new(Self::default());
        let looks = Arc::clone(&machine);
        tokio::spawn(async move {
            loop {
                let before = Instant::now();
                tokio::time::sleep(Duration::from_millis(10)).await;
                looks.ticks.fetch_add(1, Ordering::Relaxed);
                looks.late.fetch_add(u64::from(before.elapsed() > Duration::from_millis(30)), Ordering::Relaxed);
            }
        });
        machine
    }

    /// The share of timers that rang late; where it is more than a twentieth, others hold the processor.
    fn late(&self) -> f64 {
        self.late.load(Ordering::Relaxed) as f64 / self.ticks.load(Ordering::Relaxed).max(1) as f64
    }

    fn is_busy(&self) -> bool {
        self.late() > 0.05
    }
}

/// Tasks that wait, by source, as the program sees it.
async fn waiting(api: &mut Api) -> BTreeMap<String, u64> {
    let sources = api.json("/v1/sources").await;
    let items = sources["items"].as_array().expect("sources").clone();
    let number = |item: &Value, key: &str| item[key].as_u64().expect("a number");
    items
        .iter()
        .map(|item| {
            (item["source"].as_str().expect("an id").to_owned(), number(item, "queue") + number(item, "delayed"))
        })
        .collect()
}

/// What the farm counted.
async fn counted(url: &str) -> Value {
    let answer = support::client().get(format!("{url}/control/requests")).send().await.expect("answers");
    answer.json().await.expect("counters")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dozen_bad_sources_a_kill_and_no_limit_broken() {
    let machine = Machine::watch();
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let farmed = demo::start(demo::Options { faults: true, ..demo::Options::default() }).await.expect("the farm");
    let url = farmed.base_url();
    // Breakers and slow-down leave such sources alone, as they should; here they are to be asked as fast as they allow.
    let limits = "concurrency = 40\ntimeout = \"4s\"\nslow_down = false\nbreaker = { failures = 0, share = 2.0 }";
    for (file, text) in farm::config(&url, limits) {
        let path = config.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }
    let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--config", config.to_str().expect("UTF-8")];
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0", "--auth=off", "--partitions", "2"]].concat();
    let mut server = Program::start(&arguments);
    let mut api = Api::new(server.says("Mirano is ready").await);

    let mut jobs = Vec::new();
    for flat in 1..=ADDRESSES {
        for _ in 0..2 {
            let address = format!("г. Небывалинск, ул. Пробная, д. 1, кв. {flat}");
            let job = api.post("/v1/jobs", &json!({"address": address, "profile": "farm"})).await;
            jobs.push(job["job_id"].as_str().unwrap_or_else(|| panic!("{job}")).to_owned());
        }
    }

    // How much of its limit each source sees used, while work waits for it all the time.
    let (before, from) = (counted(&url).await, Instant::now());
    tokio::time::sleep(LOOK).await;
    let (after, took) = (counted(&url).await, from.elapsed());
    let (queues, busy) = (waiting(&mut api).await, machine.is_busy());
    let mut shares = BTreeMap::new();
    for stall in &farm::FARM {
        // One that says "not before two seconds" takes its own time away; where a redirect leads, nobody counts.
        let uncounted = matches!(stall.fault, Some(Fault::Status429 | Fault::RedirectPrivate));
        if queues[stall.id] < 3 || uncounted {
            continue;
        }
        let total = |counted: &Value| counted["by_source"][stall.id]["total"].as_f64().unwrap_or(0.0);
        let allowed = f64::from(stall.requests) * took.as_secs_f64() / farm::PERIOD.as_secs_f64();
        shares.insert(stall.id, (total(&after) - total(&before)) / allowed);
    }
    let used: f64 = shares.values().sum::<f64>() / shares.len() as f64;
    println!(
        "used of what is allowed, while work waits: {:.1} % over {} sources: {shares:.2?}",
        used * 100.0,
        shares.len()
    );

    // Killed while all of them are being asked.
    assert!(queues.values().sum::<u64>() > 0, "there is work left: {queues:?}");
    let under_way = async {
        loop {
            let now = counted(&url).await;
            let sources = now["by_source"].as_object().expect("sources");
            if sources.values().any(|source| source["in_flight"].as_u64() > Some(0)) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), under_way).await.expect("requests are under way");
    server.kill().await;
    let mut server = Program::start(&arguments);
    let mut api = Api::new(server.says("Mirano is ready").await);

    let mut failed: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for job in &jobs {
        let ended = api.until_final(job).await;
        assert_eq!(ended["status"], "COMPLETED", "{ended:#}");
        let rows = ended["sources"].as_array().expect("rows");
        assert!(rows.len() == farm::FARM.len() && rows.iter().all(|row| row["facts"] == 2), "{ended:#}");
        let tasks = api.json(&format!("/v1/jobs/{job}/tasks")).await;
        for task in tasks["items"].as_array().expect("tasks") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            for attempt in task["attempts"].as_array().expect("attempts") {
                let code = text(&attempt["cause"]).split(':').next().unwrap_or_default().to_owned();
                // What the kill cost is our own doing, and told as that.
                if !code.is_empty() && code != "lease_expired" {
                    failed.entry(text(&task["source"])).or_default().insert((text(&attempt["outcome"]), code));
                }
            }
        }
    }
    for stall in &farm::FARM {
        let mut seen: Vec<(&str, &str)> = failed
            .get(stall.id)
            .into_iter()
            .flatten()
            .map(|(outcome, code)| (outcome.as_str(), code.as_str()))
            .collect();
        let expected: Vec<(&str, &str)> = stall.fault.map(told).into_iter().collect();
        // Where others hold the processor, an answer may come too late all by itself.
        if machine.is_busy() {
            seen.retain(|told| expected.contains(told) || told.1 != "timeout");
        }
        assert_eq!(seen, expected, "{}: its trouble happened, and is told apart", stall.id);
    }

    let counted = counted(&url).await;
    assert_eq!(counted["over_limit"], 0, "no source was asked above its limit");
    let sources = counted["by_source"].as_object().expect("sources");
    assert_eq!(sources.len(), farm::FARM.len());
    for (id, source) in sources {
        assert_eq!(source["max_in_flight_of_key"], 1, "{id}: the same is never asked twice at once");
        let keys = source["by_key"].as_object().expect("keys");
        assert_eq!(keys.len(), ADDRESSES as usize, "{id}: two jobs about one address ask once");
    }
    println!("{} requests to {} sources, {} jobs", counted["total"], sources.len(), jobs.len());
    if busy {
        println!(
            "NOT JUDGED: how much was used; others hold this machine's processors ({:.0} % of timers were late)",
            machine.late() * 100.0
        );
    } else {
        assert!(used >= USED, "too little of what is allowed was used: {used:.3} {shares:?}");
    }
    server.end().await;
    farmed.stop().await;
}

/// Sources that answer at once, each with how much it allows: requests, in so many seconds, and how many of them at once.
const BUSY: [(&str, u32, u64, u32); 4] =
    [("fast", 200, 10, 10), ("even", 100, 10, 1), ("burst", 120, 10, 3), ("second", 20, 2, 4)];
/// How long is looked at them.
const BUSY_LOOK: Duration = Duration::from_secs(20);

/// When each was asked.
type Asked = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

async fn busy_site() -> (Asked, String) {
    let asked = Asked::default();
    let answer = async |State(asked): State<Asked>, UrlPath(source): UrlPath<String>| {
        asked.lock().expect("writable").entry(source).or_default().push(Instant::now());
        axum::Json(json!({"items": [{"n": "one"}]}))
    };
    let router = Router::new().route("/{source}", get(answer)).with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (asked, url)
}

fn busy_config(config: &std::path::Path, url: &str) {
    std::fs::create_dir_all(config.join("sources")).expect("writable");
    let mut needs = String::new();
    for (id, requests, seconds, burst) in BUSY {
        let text = format!(
            "id = \"{id}\"\ntitle = {{ ru = \"{id}\", en = \"{id}\" }}\nlevel = \"property\"\nttl = \"7d\"\nparams = [\"address\"]\n\
             [limits]\nrate = \"{requests}/{seconds}s\"\nburst = {burst}\nconcurrency = 40\n\
             [request]\nurl = \"{url}/{id}\"\nallow_private = true\n\
             [answer]\nformat = \"json\"\nitems = \"$.items[*]\"\nvalid = [{{ at = \"$.items\" }}]\n\
             [[fact]]\nkind = \"{id}.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"$.n\", type = \"text\" }}\n"
        );
        std::fs::write(config.join(format!("sources/{id}.toml")), text).expect("writable");
        needs.push_str(&format!("{{ source = \"{id}\", params = {{ address = \"{{{{ address.canonical }}}}\" }} }},"));
    }
    let profiles = format!("[busy]\ntitle = {{ ru = \"Все\", en = \"All\" }}\nneeds = [{needs}]\n");
    std::fs::write(config.join("profiles.toml"), profiles).expect("writable");
}

/// Work waits for each source all the time; what is used of their budgets is counted there, and that it is never more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_budgets_of_busy_sources_are_used() {
    let machine = Machine::watch();
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let (asked, url) = busy_site().await;
    busy_config(&config, &url);
    let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--config", config.to_str().expect("UTF-8")];
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0", "--auth=off", "--partitions", "2"]].concat();
    let mut server = Program::start(&arguments);
    let mut api = Api::new(server.says("Mirano is ready").await);
    for house in 1..=500 {
        let address = format!("г. Небывалинск, ул. Пробная, д. {house}");
        api.post("/v1/jobs", &json!({"address": address, "profile": "busy"})).await;
    }
    let from = Instant::now();
    tokio::time::sleep(BUSY_LOOK).await;
    let (took, queues, busy) = (from.elapsed(), waiting(&mut api).await, machine.is_busy());
    let asked = asked.lock().expect("readable").clone();
    server.kill().await;
    let mut least = 1.0_f64;
    for (id, requests, seconds, _) in BUSY {
        assert!(queues[id] > 20, "work waited for {id} to the end: {queues:?}");
        let period = Duration::from_secs(seconds);
        for pair in asked[id].windows(requests as usize + 1) {
            let within = pair[requests as usize] - pair[0];
            assert!(within >= period, "{id} saw {} requests in {within:?}", pair.len());
        }
        let count = asked[id].iter().filter(|at| (from..from + took).contains(at)).count();
        let used = count as f64 * period.as_secs_f64() / took.as_secs_f64() / f64::from(requests);
        println!("{id}: {count} requests in {took:?}, {:.1} % of what it allows", used * 100.0);
        least = least.min(used);
    }
    if busy {
        println!("NOT JUDGED: how much was used; {:.0} % of timers were late", machine.late() * 100.0);
    } else {
        assert!(least >= USED_OF_MANY, "too little of what is allowed was used: {least:.3}");
    }
}
