//! Whole checks against sources that misbehave, through the real program: every fault ends in an outcome of its own with a
//! cause, in the job's row and in the log; nothing that was known is lost; the other sources answer; and no secret leaves
//! the environment.
//!
//! A life of one job: all sites are well, all are broken, all are mended. What needs other means is beside it: names that
//! nobody has, proxies that are down or refuse, addresses that are not called.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

#[path = "faults/sites.rs"]
mod sites;
mod support;

use serde_json::{Value, json};
use sites::{Fault, Site, answer};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use support::api::Api;
use support::program::Program;

const MAX_BYTES: u64 = 1024 * 1024;
/// What must never be seen again, by variable.
const SECRETS: [(&str, &str); 4] = [
    ("FAULTS_TOKEN", "tok3n/of+the=source"),
    ("FAULTS_KEY", "k3y of the query"),
    ("FAULTS_USER", "us3r-of-the-proxy"),
    ("FAULTS_PASSWORD", "passw0rd:of@the/proxy"),
];

/// A source, what it is like, and what is expected of it while its site is broken.
struct Case {
    id: &'static str,
    site: Site,
    toml: String,
    expected: Option<(&'static str, &'static str)>,
    /// Whether it ever answers.
    answers: bool,
}

fn source(id: &str, url: &str, more: &str, format: &str) -> String {
    let (items, valid, at) = match format {
        "html" => ("li", "{ contains = \"Найдено\" }", "b"),
        _ => ("$.items[*]", "{ at = \"$.items\" }", "$.n"),
    };
    let (limits, request) = more.split_once("[request]").unwrap_or((more, ""));
    format!(
        "id = \"{id}\"\ntitle = {{ ru = \"{id}\", en = \"{id}\" }}\nlevel = \"property\"\nttl = \"7d\"\nserve_stale = \"7d\"\n\
         params = [\"address\"]\n[limits]\nrate = \"600/m\"\nburst = 20\nconcurrency = 2\ntimeout = \"3s\"\n{limits}\n\
         [retry]\nattempts = 2\ninitial = \"100ms\"\nmax = \"100ms\"\n\
         [request]\nurl = \"{url}?a={{{{ address | urlencode }}}}&key=${{FAULTS_KEY}}\"\n\
         headers = {{ authorization = \"Bearer ${{FAULTS_TOKEN}}\" }}\nmax_bytes = {MAX_BYTES}\n{request}\n\
         [answer]\nformat = \"{format}\"\nitems = \"{items}\"\nblocked = [{{ contains = \"captcha\" }}]\nvalid = [{valid}]\n\
         [[fact]]\nkind = \"{id}.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"{at}\", type = \"text\", required = true }}\n"
    )
}

fn good() -> Vec<u8> {
    answer("200 OK", "Content-Type: application/json\r\n", br#"{"items": [{"n": "one"}, {"n": "two"}]}"#)
}

fn good_html(charset: &str) -> Vec<u8> {
    let page = "<html><body><p>Найдено: два</p><ul><li><b>раз</b></li><li><b>два</b></li></ul></body></html>";
    let (bytes, _, _) = encoding_rs::WINDOWS_1251.encode(page);
    answer("200 OK", &format!("Content-Type: text/html; charset={charset}\r\n"), &bytes)
}

/// What a site says of the right kind, which is not the answer.
fn says(headers: &str, body: &[u8]) -> Fault {
    Fault::Says(answer("200 OK", headers, body))
}

const PRIVATE: &str = "allow_private = true";

async fn cases() -> Vec<Case> {
    let json = "Content-Type: application/json\r\n";
    let cut =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"items\": [{\"n\": \"on"
            .to_vec();
    let noise: Vec<u8> = (0..3_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let captcha = "<html><body>Please solve the CAPTCHA to go on</body></html>".as_bytes();
    let table = [
        ("garbage", says(json, b"]]}{{{ what is this \x01\x02"), ("unparsable", "bad_json")),
        ("noise", says(json, &noise), ("unparsable", "wrong_charset")),
        ("empty", says(json, b""), ("unparsable", "empty_page")),
        ("half_page", Fault::Says(cut), ("unavailable", "truncated")),
        ("huge", Fault::Huge { bytes: 200_000_000, announced: false }, ("unavailable", "too_large")),
        ("huge_announced", Fault::Huge { bytes: 200_000_000, announced: true }, ("unavailable", "too_large")),
        ("drips", Fault::Drips, ("unavailable", "timeout")),
        ("drips_body", Fault::DripsBody, ("unavailable", "timeout")),
        ("captcha", says("Content-Type: text/html\r\n", captcha), ("blocked", "blocked")),
        ("not_http", Fault::Says(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), ("unavailable", "protocol")),
    ];
    let mut cases = Vec::new();
    for (id, fault, expected) in table {
        let site = Site::open(good(), fault).await;
        let toml = source(id, &site.url, &format!("[request]\n{PRIVATE}"), "json");
        cases.push(Case { id, site, toml, expected: Some(expected), answers: true });
    }
    let other = Fault::Says(good_html("utf-8"));
    let site = Site::open(good_html("windows-1251"), other).await;
    let toml = source("charset", &site.url, &format!("[request]\n{PRIVATE}"), "html");
    cases.push(Case { id: "charset", site, toml, expected: Some(("unparsable", "wrong_charset")), answers: true });

    // Where redirects lead: nobody may be asked there, unless the file allows it.
    let inside = Site::open(good(), Fault::Drips).await;
    let elsewhere = |target: &str| Fault::Says(answer("302 Found", &format!("Location: {target}\r\n"), b""));
    for (id, target) in [
        ("to_loopback", format!("{}/secret", inside.url)),
        ("to_localhost", "http://localhost/secret".to_owned()),
        ("to_private", "http://10.1.2.3/secret".to_owned()),
        ("to_metadata", "http://169.254.169.254/latest/meta-data/".to_owned()),
    ] {
        // The site is a proxy here, so that the source's own address is a public one.
        let site = Site::open(good(), elsewhere(&target)).await;
        let toml = source(id, "http://source.example/", &format!("proxies = \"{id}\"\n"), "json");
        cases.push(Case { id, site, toml, expected: Some(("refused", "private_address")), answers: true });
    }
    let site = Site::open(good(), elsewhere(&format!("{}/allowed", inside.url))).await;
    let toml = source("allowed", &site.url, &format!("[request]\n{PRIVATE}"), "json");
    cases.push(Case { id: "allowed", site, toml, expected: None, answers: true });
    let toml = source("loopback", &format!("{}/never", inside.url), "", "json");
    cases.push(Case {
        id: "loopback",
        site: inside,
        toml,
        expected: Some(("refused", "private_address")),
        answers: false,
    });

    let site = Site::open(good(), Fault::Drips).await;
    let toml = source("no_such_name", "http://nowhere.invalid/", "", "json");
    cases.push(Case { id: "no_such_name", site, toml, expected: Some(("unavailable", "dns")), answers: false });

    let refuses = Fault::Says(answer("407 Proxy Authentication Required", "Proxy-Authenticate: Basic\r\n", b""));
    let site = Site::open(good(), refuses).await;
    let toml = source("proxy_refuses", "http://source.example/", "proxies = \"proxy_refuses\"\n", "json");
    cases.push(Case { id: "proxy_refuses", site, toml, expected: Some(("unavailable", "proxy")), answers: true });

    let mut site = Site::open(good(), Fault::Drips).await;
    // Nobody listens at this port: it was just free.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    site.url = format!("http://{free}");
    let toml = source("proxy_down", "http://source.example/", "proxies = \"proxy_down\"\n", "json");
    cases.push(Case { id: "proxy_down", site, toml, expected: Some(("unavailable", "proxy")), answers: false });

    let site = Site::open(good(), Fault::Says(good())).await;
    let toml = source("good", &site.url, &format!("[request]\n{PRIVATE}"), "json");
    cases.push(Case { id: "good", site, toml, expected: None, answers: true });
    cases
}

fn write(config: &Path, cases: &[Case]) {
    std::fs::create_dir_all(config.join("sources")).expect("writable");
    let (mut needs, mut proxies) = (String::new(), String::new());
    for case in cases {
        std::fs::write(config.join(format!("sources/{}.toml", case.id)), &case.toml).expect("writable");
        needs.push_str(&format!(
            "  {{ source = \"{}\", params = {{ address = \"{{{{ address.canonical }}}}\" }} }},\n",
            case.id
        ));
        if case.toml.contains("proxies = ") {
            let host = case.site.url.trim_start_matches("http://");
            proxies.push_str(&format!(
                "[{0}]\nfailures = 100\n[{0}.proxies]\nonly = \"http://${{FAULTS_USER}}:${{FAULTS_PASSWORD}}@{host}\"\n",
                case.id
            ));
        }
    }
    let profiles = format!("[standard]\ntitle = {{ ru = \"Все\", en = \"All\" }}\nneeds = [\n{needs}]\n");
    std::fs::write(config.join("profiles.toml"), profiles).expect("writable");
    std::fs::write(config.join("proxies.toml"), proxies).expect("writable");
}

fn rows(job: &Value) -> BTreeMap<String, Value> {
    let rows = job["sources"].as_array().expect("rows");
    rows.iter().map(|row| (row["source"].as_str().expect("a source").to_owned(), row.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_its_outcome_and_nothing_is_lost_or_told() {
    let folder = tempfile::tempdir().expect("temp");
    let (data, config, log) = (folder.path().join("data"), folder.path().join("config"), folder.path().join("log"));
    let cases = cases().await;
    write(&config, &cases);
    let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--config", config.to_str().expect("UTF-8")];
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0", "--auth=off"]].concat();
    let environment = [&SECRETS[..], &[("MIRANO_LOG", "trace")]].concat();
    let mut server = Program::start_logging(&arguments, &environment, &log);
    let url = server.says("Mirano is ready").await;
    let mut api = Api::new(url);

    // All sites are well.
    let asked = json!({"address": "г. Небывалинск, ул. Пробная, д. 1", "profile": "standard"});
    let job = api.post("/v1/jobs", &asked).await["job_id"].as_str().expect("an id").to_owned();
    let well = api.until_final(&job).await;
    for case in &cases {
        let row = &rows(&well)[case.id];
        let facts = if case.answers { 2 } else { 0 };
        assert_eq!(row["facts"], facts, "{}: {row:#}", case.id);
    }

    // All are broken.
    for case in &cases {
        case.site.mended.store(false, Ordering::SeqCst);
    }
    let inside = cases.iter().find(|case| case.id == "loopback").expect("there");
    inside.site.mended.store(true, Ordering::SeqCst);
    api.post(&format!("/v1/jobs/{job}/recheck"), &json!({})).await;
    let broken = api.until_final(&job).await;
    let said = std::fs::read_to_string(&log).expect("readable");
    for case in &cases {
        let (row, facts) = (&rows(&broken)[case.id], if case.answers { 2 } else { 0 });
        assert_eq!(row["facts"], facts, "{}: what was known is still shown: {row:#}", case.id);
        let Some((outcome, code)) = case.expected else {
            assert_eq!(row["last_failure"], Value::Null, "{}: the others answer: {row:#}", case.id);
            continue;
        };
        let failure = &row["last_failure"];
        let cause = failure["cause"].as_str().unwrap_or_default();
        println!("{:<16} {:<12} {cause}", case.id, failure["outcome"].as_str().unwrap_or_default());
        assert_eq!(failure["outcome"], outcome, "{}: {row:#}", case.id);
        assert!(cause.split(':').next() == Some(code), "{}: {cause}", case.id);
        let logged = |line: &&str| line.contains("attempt failed") && line.contains(&format!("source={}", case.id));
        let line = said.lines().find(|line| logged(line) && line.contains(code));
        assert!(line.is_some_and(|line| line.contains(outcome)), "{} is logged with its cause", case.id);
    }
    // The fault happened: the sites were asked, and what is not to be read was not.
    for case in cases.iter().filter(|case| case.answers) {
        assert!(case.site.asked() >= 2, "{} was asked again", case.id);
    }
    for id in ["huge", "huge_announced"] {
        let sent = cases.iter().find(|case| case.id == id).expect("there").site.sent.load(Ordering::SeqCst);
        assert!(sent < 50_000_000, "{id}: no more is read than allowed: {sent} bytes");
    }
    let followed = inside.site.heads.lock().expect("readable").clone();
    assert!(!followed.is_empty() && followed.iter().all(|head| head.starts_with("GET /allowed")), "{followed:?}");

    // All are mended.
    for case in &cases {
        case.site.mended.store(true, Ordering::SeqCst);
    }
    api.post(&format!("/v1/jobs/{job}/recheck"), &json!({})).await;
    let mended = api.until_final(&job).await;
    for case in cases.iter().filter(|case| case.answers) {
        let row = &rows(&mended)[case.id];
        assert_eq!(
            (&row["facts"], &row["state"], &row["last_failure"]),
            (&json!(2), &json!("fresh"), &Value::Null),
            "{row:#}"
        );
    }
    let vanished = api.json("/v1/log?type=FactVanished").await;
    assert_eq!(vanished["items"], json!([]), "no fault made a fact vanish");
    let observed = api.json("/v1/log?type=FactObserved").await;
    assert!(observed["items"].as_array().is_some_and(|commits| !commits.is_empty()), "{observed}");

    read_everything(&mut api, &job).await;
    server.end().await;
    told_nothing(folder.path(), &config, &cases, &api.heard);
}

/// Reads whatever a caller can read about the job and its sources.
async fn read_everything(api: &mut Api, job: &str) {
    for path in
        ["/v1/sources", "/v1/policy", "/v1/profiles", "/metrics", "/healthz", "/readyz", "/openapi.json", "/v1/jobs"]
    {
        api.get(path).await;
    }
    for path in ["", "/tasks", "/report", "/explain", "/snapshots"] {
        api.get(&format!("/v1/jobs/{job}{path}")).await;
    }
    let tasks = api.json(&format!("/v1/jobs/{job}/tasks")).await;
    for task in tasks["items"].as_array().expect("tasks") {
        let id = task["task_id"].as_str().expect("an id");
        api.get(&format!("/v1/tasks/{id}")).await;
    }
    let snapshots = api.json(&format!("/v1/jobs/{job}/snapshots")).await;
    let snapshot = snapshots["items"][0]["snapshot_id"].as_str().expect("sealed").to_owned();
    let facts = api.json(&format!("/v1/snapshots/{snapshot}/facts?limit=100")).await;
    let facts = facts["items"].as_array().expect("facts").clone();
    assert!(facts.len() > 20, "{}", facts.len());
    for fact in facts {
        let id = fact["fact_id"].as_str().expect("an id");
        api.get(&format!("/v1/facts/{id}")).await;
        api.get(&format!("/v1/facts/{id}/evidence")).await;
    }
}

/// No secret is anywhere but at the sites that were to get it: not in what was logged and traced, not in any file of the
/// node, not in any answer.
fn told_nothing(folder: &Path, config: &Path, cases: &[Case], heard: &str) {
    let encode = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let percent =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let [(_, token), (_, key), (_, user), (_, password)] = SECRETS;
    let basic = encode(&format!("{user}:{password}"));
    // They were sent.
    let seen = |id: &str| {
        let case = cases.iter().find(|case| case.id == id).expect("there");
        case.site.heads.lock().expect("readable").concat()
    };
    assert!(seen("good").contains(&format!("Bearer {token}")) && seen("good").contains("k3y%20of%20the%20query"));
    assert!(seen("proxy_refuses").contains(&format!("Basic {basic}")), "{}", seen("proxy_refuses"));
    // Towards another origin nothing goes along.
    assert!(!seen("loopback").contains(token) && !seen("loopback").contains("k3y"));

    let mut hidden: Vec<String> = vec![basic];
    for secret in [token, key, user, password] {
        hidden.extend([
            secret.to_owned(),
            encode(secret),
            percent(secret),
            secret.replace(' ', "%20"),
            secret.replace(' ', "+"),
        ]);
    }
    // Secrets are ASCII: what is not text may be replaced.
    let told = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        hidden.iter().find(|secret| text.contains(secret.as_str())).cloned()
    };
    assert_eq!(told(format!("…{token}…").as_bytes()).as_deref(), Some(token), "this look finds");
    assert_eq!(told(heard.as_bytes()), None, "an answer tells a secret");
    let (mut files, mut bytes, mut open) = (0, 0, vec![folder.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let content = std::fs::read(&path).expect("readable");
            assert_eq!(told(&content), None, "{} tells a secret", path.display());
            (files, bytes) = (files + 1, bytes + content.len());
        }
    }
    let traced = std::fs::read_to_string(folder.join("log")).expect("readable");
    assert!(traced.contains("TRACE") && config.is_dir(), "everything was traced");
    println!(
        "no secret in {files} files, {bytes} bytes ({} of traces), nor in {} bytes of answers",
        traced.len(),
        heard.len()
    );
}

/// A reader that goes away, such as `head`, ends the output and is no error.
#[test]
fn a_closed_pipe_is_no_panic() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_mirano"))
        .args(["completions", "bash"])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .output()
        .expect("runs");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}
