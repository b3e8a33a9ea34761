//! Whole checks of sources that want more than one request: a search and then a page for each find, a login with a form and
//! cookies, OAuth tokens, keys, links in headers, pages that have not changed, values in scripts. Through the real
//! program, over real HTTP; what the site saw is what counts, and no secret is told.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

#[path = "connectors/parts.rs"]
mod parts;
#[path = "connectors/site.rs"]
mod site;
mod support;

use serde_json::{Value, json};
use site::{COOKIE, Site};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::api::Api;
use support::program::Program;

/// What must never be seen again, by variable.
const SECRETS: [(&str, &str); 4] = [
    ("SITE_PASSWORD", "p&ss w0rd=of the site"),
    ("SITE_CLIENT", "client id"),
    ("SITE_SECRET", "s3cret/of the client"),
    ("SITE_KEY", "k3y-of-the-api"),
];

const THINGS: &str = r#"[answer]
format = "json"
items = "$.items[*]"
valid = [{ at = "$.items" }]
[[fact]]
kind = "ID.thing"
identity = ["n"]
[fact.attrs]
n = { at = "$.n", type = "text" }
"#;

/// Each source: what stands between its head and `[answer]`, and its answer where it is another.
fn sources(url: &str) -> BTreeMap<&'static str, String> {
    let request =
        |path: &str, more: &str| format!("[request]\nurl = \"{url}{path}\"\nallow_private = true\n{more}\n{THINGS}");
    let chain = format!(
        r#"[[before]]
id = "search"
[before.request]
url = "{url}/chain/search?a={{{{ address | urlencode }}}}"
allow_private = true
[before.answer]
format = "json"
items = "$.hits[*]"
[before.take]
id = {{ at = "$.id", type = "text" }}
title = {{ at = "$.title", type = "text" }}
[request]
url = "{url}/chain/case/{{{{ search.id }}}}"
allow_private = true
[answer]
format = "html"
[[fact]]
kind = "chain.case"
identity = ["number"]
[fact.attrs]
number = {{ at = "h1", type = "text" }}
title = {{ at = "{{{{ search.title }}}}", type = "text", required = true }}
"#
    );
    let session = format!(
        r##"[[before]]
id = "form"
[before.request]
url = "{url}/login"
allow_private = true
[before.answer]
format = "html"
[before.take]
csrf = {{ at = "input[name=csrf]@value", type = "text" }}
[[before]]
id = "login"
[before.request]
method = "POST"
url = "{url}/login"
form = {{ csrf = "{{{{ form.csrf }}}}", user = "us3r", password = "${{SITE_PASSWORD}}" }}
allow_private = true
[before.answer]
format = "html"
valid = [{{ at = "#welcome" }}]
{}"##,
        request("/private", "cookies = true")
    );
    let oauth = format!(
        "[auth]\ntype = \"oauth2\"\ntoken_url = \"{url}/token\"\nclient_id = \"env:SITE_CLIENT\"\nclient_secret = \"env:SITE_SECRET\"\nscope = \"read:all\"\n{}",
        request("/api", "")
    );
    let denied = oauth.replace("env:SITE_SECRET", "env:SITE_KEY");
    let basic = format!("[auth]\ntype = \"basic\"\nuser = \"env:SITE_KEY\"\n{}", request("/basic", ""));
    let linked = request("/linked", "[pages]\nlink = true");
    let script = format!(
        r##"[request]
url = "{url}/script"
allow_private = true
[answer]
format = "html"
items = "script >> window.__STATE__ >> $.list[*]"
valid = [{{ at = "#app" }}]
[[fact]]
kind = "script.thing"
identity = ["n"]
[fact.attrs]
n = {{ at = "$.n", type = "text" }}
price = {{ at = "$.price", type = "money", currency = "RUB", decimal = "," , required = true }}
"##
    );
    BTreeMap::from([
        ("chain", chain),
        ("session", session),
        ("oauth", oauth),
        ("denied", denied),
        ("basic", basic),
        ("linked", linked),
        ("marked", request("/marked", "conditional = true")),
        ("script", script),
    ])
}

/// How many facts each gives.
const FACTS: [(&str, u64); 7] =
    [("chain", 2), ("session", 3), ("oauth", 1), ("basic", 2), ("linked", 2), ("marked", 2), ("script", 2)];

fn write(config: &Path, url: &str) {
    std::fs::create_dir_all(config.join("sources")).expect("writable");
    let mut needs = String::new();
    for (id, rest) in sources(url) {
        // Two requests in a second: the chain's third must wait.
        let rate = if id == "chain" { "2/s" } else { "600/m" };
        let text = format!(
            "id = \"{id}\"\ntitle = {{ ru = \"{id}\", en = \"{id}\" }}\nlevel = \"property\"\nttl = \"7d\"\nparams = [\"address\"]\n\
             [limits]\nrate = \"{rate}\"\nburst = 2\n[retry]\nattempts = 2\ninitial = \"100ms\"\nmax = \"100ms\"\n{}",
            rest.replace("ID", id)
        );
        std::fs::write(config.join(format!("sources/{id}.toml")), text).expect("writable");
        needs.push_str(&format!(
            "  {{ source = \"{id}\", params = {{ address = \"{{{{ address.canonical }}}}\" }} }},\n"
        ));
    }
    let profiles = format!("[standard]\ntitle = {{ ru = \"Все\", en = \"All\" }}\nneeds = [\n{needs}]\n");
    std::fs::write(config.join("profiles.toml"), profiles).expect("writable");
}

fn rows(job: &Value) -> BTreeMap<String, Value> {
    let rows = job["sources"].as_array().expect("rows");
    rows.iter().map(|row| (row["source"].as_str().expect("a source").to_owned(), row.clone())).collect()
}

fn all_answer(job: &Value) {
    let rows = rows(job);
    for (id, facts) in FACTS {
        let row = &rows[id];
        assert_eq!((&row["facts"], &row["last_failure"]), (&json!(facts), &Value::Null), "{id}: {row:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_want_more_than_one_request() {
    let folder = tempfile::tempdir().expect("temp");
    let (data, config, log) = (folder.path().join("data"), folder.path().join("config"), folder.path().join("log"));
    let (site, url) = Site::open().await;
    write(&config, &url);
    let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--config", config.to_str().expect("UTF-8")];
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0", "--auth=off"]].concat();
    let environment = [&SECRETS[..], &[("MIRANO_LOG", "trace")]].concat();
    let mut server = Program::start_logging(&arguments, &environment, &log);
    let mut api = Api::new(server.says("Mirano is ready").await);

    let asked = json!({"address": "г. Небывалинск, ул. Пробная, д. 1", "profile": "standard"});
    let job = api.post("/v1/jobs", &asked).await["job_id"].as_str().expect("an id").to_owned();
    all_answer(&api.until_final(&job).await);
    // One permit for each request of a chain, so the third waits for the source's next second.
    assert_eq!((site.times("chain search"), site.times("chain case")), (1, 2));
    let moments = site.moments("chain");
    assert!(moments[2] - moments[0] >= Duration::from_millis(900), "{moments:?}");
    assert_eq!(
        ["session form", "session login", "session private", "linked"].map(|what| site.times(what)),
        [1, 1, 2, 2],
        "the form, the login, where it led, and what was wanted; two pages"
    );
    assert_eq!((site.times("oauth token"), site.times("oauth api")), (1, 1));

    // Another secret: no token, no request, and the cause says whose doing it is.
    let row = rows(&api.json(&format!("/v1/jobs/{job}")).await)["denied"].clone();
    let failure = &row["last_failure"];
    assert_eq!((&row["facts"], &failure["outcome"]), (&json!(0), &json!("refused")), "{row:#}");
    let cause = failure["cause"].as_str().unwrap_or_default();
    assert_eq!(cause, "auth_refused: no token was given out: status 401, invalid_client");
    assert_eq!(site.times("denied token"), 1, "it is not tried again");

    // A second address: its token is there already.
    let other = json!({"address": "г. Небывалинск, ул. Пробная, д. 2", "profile": "standard"});
    let second = api.post("/v1/jobs", &other).await["job_id"].as_str().expect("an id").to_owned();
    all_answer(&api.until_final(&second).await);
    assert_eq!((site.times("oauth token"), site.times("oauth api")), (1, 2), "the token was kept");

    // Again, all of it: nothing has changed at the site but the token, which it does not take any more.
    site.token.fetch_add(1, Ordering::SeqCst);
    let observed = rows(&api.json(&format!("/v1/jobs/{job}")).await)["marked"]["observed_at"].clone();
    let before = site.unchanged.load(Ordering::SeqCst);
    api.post(&format!("/v1/jobs/{job}/recheck"), &json!({})).await;
    let again = api.until_final(&job).await;
    all_answer(&again);
    assert_eq!(site.unchanged.load(Ordering::SeqCst), before + 1, "the page was not sent again");
    assert_ne!(rows(&again)["marked"]["observed_at"], observed, "and yet it was checked again");
    assert_eq!((site.times("oauth token"), site.times("oauth api")), (2, 4), "refused once, renewed, asked again");

    // Now the marked page has changed: what is gone is seen to be gone.
    site.version.store(1, Ordering::SeqCst);
    api.post(&format!("/v1/jobs/{job}/recheck"), &json!({})).await;
    let changed = api.until_final(&job).await;
    assert_eq!(rows(&changed)["marked"]["facts"], json!(1), "{:#}", rows(&changed)["marked"]);

    let snapshots = api.json(&format!("/v1/jobs/{job}/snapshots")).await;
    let snapshot = snapshots["items"][0]["snapshot_id"].as_str().expect("sealed").to_owned();
    let facts = api.json(&format!("/v1/snapshots/{snapshot}/facts?limit=100")).await;
    let prices: Vec<String> = (facts["items"].as_array().expect("facts").iter())
        .filter(|fact| fact["kind"] == "script.thing")
        .map(|fact| fact["attrs"]["price"].to_string().trim_matches('"').to_owned())
        .collect();
    assert!(["1500000", "900000"].iter().all(|price| prices.iter().any(|have| have == price)), "{facts:#}");
    let heard = api.heard.clone();
    server.end().await;
    told_nothing(folder.path(), &config, &heard);
}

/// No secret, no token and no cookie is in what was logged and traced, in a file of the node, or in an answer.
fn told_nothing(folder: &Path, config: &Path, heard: &str) {
    let encode = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let mut hidden: Vec<String> = vec!["t0ken-".to_owned(), COOKIE.to_owned(), encode("k3y-of-the-api:")];
    hidden.push(encode("client+id:s3cret%2Fof+the+client"));
    for (_, secret) in SECRETS.into_iter().filter(|(name, _)| *name != "SITE_CLIENT") {
        let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
        hidden.extend([secret.to_owned(), encode(secret), percent]);
    }
    let told = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        hidden.iter().find(|secret| text.contains(secret.as_str())).cloned()
    };
    assert!(told(b"Bearer t0ken-1").is_some(), "this look finds");
    assert_eq!(told(heard.as_bytes()), None, "an answer tells a secret");
    let (mut files, mut open) = (0, vec![folder.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            assert_eq!(told(&std::fs::read(&path).expect("readable")), None, "{} tells a secret", path.display());
            files += 1;
        }
    }
    let traced = std::fs::read_to_string(folder.join("log")).expect("readable");
    assert!(traced.contains("TRACE") && config.is_dir() && files > 10, "everything was traced");
}

/// The tutorial, typed in as it stands: its file, its answer, its command, and what that says.
#[test]
fn the_tutorial_as_written() {
    let text = include_str!("../docs/sources.md");
    let block = |language: &str| {
        let start = format!("```{language}\n");
        let block = text.split(&start).nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        let indent = block.lines().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
        block.lines().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default().trim_end())).collect::<String>()
    };
    let folder = tempfile::tempdir().expect("temp");
    std::fs::create_dir(folder.path().join("sources")).expect("writable");
    std::fs::write(folder.path().join("sources/courts.toml"), block("toml")).expect("writable");
    std::fs::write(folder.path().join("courts.json"), block("json")).expect("writable");
    let console = block("console");
    let (command, said) = console.trim_end().split_once('\n').expect("a command and what it says");
    let arguments = command.strip_prefix("$ mirano ").expect("the program").split_whitespace();
    let mut ran = std::process::Command::new(env!("CARGO_BIN_EXE_mirano"));
    let output = ran.args(arguments).current_dir(folder.path()).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(written(&String::from_utf8_lossy(&output.stdout)), written(said));
}
