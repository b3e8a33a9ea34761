//! The demo over real HTTP on loopback: pages, encodings, limits, faults, the clock, folders of files.

mod connectors;

use super::world::{Place, World};
use super::{Options, Running, Showcase, config, config_at_speed, start};
use crate::core::policy::spec::{ProfileSpec, SourceSpec};
use reqwest::{Client, Response};
use scraper::{Html, Selector};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// A demo without waits, and a client for it.
struct Demo {
    running: Running,
    client: Client,
}

impl Demo {
    async fn start(options: Options) -> Self {
        // Installing it twice is refused and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let no_redirects = reqwest::redirect::Policy::none();
        let client = Client::builder().no_proxy().redirect(no_redirects).build().expect("a client");
        Self { running: start(options).await.expect("the demo starts"), client }
    }

    async fn fast() -> Self {
        Self::start(Options { speed: 1_000.0, faults: false, ..Options::default() }).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Response {
        let request = self.client.get(format!("{}{path}", self.running.base_url())).query(query);
        request.send().await.expect("an answer")
    }

    async fn json(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let response = self.get(path, query).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.running.base_url())).json(&body);
        request.send().await.expect("an answer")
    }

    async fn order(&self, source: &str, kind: &str) {
        let response = self.post("/control/fault", json!({"source": source, "kind": kind})).await;
        assert_eq!(response.status(), 200, "{kind}");
    }

    async fn date(&self, date: &str) {
        assert_eq!(self.post("/control/clock", json!({"date": date})).await.status(), 200);
    }

    async fn counts(&self) -> Value {
        self.json("/control/requests", &[]).await
    }
}

fn inn_of(case: Showcase) -> String {
    World::new(1).developer(&Place::of(case.address())).inn
}

fn texts(html: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).expect("a selector");
    Html::parse_document(html).select(&selector).map(|element| element.text().collect()).collect()
}

#[tokio::test]
async fn an_address_leads_from_the_cadastre_to_its_developer_and_on() {
    let demo = Demo::fast().await;
    let address = [("address", Showcase::High.address())];
    let object = demo.json("/cadastre/api/objects", &address).await;
    let inn = object.pointer("/data/features/0/developer/inn").and_then(Value::as_str).expect("a developer");
    assert_eq!(inn, inn_of(Showcase::High));
    assert_eq!(object.pointer("/data/features/0/properties/encumbrance"), Some(&json!("арест")));
    // Ten cases a page; following `next` reads all of them, each once.
    let mut url = Some(format!("{}/courts/api/cases?inn={inn}", demo.running.base_url()));
    let (mut numbers, mut total, mut pages) = (BTreeSet::new(), 0, 0);
    while let Some(at) = url {
        let page: Value = demo.client.get(at).send().await.expect("an answer").json().await.expect("JSON");
        for case in page.get("cases").and_then(Value::as_array).expect("cases") {
            assert!(numbers.insert(case.get("number").and_then(Value::as_str).expect("a number").to_owned()));
        }
        total = page.get("total").and_then(Value::as_u64).expect("a total");
        pages += 1;
        url = page.get("next").and_then(Value::as_str).map(str::to_owned);
    }
    assert!(pages > 3 && numbers.len() as u64 == total, "{pages} pages, {} of {total}", numbers.len());
    assert!(numbers.contains("А00-777/2025"));
    let csv = demo.get("/companies/export.csv", &[("inn", inn)]).await.text().await.expect("text");
    assert!(csv.starts_with("ИНН;ОГРН;Наименование;") && csv.contains("возбуждено дело о банкротстве"), "{csv}");
    let reviews = demo.json("/reviews/2.0/reviews", &address).await;
    assert!(reviews.pointer("/reviews/0/id").is_some());
}

#[tokio::test]
async fn enforcement_speaks_windows_1251_and_only_its_meta_tag_says_so() {
    let demo = Demo::fast().await;
    let response = demo.get("/enforcement/search", &[("inn", &inn_of(Showcase::High))]).await;
    assert_eq!(response.headers().get("content-type").expect("a type"), "text/html");
    let bytes = response.bytes().await.expect("bytes");
    assert!(std::str::from_utf8(&bytes).is_err(), "not utf-8");
    let (html, encoding, wrong) = encoding_rs::WINDOWS_1251.decode(&bytes);
    assert!(!wrong && encoding.name() == "windows-1251" && html.contains("charset=\"windows-1251\""));
    assert!(texts(&html, "tr.row td.debtor").first().is_some_and(|name| name.contains("ВЫМЫШЛЕННЫЙ ЗАСТРОЙЩИК")));
    assert!(texts(&html, "tr.row td.left span.v").iter().any(|sum| sum.contains('\u{a0}') && sum.contains(',')));
    let nothing = demo.get("/enforcement/search", &[("inn", "7707083893")]).await.bytes().await.expect("bytes");
    let html = encoding_rs::WINDOWS_1251.decode(&nothing).0;
    assert_eq!(texts(&html, "p.nothing"), ["По вашему запросу ничего не найдено"]);
}

#[tokio::test]
async fn listings_come_in_numbered_pages_until_an_empty_one() {
    let demo = Demo::fast().await;
    let (mut ids, mut page) = (BTreeSet::new(), 1);
    loop {
        let query = [("address", Showcase::Large.address()), ("page", &page.to_string())];
        let html = demo.get("/listings/search", &query).await.text().await.expect("text");
        let found = texts(&html, "article.offer span.id");
        assert_eq!(texts(&html, "div.results").len(), 1, "each page proves that it is one");
        assert!(texts(&html, "p.nothing").is_empty());
        if found.is_empty() {
            break;
        }
        for id in found {
            assert!(ids.insert(id));
        }
        page += 1;
    }
    assert!(ids.len() > 200 && page > 8, "{} offers on {page} pages", ids.len());
    assert!(page <= 20, "within the most pages that the connector reads");
    let nothing = demo.get("/listings/search", &[("address", Showcase::Nothing.address())]).await;
    assert_eq!(texts(&nothing.text().await.expect("text"), "p.nothing").len(), 1);
}

#[tokio::test]
async fn any_address_has_a_world_and_the_empty_one_is_refused() {
    let demo = Demo::fast().await;
    for address in ["Москва, Тверская 7", "12 Main Street, Springfield", "77:01:0001066:1234", "ы"] {
        let object = demo.json("/cadastre/api/objects", &[("address", address)]).await;
        assert_eq!(object.get("total"), Some(&json!(1)), "{address}");
        assert_ne!(object.pointer("/data/features/0/properties/encumbrance"), Some(&json!("арест")), "{address}");
        let again = demo.json("/cadastre/api/objects", &[("address", address)]).await;
        assert_eq!(object, again);
    }
    for path in [
        "/cadastre/api/objects",
        "/listings/search",
        "/reviews/2.0/reviews",
        "/courts/api/cases",
        "/enforcement/search",
        "/enforcement_persons/search",
        "/companies/export.csv",
    ] {
        assert_eq!(demo.get(path, &[]).await.status(), 400, "{path}");
    }
    assert_eq!(demo.get("/nowhere/at/all", &[]).await.status(), 404);
    let home = demo.get("/", &[]).await.text().await.expect("text");
    assert!(home.contains("вымышлены") && home.contains("invented") && home.contains(Showcase::Low.address()));
}

#[tokio::test]
async fn the_clock_moves_the_world() {
    let demo = Demo::fast().await;
    let inn = inn_of(Showcase::High);
    let bankrupt = async |date: &str| {
        demo.date(date).await;
        let page = demo.json("/courts/api/cases", &[("inn", &inn)]).await;
        assert_eq!(page.get("updated"), Some(&json!(date)));
        page.to_string().contains("Несостоятельность")
    };
    assert!(!bankrupt("2025-10-13").await);
    assert!(bankrupt("2025-10-14").await);
    let csv = async |date: &str| {
        demo.date(date).await;
        demo.get("/companies/export.csv", &[("inn", &inn)]).await.text().await.expect("text")
    };
    assert!(!csv("2022-12-31").await.contains("Задолженность"), "the column appears in 2023");
    assert!(csv("2023-01-01").await.contains("Задолженность"));
    assert_eq!(demo.post("/control/clock", json!({"advance_days": 30})).await.status(), 200);
    assert_eq!(demo.json("/control/clock", &[]).await.get("date"), Some(&json!("2023-01-31")));
    for wrong in [
        json!({}),
        json!({"date": "2023-02-30"}),
        json!({"advance_days": i64::MAX}),
        json!({"date": "2023-01-01", "advance_days": 1}),
    ] {
        assert_eq!(demo.post("/control/clock", wrong.clone()).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn who_asks_too_quickly_is_told_when_to_come_back_and_counted() {
    let demo = Demo::start(Options { faults: false, ..Options::default() }).await;
    let query = [("address", Showcase::Low.address())];
    let mut refused = None;
    for n in 1..=6 {
        let response = demo.get("/reviews/2.0/reviews", &query).await;
        assert_eq!(response.status(), if n <= 5 { 200 } else { 429 }, "request {n}");
        refused = Some(response);
    }
    let wait = refused.and_then(|response| response.headers().get("retry-after")?.to_str().ok()?.parse::<u64>().ok());
    assert!(wait.is_some_and(|seconds| (1..=10).contains(&seconds)), "{wait:?}");
    let counts = demo.counts().await;
    assert_eq!(counts.get("total"), Some(&json!(6)));
    assert_eq!(counts.get("over_limit"), Some(&json!(1)));
    assert_eq!(counts.pointer("/by_source/reviews/total"), Some(&json!(6)));
    assert_eq!(counts.pointer("/max_in_any_period/reviews"), Some(&json!(6)));
    let key = format!("reviews /reviews/2.0/reviews?address={}", Showcase::Low.address());
    assert_eq!(counts.get("by_key").and_then(|keys| keys.get(&key)), Some(&json!(6)));
    assert_eq!(demo.post("/control/reset", json!({})).await.status(), 200);
    assert_eq!(demo.counts().await.get("total"), Some(&json!(0)));
}

#[tokio::test]
async fn each_ordered_fault_happens_once() {
    let demo = Demo::fast().await;
    let query = [("address", Showcase::Low.address())];
    let ask = || demo.get("/reviews/2.0/reviews", &query);
    let good = ask().await.text().await.expect("text");
    for (kind, status) in [
        ("outage", 503),
        ("status_500", 500),
        ("status_403", 403),
        ("429", 429),
        ("redirect_private", 302),
        ("captcha", 200),
        ("maintenance", 200),
    ] {
        demo.order("reviews", kind).await;
        let response = ask().await;
        assert_eq!(response.status(), status, "{kind}");
        assert_eq!(response.headers().contains_key("retry-after"), kind == "429");
        let location = response.headers().get("location").cloned();
        assert_eq!(location.is_some_and(|at| at == "http://127.0.0.1:9/"), kind == "redirect_private");
        let body = response.text().await.expect("text");
        assert_eq!(body.contains("captcha"), kind == "captcha");
        assert_ne!(body, good, "{kind}");
    }
    demo.order("reviews", "garbage").await;
    assert!(ask().await.json::<Value>().await.is_err());
    demo.order("*", "half_page").await;
    assert!(ask().await.bytes().await.is_err(), "the connection breaks");
    demo.order("reviews", "wrong_charset").await;
    let bytes = ask().await.bytes().await.expect("bytes");
    assert!(std::str::from_utf8(&bytes).is_err() && encoding_rs::WINDOWS_1251.decode(&bytes).0 == good);
    demo.order("reviews", "slow").await;
    assert_eq!(ask().await.text().await.expect("text"), good);
    assert_eq!(ask().await.text().await.expect("text"), good, "none is left");
    let counts = demo.counts().await;
    assert_eq!(counts.pointer("/by_source/reviews/faults"), Some(&json!(11)));
    for wrong in [json!({"source": "nobody", "kind": "outage"}), json!({"source": "courts", "kind": "sulk"}), json!([])]
    {
        assert_eq!(demo.post("/control/fault", wrong.clone()).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn faults_that_never_end_end_when_the_demo_stops() {
    let demo = Demo::fast().await;
    let url = format!("{}/cadastre/api/objects?address=1", demo.running.base_url());
    demo.order("cadastre", "timeout").await;
    let brief = demo.client.get(&url).timeout(Duration::from_millis(200)).send().await;
    assert!(brief.is_err_and(|error| error.is_timeout()));
    demo.order("cadastre", "huge").await;
    let mut huge = demo.client.get(&url).send().await.expect("an answer");
    let mut read = 0;
    while read < 20 << 20 {
        read += huge.chunk().await.expect("more").expect("not the end").len();
    }
    drop(huge);
    demo.order("cadastre", "slow_loris").await;
    let mut drops = demo.client.get(&url).send().await.expect("an answer");
    assert_eq!(drops.chunk().await.expect("a drop").expect("not the end").len(), 1);
    let Demo { running, .. } = demo;
    tokio::time::timeout(Duration::from_secs(5), running.stop()).await.expect("stops");
    assert!(drops.chunk().await.is_ok_and(|chunk| chunk.is_none()), "the drops end with the server");
}

#[tokio::test]
async fn seeded_faults_come_at_the_same_requests_each_time() {
    let round = async || {
        let demo = Demo::start(Options { speed: 1_000.0, ..Options::default() }).await;
        let mut troubled = Vec::new();
        for n in 1..=30 {
            let text = demo.get("/listings/search", &[("address", "дом 5")]).await.text().await.expect("text");
            if text.contains("captcha") {
                troubled.push(n);
            }
        }
        // Later pages are spared.
        for _ in 0..30 {
            let text = demo.get("/listings/search", &[("address", "дом 5"), ("page", "2")]).await.text().await;
            assert!(!text.expect("text").contains("captcha"));
        }
        troubled
    };
    let first = round().await;
    assert_eq!(first, [6, 15, 24]);
    assert_eq!(round().await, first);
}

#[tokio::test]
async fn the_flaky_address_fails_at_first_and_then_answers() {
    let demo = Demo::start(Options { speed: 1_000.0, ..Options::default() }).await;
    let query = [("address", Showcase::Flaky.address())];
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(demo.get("/reviews/2.0/reviews", &query).await.status().as_u16());
    }
    assert_eq!(statuses, [503, 503, 200]);
    assert!(demo.get("/listings/search", &query).await.text().await.expect("text").contains("captcha"));
    assert!(!demo.get("/listings/search", &query).await.text().await.expect("text").contains("captcha"));
}

/// The source files and profiles of a configuration, read as the engine reads them.
fn read(files: &BTreeMap<String, String>) -> (BTreeMap<String, SourceSpec>, BTreeMap<String, ProfileSpec>) {
    let sources = files.iter().filter_map(|(path, text)| {
        let id = path.strip_prefix("sources/")?.strip_suffix(".toml")?;
        let spec: SourceSpec = toml::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(spec.id, id, "a file is named by its source");
        Some((id.to_owned(), spec))
    });
    let profiles = files.get("profiles.toml").expect("profiles");
    (sources.collect(), toml::from_str(profiles).unwrap_or_else(|error| panic!("profiles.toml: {error}\n{profiles}")))
}

fn check_needs(sources: &BTreeMap<String, SourceSpec>, profiles: &BTreeMap<String, ProfileSpec>) {
    for (name, profile) in profiles {
        for need in &profile.needs {
            let source = sources.get(&need.source).unwrap_or_else(|| panic!("{name} needs {}", need.source));
            let given: BTreeSet<&String> = need.params.keys().collect();
            assert_eq!(given, source.params.iter().collect(), "{name}: {}", need.source);
        }
    }
}

#[tokio::test]
async fn the_configuration_fits_the_format_and_the_answers() {
    let demo = Demo::fast().await;
    let files = config_at_speed(&demo.running.base_url(), None, 1_000.0).expect("a configuration");
    let (sources, profiles) = read(&files);
    assert_eq!(sources.len(), 7);
    check_needs(&sources, &profiles);
    let ttl = |id: &str| sources.get(id).map(|source| source.ttl.0 / 86_400_000);
    assert_eq!(["courts", "enforcement", "listings", "reviews"].map(ttl), [14, 7, 1, 14].map(Some));
    assert!(sources.values().all(|source| source.request.allow_private && !source.answer.valid.is_empty()));
    // What the files say is what the server allows.
    for (id, source) in &sources {
        let url = source.request.url.split('?').next().expect("a path");
        assert_eq!(demo.client.get(url).send().await.expect("an answer").status(), 400, "{id}");
        let counts = demo.counts().await;
        let count = counts.pointer(&format!("/by_source/{id}")).expect("counted under the source's id");
        assert_eq!(count.get("limit_requests"), Some(&json!(source.limits.rate.requests)), "{id}");
        assert_eq!(count.get("limit_period_ms"), Some(&json!(source.limits.rate.period.0)), "{id}");
    }
    // Each place that a JSON or HTML connector reads is there.
    let inn = inn_of(Showcase::High);
    let query = |id: &str| match id {
        "cadastre" | "listings" | "reviews" => vec![("address", Showcase::Large.address())],
        "enforcement_persons" => vec![("name", "Небылицын Пётр Выдумович"), ("birth_date", "1970-01-01")],
        _ => vec![("inn", inn.as_str())],
    };
    for (id, source) in &sources {
        let url = source.request.url.split('?').next().expect("a path");
        let bytes =
            demo.client.get(url).query(&query(id)).send().await.expect("an answer").bytes().await.expect("bytes");
        let charset = source.answer.charset.as_deref().unwrap_or("utf-8");
        let text =
            encoding_rs::Encoding::for_label(charset.as_bytes()).expect("a charset").decode(&bytes).0.into_owned();
        let document: Option<Value> = serde_json::from_str(&text).ok();
        let items = source.answer.items.as_ref().map_or("", |items| items.first());
        for at in source.facts.iter().flat_map(|fact| fact.attrs.values()).map(|attr| attr.at.first()) {
            let there = match &document {
                Some(document) => {
                    let path = format!("{items}{}", at.strip_prefix('$').expect("a JSONPath"));
                    serde_json_path::JsonPath::parse(&path).is_ok_and(|path| !path.query(document).is_empty())
                }
                None if items.is_empty() => {
                    text.lines().next().is_some_and(|header| header.split(';').any(|name| name == at))
                }
                None => !texts(&text, &format!("{items} {}", at.split('@').next().expect("a selector"))).is_empty(),
            };
            assert!(there, "{id}: {at}");
        }
    }
}

/// Two dates of a small set, with what real ones have: a price that changes, one that vanishes, a column that appears.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write(
        "town_2024-01-31_listings.csv",
        "id,url,price,last_scraped\n1,u1,\"$1,500.00\",2024-01-31\n2,u2,$90.00,2024-01-31\n",
    );
    write(
        "town_2024-02-29_listings.csv",
        "id,url,price,last_scraped,license\n1,u1,\"$1,400.00\",2024-02-29,N/A\n3,u3,,2024-02-29,\n",
    );
    write("town_2024-01-31_reviews.csv", "listing_id,id,comments\n1,r1,\"так, себе\"\n");
    write("MANIFEST.json", "{}");
    std::fs::create_dir(folder.path().join("2024-02-10")).expect("a folder");
    write("2024-02-10/prices.json", "{\"a\": 1}");
    folder
}

#[tokio::test]
async fn a_folder_of_dated_files_is_a_world() {
    let folder = folder();
    let data = Some(folder.path().to_owned());
    let demo = Demo::start(Options { data, speed: 1_000.0, ..Options::default() }).await;
    let text =
        async |query: &[(&str, &str)]| demo.get("/data/town/listings.csv", query).await.text().await.expect("text");
    // The clock begins at the earliest date.
    assert_eq!(demo.json("/control/clock", &[]).await.get("date"), Some(&json!("2024-01-31")));
    assert!(text(&[]).await.contains("$90.00"));
    demo.date("2024-02-28").await;
    assert_eq!(text(&[("id", "1")]).await, "id,url,price,last_scraped\n1,u1,\"$1,500.00\",2024-01-31\n");
    demo.date("2024-02-29").await;
    assert!(text(&[("id", "1")]).await.contains("$1,400.00"));
    assert!(text(&[("id", "2")]).await.ends_with("# rows: 0,,,,\n"));
    demo.date("2024-01-30").await;
    assert_eq!(demo.get("/data/town/listings.csv", &[]).await.status(), 404);
    let names = demo.json("/control/requests", &[]).await;
    assert_eq!(names.pointer("/by_source/town_listings_by_id/total"), Some(&json!(3)));
    assert_eq!(names.pointer("/by_source/town_listings/total"), Some(&json!(2)));

    let files = config(&demo.running.base_url(), Some(folder.path())).expect("a configuration");
    let (sources, profiles) = read(&files);
    check_needs(&sources, &profiles);
    let listings = sources.get("town_listings_by_id").and_then(|source| source.facts.first()).expect("a fact");
    let volatile: Vec<_> =
        listings.attrs.iter().filter(|(_, attr)| attr.volatile).map(|(name, _)| name.as_str()).collect();
    let required: Vec<_> =
        listings.attrs.iter().filter(|(_, attr)| attr.required).map(|(name, _)| name.as_str()).collect();
    assert_eq!((volatile, required), (vec!["last_scraped"], vec!["id"]));
    assert!(listings.attrs.contains_key("license"), "a column of any date");
    assert!(sources.contains_key("town_reviews_by_listing_id") && profiles.contains_key("town"));

    let empty = tempfile::tempdir().expect("a folder");
    assert!(config("http://x", Some(empty.path())).is_err());
    assert!(start(Options { data: Some(empty.path().join("none")), ..Options::default() }).await.is_err());
}

/// The folder of real sets; none, said loudly, where it is not.
fn real_data() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("MIRANO_DATA").map_or_else(beside, PathBuf::from);
    if data.join("airbnb_barossa_listings_dev").is_dir() {
        return Some(data);
    }
    eprintln!("LEFT OUT: no real data in {}; set MIRANO_DATA", data.display());
    None
}

/// The real sets, served from where they lie: through HTTP, the differences of what the connector calls material and
/// volatile are those that the sets' own file counts.
#[tokio::test]
async fn the_real_sets_change_as_their_own_counts_say() {
    let Some(data) = real_data() else { return };
    let options = Options { data: Some(data.clone()), speed: 1_000.0, faults: false, ..Options::default() };
    let demo = Demo::start(options).await;
    let files = config(&demo.running.base_url(), Some(&data)).expect("a configuration");
    let (sources, profiles) = read(&files);
    check_needs(&sources, &profiles);
    assert!(["barossa", "santa_cruz", "washington_dc"].iter().all(|set| profiles.contains_key(*set)));
    let attrs = &sources.get("barossa_listings").and_then(|source| source.facts.first()).expect("a fact").attrs;
    let expected = std::fs::read(data.join("airbnb_barossa_listings_dev/EXPECTED_DIFFS.json")).expect("the counts");
    let expected: Value = serde_json::from_slice(&expected).expect("JSON");
    let pairs = expected.get("pairs").and_then(Value::as_array).expect("pairs");
    assert_eq!(pairs.len(), 18);
    let table = async |date: &str| -> BTreeMap<String, BTreeMap<String, String>> {
        demo.date(date).await;
        let bytes = demo.get("/data/barossa/listings.csv", &[]).await.bytes().await.expect("bytes");
        let mut reader = csv::Reader::from_reader(bytes.as_ref());
        let rows = reader.deserialize::<BTreeMap<String, String>>().map(|row| row.expect("a row"));
        rows.map(|row| (row.get("id").cloned().unwrap_or_default(), row)).collect()
    };
    let ids = |pair: &Value, name: &str| -> BTreeSet<String> {
        let list = pair.get(name).and_then(Value::as_array).expect("ids");
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    for pair in pairs {
        let at = |name: &str| pair.get(name).and_then(Value::as_str).expect("a date").to_owned();
        let (before, after) = (table(&at("from")).await, table(&at("to")).await);
        let only = |these: &BTreeMap<String, _>, those: &BTreeMap<String, _>| -> BTreeSet<String> {
            these.keys().filter(|id| !those.contains_key(*id)).cloned().collect()
        };
        assert_eq!(only(&after, &before), ids(pair, "added"));
        assert_eq!(only(&before, &after), ids(pair, "removed"));
        for (field, count) in pair.get("changed_counts").and_then(Value::as_object).expect("counts") {
            let attr = attrs.get(field).unwrap_or_else(|| panic!("{field} is read"));
            // As a connector reads text: white space collapsed.
            let read = |row: &BTreeMap<String, String>| -> Vec<String> {
                row.get(attr.at.first())
                    .map(|text| text.split_whitespace().map(str::to_owned).collect())
                    .unwrap_or_default()
            };
            let changed =
                before.iter().filter(|(id, row)| after.get(*id).is_some_and(|new| read(new) != read(row))).count();
            assert_eq!(json!(changed), *count, "{field} {}", at("to"));
        }
    }
    let material = |name: &str| attrs.get(name).is_some_and(|attr| !attr.volatile);
    assert!(
        ["price", "name", "room_type", "property_type", "accommodates", "bedrooms", "minimum_nights"]
            .into_iter()
            .all(material)
    );
    assert!(
        ["number_of_reviews", "availability_365", "review_scores_rating", "last_scraped", "scrape_id"]
            .into_iter()
            .all(|name| !material(name))
    );
}
