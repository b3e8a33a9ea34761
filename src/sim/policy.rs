//! The policies of the model world: which sources there are, their limits, and the TTLs that change in the middle.

use super::farm::{self, FARM};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const CADASTRE: &str = "cadastre";
pub const COURTS: &str = "courts";
pub const DEBTS: &str = "debts";
pub const LIST: &str = "list";
pub const SOURCES: [&str; 4] = [CADASTRE, COURTS, DEBTS, LIST];

/// A source with three queues, which some lives have.
pub const WIDE: &str = "wide";
pub const SHARDS: usize = 3;
const QUEUES: [&str; 7] = [CADASTRE, COURTS, DEBTS, LIST, WIDE, "wide#1", "wide#2"];

/// The sources of a life, in the order of their numbers; but for the one that some lives have.
pub fn sources(farm: bool) -> &'static [&'static str] {
    if farm { &FARM } else { &SOURCES }
}

/// The queues of a life, in the order of their numbers.
pub fn queues(farm: bool, sharded: bool) -> &'static [&'static str] {
    if sharded { &QUEUES } else { sources(farm) }
}

/// The source of a queue.
pub fn source_of(queue: &str) -> &str {
    if queue.starts_with(WIDE) { WIDE } else { queue }
}

/// Its licence forbids that one tenant is shown what another's check brought.
pub const OF_TENANTS: &str = LIST;

/// Its parameter that nests: another value than the whole asks for the facts that have that role.
pub const NESTS: (&str, &str) = (LIST, "role");
pub const WHOLE: &str = "all";

/// What a source allows, as the auditor knows it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub requests: u32,
    pub period_ms: i64,
    pub burst: u32,
    pub concurrency: u32,
    pub timeout_ms: i64,
    /// Requests on one day, UTC.
    pub daily: Option<usize>,
    /// Minutes of the day, from and to, over midnight, in which it is left alone.
    pub quiet: Option<(i64, i64)>,
}

pub fn limits(source: &str) -> Limits {
    if let Some(n) = farm::number(source) {
        return farm::limits(n);
    }
    let (requests, period_ms, burst, concurrency) = match source {
        CADASTRE => (5, 10_000, 2, 2),
        COURTS => (6, 20_000, 1, 2),
        DEBTS => (10, 10_000, 4, 1),
        // Parts that are not equal, and no multiple of the permits that are remembered.
        WIDE => (7, 20_000, 4, 3),
        // Without a burst each request too many shows at once, and several tasks hold permits of the near future.
        _ => (20, 60_000, 1, 3),
    };
    Limits { requests, period_ms, burst, concurrency, timeout_ms: 8_000, daily: None, quiet: None }
}

/// Sources whose popular objects are asked ahead, and the part of their budget that is for this.
pub const PREFETCHED: [&str; 2] = [CADASTRE, LIST];
pub const PREFETCH_PERCENT: u32 = 1;

/// How often a source is asked before a task is given up.
pub const ATTEMPTS: u32 = 3;
/// How many workers a task may lose before it is given up, as the documentation says.
pub const MOST_LOST: u32 = 100;

/// How often a task is put off until it is given up, as the documentation says.
pub const MOST_PUT_OFF: u32 = 7;

/// When a source that does not answer is left alone: so many failures in a row, or such a share (of so many) in per cent.
/// 0 in a row: never.
pub fn breaker(source: &str) -> (usize, usize, usize) {
    if let Some(n) = farm::number(source) {
        return farm::breaker(n);
    }
    match source {
        CADASTRE => (2, 100, 20),
        COURTS => (5, 100, 20),
        DEBTS => (20, 50, 6),
        WIDE => (4, 100, 20),
        _ => (0, 100, 20),
    }
}

/// How long a task waits at least for a source that is left alone, before it is given up.
pub const GIVE_UP_MS: i64 = 240_000;
/// So many failures in a row make a proxy rest.
pub const PROXY_FAILURES: usize = 3;

/// The pool, as attempts name its proxies.
pub const PROXIES: [&str; 2] = ["ru/one", "ru/two"];
/// The proxies of `courts`: so many requests each in such a period, and one task at a time.
pub const PROXY_RATE: (u32, i64) = (4, 20_000);
/// What all sources that share a proxy may send through it together, and how many tasks.
pub const PROXY_TOTAL: (u32, i64) = (6, 20_000);
pub const PROXY_TASKS: usize = 6;

/// One of the policies that come into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// TTLs are divided by this.
    pub shorter: u64,
    /// This source has left.
    pub without: Option<&'static str>,
    /// Popular objects are asked again before their answers become stale.
    pub prefetch: bool,
    /// The sources are those of the farm.
    pub farm: bool,
    /// There is a source with several queues.
    pub sharded: bool,
    /// Only tells documents apart.
    pub number: u64,
}

/// TTL and the time to be shown beyond it, in milliseconds, by source.
pub type Terms = BTreeMap<&'static str, (u64, u64)>;

const MINUTE: u64 = 60_000;

impl Variant {
    pub fn terms(&self) -> Terms {
        let ttl = |source| match source {
            CADASTRE => (40 * MINUTE, 60 * MINUTE),
            COURTS => (20 * MINUTE, 30 * MINUTE),
            DEBTS => (30 * MINUTE, 0),
            _ if farm::number(source).is_some() => (30 * 24 * 60 * MINUTE, 0),
            _ => (10 * MINUTE, 120 * MINUTE),
        };
        let present = sources(self.farm).iter().copied().chain(self.sharded.then_some(WIDE));
        let present = present.filter(|source| Some(*source) != self.without);
        present.map(|source| (source, (ttl(source).0 / self.shorter, ttl(source).1))).collect()
    }

    /// The document as it is adopted.
    pub fn document(&self) -> String {
        let mut specs = serde_json::Map::new();
        for (source, (ttl, serve_stale)) in self.terms() {
            let mut spec = spec(source, ttl, serve_stale);
            if self.prefetch && PREFETCHED.contains(&source) {
                spec["prefetch"] = json!({"share": PREFETCH_PERCENT as f64 / 100.0, "asks": 0.001});
            }
            specs.insert(source.to_owned(), spec);
        }
        let here = |need: &Value| need["source"].as_str() != self.without;
        let words = json!({"ru": "п", "en": "p"});
        let needs = |all: Vec<Value>| -> Vec<Value> { all.into_iter().filter(here).collect() };
        let cadastre = json!({"source": CADASTRE, "params": {"address": "{{ address.building }}"}});
        let courts = json!({"source": COURTS, "params": {"inn": "{{ fact.inn }}"}, "for_each": "cadastre.developer",
            "where": "fact.share != 'none'", "max": 2});
        let debts = json!({"source": DEBTS, "params": {"inn": "{{ inputs.seller }}"}});
        let of_list = |role: &str| json!({"source": LIST, "params": {"name": "{{ address.canonical }}", "role": role}});
        let (list, part) = (of_list(WHOLE), of_list("Истец"));
        // Asked when the whole has answered, and so mostly a part of that.
        let mut later = part.clone();
        (later["for_each"], later["max"]) = (json!("list.entry"), json!(1));
        // Its questions show the same facts, also in different queues.
        let wide = |name: &str| json!({"source": WIDE, "params": {"name": name}});
        let wide = [wide("{{ address.canonical }}"), wide("{{ address.building }}")];
        let wide = if self.sharded { wide.to_vec() } else { Vec::new() };
        let flat = json!({"source": CADASTRE, "params": {"address": "{{ address.canonical }}"}});
        let input = json!({"seller": {"type": "inn", "required": false}});
        let profiles = if self.farm {
            let each = FARM.map(|source| json!({"source": source, "params": {"address": "{{ address.canonical }}"}}));
            json!({"farm": {"title": words, "needs": each}})
        } else {
            json!({
                "standard": {"title": words, "needs": needs([vec![cadastre.clone(), courts, debts, list, later], wide.clone()].concat()), "inputs": input},
                "short": {"title": words, "needs": needs([vec![cadastre, flat, part], wide].concat())},
            })
        };
        // What goes first is other on the farm than by default.
        let queue = match self.farm {
            true => json!({"costs": [1, 2, 8, 32, 64], "waiting": 2, "age": 30}),
            false => json!({}),
        };
        json!({
            "sources": specs,
            "profiles": profiles,
            "queue": queue,
            "risk": {"ruleset": format!("v{}", self.number), "levels": [{"id": "low", "from": 0}, {"id": "high", "from": 50}], "rule": [
                {"id": "case", "when": "fact.kind == 'court.case' && fact.role == 'Ответчик'", "points": 20, "cap": 60,
                 "severity": "high", "title": words},
                {"id": "debt", "when": "fact.kind == 'debt.order'", "points": 10, "severity": "medium", "title": words}]},
            "proxies": {"ru": {"proxies": ["one", "two"], "rate": format!("{}/{}s", PROXY_RATE.0, PROXY_RATE.1 / 1_000),
                "total": {"rate": format!("{}/{}s", PROXY_TOTAL.0, PROXY_TOTAL.1 / 1_000), "concurrency": PROXY_TASKS},
                "concurrency": 1, "cool_down": "30s", "failures": PROXY_FAILURES}},
        })
        .to_string()
    }
}

fn spec(source: &str, ttl: u64, serve_stale: u64) -> Value {
    let (level, params, kinds) = match source {
        CADASTRE => ("property", vec!["address"], vec![("cadastre.developer", "inn"), ("cadastre.area", "part")]),
        COURTS => ("developer", vec!["inn"], vec![("court.case", "number")]),
        DEBTS => ("person", vec!["inn"], vec![("debt.order", "number")]),
        WIDE => ("source", vec!["name"], vec![("list.entry", "number")]),
        _ if farm::number(source).is_some() => ("property", vec!["address"], vec![("farm.entry", "number")]),
        _ => ("source", vec!["name", NESTS.1], vec![("list.entry", "number")]),
    };
    let text = json!({"at": "$.x", "type": "text", "required": true});
    let facts: Vec<Value> = kinds
        .into_iter()
        .map(|(kind, identity)| {
            json!({"kind": kind, "identity": [identity], "attrs": {identity: text, "role": text, "share": text,
                "views": {"at": "$.v", "type": "integer", "volatile": true}}})
        })
        .collect();
    let Limits { requests, period_ms, burst, concurrency, timeout_ms, daily, quiet } = limits(source);
    let mut limits = json!({"rate": format!("{requests}/{}s", period_ms / 1_000), "burst": burst,
        "concurrency": concurrency, "timeout": format!("{}s", timeout_ms / 1_000)});
    let (failures, percent, of) = breaker(source);
    limits["breaker"] = json!({"failures": failures, "share": percent as f64 / 100.0, "of": of, "rest": "20s",
        "longest": "2m", "give_up": format!("{}s", GIVE_UP_MS / 1_000)});
    if source == COURTS || farm::number(source).is_some_and(farm::through_proxies) {
        limits["proxies"] = json!("ru");
    }
    if let Some(daily) = daily {
        limits["daily"] = json!(daily);
        limits["background"] = json!(0.7);
    }
    if source == WIDE {
        limits["shards"] = json!(SHARDS);
    }
    if let Some((from, to)) = quiet {
        let time = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        limits["quiet"] = json!(format!("{}-{}", time(from), time(to)));
    }
    let nests = match source == NESTS.0 {
        true => json!([{"param": NESTS.1, "attr": "role", "whole": WHOLE}]),
        false => json!([]),
    };
    let share = if source == OF_TENANTS { "tenant" } else { "all" };
    json!({"id": source, "share": share, "title": {"ru": source, "en": source}, "level": level, "ttl": format!("{}s", ttl / 1_000),
        "serve_stale": format!("{}s", serve_stale / 1_000), "params": params, "nests": nests, "limits": limits,
        "retry": {"attempts": ATTEMPTS, "initial": "2s", "factor": 3.0, "max": "60s"},
        "request": {"url": "http://x/"}, "answer": {"format": "json", "items": "$.x", "valid": [{"at": "$.x"}]},
        "fact": facts})
}
