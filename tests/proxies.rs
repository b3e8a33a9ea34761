//! Whole checks through real proxies, processes of their own: tinyproxy for HTTP, microsocks for SOCKS5, with and without a
//! password. Which one a request came through, the site sees by the address that it binds.
//!
//! A proxy that is killed in the middle of a request is told apart from the source, rests, and the task goes on through
//! another; none stays in use, whatever the way out, `kill -9` of the program included.
//!
//! Needs `tinyproxy` and `microsocks` (`.ci/setup test` installs them); without them the test fails and says so.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

use axum::Router;
use axum::extract::{ConnectInfo, Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::api::Api;
use support::program::Program;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

const SECRETS: [(&str, &str); 2] = [("PROXY_USER", "us3r-of-proxies"), ("PROXY_PASSWORD", "passw0rd-of-proxies")];

/// A proxy of Debian's, in a process of its own; killed when dropped.
struct Proxy {
    child: Child,
    /// `http://…` or `socks5h://…`, for `proxies.toml`.
    url: String,
    /// What the site sees: the address that the proxy binds.
    seen_as: &'static str,
}

async fn free_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Waits until somebody listens there: a process is up as soon as it accepts.
async fn listens(port: u16, child: &mut Child) {
    let up = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Some(status) = child.try_wait().expect("waited for") {
                panic!("the proxy ended: {status}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), up).await.expect("the proxy listens");
}

fn spawn(command: &mut Command) -> Child {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let program = quiet.as_std().get_program().to_string_lossy().into_owned();
    quiet.spawn().unwrap_or_else(|error| panic!("{program} does not start ({error}); `.ci/setup test` installs it"))
}

impl Proxy {
    /// tinyproxy; with the password of [`SECRETS`], or without one.
    async fn http(folder: &Path, seen_as: &'static str, password: bool) -> Self {
        let port = free_port().await;
        let [(_, user), (_, pass)] = SECRETS;
        let auth = if password { format!("BasicAuth {user} {pass}\n") } else { String::new() };
        let file = folder.join(format!("tinyproxy-{port}.conf"));
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nBind {seen_as}\nTimeout 60\nMaxClients 50\nLogLevel Critical\nLogFile \"{}\"\nAllow 127.0.0.1\n{auth}",
            folder.join(format!("tinyproxy-{port}.log")).display()
        );
        std::fs::write(&file, text).expect("writable");
        let mut child = spawn(Command::new("tinyproxy").arg("-d").arg("-c").arg(&file));
        listens(port, &mut child).await;
        let credentials = if password { "${PROXY_USER}:${PROXY_PASSWORD}@" } else { "" };
        Self { child, url: format!("http://{credentials}127.0.0.1:{port}"), seen_as }
    }

    /// microsocks, likewise.
    async fn socks(seen_as: &'static str, password: bool) -> Self {
        let port = free_port().await;
        let [(_, user), (_, pass)] = SECRETS;
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-b", seen_as]);
        if password {
            command.args(["-u", user, "-P", pass]);
        }
        let mut child = spawn(&mut command);
        listens(port, &mut child).await;
        let credentials = if password { "${PROXY_USER}:${PROXY_PASSWORD}@" } else { "" };
        Self { child, url: format!("socks5h://{credentials}127.0.0.1:{port}"), seen_as }
    }

    async fn kill(&mut self) {
        self.child.kill().await.expect("was alive until now");
    }
}

/// A source that notes through whom it is asked, and may keep a caller waiting.
#[derive(Default)]
struct Site {
    /// (source, address of the caller)
    asked: Mutex<Vec<(String, String)>>,
    arrived: Notify,
    /// While it holds, requests to `held` and `crash` wait.
    held: Mutex<bool>,
    free: Notify,
}

impl Site {
    async fn open() -> (Arc<Self>, String) {
        let site = Arc::new(Self::default());
        let router = Router::new().route("/{source}", get(answer)).with_state(Arc::clone(&site));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        (site, url)
    }

    fn callers(&self, source: &str) -> Vec<String> {
        let asked = self.asked.lock().expect("readable");
        asked.iter().filter(|(id, _)| id == source).map(|(_, from)| from.clone()).collect()
    }

    /// Waits until a source was asked so often.
    async fn until_asked(&self, source: &str, times: usize) -> Vec<String> {
        let asked = async {
            loop {
                let arrived = self.arrived.notified();
                let callers = self.callers(source);
                if callers.len() >= times {
                    return callers;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), asked).await.expect("is asked")
    }

    fn hold(&self, held: bool) {
        *self.held.lock().expect("writable") = held;
        self.free.notify_waiters();
    }
}

async fn answer(
    State(site): State<Arc<Site>>,
    UrlPath(source): UrlPath<String>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
) -> Response {
    site.asked.lock().expect("writable").push((source.clone(), from.ip().to_string()));
    site.arrived.notify_waiters();
    loop {
        let free = site.free.notified();
        if !matches!(source.as_str(), "held" | "crash") || !*site.held.lock().expect("readable") {
            break;
        }
        free.await;
    }
    if source == "blocks" {
        return (StatusCode::FORBIDDEN, "captcha").into_response();
    }
    axum::Json(json!({"items": [{"n": "one"}]})).into_response()
}

/// A source, its pool, and the pool's proxies by name.
type Pool<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);

fn write(config: &Path, site: &str, pools: &[Pool<'_>]) {
    std::fs::create_dir_all(config.join("sources")).expect("writable");
    let (mut profiles, mut proxies) = (String::new(), String::new());
    for (id, pool, _) in pools {
        let breaker = match *id {
            "mixed" => "breaker = { failures = 2, rest = \"1h\", longest = \"1h\", give_up = \"1h\" }\n",
            _ => "",
        };
        let text = format!(
            "id = \"{id}\"\ntitle = {{ ru = \"{id}\", en = \"{id}\" }}\nlevel = \"property\"\nttl = \"7d\"\nparams = [\"address\"]\n\
             [limits]\nrate = \"600/m\"\nburst = 20\nconcurrency = 2\ntimeout = \"10s\"\nproxies = \"{id}\"\n{breaker}\
             [retry]\nattempts = 4\ninitial = \"100ms\"\nmax = \"100ms\"\n\
             [request]\nurl = \"{site}/{id}\"\nallow_private = true\n\
             [answer]\nformat = \"json\"\nitems = \"$.items[*]\"\nblocked = [{{ status = 403 }}]\nvalid = [{{ at = \"$.items\" }}]\n\
             [[fact]]\nkind = \"{id}.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"$.n\", type = \"text\" }}\n"
        );
        std::fs::write(config.join(format!("sources/{id}.toml")), text).expect("writable");
        profiles.push_str(&format!(
            "[{id}]\ntitle = {{ ru = \"{id}\", en = \"{id}\" }}\nneeds = [{{ source = \"{id}\", params = {{ address = \"{{{{ address.canonical }}}}\" }} }}]\n"
        ));
        proxies.push_str(&format!("[{id}]\n{pool}\n[{id}.proxies]\n"));
    }
    // Tables of proxies after all else, so that they need not be in the order of the pools.
    for (id, _, members) in pools {
        let lines: String = members.iter().map(|(name, url)| format!("{name} = \"{url}\"\n")).collect();
        let empty = format!("[{id}.proxies]\n");
        proxies = proxies.replace(&empty, &format!("{empty}{lines}"));
    }
    std::fs::write(config.join("profiles.toml"), profiles).expect("writable");
    std::fs::write(config.join("proxies.toml"), proxies).expect("writable");
}

/// Asks for a profile of one source, for a flat of its own.
async fn ask(api: &mut Api, profile: &str, flat: u32) -> String {
    let address = format!("г. Небывалинск, ул. Пробная, д. 1, кв. {flat}");
    let job = api.post("/v1/jobs", &json!({"address": address, "profile": profile})).await;
    job["job_id"].as_str().unwrap_or_else(|| panic!("{job}")).to_owned()
}

/// The attempts at the one task of a job: through whom, and how each ended.
async fn attempts(api: &mut Api, job: &str) -> Vec<(String, String, String)> {
    let tasks = api.json(&format!("/v1/jobs/{job}/tasks")).await;
    let attempts = tasks["items"][0]["attempts"].as_array().unwrap_or_else(|| panic!("{tasks:#}")).clone();
    let text = |attempt: &Value, key: &str| attempt[key].as_str().unwrap_or_default().to_owned();
    let code = |attempt: &Value| text(attempt, "cause").split(':').next().unwrap_or_default().to_owned();
    attempts.iter().map(|attempt| (text(attempt, "proxy"), text(attempt, "outcome"), code(attempt))).collect()
}

/// Each proxy of a source: failures in a row, tasks that go through it, whether it rests.
async fn health(api: &mut Api, source: &str) -> BTreeMap<String, (u64, u64, bool)> {
    let sources = api.json("/v1/sources").await;
    let items = sources["items"].as_array().expect("sources").clone();
    let own = items.iter().find(|item| item["source"] == source).unwrap_or_else(|| panic!("{sources:#}"));
    let proxies = own["proxies"].as_array().expect("proxies");
    let view = |proxy: &Value| {
        let name = proxy["proxy"].as_str().expect("a name").to_owned();
        let number = |key: &str| proxy[key].as_u64().expect("a number");
        (name, (number("failures"), number("in_use"), !proxy["rest_until"].is_null()))
    };
    proxies.iter().map(view).collect()
}

fn start(folder: &Path) -> Program {
    let (data, config) = (folder.join("data"), folder.join("config"));
    let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--config", config.to_str().expect("UTF-8")];
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0", "--auth=off"]].concat();
    Program::start_logging(&arguments, &SECRETS, &folder.join("log"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_through_real_proxies() {
    let folder = tempfile::tempdir().expect("temp");
    let folder = folder.path();
    let (site, url) = Site::open().await;
    let plain = Proxy::http(folder, "127.0.0.2", false).await;
    let secured = Proxy::http(folder, "127.0.0.3", true).await;
    let socks = Proxy::socks("127.0.0.4", false).await;
    let secured_socks = Proxy::socks("127.0.0.5", true).await;
    let mut first = Proxy::http(folder, "127.0.0.6", false).await;
    let mut other = Proxy::socks("127.0.0.7", true).await;
    let unknown = |proxy: &Proxy| proxy.url.replace("${PROXY_USER}:${PROXY_PASSWORD}@", "");
    let (no_password, no_password_socks) = (unknown(&secured), unknown(&secured_socks));
    let wrong = |proxy: &Proxy| proxy.url.replace("${PROXY_USER}:${PROXY_PASSWORD}@", "${PROXY_USER}:${PROXY_USER}@");
    let (wrong_password, wrong_password_socks) = (wrong(&secured), wrong(&secured_socks));
    // Nobody listens there.
    let mut dead = Vec::new();
    for _ in 0..3 {
        dead.push(format!("http://127.0.0.1:{}", free_port().await));
    }
    write(
        &folder.join("config"),
        &url,
        &[
            ("plain", "", vec![("p", plain.url.as_str())]),
            ("secured", "", vec![("p", secured.url.as_str())]),
            ("socks", "", vec![("p", socks.url.as_str())]),
            ("secured_socks", "", vec![("p", secured_socks.url.as_str())]),
            ("unknown", "failures = 100", vec![("p", no_password.as_str())]),
            ("unknown_socks", "failures = 100", vec![("p", no_password_socks.as_str())]),
            ("wrong", "failures = 100", vec![("p", wrong_password.as_str())]),
            ("wrong_socks", "failures = 100", vec![("p", wrong_password_socks.as_str())]),
            (
                "mixed",
                "failures = 2\ncool_down = \"1h\"",
                vec![
                    ("a1", dead[0].as_str()),
                    ("a2", dead[1].as_str()),
                    ("a3", dead[2].as_str()),
                    ("ok", plain.url.as_str()),
                ],
            ),
            ("blocks", "failures = 1\ncool_down = \"1h\"", vec![("a", plain.url.as_str()), ("b", socks.url.as_str())]),
            ("crash", "", vec![("p", secured_socks.url.as_str())]),
            ("held", "failures = 1\ncool_down = \"1h\"", vec![("a", first.url.as_str()), ("b", other.url.as_str())]),
        ],
    );
    let mut server = start(folder);
    let mut api = Api::new(server.says("Mirano is ready").await);

    for proxy in [("plain", &plain), ("secured", &secured), ("socks", &socks), ("secured_socks", &secured_socks)] {
        let (source, proxy) = proxy;
        let job = ask(&mut api, source, 1).await;
        let row = api.until_final(&job).await["sources"][0].clone();
        assert_eq!((&row["facts"], &row["last_failure"]), (&json!(1), &Value::Null), "{source}: {row:#}");
        assert_eq!(site.callers(source), [proxy.seen_as], "{source}: through its proxy, and once");
        assert_eq!(attempts(&mut api, &job).await[0].0, format!("{source}/p"), "the task names it");
    }

    // Without the password, or with a wrong one, the proxy lets nobody through: its fault, and not the source's.
    for source in ["unknown", "unknown_socks", "wrong", "wrong_socks"] {
        let job = ask(&mut api, source, 1).await;
        api.until_final(&job).await;
        let tried = attempts(&mut api, &job).await;
        assert!(
            tried.iter().all(|(_, outcome, code)| (outcome.as_str(), code.as_str()) == ("unavailable", "proxy")),
            "{tried:?}"
        );
        assert_eq!(site.callers(source), Vec::<String>::new());
    }

    // Of a pool with dead proxies those rest, and all tasks end through the one that lives: the source, which would be left alone for an
    // hour after two failures, has none.
    let mut jobs = Vec::new();
    for flat in 1..=4 {
        jobs.push(ask(&mut api, "mixed", flat).await);
    }
    for job in jobs {
        let row = api.until_final(&job).await["sources"][0].clone();
        assert_eq!((&row["facts"], &row["last_failure"]), (&json!(1), &Value::Null), "{row:#}");
    }
    assert_eq!(site.callers("mixed"), [plain.seen_as; 4]);
    let now = health(&mut api, "mixed").await;
    assert!(
        now.iter().all(|(name, (failures, _, rests))| (name == "mixed/ok") != (*failures == 2 && *rests)),
        "{now:?}"
    );

    // A block is by address: the next attempt goes through the other proxy, and then none is left that does not rest.
    let job = ask(&mut api, "blocks", 1).await;
    let callers = site.until_asked("blocks", 2).await;
    assert_eq!(std::collections::BTreeSet::from_iter(&callers).len(), 2, "{callers:?}");
    assert_eq!(attempts(&mut api, &job).await[0].1, "blocked");

    // Killed in the middle of a request.
    site.hold(true);
    let job = ask(&mut api, "held", 1).await;
    let by = site.until_asked("held", 1).await[0].clone();
    let (killed, left) = if by == first.seen_as {
        first.kill().await;
        ("held/a", other.seen_as)
    } else {
        other.kill().await;
        ("held/b", first.seen_as)
    };
    let callers = site.until_asked("held", 2).await;
    assert_eq!(callers[1], left, "the task goes on through the other proxy");
    site.hold(false);
    let row = api.until_final(&job).await["sources"][0].clone();
    assert_eq!((&row["facts"], &row["last_failure"]), (&json!(1), &Value::Null), "{row:#}");
    let tried = attempts(&mut api, &job).await;
    assert_eq!((tried[0].0.as_str(), tried[0].1.as_str()), (killed, "unavailable"), "{tried:?}");
    assert!(["truncated", "proxy"].contains(&tried[0].2.as_str()), "{tried:?}");
    let now = health(&mut api, "held").await;
    assert_eq!(now[killed], (1, 0, true), "it rests, and nothing goes through it: {now:?}");
    assert!(now.values().all(|(_, in_use, _)| *in_use == 0), "{now:?}");
    // While it rests nothing goes through it.
    for flat in 2..6 {
        let job = ask(&mut api, "held", flat).await;
        api.until_final(&job).await;
    }
    assert!(site.callers("held")[2..].iter().all(|caller| caller == left), "{:?}", site.callers("held"));

    // The program itself is killed while a request is under way: the proxy is free again when the lease has ended.
    site.hold(true);
    let job = ask(&mut api, "crash", 1).await;
    site.until_asked("crash", 1).await;
    assert_eq!(health(&mut api, "crash").await["crash/p"], (0, 1, false), "it is in use");
    let heard = std::mem::take(&mut api.heard);
    server.kill().await;
    site.hold(false);
    let mut server = start(folder);
    let mut api = Api::new(server.says("Mirano is ready").await);
    let row = api.until_final(&job).await["sources"][0].clone();
    assert_eq!((&row["facts"], &row["last_failure"]), (&json!(1), &Value::Null), "{row:#}");
    assert_eq!(health(&mut api, "crash").await["crash/p"], (0, 0, false), "it is free, and well");
    server.end().await;

    let log = std::fs::read_to_string(folder.join("log")).expect("readable");
    for (_, secret) in SECRETS {
        assert!(![&log, &heard, &api.heard].iter().any(|text| text.contains(secret)), "a secret is told");
    }
}
