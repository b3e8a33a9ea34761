//! The dated sets as `GET /v1/diff` tells them apart: any two of them, as the files themselves differ.

use super::{Changes, FromTo, Row, Rows, World};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use mirano::http::auth::{Caller, Role};
use mirano::http::{AppState, Auth, router};
use mirano::node::Node;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use tower::ServiceExt;

/// The interface, in this process.
pub struct Api(Router);

impl Api {
    pub fn of(node: &Node) -> Self {
        let stop = tokio_util::sync::CancellationToken::new();
        Self(router(AppState::new(node.engine.clone(), node.evidence.clone(), Auth::Off, None, stop)))
    }

    pub async fn get(&self, path: &str) -> Json {
        let mut request = Request::get(path).body(Body::empty()).expect("a request");
        let roles = [Role::User, Role::Auditor].into();
        request.extensions_mut().insert(Caller { key: "test".to_owned(), tenant: "test".to_owned(), roles });
        let answer = self.0.clone().oneshot(request).await.expect("answers");
        let ok = answer.status().is_success();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        assert!(ok, "{path}: {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// All pages of a diff: the first one, and the items of all.
    pub async fn diff(&self, from: &str, to: &str, limit: usize) -> (Json, Vec<Json>) {
        let part = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let path = format!("/v1/diff?from={}&to={}&limit={limit}", part(from), part(to));
        let first = self.get(&path).await;
        let (mut items, mut page) = (Vec::new(), first.clone());
        loop {
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            page = self.get(&format!("{path}&cursor={cursor}")).await;
            assert_eq!(page["counts"], first["counts"], "each page tells of the whole");
        }
        (first, items)
    }
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_else(|| panic!("text: {json}")).to_owned()
}

fn value(json: &Json) -> Option<String> {
    (!json.is_null()).then(|| text(json))
}

/// A diff in the words of the files.
pub fn told(items: &[Json]) -> Changes {
    let mut changes = Changes::default();
    for item in items {
        let id = text(&item["identity"]["id"]);
        match item["op"].as_str().expect("an op") {
            "added" => {
                assert!(item["from"].is_null() && item["to"]["identity"]["id"] == *id);
                assert!(changes.added.insert(id));
            }
            "gone" => {
                assert!(item["to"].is_null() && item["from"]["identity"]["id"] == *id);
                assert!(changes.gone.insert(id));
            }
            "changed" => {
                for (name, moved) in item["attrs"].as_object().expect("attributes") {
                    let values: FromTo = (value(&moved["from"]), value(&moved["to"]));
                    assert_ne!(values.0, values.1);
                    for (side, value) in [("from", &values.0), ("to", &values.1)] {
                        assert_eq!(item[side]["attrs"].get(name).map(text), *value, "{name} of {id}");
                    }
                    assert!(changes.changed.entry(name.clone()).or_default().insert(id.clone(), values).is_none());
                }
            }
            other => panic!("no op is called {other}"),
        }
    }
    changes
}

/// A date of the data: the snapshot sealed then, the moment right after, and the file.
pub struct Dated {
    pub date: String,
    pub snapshot: String,
    pub at: String,
    pub file: Rows,
}

/// Compares two dates over HTTP with the files.
pub async fn compare(world: &World, api: &Api, source: &str, from: &Dated, to: &Dated, limit: usize) {
    let (first, items) = api.diff(&from.snapshot, &to.snapshot, limit).await;
    let material = |rows: &Rows| -> Rows {
        let of_row = |row: &Row| -> Row {
            let cells = row.iter().filter(|(column, _)| !world.is_volatile(source, column));
            cells.map(|(column, cell)| (column.clone(), cell.clone())).collect()
        };
        rows.iter().map(|(id, row)| (id.clone(), of_row(row))).collect()
    };
    let expected = Changes::between(&material(&from.file), &material(&to.file));
    let seen = told(&items);
    assert_eq!(seen, expected, "{} to {}", from.date, to.date);
    let changed = expected.who(|_| true).len();
    let counts = &first["counts"];
    assert_eq!(counts["added"], expected.added.len());
    assert_eq!(counts["gone"], expected.gone.len());
    assert_eq!(counts["changed"], changed);
    assert_eq!(counts["unchanged"], from.file.len() - expected.gone.len() - changed);
    assert_eq!(
        (&first["from"]["snapshot_id"], &first["to"]["snapshot_id"]),
        (&json(&from.snapshot), &json(&to.snapshot))
    );
    assert_eq!(first["not_compared"], serde_json::json!([]));
    // What nearly all listings changed at once came from the form of the source.
    let common = from.file.len() - expected.gone.len();
    let of_form: BTreeSet<&String> = expected
        .changed
        .iter()
        .filter(|(_, who)| who.len() as f64 >= 0.9 * common as f64)
        .map(|(column, _)| column)
        .collect();
    for item in items.iter().filter(|item| item["op"] == "changed") {
        let all = item["attrs"].as_object().expect("attributes").keys().all(|name| of_form.contains(name));
        assert_eq!(item["cause"], if all { "connector" } else { "world" }, "{item:#}");
    }
}

fn json(text: &str) -> Json {
    Json::from(text)
}

/// The consecutive pairs of the data against what came with it, and many other pairs against the files.
pub async fn all(world: &World, source: &str, dates: &[Dated], expected: &[Json]) {
    let api = Api::of(&world.node);
    for (n, pair) in expected.iter().enumerate() {
        let (from, to) = (&dates[n], &dates[n + 1]);
        compare(world, &api, source, from, to, if n == 0 { 7 } else { 500 }).await;
        let seen = told(&api.diff(&from.snapshot, &to.snapshot, 500).await.1);
        assert_eq!(seen.added, super::set(&pair["added"]));
        assert_eq!(seen.gone, super::set(&pair["removed"]));
        for (field, count) in pair["changed_counts"].as_object().expect("counts") {
            if !world.is_volatile(source, field) {
                assert_eq!(seen.count(field) as u64, count.as_u64().expect("a count"), "{field} on {}", to.date);
            }
        }
        let prices = pair["price_changes"].as_array().expect("a list");
        let prices: BTreeMap<String, FromTo> = prices
            .iter()
            .map(|price| (text(&price["id"]), (Some(text(&price["old"])), Some(text(&price["new"])))))
            .collect();
        assert_eq!(seen.changed.get("price").cloned().unwrap_or_default(), prices, "{}", to.date);
    }
    // Any pair, backwards too.
    let mut pairs = 0;
    for from in dates {
        for to in dates {
            compare(world, &api, source, from, to, 500).await;
            pairs += 1;
        }
    }
    // The whole base, and the moments of one job, say the same of the same dates.
    for (a, b) in [(0, 1), (3, 17), (17, 3)] {
        let (from, to) = (&dates[a], &dates[b]);
        let expected = told(&api.diff(&from.snapshot, &to.snapshot, 500).await.1);
        let (first, items) = api.diff(&format!("world@{}", from.at), &format!("world@{}", to.at), 500).await;
        assert_eq!(told(&items), expected, "the whole base from {} to {}", from.date, to.date);
        assert_eq!(first["from"]["kind"], "world");
    }
    println!("{} consecutive pairs and {pairs} others are told as the files differ", expected.len());
}
