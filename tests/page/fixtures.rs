//! Jobs in the shapes of the interface, one for each thing that the page must say rightly. All names are invented.

use serde_json::{Value, json};
use std::sync::LazyLock;

/// The words of people for sources and rules, as the policy gives them.
pub fn titles() -> Value {
    json!({
        "sources": {
            "cadastre": {"ru": "Кадастр", "en": "Cadastre"},
            "listings": {"ru": "Объявления", "en": "Listings"},
            "reviews": {"ru": "Отзывы", "en": "Reviews"},
            "courts": {"ru": "Судебные дела", "en": "Court cases"},
            "companies": {"ru": "Реестр компаний", "en": "Company register"},
            "enforcement": {"ru": "Исполнительные производства", "en": "Enforcement proceedings"},
            "enforcement_persons": {"ru": "Исполнительные производства: лица", "en": "Enforcement proceedings: persons"}
        },
        "rules": {
            "court.defendant": {"ru": "Ответчик в незавершённом деле", "en": "Defendant in a pending case"},
            "cadastre.pledge": {"ru": "Ипотека или залог", "en": "Mortgage or pledge"},
            "insolvency.open": {"ru": "Открыта процедура банкротства", "en": "Insolvency proceedings are open"},
            "listing.far_below": {"ru": "Предложение вдвое дешевле обычных в доме", "en": "An offer at less than half of what is usual in the house"},
            "enforcement.open": {"ru": "Открытое исполнительное производство", "en": "Open enforcement proceedings"}
        },
        "levels": {"high": {"ru": "высокий", "en": "high"}}
    })
}

/// The description of the interface, as programs get it.
pub fn interface() -> &'static Value {
    static API: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(include_str!("../golden/openapi.json")).expect("a description"));
    &API
}

/// Two profiles, one with inputs.
pub fn profiles() -> Value {
    json!({"items": [
        {"profile": "standard", "title": {"ru": "Стандартная проверка", "en": "Standard check"},
         "sources": ["cadastre", "listings", "reviews", "courts", "companies", "enforcement"],
         "inputs": {
            "seller_name": {"type": "text", "required": false, "title": {"ru": "Фамилия, имя и отчество продавца", "en": "The seller's full name"}},
            "seller_birth_date": {"type": "date", "required": false, "title": {"ru": "Дата рождения продавца", "en": "The seller's date of birth"}}}},
        {"profile": "quick", "title": {"ru": "Быстрая проверка", "en": "Quick check"}, "sources": ["cadastre", "listings"], "inputs": {}}
    ], "next_cursor": null})
}

fn row(need: &str, source: &str, with: Value) -> Value {
    let mut row = json!({
        "need_id": need, "receipt_id": null, "source": source, "level": "property", "subject": "property:q2", "params": {},
        "freshness": "none", "state": "queued", "updating": false, "joined": false, "origin": "none", "outcome": null, "cause": null,
        "facts": 0, "complete": null, "reuse": null, "as_of": null, "observed_at": null, "age_s": null, "ttl_s": 1_209_600,
        "fresh_until": null, "last_failure": null, "task_id": null, "attempts": 0, "blocked_on": null, "note": null
    });
    if let (Some(row), Some(with)) = (row.as_object_mut(), with.as_object()) {
        row.extend(with.clone());
    }
    row
}

fn fact(id: &str, kind: &str, source: &str, identity: Value, attrs: Value) -> Value {
    json!({"fact_id": id, "kind": kind, "subject": "property:q2", "source": source, "match": "id", "identity": identity,
        "attrs": attrs, "volatile": {}, "as_of": null, "first_seen": "2026-11-10T08:00:00Z", "last_seen": "2026-11-23T08:00:00Z",
        "gone_at": null, "valid": {"from": null, "to": null}, "observation_id": "o1", "evidence": ["e1"], "connector": "x@1"})
}

fn cadastre() -> Value {
    row(
        "n1",
        "cadastre",
        json!({"freshness": "fresh", "state": "fresh", "origin": "reused", "outcome": "found", "facts": 2, "complete": true,
        "params": {"address": "г Небывалинск, ул Придуманная, д 13, кв 66"},
        "as_of": "2026-11-20", "observed_at": "2026-11-23T08:15:00Z", "age_s": 93_600, "fresh_until": "2026-12-07T08:15:00Z",
        "note": {"ru": "данные использованы из предыдущей проверки", "en": "data reused from an earlier check"}}),
    )
}

fn listings() -> Value {
    row(
        "n2",
        "listings",
        json!({"freshness": "stale", "state": "retrying", "updating": true, "origin": "served_stale", "outcome": "found", "facts": 6,
        "complete": true, "observed_at": "2026-11-21T07:00:00Z", "age_s": 270_000, "ttl_s": 86_400, "fresh_until": "2026-11-22T07:00:00Z",
        "attempts": 2, "task_id": "t2", "blocked_on": {"reason": "backoff", "ahead": 0, "eta_s": 24},
        "last_failure": {"outcome": "blocked", "cause": "captcha page with status 200", "at": "2026-11-24T10:11:00Z"}}),
    )
}

fn courts() -> Value {
    row(
        "n4",
        "courts",
        json!({"level": "developer", "subject": "company:9900000013", "params": {"inn": "9900000013"}, "freshness": "fresh", "state": "fresh",
        "origin": "fetched", "outcome": "found", "facts": 3, "complete": false, "observed_at": "2026-11-24T10:10:30Z", "age_s": 95,
        "fresh_until": "2026-12-08T10:10:30Z", "attempts": 1}),
    )
}

fn facts() -> Value {
    let offer = |id: &str, title: &str, price: &str| {
        fact(
            &format!("l{id}"),
            "listing.offer",
            "listings",
            json!({"id": id}),
            json!({"id": id, "title": title, "price": price, "area": "54.3", "floor": 7, "posted": "2026-10-02"}),
        )
    };
    let mut namesake = fact(
        "k3",
        "court.case",
        "courts",
        json!({"number": "2-771/2025"}),
        json!({"number": "2-771/2025", "role": "Ответчик", "filed": "2025-12-20"}),
    );
    namesake["match"] = json!("name");
    json!({
        "n1": [
            fact("c1", "cadastre.object", "cadastre", json!({"number": "99:01:0013013:66"}),
                json!({"number": "99:01:0013013:66", "purpose": "квартира", "area": "54.3", "built": 2014, "value": "8412750.40", "encumbrance": "ипотека", "right_since": "2025-02-11"})),
            fact("c2", "cadastre.developer", "cadastre", json!({"inn": "9900000013"}), json!({"inn": "9900000013", "name": "ООО «СЗ Придумстрой»"}))
        ],
        "n2": [offer("101", "2-комн. квартира, 54,3 м²", "9850000"), offer("102", "1-комн. квартира, 36 м²", "7100000"),
            offer("103", "Студия, 24 м²", "2900000"), offer("104", "3-комн. квартира, 78 м²", "13900000"),
            offer("105", "2-комн. квартира, 58 м²", "10200000"), offer("106", "1-комн. квартира, 38 м²", "7450000")],
        "n4": [
            fact("k1", "court.case", "courts", json!({"number": "А00-4117/2026"}),
                json!({"number": "А00-4117/2026", "type": "Б", "role": "Должник", "status": "наблюдение", "filed": "2026-03-15"})),
            fact("k2", "court.case", "courts", json!({"number": "А00-2290/2026"}),
                json!({"number": "А00-2290/2026", "type": "Г", "role": "Ответчик", "sum": "1234567.5", "filed": "2026-02-01"})),
            namesake
        ]
    })
}

fn address() -> Value {
    json!({"input": "Небывалинск Придуманная 13-66", "canonical": "г Небывалинск, ул Придуманная, д 13, кв 66", "building": "г Небывалинск, ул Придуманная, д 13",
        "flat": "66", "cadastral": null, "confidence": "high", "subject": "property:q2", "building_subject": "property:q1", "warnings": []})
}

fn job(id: &str, status: &str, last: bool, progress: [u64; 6], sources: Vec<Value>, risk: Value) -> Value {
    let [total, answered, reused, updating, stale, failed] = progress;
    json!({"job_id": id, "status": status, "final": last, "profile": "standard", "created_at": "2026-11-24T10:09:40Z", "completed_at": null,
        "address": address(), "progress": {"total": total, "answered": answered, "reused": reused, "updating": updating, "stale": stale, "failed": failed},
        "sources": sources, "risk": risk, "snapshots": [], "honesty": [], "position": "0:1234", "facts": {}, "not_checked": [],
        "at": "2026-11-24T10:12:05Z", "snapshot_id": null})
}

/// Everything at once: reused, stale and retrying, nothing found, running, queued, waiting, failed, not applicable.
pub fn partial() -> Value {
    let sources = vec![
        cadastre(),
        listings(),
        row(
            "n3",
            "reviews",
            json!({"freshness": "fresh", "state": "fresh", "origin": "coalesced", "joined": true, "outcome": "nothing_found", "complete": true,
            "observed_at": "2026-11-24T10:10:02Z", "age_s": 123, "fresh_until": "2026-12-08T10:10:02Z", "ttl_s": 1_209_600, "attempts": 1}),
        ),
        courts(),
        row(
            "n5",
            "companies",
            json!({"state": "running", "updating": true, "params": {"inn": "9900000013"}, "attempts": 1, "task_id": "t5"}),
        ),
        row(
            "n6",
            "enforcement",
            json!({"state": "queued", "updating": true, "params": {"inn": "9900000013"}, "joined": true,
            "blocked_on": {"reason": "rate", "ahead": 13, "eta_s": null}}),
        ),
        row(
            "n7",
            "enforcement",
            json!({"state": "failed", "outcome": "unavailable", "cause": "HTTP 503", "params": {"inn": "9900000021"}, "attempts": 5,
            "last_failure": {"outcome": "unavailable", "cause": "HTTP 503", "at": "2026-11-24T10:11:41Z"}}),
        ),
        row("n8", "enforcement_persons", json!({"state": "not_applicable"})),
    ];
    let risk = json!({"score": 65, "score_is": "at_least", "level": "high", "stops": ["insolvency.open"],
        "unevaluated": [{"rule": "enforcement.open", "reason": "source_failed", "detail": "enforcement"}],
        "basis": {"fresh": 3, "stale": 1, "missing": 3}, "ruleset": "2026-11", "at": "2026-11-24T10:12:05Z",
        "factors": [
            {"rule": "insolvency.open", "points": 40, "severity": "critical", "stop": true, "facts": ["k1"], "possible": []},
            {"rule": "cadastre.pledge", "points": 20, "severity": "high", "stop": false, "facts": ["c1"], "possible": []},
            {"rule": "court.defendant", "points": 5, "severity": "medium", "stop": false, "facts": ["k2"], "possible": ["k3"]}]});
    let mut job = job("job-partial", "PARTIAL", false, [7, 4, 1, 3, 1, 1], sources, risk);
    job["facts"] = facts();
    // In both languages; the server of fixtures gives the reader's.
    job["honesty"] = json!([
        {"ru": "Часть данных взята из предыдущих проверок: они не запрашивались заново.",
         "en": "Part of the data comes from earlier checks: it was not asked again."},
        {"ru": "Объявления устарели: показаны данные, полученные три дня назад.",
         "en": "The listings are stale: data observed three days ago is shown."},
        {"ru": "Один источник не ответил; это не означает, что записей нет.",
         "en": "One source did not answer; that does not mean that there are no records."}
    ]);
    job["snapshots"] = json!([{"snapshot_id": "s1", "facts_root": "9f2ce1d0a7b3441e8c55", "status": "PARTIAL", "sealed_at": "2026-11-10T08:03:00Z"}]);
    job["not_checked"] = json!([{"source": "enforcement_persons", "reason": "input_missing", "text": {"ru": "не спрашивали: не указан продавец", "en": "not asked: the seller was not given"}}]);
    job
}

/// Done, all of it or part of it from earlier checks.
pub fn completed(reused: u64) -> Value {
    let risk = json!({"score": 20, "score_is": "exact", "level": "low", "stops": [], "unevaluated": [], "basis": {"fresh": 2, "stale": 0, "missing": 0},
        "ruleset": "2026-11", "at": "2026-11-24T10:12:05Z", "factors": [{"rule": "cadastre.pledge", "points": 20, "facts": ["c1"]}]});
    let mut job = job("job-done", "COMPLETED", true, [2, 2, reused, 0, 0, 0], vec![cadastre(), courts()], risk);
    job["facts"] = facts();
    job["snapshots"] = json!([{"snapshot_id": "s2", "facts_root": "9f2ce1d0a7b3441e8c55", "status": "COMPLETED", "sealed_at": "2026-11-24T10:12:00Z"}]);
    job["snapshot_id"] = json!("s2");
    job
}

/// Every source answered that it has no record.
pub fn unknown() -> Value {
    let empty = |need: &str, source: &str| {
        row(
            need,
            source,
            json!({"freshness": "fresh", "state": "fresh", "origin": "fetched", "outcome": "nothing_found", "complete": true,
            "observed_at": "2026-11-24T10:10:02Z", "age_s": 123, "fresh_until": "2026-12-08T10:10:02Z", "attempts": 1}),
        )
    };
    let risk = json!({"score": 0, "score_is": "exact", "level": "low", "stops": [], "unevaluated": [], "basis": {"fresh": 2, "stale": 0, "missing": 0},
        "ruleset": "2026-11", "at": "2026-11-24T10:12:05Z", "factors": []});
    let rows = vec![empty("n1", "cadastre"), empty("n2", "listings")];
    let mut job = job("job-unknown", "COMPLETED", true, [2, 2, 0, 0, 0, 0], rows, risk);
    job["progress"]["nothing_found"] = 2.into();
    job
}

/// Nothing asked yet, an address that was hardly understood, with something in it that must not become HTML.
pub fn created() -> Value {
    let mut job = job(
        "job-new",
        "CREATED",
        false,
        [1, 0, 0, 1, 0, 0],
        vec![row("n1", "cadastre", json!({"state": "waiting_for_subject"}))],
        Value::Null,
    );
    job["address"] = json!({"input": "<script>alert(1)</script>", "canonical": null, "confidence": "low", "warnings": [{"ru": "город не найден", "en": "no city found"}]});
    job
}

/// The same under another id.
pub fn created_with_id(id: &str) -> Value {
    let mut job = created();
    job["job_id"] = id.into();
    job
}

/// No source answered.
pub fn failed() -> Value {
    let sources = vec![
        row(
            "n1",
            "cadastre",
            json!({"state": "failed", "outcome": "blocked", "cause": "HTTP 403", "freshness": "expired", "origin": "reused", "attempts": 5}),
        ),
        row("n4", "courts", json!({"state": "failed", "cause": "depends_on:n1"})),
    ];
    job("job-failed", "FAILED", true, [2, 0, 0, 0, 0, 2], sources, Value::Null)
}

/// Three moments of a job, one of them sealed, two of them in one minute.
pub fn changes() -> Value {
    let change = |position: &str, at: &str, answered: u64, snapshot: Value| {
        json!({"position": position, "at": at, "status": "PARTIAL", "final": true, "answered": answered, "total": 7, "snapshot_id": snapshot,
        "risk": if answered == 0 { Value::Null } else { json!({"score": answered * 10, "score_is": "at_least", "level": "medium"}) }})
    };
    json!({"items": [change("0:12", "2026-11-24T10:11:40Z", 4, json!("s2")), change("0:9", "2026-11-24T10:11:00Z", 2, Value::Null),
        change("0:4", "2026-11-24T10:09:40Z", 0, Value::Null)], "next_cursor": null})
}

/// A difference of every kind; only the first page has more behind it.
pub fn diff(from: &str, to: &str, first: bool) -> Value {
    let side = |name: &str, at: &str| json!({"ref": name, "kind": "snapshot", "at": at, "job_id": "job-done", "facts": 5, "subject": "property:q2"});
    let offer = |price: &str| {
        fact(
            "l1",
            "listing.offer",
            "listings",
            json!({"id": "1"}),
            json!({"title": "Студия <b>24</b>", "price": price}),
        )
    };
    json!({"from": side(from, "2026-11-10T08:03:00Z"), "to": side(to, "2026-11-24T10:12:00Z"),
        "counts": {"added": 1, "gone": 1, "changed": 1, "unchanged": 3},
        "items": [
            {"op": "changed", "kind": "listing.offer", "identity": {"id": "1"}, "attrs": {"price": {"from": "2900000", "to": "2700000"}},
             "cause": "world", "from": offer("2900000"), "to": offer("2700000"), "erased": false},
            {"op": "added", "kind": "listing.offer", "identity": {"id": "2"}, "attrs": {}, "cause": "connector", "from": null, "to": offer("1"), "erased": false},
            {"op": "gone", "kind": null, "identity": {}, "attrs": {}, "cause": "world", "from": null, "to": null, "erased": true}],
        "next_cursor": if first { json!("abc") } else { Value::Null },
        "not_compared": [{"source": "courts", "subject": "company:9900000013", "side": "to", "reason": "failed"},
            {"source": "cadastre", "subject": "property:q2", "side": "from", "reason": "missing"}], "receipts": [],
        "risk": {"from": 20, "to": 30, "from_level": "low", "to_level": "medium",
            "because": [{"rule": "cadastre.pledge", "title": null, "points": 10, "by": "changed", "facts": ["l1"]}]}})
}

/// Sources, one for each state of health.
pub fn sources() -> Value {
    let source = |id: &str, health: &str, failures: u32, outcome: &str, cause: Value| {
        json!({"source": id, "title": {"ru": id, "en": id}, "health": health, "queue": 1_234, "delayed": 2, "running": 1,
            "concurrency": 2, "rate": "30/m", "permits_left": 4, "ttl_s": 1_209_600, "serve_stale_s": 0, "failures": failures,
            "rest_until": if health == "resting" { json!("2026-11-24T10:35:00Z") } else { Value::Null }, "connector": format!("{id}@1"),
            "last_outcome": {"outcome": outcome, "at": "2026-11-24T10:30:00Z", "cause": cause}, "last_answer_at": null, "proxies": []})
    };
    let mut down = source("courts", "down", 7, "unavailable", json!("timeout: no answer within 20s"));
    down["proxies"] =
        json!([{"proxy": "default/p1", "failures": 3, "in_use": 1, "rest_until": "2026-11-24T10:40:00Z"}]);
    let mut new = source("reviews", "unknown", 0, "found", Value::Null);
    new["last_outcome"] = Value::Null;
    json!({"items": [source("cadastre", "ok", 0, "found", Value::Null), down,
        source("listings", "resting", 1, "blocked", json!("http_429: asked to wait <b>")), new], "next_cursor": null})
}

/// What came of the latest attempts of two sources.
pub fn outcomes() -> Value {
    let one = |n: usize| {
        let failed = n % 7 == 3 || n > 33;
        json!({"at": format!("2026-11-24T10:{n:02}:00Z"), "outcome": if failed { "unavailable" } else { "found" },
            "cause": if failed { json!("timeout: no answer within 20s") } else { Value::Null }})
    };
    let good = json!({"at": "2026-11-24T10:30:00Z", "outcome": "nothing_found", "cause": null});
    json!({"items": [{"source": "courts", "outcomes": (0..40).map(one).collect::<Vec<_>>()},
        {"source": "cadastre", "outcomes": [good]}], "next_cursor": null})
}

/// Commits from a position on.
pub fn log(from: &str, limit: usize) -> Value {
    let first: usize = from.split_once(':').expect("a position").1.parse().expect("a number");
    let commit = |seq: usize| {
        json!({"position": format!("0:{seq}"), "counts": true, "hash": format!("{seq:052}"), "prev": null, "bytes": 1_500,
            "recorded_at": "2026-11-24T10:30:00Z", "cause": if seq % 2 == 1 { json!(format!("0:{}", seq - 1)) } else { Value::Null },
            "events": [{"type": "ObservationRecorded"}, {"type": "FactObserved"}, {"type": "FactObserved"}]})
    };
    json!({"items": (first..first + limit).map(commit).collect::<Vec<_>>(), "next_cursor": null})
}

/// What was told, as `GET /v1/notifications` lists it.
pub fn notifications(lang: &str) -> Value {
    let said = if lang == "ru" {
        "Тверская 7: пришёл <b>первый</b> ответ"
    } else {
        "Tverskaya 7: the <b>first</b> answer has come"
    };
    json!({"items": [
        {"notification_id": "n2", "type": "job.first_result", "timestamp": "2026-11-24T10:30:00Z", "read": false, "text": said,
         "data": {"notification_id": "n2", "job_id": "job-done", "position": "0:9"}},
        {"notification_id": "n1", "type": "source.recovered", "timestamp": "2026-11-24T10:00:00Z", "read": true,
         "text": "Courts", "data": {"notification_id": "n1", "position": "0:4", "source": "courts"}},
    ], "next_cursor": null, "unread": 1})
}

/// Channels, as their lists show them.
pub fn channels() -> Value {
    let events = ["job.final", "facts.changed"];
    json!({
        "webhooks": {"items": [{"webhook_id": "w1", "url": "receiver.example/hook", "events": events, "digest": null,
            "muted_until": null, "stopped_at": null, "created_at": "2026-11-24T10:00:00Z"},
            {"webhook_id": "w3", "url": "gone.example/hook", "events": ["job.final"], "digest": null, "muted_until": null,
            "stopped_at": "2026-11-24T10:20:00Z", "created_at": "2026-11-24T10:00:00Z"}], "next_cursor": null},
        "emails": {"items": [{"email_id": "e1", "address": "ivanov@example.org", "events": [], "digest": "1d", "lang": "ru",
            "muted_until": "2026-11-25T10:00:00Z", "created_at": "2026-11-24T10:00:00Z"}], "next_cursor": null},
    })
}

/// Deliveries, as `GET /v1/webhooks/{id}/deliveries` lists them.
pub fn deliveries(lang: &str) -> Value {
    let told = notifications(lang)["items"].as_array().expect("a list").clone();
    let tells = |one: &Value| json!({"type": one["type"], "job_id": one["data"].get("job_id"), "text": one["text"]});
    let (first, second) = (tells(&told[0]), tells(&told[1]));
    json!({"items": [
        {"delivery_id": "d2", "state": "dead", "notifications": ["n2"], "tells": [first], "left_out": 0, "created_at": "2026-11-24T10:30:00Z",
         "next_at": null, "ended_at": "2026-11-24T10:31:00Z", "attempts": [{"n": 10, "status": 500, "cause": "status 500",
         "started_at": "2026-11-24T10:30:00Z", "ended_at": "2026-11-24T10:31:00Z"}]},
        {"delivery_id": "d1", "state": "collecting", "notifications": ["n1", "n2", "n0"], "tells": [second, first], "left_out": 4,
         "created_at": "2026-11-24T10:00:00Z", "next_at": "2026-11-25T00:00:00Z", "ended_at": null, "attempts": []},
    ], "next_cursor": null})
}
