//! A person's way through the real program, in a browser: an address, a check that is watched and reloaded in the middle, a check anew
//! after a month, two dates compared, a report verified. On the way every page is weighed and looked at for barriers.

use crate::page::browser::{Browser, Look, axe};
use crate::support::client;
use crate::support::program::Program;
use crate::{DESKTOP, VIOLATIONS};
use serde_json::json;
use tokio::process::Command;

const ADDRESS: &str = "г. Москва, ул. Тверская, д. 7";
/// What a page may weigh with all that it loads, as it comes over the wire.
const MOST_BYTES: u64 = 150_000;

/// The program over invented sources, each a process of its own.
struct World {
    sources: Program,
    demo: String,
    server: Program,
    url: String,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("temp");
        let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let (data, config) = (at("data"), at("config"));
        let demo = ["demo-sources", "--listen", "127.0.0.1:0", "--no-faults", "--speed", "20", "--date", "2026-11-01"];
        let mut sources = Program::start(&[&demo[..], &["--write-config", &config]].concat());
        let demo = sources.says("demo sources: ").await;
        sources.says("configuration: ").await;
        let courts = folder.path().join("config/sources/courts.toml");
        let text = std::fs::read_to_string(&courts).expect("readable");
        let hasty = text.replace("timeout = \"20s\"", "timeout = \"4s\"");
        assert_ne!(text, hasty, "its patience is another by now");
        std::fs::write(&courts, hasty).expect("writable");
        let serve = ["serve", "--data", &data, "--config", &config, "--listen", "127.0.0.1:0", "--auth=off"];
        let mut server = Program::start(&serve);
        let url = server.says("Mirano is ready").await;
        Self { sources, demo, server, url, folder }
    }

    /// Tells the sources what to do.
    async fn control(&self, what: &str, order: serde_json::Value) {
        let sent = client().post(format!("{}/control/{what}", self.demo)).json(&order).send().await.expect("answers");
        assert!(sent.status().is_success(), "{what} {order}");
    }

    /// Ends the server, and verifies its log as an auditor does.
    async fn verified(self) {
        let data = self.folder.path().join("data");
        self.server.end().await;
        drop(self.sources);
        let verify = Command::new(env!("CARGO_BIN_EXE_mirano")).args(["verify", "--data"]).arg(data).output();
        let verify = verify.await.expect("runs");
        assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    }
}

/// What a page came to.
struct Weight {
    page: &'static str,
    bytes: u64,
    requests: u64,
    paint_ms: f64,
}

/// Opens a page as for the first time, weighs it and looks for barriers.
async fn look(browser: &mut Browser, page: &'static str, url: &str, found: &mut Vec<Weight>) {
    browser.forget_cache().await;
    browser.open(url, DESKTOP).await;
    browser.until("performance.getEntriesByName('first-contentful-paint').length === 1").await;
    let sum = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')] \
         .reduce((all, one) => [all[0] + one.transferSize, all[1] + 1], [0, 0])";
    let weighed = browser.evaluate(sum).await;
    let paint = browser.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime").await;
    let number = |at: usize| weighed[at].as_u64().expect("a number");
    let weight = Weight { page, bytes: number(0), requests: number(1), paint_ms: paint.as_f64().expect("a number") };
    assert!(weight.bytes > 1_000, "{page}: nothing was weighed");
    assert!(weight.bytes < MOST_BYTES, "{page} weighs {} bytes", weight.bytes);
    found.push(weight);
    browser.evaluate(&axe()).await;
    let barriers = browser.evaluate(VIOLATIONS).await;
    assert_eq!(barriers, json!([]), "{page}: barriers");
}

/// Presses a button that leads to another page.
async fn submit(browser: &mut Browser, button: &str) {
    browser.leads(&format!("document.querySelector({}).click()", json!(button))).await;
}

/// The explanation on the page says what the interface explains, and each receipt of it can be opened.
async fn explained(browser: &mut Browser) {
    let ask = "fetch(`/v1${location.pathname}/explain?lang=en`).then((answer) => answer.json())";
    let explained = browser.evaluate(ask).await;
    browser.evaluate("document.querySelectorAll('#why details').forEach((one) => one.open = true)").await;
    let shown = browser.evaluate("document.getElementById('why').innerText").await;
    let shown = shown.as_str().expect("text");
    for why in ["why_fast", "why_updating"] {
        let answer = explained[why]["text"].as_str().expect("words");
        assert!(shown.contains(answer), "{answer} in {shown}");
    }
    let before = "fetch(`${location.pathname}?as_of=1999-01-01T00:00:00Z&lang=en`).then((answer) => answer.text())";
    let before = browser.evaluate(before).await;
    assert!(before.as_str().is_some_and(|page| page.contains("there was no such job yet")), "{before}");
    let receipts = explained["receipts"].as_array().expect("a list");
    assert!(receipts.len() > 3, "{explained}");
    for receipt in receipts {
        let id = receipt["receipt_id"].as_str().expect("an id");
        assert!(shown.contains(id), "{id} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_checks_watches_compares_and_verifies() {
    let Some(mut browser) = Browser::start().await else { return };
    let world = World::start().await;
    let mut pages = Vec::new();
    look(&mut browser, "/", &format!("{}/?lang=en", world.url), &mut pages).await;

    // A check, with one source that says nothing until it is asked again.
    world.control("fault", json!({"source": "courts", "kind": "timeout", "times": 1})).await;
    browser.evaluate(&format!("document.getElementById('address').value = {}", json!(ADDRESS))).await;
    submit(&mut browser, ".form button.primary").await;
    let said = "document.querySelector('.said').textContent";
    // It is watched: answers come by themselves, while the slow one is awaited.
    browser.until(&format!("/Answered: [1-5] of/.test({said}) && {said}.includes('being updated')")).await;
    let job = browser.evaluate("location.pathname").await.as_str().expect("a path").to_owned();
    // A reload in the middle shows what there is, and goes on.
    browser.reload().await;
    let middle = browser.evaluate(said).await;
    let middle = middle.as_str().expect("text");
    assert!(middle.contains("being updated") && !middle.starts_with("Answered: 0"), "{middle}");
    browser.until("document.getElementById('status').textContent.trim() === 'Done'").await;
    browser.until("document.querySelectorAll('#snapshots li').length === 1").await;
    assert_eq!(browser.evaluate("document.querySelector('#live').dataset.events.startsWith('/v1/jobs/')").await, true);
    explained(&mut browser).await;

    // It is watched from now on, and what comes of it will be told.
    submit(&mut browser, "form[action$='/watch'] button").await;
    let ask = format!("fetch('/v1{job}/notify').then((answer) => answer.json()).then((notify) => notify.events)");
    let told = browser.evaluate(&ask).await;
    assert!(told.as_array().is_some_and(|events| events.contains(&json!("facts.changed"))), "{told}");
    // What was chosen by hand stays when the check is watched anew.
    let set = |notify: &str| {
        format!(
            "fetch('/v1{job}/notify', {{method: 'PUT', headers: {{'content-type': 'application/json'}}, body: '{notify}'}}).then((answer) => answer.ok)"
        )
    };
    assert_eq!(browser.evaluate(&set("{\"events\": [\"job.final\"]}")).await, true);
    submit(&mut browser, "form[action$='/end'] button").await;
    assert_eq!(browser.evaluate("document.querySelectorAll('tbody tr').length").await, 0);
    browser.open(&format!("{}{job}", world.url), DESKTOP).await;
    submit(&mut browser, "form[action$='/watch'] button").await;
    assert_eq!(browser.evaluate("document.querySelectorAll('tbody tr').length").await, 1);
    assert_eq!(browser.evaluate(&ask).await, json!(["job.final"]));
    assert_eq!(browser.evaluate(&set("{}")).await, true);
    browser.open(&format!("{}{job}?lang=en", world.url), DESKTOP).await;
    assert_eq!(browser.evaluate("document.querySelector('.head a[href=\"/watches\"]').textContent").await, "Watched");
    assert_eq!(browser.evaluate("document.querySelectorAll(\"form[action$='/watch']\").length").await, 0);

    // A month later everything is asked anew; two dates are compared.
    world.control("clock", json!({"advance_days": 40})).await;
    submit(&mut browser, "#recheck").await;
    browser.until("document.querySelectorAll('#snapshots li').length === 2 && document.getElementById('status').textContent.trim() === 'Done'").await;
    let at = |path: &str| format!("{}{path}", world.url);
    look(&mut browser, "/jobs/…", &at(&job), &mut pages).await;
    let choose = "(() => { const from = document.getElementById('compare-from'); const sealed = [...from.options].filter((one) => !one.value.startsWith('job:')); \
         from.value = sealed.at(-1).value; document.getElementById('compare-to').value = sealed[0].value; return sealed.length })()";
    assert_eq!(browser.evaluate(choose).await, 2);
    submit(&mut browser, "form.moments button").await;
    let counts = browser.evaluate("document.querySelector('main').textContent").await;
    let counts = counts.as_str().expect("text");
    assert!(
        !counts.contains("Nothing is different") && counts.contains(" unchanged"),
        "a month changed listings: {counts}"
    );
    let compared = browser.evaluate("location.pathname + location.search").await;
    look(&mut browser, "/compare", &at(compared.as_str().expect("a path")), &mut pages).await;
    look(&mut browser, "/jobs/…/timeline", &at(&format!("{job}/timeline")), &mut pages).await;
    let moved = browser.evaluate("document.querySelector('tbody').textContent").await;
    assert!(moved.as_str().expect("text").contains(" came"), "{moved}");

    // The report leads to the page that it is verified with, and prints.
    look(&mut browser, "/jobs/…/report", &at(&format!("{job}/report")), &mut pages).await;
    let root = "document.querySelector('.report .head .meta:last-child .mono').textContent";
    let printed = browser.evaluate(root).await;
    assert!(browser.pdf().await.starts_with(b"%PDF-"), "it can be kept as PDF");
    let link = browser.evaluate("document.querySelector('.verify a').textContent").await;
    let link = link.as_str().expect("an address");
    assert!(link.starts_with(&format!("{}/snapshots/", world.url)), "what is printed can be typed in: {link}");
    look(&mut browser, "/snapshots/…", link, &mut pages).await;
    let sealed = browser.evaluate("[...document.querySelectorAll('.pairs dd')].map((one) => one.textContent)").await;
    assert!(sealed.as_array().expect("a list").contains(&printed), "{printed} in {sealed}");

    // The log is verified on the page, with progress; without the script as well.
    look(&mut browser, "/log", &at("/log"), &mut pages).await;
    browser.evaluate("document.querySelector('#verify button').click()").await;
    browser.until("document.querySelector('#verify .outcome').classList.contains('ok')").await;
    let told = browser.evaluate("document.querySelector('#verify .outcome').textContent").await;
    assert!(told.as_str().expect("text").starts_with("All fits. Commits: "), "{told}");
    browser.evaluate("document.querySelector('#verify form').replaceWith(document.querySelector('#verify form').cloneNode(true))").await;
    submit(&mut browser, "#verify button").await;
    let told = browser.evaluate("document.querySelector('#verify .outcome').textContent").await;
    assert!(
        told.as_str().expect("text").contains("All fits.") && told.as_str().expect("text").contains("Digest"),
        "{told}"
    );

    // What was asked about is suggested, in any words.
    browser.open(&at("/"), DESKTOP).await;
    let type_in = "(() => { const input = document.getElementById('address'); input.value = 'твер'; input.dispatchEvent(new Event('input')); })()";
    browser.evaluate(type_in).await;
    browser.until("document.querySelector('#known option')?.value.includes('Тверская')").await;

    for (page, path) in [
        ("/sources", "/sources"),
        ("/watches", "/watches"),
        ("/notifications", "/notifications"),
        ("/sign-in", "/sign-in"),
        ("/docs", "/docs"),
        ("a check that is not there", "/jobs/nothing"),
        ("a page that is not there", "/nothing"),
    ] {
        look(&mut browser, page, &at(path), &mut pages).await;
    }
    // What the watched check came to is in the list.
    browser.open(&at("/notifications?lang=en"), DESKTOP).await;
    let listed = browser
        .evaluate("[...document.querySelectorAll(\"tr[id^='notification-'] a\")].map((one) => one.pathname)")
        .await;
    assert!(listed.as_array().is_some_and(|listed| listed.contains(&json!(job))), "{job} in {listed}");
    let phone = Look { width: 390, height: 844, dark: true };
    browser.open(&at(&job), phone).await;
    println!("| Page | Bytes | Requests | First paint |");
    println!("|---|---:|---:|---:|");
    for Weight { page, bytes, requests, paint_ms } in &pages {
        println!("| {page} | {bytes} | {requests} | {paint_ms:.0} ms |");
    }
    world.verified().await;
}
