//! The demo as connectors read it: its configuration compiled, its answers judged, its faults told apart.

use super::{Demo, folder, inn_of, real_data};
use crate::core::policy::Policy;
use crate::core::risk::{Coverage, DEFAULT_RISK_TOML, FactInput, SourceCoverage, compile};
use crate::demo::{Options, Showcase, config_at_speed};
use crate::sources::address::{Confidence, canonicalise};
use crate::sources::config::{LoadedConfig, load};
use crate::sources::connector::{Answer, AskContext, Assembly, Connector, RawPage};
use mirano_schemas::{Assessment, Fact, Outcome, RiskState, Subject, canonical};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A configuration as the engine would adopt it.
fn loaded(demo: &Demo, data: Option<&Path>) -> LoadedConfig {
    let mut files = config_at_speed(&demo.running.base_url(), data, 1_000.0).expect("a configuration");
    // Risk rules are the caller's: the default ones, so that both are seen to fit.
    files.insert("risk.toml".to_owned(), DEFAULT_RISK_TOML.to_owned());
    load(&files).unwrap_or_else(|problems| panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>()))
}

impl Demo {
    /// Asks a source as a worker does, page by page, without retries.
    async fn ask(&self, config: &LoadedConfig, source: &str, params: &[(&str, &str)]) -> Answer {
        let spec = config.document.sources.get(source).expect("a source");
        let connector = Connector::compile(spec).expect("compiles");
        let params: BTreeMap<String, String> = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let ctx = AskContext { params, subject: "property:demo".to_owned() };
        let mut assembly = Assembly::new(&connector);
        let mut next = Some(connector.first(&ctx.params).expect("a request"));
        while let Some(request) = next {
            let sent = match self.client.get(request.url.clone()).send().await {
                Ok(response) => response,
                Err(error) => return Answer::failed(Outcome::Unavailable, error.to_string()),
            };
            let status = sent.status().as_u16();
            let header = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = sent.headers().iter().map(|(name, value)| (name.to_string(), header(value))).collect();
            let body = match sent.bytes().await {
                Ok(body) => body,
                Err(error) => return Answer::failed(Outcome::Unavailable, error.to_string()),
            };
            let page = RawPage { status, headers, body, final_url: request.url.to_string() };
            next = assembly.add(connector.read(&ctx, &request, &page));
        }
        assembly.finish()
    }
}

/// Parameters by name.
type Params<'a> = Vec<(&'a str, &'a str)>;

#[tokio::test]
async fn every_source_is_found_and_its_nothing_is_proven() {
    let demo = Demo::fast().await;
    let config = loaded(&demo, None);
    let inn = inn_of(Showcase::High);
    let cases: [(&str, Params<'_>, Params<'_>, usize); 7] = [
        ("cadastre", vec![("address", Showcase::High.address())], vec![("address", Showcase::Nothing.address())], 2),
        ("listings", vec![("address", Showcase::Large.address())], vec![("address", Showcase::Nothing.address())], 180),
        ("reviews", vec![("address", Showcase::High.address())], vec![("address", Showcase::Nothing.address())], 4),
        ("courts", vec![("inn", &inn)], vec![("inn", "7707083893")], 30),
        ("companies", vec![("inn", &inn)], vec![("inn", "7707083893")], 1),
        ("enforcement", vec![("inn", &inn)], vec![("inn", "7707083893")], 5),
        (
            "enforcement_persons",
            vec![("name", "Небылицын Пётр Выдумович"), ("birth_date", "1970-01-01")],
            vec![("name", "Иванов Иван Иванович"), ("birth_date", "1970-01-01")],
            1,
        ),
    ];
    for date in ["2020-01-01", "2023-06-15", "2026-03-01", "2026-12-31"] {
        demo.date(date).await;
        for (source, found, nothing, least) in &cases {
            let answer = demo.ask(&config, source, found).await;
            // Before the world's middle a source may have little to say; at its showing date it has not.
            if date == "2026-03-01" || answer.outcome != Outcome::NothingFound {
                assert_eq!(answer.outcome, Outcome::Found, "{source} {date}: {:?}", answer.cause);
            }
            assert!(answer.complete && answer.cause.is_none(), "{source} {date}");
            assert!(date != "2026-03-01" || answer.facts.len() >= *least, "{source}: {}", answer.facts.len());
            if *source != "companies" {
                assert_eq!(answer.as_of.as_deref(), Some(date), "{source}");
            }
            let answer = demo.ask(&config, source, nothing).await;
            assert_eq!(answer.outcome, Outcome::NothingFound, "{source} {date}: {:?}", answer.cause);
            assert!(!answer.by_status_only && answer.complete, "{source}");
        }
    }
}

/// The demo does not begin with a warning.
#[tokio::test]
async fn the_rules_built_in_read_what_the_sources_give() {
    let demo = Demo::fast().await;
    let policy = Policy::compile(1, loaded(&demo, None).document, BTreeMap::new()).expect("compiles");
    assert_eq!(policy.attributes_of_no_source(), BTreeMap::new());
    assert_eq!(policy.kinds_of_no_source(), BTreeMap::new());
}

#[tokio::test]
async fn faults_are_told_apart() {
    let demo = Demo::fast().await;
    let config = loaded(&demo, None);
    let inn = inn_of(Showcase::High);
    let sources = [
        ("cadastre", ("address", Showcase::High.address())),
        ("courts", ("inn", inn.as_str())),
        ("enforcement", ("inn", &inn)),
        ("listings", ("address", Showcase::High.address())),
        ("companies", ("inn", &inn)),
        ("reviews", ("address", Showcase::High.address())),
    ];
    for (source, param) in sources {
        for (kind, expected) in [
            ("outage", Outcome::Unavailable),
            ("status_500", Outcome::Unavailable),
            ("half_page", Outcome::Unavailable),
            ("captcha", Outcome::Blocked),
            ("status_403", Outcome::Blocked),
            ("429", Outcome::Blocked),
            ("maintenance", Outcome::Unparsable),
            ("garbage", Outcome::Unparsable),
        ] {
            demo.order(source, kind).await;
            assert_eq!(demo.ask(&config, source, &[param]).await.outcome, expected, "{source} {kind}");
        }
        // Who states the charset reads it through the header's lie; for the others it is no page that they know.
        demo.order(source, "wrong_charset").await;
        let expected = if source == "enforcement" { Outcome::Found } else { Outcome::Unparsable };
        assert_eq!(demo.ask(&config, source, &[param]).await.outcome, expected, "{source} wrong_charset");
        assert_eq!(demo.ask(&config, source, &[param]).await.outcome, Outcome::Found, "{source} is well again");
    }
}

#[tokio::test]
async fn addresses_reach_their_places_through_the_canonical_form() {
    let demo = Demo::fast().await;
    let config = loaded(&demo, None);
    for case in Showcase::ALL {
        let address = canonicalise(case.address()).expect("an address");
        assert!(address.confidence <= Confidence::Medium, "{case:?}: {:?} {:?}", address.confidence, address.warnings);
        let direct = demo.ask(&config, "listings", &[("address", case.address())]).await.facts;
        assert_eq!(demo.ask(&config, "listings", &[("address", &address.building)]).await.facts, direct, "{case:?}");
        let direct = demo.ask(&config, "cadastre", &[("address", case.address())]).await.facts;
        assert_eq!(demo.ask(&config, "cadastre", &[("address", &address.canonical)]).await.facts, direct, "{case:?}");
    }
    // Of any address the flat and its building have one developer.
    for line in ["г Москва, ул Тверская 7, кв 12", "СПб, Невский пр., д. 28 корп. 2, кв 5", "10 Main St, Springfield"]
    {
        let address = canonicalise(line).expect("an address");
        let mut developers = BTreeSet::new();
        for asked in [&address.canonical, &address.building] {
            let facts = demo.ask(&config, "cadastre", &[("address", asked)]).await.facts;
            developers.extend(
                facts
                    .into_iter()
                    .filter(|fact| fact.kind == "cadastre.developer")
                    .map(|fact| format!("{:?}", fact.identity)),
            );
        }
        assert_eq!(developers.len(), 1, "{line}: {developers:?}");
    }
}

#[tokio::test]
async fn connectors_made_from_headers_read_every_date() {
    let folder = folder();
    let options = Options { data: Some(folder.path().to_owned()), speed: 1_000.0, faults: false, ..Options::default() };
    let demo = Demo::start(options).await;
    let config = loaded(&demo, Some(folder.path()));
    let gone = async || demo.ask(&config, "town_listings_by_id", &[("id", "2")]).await;
    let first = demo.ask(&config, "town_listings", &[]).await;
    assert_eq!((first.outcome, first.facts.len()), (Outcome::Found, 2));
    let known = gone().await;
    assert_eq!(known.outcome, Outcome::Found);
    assert!(known.facts.iter().all(|fact| fact.subject == "property:town-2"), "whoever asks, at whatever address");
    demo.date("2024-02-29").await;
    let second = demo.ask(&config, "town_listings", &[]).await;
    assert_eq!((second.outcome, second.facts.len()), (Outcome::Found, 2), "{:?}", second.cause);
    let gone = gone().await;
    assert_eq!(
        (gone.outcome, gone.by_status_only, gone.complete),
        (Outcome::NothingFound, false, true),
        "{:?}",
        gone.cause
    );
    let reviews = demo.ask(&config, "town_reviews_by_listing_id", &[("listing_id", "1")]).await;
    assert_eq!(reviews.facts.len(), 1);
}

#[tokio::test]
async fn headers_as_people_write_them_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write(
        "город_2024-01-31_prices.csv",
        "адрес,2024,source,Price,note\n\"Мира, 7\",1,web,10,\n\"Мира, 7\",2,web,20,x\n\"Мира, 9\",1,web,30,\n",
    );
    write("город_2024-02-29_prices.csv", "адрес,2024,source,price\n\"Мира, 7\",1,web,11\n");
    write("town_2024-01-31_calendar.csv", "\"listing_id\",\"date\"\n1,2024-02-01\n1,2024-02-02\n");
    let options = Options { data: Some(folder.path().to_owned()), speed: 1_000.0, faults: false, ..Options::default() };
    let demo = Demo::start(options).await;
    let config = loaded(&demo, Some(folder.path()));
    let list = config.document.sources.keys().find(|id| id.ends_with("_prices")).expect("a source").clone();
    let by = format!("{list}_by_adres");
    let first = demo.ask(&config, &list, &[]).await;
    assert_eq!((first.outcome, first.facts.len()), (Outcome::Found, 3), "{:?}", first.cause);
    let fact = first.facts.first().expect("a fact");
    let identity: Vec<&str> = fact.identity.keys().map(String::as_str).collect();
    assert_eq!(identity, ["adres", "c_2024", "c_source"], "what every row of every date has");
    assert_eq!(fact.attrs.keys().collect::<Vec<_>>(), ["price"]);
    let one = demo.ask(&config, &by, &[("adres", "Мира, 7")]).await;
    assert_eq!((one.outcome, one.facts.len()), (Outcome::Found, 2), "{:?}", one.cause);
    let calendar = demo.ask(&config, "town_calendar", &[]).await;
    assert_eq!((calendar.outcome, calendar.facts.len()), (Outcome::Found, 2), "{:?}", calendar.cause);
    demo.date("2024-02-29").await;
    let second = demo.ask(&config, &list, &[]).await;
    assert_eq!((second.outcome, second.facts.len()), (Outcome::Found, 1), "{:?}", second.cause);
    assert_eq!(second.facts.first().map(|fact| fact.attrs.keys().cloned().collect()), Some(vec!["price_2".to_owned()]));
}

impl Demo {
    /// What the standard profile finds at an address, and the risk by the default rules.
    async fn risk(&self, config: &LoadedConfig, address: &str, as_of: &str) -> Assessment {
        let mut facts: Vec<Fact> = Vec::new();
        let mut coverage = Coverage::default();
        let mut inn = None;
        for (source, param) in [
            ("cadastre", "address"),
            ("listings", "address"),
            ("reviews", "address"),
            ("courts", "inn"),
            ("companies", "inn"),
            ("enforcement", "inn"),
        ] {
            let value = if param == "inn" { inn.clone().expect("a developer") } else { address.to_owned() };
            let answer = self.ask(config, source, &[(param, &value)]).await;
            assert!(answer.complete, "{source}: {:?}", answer.cause);
            coverage.sources.insert(source.to_owned(), SourceCoverage { fresh: 1, ..SourceCoverage::default() });
            for fact in answer.facts {
                if let Some(mirano_schemas::Value::Text(found)) = fact.identity.get("inn") {
                    inn = Some(found.clone());
                }
                let subject = Subject(fact.subject);
                let (source, kind) = (source.to_owned(), fact.kind);
                let (identity, attrs, valid) = (fact.identity, fact.attrs, fact.valid);
                facts.push(Fact { source, kind, subject, matched: fact.matched, identity, attrs, valid, connector: 1 });
            }
        }
        let volatile = config.document.sources.values().flat_map(|source| &source.facts).flat_map(|fact| {
            let volatile = fact.attrs.iter().filter(|(_, attr)| attr.volatile);
            volatile.map(|(name, _)| (fact.kind.clone(), name.clone()))
        });
        let rules = compile(&config.document.risk, &volatile.collect()).expect("the default rules");
        let mut state = RiskState::default();
        let inputs: Vec<_> = facts.iter().map(|fact| FactInput { fact_id: canonical::fact_id(fact), fact }).collect();
        rules.update(&mut state, as_of, &[], &inputs, &|| inputs.clone());
        rules.assess(&state, &coverage)
    }
}

#[tokio::test]
async fn the_show_cases_are_what_they_are_called() {
    let demo = Demo::fast().await;
    let config = loaded(&demo, None);
    let low = demo.risk(&config, Showcase::Low.address(), "2026-03-01").await;
    assert_eq!((low.level.as_str(), low.stops.as_slice()), ("low", [].as_slice()), "{:?}", low.factors);
    let high = demo.risk(&config, Showcase::High.address(), "2026-03-01").await;
    assert!(high.level == "critical" && high.score_is == mirano_schemas::ScoreIs::Exact, "{high:?}");
    assert!(
        ["cadastre.arrest", "insolvency.open"].iter().all(|stop| high.stops.iter().any(|s| s == stop)),
        "{:?}",
        high.stops
    );
    // Before the petition there were signs at most, and before them nothing of the kind.
    let mut scores = vec![high.score];
    for date in ["2025-10-13", "2025-03-01"] {
        demo.date(date).await;
        let before = demo.risk(&config, Showcase::High.address(), date).await;
        assert!(before.stops.is_empty(), "{date}: {:?}", before.stops);
        scores.push(before.score);
    }
    assert!(scores.is_sorted_by(|later, earlier| later > earlier), "{scores:?}");
}

/// The real sets through the connector that is made for them: what counts as news is exactly what their own file counts.
#[tokio::test]
async fn facts_of_the_real_sets_change_as_their_own_counts_say() {
    let Some(data) = real_data() else { return };
    let options = Options { data: Some(data.clone()), speed: 1_000.0, faults: false, ..Options::default() };
    let demo = Demo::start(options).await;
    let config = loaded(&demo, Some(&data));
    let expected = std::fs::read(data.join("airbnb_barossa_listings_dev/EXPECTED_DIFFS.json")).expect("the counts");
    let expected: serde_json::Value = serde_json::from_slice(&expected).expect("JSON");
    let pairs = expected.get("pairs").and_then(serde_json::Value::as_array).expect("pairs");
    let list = async |date: &str| {
        demo.date(date).await;
        let answer = demo.ask(&config, "barossa_listings", &[]).await;
        assert!(answer.outcome == Outcome::Found && answer.complete, "{date}: {:?}", answer.cause);
        answer.facts.into_iter().map(|fact| (fact.identity.clone(), fact)).collect::<BTreeMap<_, _>>()
    };
    let material = [
        "price",
        "name",
        "room_type",
        "property_type",
        "accommodates",
        "bedrooms",
        "minimum_nights",
        "host_id",
        "license",
        "latitude",
    ];
    for pair in pairs {
        let at = |name: &str| pair.get(name).and_then(serde_json::Value::as_str).expect("a date").to_owned();
        let count = |name: &str| pair.get(name).and_then(serde_json::Value::as_array).map_or(0, Vec::len);
        let (before, after) = (list(&at("from")).await, list(&at("to")).await);
        assert_eq!(after.keys().filter(|id| !before.contains_key(*id)).count(), count("added"));
        assert_eq!(before.keys().filter(|id| !after.contains_key(*id)).count(), count("removed"));
        for field in material {
            let changed = before
                .iter()
                .filter(|(id, old)| after.get(*id).is_some_and(|new| new.attrs.get(field) != old.attrs.get(field)));
            let expected = pair.pointer(&format!("/changed_counts/{field}")).and_then(serde_json::Value::as_u64);
            assert_eq!(Some(changed.count() as u64), expected, "{field} {}", at("to"));
        }
    }
}
