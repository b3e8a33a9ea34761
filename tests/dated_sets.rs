//! Real dated sets of listings and reviews, served from where they lie: after the TTL ends, a re-check finds exactly what
//! changed between two dates, no more and no less.
//!
//! What is to be found is said twice, by others than the engine: by the counts that came with the data, and by a reader in
//! this test that compares the files cell by cell. The engine's side is read through its views alone.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

#[path = "dated_sets/diffs.rs"]
mod diffs;
mod support;

use chrono::NaiveDate;
use mirano::demo;
use mirano::engine::Clock;
use mirano::node::{Node, Workers};
use mirano_replay::facts;
use mirano_replay::rows::{FactRow, ObservationRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{Attrs, FactId, JobId, JobStatus, ObservationId, Origin, Sealable, SharedFact, Value};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use support::{MovedClock, client, configuration_with, counted, create_as, job, node_at, real_data, until_final};

const ADDRESS: &str = "г. Москва, ул. Тверская, д. 7";
const PROFILES: &str = r#"
[listings_of_barossa]
title = { ru = "Объявления", en = "Listings" }
needs = [{ source = "barossa_listings" }]
[reviews_of_barossa]
title = { ru = "Отзывы", en = "Reviews" }
needs = [{ source = "barossa_reviews" }]
[two_cities]
title = { ru = "Два города", en = "Two cities" }
needs = [{ source = "santa_cruz_listings" }, { source = "washington_dc_listings" }]
"#;

/// A row: column, as attributes are named, → text, its white space collapsed; empty cells are left out.
type Row = BTreeMap<String, String>;
/// Rows by the text of their identity.
type Rows = BTreeMap<String, Row>;

/// A cell before and after; none: it was empty.
type FromTo = (Option<String>, Option<String>);

/// What changed between two tables.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    added: BTreeSet<String>,
    gone: BTreeSet<String>,
    /// Of those that are in both: column → who has another value there, from and to.
    changed: BTreeMap<String, BTreeMap<String, FromTo>>,
}

impl Changes {
    fn between(from: &Rows, to: &Rows) -> Self {
        let mut changes = Self {
            added: to.keys().filter(|id| !from.contains_key(*id)).cloned().collect(),
            gone: from.keys().filter(|id| !to.contains_key(*id)).cloned().collect(),
            changed: BTreeMap::new(),
        };
        for (id, old) in from {
            let Some(new) = to.get(id) else { continue };
            for column in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let values = (old.get(column).cloned(), new.get(column).cloned());
                if values.0 != values.1 {
                    changes.changed.entry(column.clone()).or_default().insert(id.clone(), values);
                }
            }
        }
        changes
    }

    fn count(&self, column: &str) -> usize {
        self.changed.get(column).map_or(0, BTreeMap::len)
    }

    /// Who differs in any of these columns.
    fn who(&self, columns: impl Fn(&str) -> bool) -> BTreeSet<&String> {
        self.changed.iter().filter(|(column, _)| columns(column)).flat_map(|(_, who)| who.keys()).collect()
    }
}

/// What an observation shows, read through the views.
struct Shown {
    ids: Vec<FactId>,
    by_identity: BTreeMap<String, FactId>,
    material: Rows,
    volatile: Rows,
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => panic!("the connectors of files read text: {other:?}"),
    }
}

fn row(attrs: &Attrs) -> Row {
    attrs.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn plain<T: Clone>(sealable: &Sealable<T>) -> T {
    match sealable {
        Sealable::Plain(plain) => plain.clone(),
        Sealable::Sealed(_) => panic!("nobody's secret"),
    }
}

fn shown(node: &Node, observation: ObservationId) -> Shown {
    let views = &**node.engine.views();
    let row_of: ObservationRow = views.row(observation.as_bytes()).expect("readable").expect("there");
    assert!(row_of.recorded.complete);
    let ids = facts::set(views, row_of.recorded.facts_root).expect("a set");
    assert_eq!(ids.len(), row_of.recorded.facts as usize);
    let volatile = facts::volatile(views, observation).expect("volatile");
    let mut shown = Shown { ids, by_identity: BTreeMap::new(), material: Rows::new(), volatile: Rows::new() };
    for id in &shown.ids {
        let known: FactRow = views.row(id.as_bytes()).expect("readable").expect("each fact of a set is there");
        let open = known.intervals.iter().filter(|interval| interval.to.is_none()).count();
        let fact: SharedFact = plain(&known.body);
        let identity: Vec<String> = fact.identity.values().map(text).collect();
        let identity = identity.join(" ");
        assert_eq!(open, 1, "{identity} is shown by one query, now");
        assert!(shown.by_identity.insert(identity.clone(), *id).is_none(), "{identity} twice");
        shown.material.insert(identity.clone(), row(&fact.attrs));
        shown.volatile.insert(identity, volatile.get(id).map(|attrs| row(&plain(attrs))).unwrap_or_default());
    }
    shown
}

/// A file as it lies there, read by nothing of Mirano.
fn file(path: &Path, identity: &str) -> Rows {
    use unicode_normalization::UnicodeNormalization;
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let columns: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let mut rows = Rows::new();
    for record in reader.records() {
        let record = record.expect("a row");
        let mut row = Row::new();
        for (column, cell) in columns.iter().zip(record.iter()) {
            let cell: String = cell.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
            if !cell.is_empty() {
                row.insert(column.to_lowercase(), cell);
            }
        }
        let id = row.remove(identity).expect("each row has an identity");
        assert!(rows.insert(id, row).is_none(), "an identity stands in one row");
    }
    rows
}

/// A node over the real data, and the clocks of both sides.
struct World {
    data: PathBuf,
    sources: demo::Running,
    clock: Arc<MovedClock>,
    node: Node,
    workers: Workers,
    volatile: BTreeMap<String, BTreeSet<String>>,
    date: Option<NaiveDate>,
    jobs: u64,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(data: PathBuf) -> Self {
        let speed = 40.0;
        let options = demo::Options { speed, faults: false, data: Some(data.clone()), ..demo::Options::default() };
        let sources = demo::start(options).await.expect("demo");
        let configuration = configuration_with(&sources, Some(&data), speed, PROFILES);
        let mut volatile: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (id, source) in &configuration.document.sources {
            let names = source.facts.iter().flat_map(|fact| &fact.attrs).filter(|(_, attr)| attr.volatile);
            volatile.insert(id.clone(), names.map(|(name, _)| name.clone()).collect());
        }
        let (folder, clock) = (tempfile::tempdir().expect("temp"), Arc::<MovedClock>::default());
        let (node, workers) = node_at(folder.path(), &configuration, 1, &clock).await;
        Self { data, sources, clock, node, workers, volatile, date: None, jobs: 0, _folder: folder }
    }

    /// Both clocks move to a date: the sources', and the engine's by as many days.
    async fn go_to(&mut self, date: &str) {
        let url = format!("{}/control/clock", self.sources.base_url());
        let answer = client().post(url).json(&json!({"date": date})).send().await.expect("answers");
        assert!(answer.status().is_success(), "{date}");
        let date: NaiveDate = date.parse().expect("a date");
        if let Some(before) = self.date.replace(date) {
            let days = u64::try_from((date - before).num_days()).expect("later");
            self.clock.advance(Duration::from_secs(days * 86_400));
        }
    }

    fn last_job(&self) -> JobId {
        JobId::of(&[&self.jobs.to_be_bytes()])
    }

    async fn job(&mut self, profile: &str, origin: Origin) -> BTreeMap<String, ObservationId> {
        self.jobs += 1;
        let id = JobId::of(&[&self.jobs.to_be_bytes()]);
        create_as(&self.node, id, ADDRESS, profile, &[]).await;
        let row = until_final(&self.node, id).await;
        assert_eq!(row.status, JobStatus::Completed, "{row:#?}");
        let answered = row.needs.iter().map(|need| {
            let receipt = need.receipt.as_ref().expect("answered");
            assert_eq!(receipt.origin, origin, "{} on {:?}", receipt.source, self.date);
            (receipt.source.clone(), receipt.observation)
        });
        answered.collect()
    }

    /// A check that asks, and one right after it that finds all of it and asks nobody.
    async fn check(&mut self, profile: &str) -> BTreeMap<String, ObservationId> {
        let asked = self.job(profile, Origin::Fetched).await;
        let before = counted(&self.sources.base_url()).await;
        assert_eq!(self.job(profile, Origin::Reused).await, asked);
        assert_eq!(counted(&self.sources.base_url()).await, before, "within the TTL nobody is asked");
        asked
    }

    /// The date as it was sealed by the last check.
    fn dated(&self, date: &str, file: &Rows) -> diffs::Dated {
        let job = job(&self.node, self.last_job());
        let snapshot = job.snapshots.last().expect("sealed").snapshot.to_string();
        let at = mirano::explain::time::rfc3339(self.clock.now());
        diffs::Dated { date: date.to_owned(), snapshot, at, file: file.clone() }
    }

    fn is_volatile(&self, source: &str, column: &str) -> bool {
        self.volatile[source].contains(column)
    }

    /// The engine's facts before and after against the files themselves: every cell, volatile ones apart.
    fn compare(&self, source: &str, from: (&Shown, &Rows), to: (&Shown, &Rows)) -> (Changes, Changes) {
        let split = |rows: &Rows, volatile: bool| -> Rows {
            let of_row = |row: &Row| -> Row {
                let cells = row.iter().filter(|(column, _)| self.is_volatile(source, column) == volatile);
                cells.map(|(column, cell)| (column.clone(), cell.clone())).collect()
            };
            rows.iter().map(|(id, row)| (id.clone(), of_row(row))).collect()
        };
        let material = Changes::between(&from.0.material, &to.0.material);
        let volatile = Changes::between(&from.0.volatile, &to.0.volatile);
        assert_eq!(material, Changes::between(&split(from.1, false), &split(to.1, false)), "{source}");
        assert_eq!(volatile, Changes::between(&split(from.1, true), &split(to.1, true)), "{source}");
        // Facts that came and went are the rows that came, went or changed in what is material, and nothing else.
        let (came, went) = facts::difference(&from.0.ids, &to.0.ids);
        let touched = material.who(|_| true);
        assert_eq!(came.len(), material.added.len() + touched.len(), "{source}");
        assert_eq!(went.len(), material.gone.len() + touched.len(), "{source}");
        for (identity, before) in &from.0.by_identity {
            if let Some(after) = to.0.by_identity.get(identity) {
                assert_eq!(before != after, touched.contains(identity), "{identity}: another id only for news");
            }
        }
        (material, volatile)
    }
}

fn json_of(path: PathBuf) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("JSON")
}

fn set(value: &serde_json::Value) -> BTreeSet<String> {
    value.as_array().expect("a list").iter().map(|id| id.as_str().expect("text").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nineteen_months_of_listings_differ_exactly_as_they_did() {
    let Some(data) = real_data("nineteen dated snapshots of Barossa's listings") else { return };
    let mut world = World::new(data).await;
    let (source, folder) = ("barossa_listings", world.data.join("airbnb_barossa_listings_dev"));
    let expected = json_of(folder.join("EXPECTED_DIFFS.json"));
    let pairs = expected["pairs"].as_array().expect("pairs");
    let dates = || pairs[..1].iter().map(|pair| &pair["from"]).chain(pairs.iter().map(|pair| &pair["to"]));
    let dates: Vec<&str> = dates().map(|date| date.as_str().expect("a date")).collect();
    assert_eq!(dates.len(), 19);

    let mut last: Option<(Shown, Rows)> = None;
    let mut dated = Vec::new();
    // Identity → since when it is gone, and the fact that it was.
    let mut gone: BTreeMap<String, (String, FactId)> = BTreeMap::new();
    let (mut back, mut same_again) = (BTreeSet::new(), 0);
    for (n, date) in dates.iter().enumerate() {
        world.go_to(date).await;
        let observation = world.check("listings_of_barossa").await[source];
        let now = (shown(&world.node, observation), file(&folder.join(format!("{date}_listings.csv")), "id"));
        dated.push(world.dated(date, &now.1));
        if let Some(before) = &last {
            let pair = &pairs[n - 1];
            let (material, volatile) = world.compare(source, (&before.0, &before.1), (&now.0, &now.1));
            assert_eq!(material.added, set(&pair["added"]), "{date}");
            assert_eq!(material.gone, set(&pair["removed"]), "{date}");
            let counts = pair["changed_counts"].as_object().expect("counts");
            for (field, count) in counts {
                let changes = if world.is_volatile(source, field) { &volatile } else { &material };
                assert_eq!(changes.count(field) as u64, count.as_u64().expect("a count"), "{field} on {date}");
            }
            // The data's own count of rows without news leaves places out: on 2019-03-13 all of them were blurred anew.
            let watched = material.who(|column| counts.contains_key(column) && column != "latitude").len();
            let common = before.1.len() - material.gone.len();
            assert_eq!((common - watched) as u64, pair["unchanged_on_watch_fields"].as_u64().expect("a count"));
            let prices = |change: &serde_json::Value| {
                let text = |name: &str| change[name].as_str().expect("text").to_owned();
                (text("id"), (Some(text("old")), Some(text("new"))))
            };
            let prices: BTreeMap<_, _> = pair["price_changes"].as_array().expect("a list").iter().map(prices).collect();
            assert_eq!(material.changed["price"], prices, "{date}");

            for id in &material.gone {
                gone.insert(id.clone(), ((*date).to_owned(), before.0.by_identity[id]));
            }
            for id in &material.added {
                let Some((since, fact)) = gone.remove(id) else { continue };
                back.insert((id.clone(), since, (*date).to_owned()));
                if now.0.by_identity[id] == fact {
                    same_again += 1;
                    let known: FactRow =
                        world.node.engine.views().row(fact.as_bytes()).expect("readable").expect("there");
                    let mut intervals = known.intervals.iter().rev();
                    assert!(intervals.next().is_some_and(|now| now.to.is_none()), "{id} is shown again");
                    assert!(intervals.next().is_some_and(|before| before.to.is_some()), "{id} was gone, not deleted");
                }
            }
            println!(
                "{date}: {} came, {} went, {} of {common} changed in what is material, {} only in what is volatile",
                material.added.len(),
                material.gone.len(),
                material.who(|_| true).len(),
                volatile.who(|_| true).difference(&material.who(|_| true)).count(),
            );
        }
        last = Some(now);
    }
    let text = |back: &serde_json::Value, name: &str| back[name].as_str().expect("text").to_owned();
    let expected: BTreeSet<_> = expected["reappearances"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (text(one, "id"), text(one, "gone_since"), text(one, "back")))
        .collect();
    assert_eq!(back, expected);
    diffs::all(&world, source, &dated, pairs).await;
    println!("{} came back, {same_again} of them as the very fact that they were", back.len());
    world.workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_cities_differ_as_counted() {
    let Some(data) = real_data("two dates of two cities' listings") else { return };
    let mut world = World::new(data).await;
    let folder = world.data.join("airbnb_us_two_dates");
    let manifest = json_of(folder.join("MANIFEST.json"));
    world.go_to("2024-12-31").await;
    let first = world.check("two_cities").await;
    // What is no longer shown must be read before the next observation closes its intervals.
    let before: BTreeMap<&String, Shown> = first.iter().map(|(source, at)| (source, shown(&world.node, *at))).collect();
    world.go_to("2025-03-28").await;
    let second = world.check("two_cities").await;
    for (city, dates) in [("santa_cruz", ["2024-12-31", "2025-03-28"]), ("washington_dc", ["2024-12-18", "2025-03-13"])]
    {
        let source = format!("{city}_listings");
        let [from, to] = dates.map(|date| file(&folder.join(format!("{city}_{date}_listings.csv")), "listing_id"));
        let after = shown(&world.node, second[&source]);
        let (material, volatile) = world.compare(&source, (&before[&source], &from), (&after, &to));
        let names = dates.map(|date| format!("{city}_{date}"));
        let pairs = manifest.as_array().expect("a list");
        let counts = pairs.iter().find(|entry| entry["pair"] == json!(names)).expect("the pair is counted");
        let count = |name: &str| counts[name].as_u64().expect("a count") as usize;
        assert_eq!((material.gone.len(), material.added.len()), (count("only_first"), count("only_second")), "{city}");
        assert_eq!(from.len() - material.gone.len(), count("common"), "{city}");
        for (name, count) in counts.as_object().expect("counts") {
            let Some(field) = name.strip_prefix("changed_") else { continue };
            let changes = if world.is_volatile(&source, field) { &volatile } else { &material };
            assert_eq!(changes.count(field) as u64, count.as_u64().expect("a count"), "{field} of {city}");
        }
        println!(
            "{city}: {} came, {} went, {} of {} changed",
            material.added.len(),
            material.gone.len(),
            material.who(|_| true).len(),
            count("common")
        );
    }
    world.workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviews_of_three_dates_differ_as_the_files_do() {
    let Some(data) = real_data("three dated snapshots of Barossa's reviews") else { return };
    let mut world = World::new(data).await;
    let (source, folder) = ("barossa_reviews", world.data.join("airbnb_barossa_reviews"));
    let mut last: Option<(Shown, Rows)> = None;
    for (date, count) in [("2018-06-19", 4_305), ("2018-07-24", 4_520), ("2019-06-22", 6_642)] {
        world.go_to(date).await;
        let observation = world.check("reviews_of_barossa").await[source];
        let now = (shown(&world.node, observation), file(&folder.join(format!("{date}_reviews.csv")), "id"));
        assert_eq!(now.0.ids.len(), count);
        if let Some(before) = &last {
            let (material, _) = world.compare(source, (&before.0, &before.1), (&now.0, &now.1));
            assert!(material.added.len() > material.gone.len(), "reviews are written");
            println!(
                "{date}: {} came, {} went, {} changed",
                material.added.len(),
                material.gone.len(),
                material.who(|_| true).len()
            );
        }
        last = Some(now);
    }
    world.workers.stop().await;
}
