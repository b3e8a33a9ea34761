//! What runs the checks: sources with their health, and watches.

use super::{Context, list, number, some_text, text};
use crate::ui::format;
use crate::ui::words::WordError;
use serde_json::{Value, json};

/// Sources as rows: those that need a look first. `sources` is as of `GET /v1/sources`, `outcomes` as of
/// `GET /v1/sources/outcomes`, or null for who may not see them.
pub(in crate::ui) fn sources(context: Context<'_>, sources: &Value, outcomes: &Value) -> Result<Vec<Value>, WordError> {
    let of = |id: &str| list(outcomes, "items").iter().find(|one| text(one, "source") == id);
    let row = |one: &Value| -> Result<Value, WordError> {
        let mut row = source(context, one)?;
        let latest = of(text(one, "source")).map(|of| latest(context, list(of, "outcomes"))).transpose()?;
        if let Some(row) = row.as_object_mut() {
            row.insert("latest".to_owned(), json!(latest));
        }
        Ok(row)
    };
    let mut rows = list(sources, "items").iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let urgency =
        |row: &Value| ["down", "failing", "resting", "unknown", "ok"].iter().position(|it| row["health"] == *it);
    rows.sort_by_key(urgency);
    Ok(rows)
}

fn source(context: Context<'_>, source: &Value) -> Result<Value, WordError> {
    let health = text(source, "health");
    let last = source.get("last_outcome").filter(|last| last.is_object());
    let rest = some_text(source, "rest_until");
    let mut proxies = Vec::new();
    for proxy in list(source, "proxies") {
        let rest = some_text(proxy, "rest_until");
        let failures = number(proxy, "failures");
        proxies.push(json!({
            "name": text(proxy, "proxy"),
            "tone": if rest.is_some() { "stale" } else if failures > 0 { "bad" } else { "ok" },
            "rest": rest,
            "breaker": breaker(context, proxy)?,
            "in_use": format::integer(context.lang, number(proxy, "in_use")),
            "failures": (failures > 0).then(|| context.counted("sources-failures", failures)).transpose()?,
        }));
    }
    Ok(json!({
        "id": text(source, "source"),
        "title": context.title("sources", text(source, "source")),
        "health": health,
        "health_said": context.code("health", health),
        "tone": match health { "ok" => "ok", "down" | "failing" => "bad", "resting" => "stale", _ => "" },
        "rest": rest,
        "breaker": breaker(context, source)?,
        "slowed": source.get("slowed").filter(|slowed| slowed.is_object()).map(|slowed| {
            context.say("sources-slowed", &[("percent", number(slowed, "percent").into())])
        }).transpose()?,
        "queue": format::integer(context.lang, number(source, "queue")),
        "delayed": Some(number(source, "delayed")).filter(|n| *n > 0).map(|n| context.counted("sources-delayed", n)).transpose()?,
        "shards": shards(context, source)?,
        "running": format::integer(context.lang, number(source, "running")),
        "concurrency": format::integer(context.lang, number(source, "concurrency")),
        "rate": rate(context, text(source, "rate"))?,
        "permits": format::integer(context.lang, number(source, "permits_left")),
        "ttl": format::within(context.lang, number(source, "ttl_s"))?,
        "failures": Some(number(source, "failures")).filter(|n| *n > 0).map(|n| context.counted("sources-failures", n)).transpose()?,
        "last": last.map(|last| outcome(context, text(last, "outcome"))).transpose()?,
        "last_at": last.and_then(|last| some_text(last, "at")),
        "why": last.and_then(|last| why(context, last)),
        "cause": last.and_then(|last| some_text(last, "cause")),
        "connector": text(source, "connector"),
        "proxies": proxies,
    }))
}

/// How many tasks wait in each of a source's queues, where it has several.
fn shards(context: Context<'_>, source: &Value) -> Result<Option<String>, WordError> {
    let queues: Vec<String> =
        list(source, "shards").iter().map(|shard| format::integer(context.lang, number(shard, "queue"))).collect();
    let said = || context.say("sources-shards", &[("queues", queues.join(" + ").into())]);
    (!queues.is_empty()).then(said).transpose()
}

/// A rate as the interface writes it (`30/m`, `20/10s`) for people; what is none is left as it stands.
fn rate(context: Context<'_>, rate: &str) -> Result<String, WordError> {
    let Some((n, time)) = rate.split_once('/') else { return Ok(rate.to_owned()) };
    // The number of one unit may be left out.
    let time =
        if time.starts_with(|first: char| first.is_ascii_digit()) { time.to_owned() } else { format!("1{time}") };
    context.say("sources-rate", &[("n", n.into()), ("time", format::span(context.lang, &time)?.into())])
}

/// A breaker that is not closed, in words, and when one attempt is made to see.
fn breaker(context: Context<'_>, of: &Value) -> Result<Value, WordError> {
    let breaker = of.get("breaker").filter(|breaker| breaker.is_object());
    let Some(breaker) = breaker.filter(|breaker| text(breaker, "state") != "closed") else { return Ok(Value::Null) };
    Ok(json!({
        "said": context.code("breaker", text(breaker, "state")),
        "until": some_text(breaker, "until").filter(|_| text(breaker, "state") == "open"),
    }))
}

/// The latest attempts as a picture, one part for each, oldest first, and the picture in words.
fn latest(context: Context<'_>, outcomes: &[Value]) -> Result<Value, WordError> {
    let answered = |one: &&Value| matches!(text(one, "outcome"), "found" | "nothing_found");
    let parts = outcomes.iter().enumerate().map(|(x, one)| {
        let came = why(context, one).map_or_else(|| outcome(context, text(one, "outcome")), Ok)?;
        let title = format!("{} · {came}", format::moment(context.lang, text(one, "at"), "")?);
        Ok(json!({"x": x * 4, "tone": if answered(&one) { "ok" } else { "bad" }, "title": title}))
    });
    let parts = parts.collect::<Result<Vec<_>, WordError>>()?;
    let said = context.say(
        "sources-latest",
        &[("n", outcomes.len().into()), ("answered", outcomes.iter().filter(answered).count().into())],
    )?;
    Ok(json!({"wide": outcomes.len() * 4, "parts": parts, "said": said}))
}

/// Why an attempt brought no answer, in words; none: it brought one, or nobody said why.
fn why(context: Context<'_>, attempt: &Value) -> Option<String> {
    let told = |cause| crate::words::cause(cause, some_text(attempt, "outcome")).get(context.lang).to_owned();
    some_text(attempt, "cause").map(told)
}

/// What came of an attempt, without a number of records.
fn outcome(context: Context<'_>, outcome: &str) -> Result<String, WordError> {
    if outcome == "found" { context.plain("sources-found") } else { Ok(context.code("result", outcome)) }
}

/// Tasks that were given up, as rows. `letters` is as of `GET /v1/dead-letters`.
pub(in crate::ui) fn dead_letters(context: Context<'_>, letters: &Value) -> Result<Vec<Value>, WordError> {
    let row = |letter: &Value| {
        Ok(json!({
            "id": text(letter, "task_id"),
            "source": context.title("sources", text(letter, "source")),
            "subject": text(letter, "subject"),
            "outcome": outcome(context, text(letter, "outcome"))?,
            "why": why(context, letter),
            "cause": some_text(letter, "cause"),
            "attempts": context.counted("date-attempts", number(letter, "attempts"))?,
            "failed_at": some_text(letter, "failed_at"),
            "waiting": list(letter, "waiting").iter().map(|waits| text(waits, "job_id")).collect::<Vec<_>>(),
        }))
    };
    list(letters, "items").iter().map(row).collect()
}

/// Watches as rows. `watches` is as of `GET /v1/watches`; `jobs` are those that they watch, by id.
pub(in crate::ui) fn watches(context: Context<'_>, watches: &Value, jobs: &Value) -> Result<Vec<Value>, WordError> {
    let row = |watch: &Value| {
        let id = text(watch, "job_id");
        let job = jobs.get(id).map(|job| super::job_line(context, job)).transpose()?;
        Ok(json!({
            "id": text(watch, "watch_id"),
            "job": id,
            "shown": job,
            "muted_until": jobs.get(id).and_then(|job| some_text(job, "muted_until")),
            "every": format::span(context.lang, text(watch, "every"))?,
            "hours": some_text(watch, "hours"),
            "reason": context.code("watch_reason", text(watch, "reason")),
            "next_at": some_text(watch, "next_at"),
            "last_at": some_text(watch, "last_at"),
        }))
    };
    list(watches, "items").iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{rate, sources, watches};
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};

    #[test]
    fn what_needs_a_look_stands_first() {
        let titles = json!({"sources": {"a": {"ru": "А", "en": "A"}, "b": {"ru": "Б", "en": "B"}}});
        let context = Context { lang: Lang::En, titles: &titles };
        let one = |id: &str, health: &str, failures: u32| {
            json!({"source": id, "health": health, "failures": failures, "ttl_s": 86_400, "queue": 1_234, "proxies": [],
                "last_outcome": {"outcome": "unavailable", "at": "2026-01-01T00:00:00Z", "cause": "timeout: 20s"}})
        };
        let outcomes = json!({"items": [{"source": "b", "outcomes": [
            {"at": "2026-01-01T00:00:00Z", "outcome": "found", "cause": null},
            {"at": "2026-01-01T00:01:00Z", "outcome": "blocked", "cause": "too_many_requests: the source answered 429"}]}]});
        let rows =
            sources(context, &json!({"items": [one("a", "ok", 0), one("b", "down", 7)]}), &outcomes).expect("words");
        assert_eq!(
            (&rows[0]["title"], &rows[0]["tone"], &rows[0]["failures"]),
            (&json!("B"), &json!("bad"), &json!("7 failures in a row"))
        );
        assert_eq!(rows[0]["latest"]["said"], "2 latest attempts, 1 answered");
        assert_eq!(rows[0]["latest"]["parts"][1]["tone"], "bad");
        assert!(
            rows[0]["latest"]["parts"][1]["title"]
                .as_str()
                .is_some_and(|title| title.ends_with("the source turned the request down: it is asked too often"))
        );
        assert_eq!(rows[1]["latest"], json!(null));
        assert_eq!(
            (&rows[1]["why"], &rows[1]["cause"]),
            (&json!("the source did not answer in time"), &json!("timeout: 20s")),
            "words for all, the text as it is kept beside them"
        );
        assert_eq!(rows[0]["breaker"], json!(null), "what is not told is not shown");
        let mut open = one("a", "down", 12);
        open["breaker"] = json!({"state": "open", "since": "x", "until": "2026-01-01T00:01:00Z", "times": 2});
        open["slowed"] = json!({"percent": 25, "full_at": "2026-01-01T00:10:00Z"});
        let shown = sources(context, &json!({"items": [open]}), &Value::Null).expect("words");
        assert_eq!(
            (&shown[0]["breaker"]["said"], &shown[0]["breaker"]["until"], &shown[0]["slowed"]),
            (&json!("left alone, asked again"), &json!("2026-01-01T00:01:00Z"), &json!("asked at 25% of its rate"))
        );
        assert_eq!(
            (&rows[1]["title"], &rows[1]["queue"], &rows[1]["ttl"]),
            (&json!("A"), &json!("1,234"), &json!("1 day"))
        );
    }

    #[test]
    fn rates_are_told_in_words() {
        let said = |lang, text| rate(Context { lang, titles: &Value::Null }, text).expect("words");
        assert_eq!(
            (said(Lang::En, "30/m").as_str(), said(Lang::En, "20/10s").as_str()),
            ("30 in 1 minute", "20 in 10 seconds")
        );
        assert_eq!(
            (said(Lang::Ru, "30/1m").as_str(), said(Lang::Ru, "2/h").as_str()),
            ("30 за 1 минуту", "2 за 1 час")
        );
        assert_eq!(said(Lang::En, "—"), "—");
    }

    #[test]
    fn watches_are_told_in_words() {
        let context = Context { lang: Lang::En, titles: &json!({}) };
        let list = json!({"items": [{"watch_id": "w", "job_id": "j", "every": "1d", "reason": "paid", "next_at": "2026-01-02T00:00:00Z"}]});
        let rows = watches(context, &list, &json!({})).expect("words");
        assert_eq!((&rows[0]["reason"], &rows[0]["shown"]), (&json!("paid for"), &json!(null)));
        assert_eq!(rows[0]["muted_until"], json!(null));
        let muted = json!({"j": {"job_id": "j", "status": "COMPLETED", "muted_until": "2026-01-01T08:00:00Z"}});
        let rows = watches(context, &list, &muted).expect("words");
        assert_eq!(rows[0]["muted_until"], "2026-01-01T08:00:00Z", "that nobody is told of it is said");
    }
}
