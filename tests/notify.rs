//! Notifications with real parts: a receiver of webhooks that verifies each signature with another implementation of the
//! Standard Webhooks spec (the package `standardwebhooks` of Python), and a real mail server (`aiosmtpd`), both processes
//! of their own; and the program is killed (`kill -9`) in the middle of a delivery.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use support::client;
use support::program::Program;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Python with both packages, in a folder that `.ci/setup test` makes.
fn python() -> Option<PathBuf> {
    let beside = || {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
        target.join("venv/bin/python")
    };
    let python = std::env::var_os("MIRANO_PYTHON").map_or_else(beside, PathBuf::from);
    let has = std::process::Command::new(&python).args(["-c", "import standardwebhooks, aiosmtpd"]).output();
    if has.is_ok_and(|has| has.status.success()) {
        return Some(python);
    }
    println!(
        "LEFT OUT: a real receiver and a real mail server: {} has no packages standardwebhooks and aiosmtpd; \
         `.ci/setup test` adds them",
        python.display()
    );
    None
}

/// One of the Python programs, and what it says.
struct Helper {
    _child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    fn start(python: &Path, script: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notify").join(script);
        let mut command = Command::new(python);
        command.arg("-u").arg(script).args(arguments).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("starts");
        let said = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { _child: child, said }
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(Duration::from_secs(90), self.said.next_line()).await;
        line.expect("says so in time").expect("readable").expect("lives")
    }

    /// Where it listens.
    async fn place(&mut self) -> String {
        let line = self.line().await;
        line.split_once(": ").expect("a place").1.to_owned()
    }

    async fn json(&mut self) -> Json {
        serde_json::from_str(&self.line().await).expect("json")
    }
}

/// Demo sources with their configuration, and `notify.toml` in it.
async fn sources(config: &Path, notify: &str) -> Program {
    let config = config.to_str().expect("UTF-8");
    let mut sources = Program::start(&[
        "demo-sources",
        "--listen",
        "127.0.0.1:0",
        "--no-faults",
        "--speed",
        "20",
        "--write-config",
        config,
    ]);
    sources.says("configuration: ").await;
    std::fs::write(Path::new(config).join("notify.toml"), notify).expect("writable");
    sources
}

async fn serve(data: &Path, config: &Path) -> (Program, String) {
    let (data, config) = (data.to_str().expect("UTF-8"), config.to_str().expect("UTF-8"));
    let arguments =
        ["serve", "--data", data, "--config", config, "--listen", "127.0.0.1:0", "--partitions", "2", "--auth=off"];
    let mut server = Program::start(&arguments);
    let address = server.says("Mirano is ready").await;
    (server, address)
}

async fn post(url: &str, body: &Json) -> Json {
    let answer = client().post(url).json(body).send().await.expect("an answer");
    let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a body"));
    assert!((200..300).contains(&status), "{url}: {status} {text}");
    serde_json::from_str(&text).expect("json")
}

async fn get(url: &str) -> Json {
    client().get(url).send().await.expect("an answer").json().await.expect("json")
}

/// Starts a check that is to be told; its id.
async fn check(address: &str, house: usize) -> String {
    let body = json!({"address": format!("г. Москва, ул. Тверская, д. {house}"), "profile": "standard",
        "notify": {"events": ["job.first_result", "job.final"]}});
    post(&format!("{address}/v1/jobs"), &body).await["job_id"].as_str().expect("an id").to_owned()
}

/// All that is listed, by id.
async fn listed(address: &str) -> BTreeMap<String, Json> {
    let mut all = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = get(&format!("{address}/v1/notifications?limit=500{cursor}")).await;
        for one in page["items"].as_array().expect("items") {
            let id = one["notification_id"].as_str().expect("an id").to_owned();
            assert!(all.insert(id, one.clone()).is_none(), "listed twice: {one}");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn until_final(address: &str, job: &str) {
    let mut events = client().get(format!("{address}/v1/jobs/{job}/events")).send().await.expect("a stream");
    let mut text = String::new();
    let done = async {
        while !text.contains("event: done") {
            let chunk = events.chunk().await.expect("the server lives").expect("the stream stays open");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(Duration::from_secs(120), done).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_every_cause_is_told_under_one_id() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let notify = "allow_private = true\ntimeout = \"2s\"\nretry = [\"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]\n";
    let _sources = sources(&config, notify).await;
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mut receiver = Helper::start(&python, "receiver.py", &[SECRET, other, "--fail", "4", "--hold", "6"]);
    let url = receiver.place().await;
    let (server, address) = serve(&data, &config).await;
    let hook = post(&format!("{address}/v1/webhooks"), &json!({"url": url, "events": [], "secret": SECRET})).await;
    assert_eq!(hook["secret"], SECRET);
    let mut jobs = Vec::new();
    for house in 1..=6 {
        jobs.push(check(&address, house).await);
    }
    // The first four are refused; the sixth is taken and never answered: then the server is killed, in its middle.
    let mut seen: Vec<Json> = Vec::new();
    let held = loop {
        let request = receiver.json().await;
        let held = request["status"].is_null();
        seen.push(request);
        if held {
            break seen.last().expect("it was pushed")["id"].clone();
        }
    };
    assert_eq!(seen.iter().filter(|one| one["status"] == 500).count(), 4, "{seen:#?}");
    server.kill().await;

    let (server, address) = serve(&data, &config).await;
    for house in 7..=9 {
        jobs.push(check(&address, house).await);
    }
    for job in &jobs {
        until_final(&address, job).await;
    }
    let all = listed(&address).await;
    let wanted: BTreeSet<String> = all.keys().map(|id| format!("msg_{id}")).collect();
    let taken = |seen: &[Json]| -> BTreeSet<String> {
        let taken = seen.iter().filter(|one| one["status"] == 204);
        taken.map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
    };
    while !taken(&seen).is_superset(&wanted) {
        seen.push(receiver.json().await);
    }
    // One cause, one notification: of each check one first answer and one end.
    for job in &jobs {
        let of =
            |what: &str| all.values().filter(|one| one["type"] == what && one["data"]["job_id"] == json!(job)).count();
        assert_eq!((of("job.first_result"), of("job.final")), (1, 1), "{job}");
    }
    assert_eq!(all.len(), 2 * jobs.len());
    // And no id that is not one of these; each with the signature of its secret, and of no other.
    let ids: BTreeSet<String> = seen.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids, wanted);
    assert!(seen.iter().all(|one| one["verified"] == json!([true, false])), "{seen:#?}");
    // What was under way at the kill was sent again, with the same content.
    let again: Vec<&Json> = seen.iter().filter(|one| one["id"] == held).collect();
    assert!(again.len() >= 2 && again.iter().all(|one| one["body"] == again[0]["body"]), "{again:#?}");
    let id = hook["webhook_id"].as_str().expect("an id");
    let deliveries = get(&format!("{address}/v1/webhooks/{id}/deliveries?limit=500")).await;
    let items = deliveries["items"].as_array().expect("items");
    assert_eq!(items.len(), all.len());
    let attempts = || items.iter().flat_map(|one| one["attempts"].as_array().expect("attempts"));
    assert!(attempts().any(|attempt| attempt["ended_at"].is_null()), "the attempt that the kill cut short is there");
    println!(
        "{} notifications of {} checks, {} requests, {} attempts noted; killed in the middle of {held}",
        all.len(),
        jobs.len(),
        seen.len(),
        attempts().count()
    );
    server.end().await;
    // The secret is in no file of the log.
    for entry in walk(&data.join("log")) {
        let bytes = std::fs::read(&entry).expect("readable");
        for hidden in [SECRET.as_bytes(), &SECRET.as_bytes()[6..], url.as_bytes()] {
            assert!(!bytes.windows(hidden.len()).any(|part| part == hidden), "{}", entry.display());
        }
    }
    let verified = Command::new(env!("CARGO_BIN_EXE_mirano")).args(["verify", "--data"]).arg(&data).output().await;
    assert!(verified.expect("runs").status.success());
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("readable").path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_is_sent_through_a_real_server_and_tried_again() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let mut mailbox = Helper::start(&python, "mailbox.py", &["--fail", "1"]);
    let port = mailbox.place().await;
    let notify = format!(
        "retry = [\"1s\", \"1s\"]\npage = \"https://mirano.example\"\n[smtp]\nhost = \"127.0.0.1\"\nport = {port}\n\
         tls = \"none\"\nfrom = \"Mirano <mirano@example.org>\"\n"
    );
    let _sources = sources(&config, &notify).await;
    let (server, address) = serve(&data, &config).await;
    let body = json!({"address": "ivanov@example.org", "events": ["job.final"], "lang": "ru"});
    post(&format!("{address}/v1/emails"), &body).await;
    let nobody = json!({"address": "nobody@example.org", "events": ["job.final"], "lang": "en"});
    let nobody = post(&format!("{address}/v1/emails"), &nobody).await;
    // Without `notify`: they hear of its end, as of every check's, and of nothing else.
    let body = json!({"address": "г. Москва, ул. Тверская, д. 7", "profile": "standard"});
    let job = post(&format!("{address}/v1/jobs"), &body).await["job_id"].as_str().expect("an id").to_owned();
    let (first, second) = (mailbox.json().await, mailbox.json().await);
    assert_eq!((&first["taken"], &second["taken"]), (&json!(false), &json!(true)));
    assert!(first["id"] == second["id"] && first["text"] == second["text"], "it is the same message: {first} {second}");
    assert_eq!(
        (&second["to"], &second["from"]),
        (&json!(["ivanov@example.org"]), &json!("Mirano <mirano@example.org>"))
    );
    let (subject, text) = (second["subject"].as_str().expect("text"), second["text"].as_str().expect("text"));
    assert!(subject.contains("Тверская") && subject.contains("проверка завершена"), "{subject}");
    assert!(text.contains(&format!("https://mirano.example/jobs/{job}")) && text.contains("не юридическая"), "{text}");
    // Who has no mailbox is a dead letter at once.
    let id = nobody["email_id"].as_str().expect("an id");
    let mut events = client().get(format!("{address}/v1/events?all=true")).send().await.expect("a stream");
    let dead = loop {
        let page = get(&format!("{address}/v1/emails/{id}/deliveries")).await;
        if page["items"][0]["state"] == "dead" {
            break page["items"][0].clone();
        }
        // Whatever happens next: look again. A comment comes in any case.
        let _ = tokio::time::timeout(Duration::from_millis(200), events.chunk()).await;
    };
    assert_eq!((&dead["attempts"][0]["status"], &dead["attempts"][0]["cause"]), (&json!(550), &json!("reply 550")));
    server.end().await;
    for entry in walk(&data.join("log")) {
        let bytes = std::fs::read(&entry).expect("readable");
        assert!(!bytes.windows(6).any(|part| part == b"ivanov"), "{}", entry.display());
    }
}
