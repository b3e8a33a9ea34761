//! One row: what a source was asked, what it answered, how old that is, and whether it was reused.

use super::{Context, both, fact, flag, list, number, some_text, text};
use crate::ui::format;
use crate::ui::words::WordError;
use crate::words::{self, Both};
use serde_json::{Value, json};

/// Facts shown at once; the others are one click away.
const OPEN_FACTS: usize = 4;

/// A row of a job and the facts of its need.
pub(super) fn row(context: Context<'_>, row: &Value, facts: &[Value], rows: &[Value]) -> Result<Value, WordError> {
    let shown = shows_data(row);
    let facts: Vec<Value> = facts.iter().map(|value| fact::line(context, value)).collect::<Result<_, _>>()?;
    let (open, more) = facts.split_at(facts.len().min(OPEN_FACTS));
    let more_words = if more.is_empty() { Value::Null } else { count(context, "fact-more", more.len())? };
    Ok(json!({
        "id": text(row, "need_id"),
        "title": context.title("sources", text(row, "source")),
        "about": about(context, row)?,
        "tone": tone(row),
        "state": state(context, row)?,
        "updating": flag(row, "updating"),
        "state_long": state_long(context, row)?,
        "result": result(context, row)?,
        "badge": badge(context, row)?,
        "waits": waits(context, row)?,
        "failure": failure(context, row, rows)?,
        "bar": if shown { bar(context, row)? } else { Value::Null },
        "dates": if shown { dates(context, row)? } else { Value::Null },
        "attempts": match number(row, "attempts") {
            n if n > 1 => json!(context.counted("date-attempts", n)?),
            _ => Value::Null,
        },
        "open": open,
        "more": more,
        "more_words": more_words,
    }))
}

fn count(context: Context<'_>, key: &str, n: usize) -> Result<Value, WordError> {
    Ok(json!(context.counted(key, i64::try_from(n).unwrap_or(i64::MAX))?))
}

/// Whether data of this row are on the page: answered, and not past the time they may be shown.
pub(super) fn shows_data(row: &Value) -> bool {
    matches!(text(row, "freshness"), "fresh" | "stale")
}

/// The colour of a row, and of its part of the progress: never the only sign, words stand beside it.
pub(super) fn tone(row: &Value) -> &'static str {
    match (text(row, "state"), text(row, "origin")) {
        ("running" | "retrying" | "queued" | "waiting_for_subject", _) => "busy",
        ("failed", _) => "bad",
        ("not_applicable", _) => "none",
        ("stale", _) => "stale",
        ("fresh", "reused") => "reused",
        ("fresh", _) => "ok",
        _ => "none",
    }
}

/// By what a need is told from another of the same source: a tax number, a name; not the address of the page.
fn about(context: Context<'_>, row: &Value) -> Result<Value, WordError> {
    let mut parts = Vec::new();
    for (name, value) in row.get("params").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        match name.as_str() {
            "address" | "building" | "canonical" | "flat" | "cadastral" => {}
            "inn" | "ogrn" => parts.push(format!("{}\u{a0}{value}", context.code("attr", name))),
            _ if value.is_empty() => {}
            _ => parts.push(format::day(context.lang, value)?),
        }
    }
    Ok(if parts.is_empty() { Value::Null } else { json!(parts.join(", ")) })
}

/// The state in a word or two. "Fresh" is said with the time that it means.
fn state(context: Context<'_>, row: &Value) -> Result<String, WordError> {
    match text(row, "state") {
        "fresh" => {
            context.say("state_long-fresh", &[("ttl", format::duration(context.lang, number(row, "ttl_s"))?.into())])
        }
        state => Ok(context.code("state", state)),
    }
}

/// What the state means here: the server's own note where it says more than the badge, else the page's words.
fn state_long(context: Context<'_>, row: &Value) -> Result<Vec<String>, WordError> {
    let mut said = Vec::new();
    if text(row, "freshness") == "stale" {
        let ttl = format::duration(context.lang, number(row, "ttl_s"))?;
        said.push(context.say("state_long-stale", &[("ttl", ttl.into())])?);
    }
    if flag(row, "updating") && flag(row, "joined") {
        said.push(context.plain("state_long-joined")?);
    }
    let note = row.get("note").map(|note| both(note, context.lang)).unwrap_or_default();
    match text(row, "state") {
        "fresh" => {
            if let origin @ ("fetched" | "coalesced") = text(row, "origin") {
                said.push(context.plain(&format!("origin-{origin}"))?);
            }
        }
        "stale" | "failed" => {}
        _ if !note.is_empty() => said.push(note),
        word @ ("waiting_for_subject" | "not_applicable") => said.push(context.plain(&format!("state_long-{word}"))?),
        _ if shows_data(row) && flag(row, "updating") => said.push(context.plain("state_long-shown_meanwhile")?),
        _ => {}
    }
    Ok(said)
}

/// What is known of the answer. "Nothing found" only where a source said so, and never as "clean".
fn result(context: Context<'_>, row: &Value) -> Result<Value, WordError> {
    let words = match text(row, "outcome") {
        "found" if shows_data(row) => {
            let found = context.counted("result-found", number(row, "facts"))?;
            let part = row.get("complete").and_then(Value::as_bool) == Some(false);
            if part { format!("{found}; {}", context.plain("result-incomplete")?) } else { found }
        }
        "found" | "" => return Ok(Value::Null),
        outcome => context.code("result", outcome),
    };
    Ok(json!(words))
}

/// The badge of reuse: only on data observed before this check asked.
fn badge(context: Context<'_>, row: &Value) -> Result<Value, WordError> {
    if !shows_data(row) {
        return Ok(Value::Null);
    }
    Ok(match text(row, "origin") {
        "reused" => json!({"kind": "reused", "text": context.plain("origin-reused")?}),
        "served_stale" => json!({"kind": "stale", "text": context.plain("origin-served_stale")?}),
        _ => Value::Null,
    })
}

/// What a pending row waits for and how long. An unknown time is said to be unknown.
fn waits(context: Context<'_>, row: &Value) -> Result<Value, WordError> {
    let Some(blocked) = row.get("blocked_on").filter(|blocked| blocked.is_object()) else { return Ok(Value::Null) };
    let reason = match text(blocked, "reason") {
        "backoff" | "rate" if some_text(blocked, "cause").is_some() => {
            context.code("wait_because", text(blocked, "cause"))
        }
        known @ ("rate" | "concurrency" | "proxy" | "backoff" | "queue") => context.plain(&format!("wait-{known}"))?,
        other => format!("{}: {other}", context.plain("wait-other")?),
    };
    let mut parts = vec![reason];
    if number(blocked, "ahead") > 0 {
        parts.push(context.counted("wait-ahead", number(blocked, "ahead"))?);
    }
    parts.push(match blocked.get("eta_s").and_then(Value::as_i64) {
        Some(eta) => context.say("wait-eta", &[("time", format::duration(context.lang, eta.max(1))?.into())])?,
        None => context.plain("wait-eta_unknown")?,
    });
    Ok(json!(parts.join("; ")))
}

/// Why there is no answer, or why the last attempt to renew one failed.
fn failure(context: Context<'_>, row: &Value, rows: &[Value]) -> Result<Value, WordError> {
    let last = row.get("last_failure").filter(|last| last.is_object());
    let failed = text(row, "state") == "failed";
    if last.is_none() && !failed {
        return Ok(Value::Null);
    }
    let from = last.unwrap_or(row);
    let cause = some_text(from, "cause").or_else(|| some_text(row, "cause")).unwrap_or_default();
    let said = |of: &Value, name: &str| of.get(name).map(|words| both(words, context.lang)).filter(|it| !it.is_empty());
    let told = || match cause.strip_prefix("depends_on:") {
        Some(need) => {
            let parent = rows.iter().find(|row| text(row, "need_id") == need);
            let parent = parent.map(|row| Both::from(context.title("sources", text(row, "source"))));
            words::not_asked(parent.as_ref()).get(context.lang).to_owned()
        }
        None => words::cause(cause, some_text(from, "outcome")).get(context.lang).to_owned(),
    };
    // The server's own words say more: of a row without an answer those of its note.
    let words = if failed { said(row, "note") } else { said(from, "text") };
    let words = words.unwrap_or_else(told);
    Ok(json!({
        "renewal": shows_data(row),
        "words": words,
        "at": some_text(from, "at"),
    }))
}

/// How much of its time the answer has left, as a bar that empties.
fn bar(context: Context<'_>, row: &Value) -> Result<Value, WordError> {
    let (age, ttl) = (number(row, "age_s").max(0), number(row, "ttl_s"));
    if ttl <= 0 || row.get("age_s").is_none_or(Value::is_null) {
        return Ok(Value::Null);
    }
    let left = (100 - age.saturating_mul(100) / ttl).clamp(0, 100);
    let label = context.say(
        "date-age_of",
        &[("age", format::duration(context.lang, age)?.into()), ("ttl", format::duration(context.lang, ttl)?.into())],
    )?;
    Ok(json!({"left": left, "label": label, "tone": if left == 0 { "stale" } else { tone_of_left(left) }}))
}

fn tone_of_left(left: i64) -> &'static str {
    if left < 20 { "late" } else { "ok" }
}

/// The three dates: the source's own, when it was asked, how long that holds.
fn dates(context: Context<'_>, row: &Value) -> Result<Value, WordError> {
    let age = match row.get("age_s").and_then(Value::as_i64) {
        Some(age) => Some(format::ago(context.lang, age)?),
        None => None,
    };
    Ok(json!({
        "own": some_text(row, "as_of"),
        "asked": some_text(row, "observed_at"),
        "ago": age,
        "until": some_text(row, "fresh_until"),
    }))
}

/// The facts of a need in a report.
pub(super) fn facts_of<'a>(report: &'a Value, need: &str) -> &'a [Value] {
    report.get("facts").map(|by_need| list(by_need, need)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{badge, bar, result, row, waits};
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};

    fn context() -> Context<'static> {
        static TITLES: std::sync::LazyLock<Value> =
            std::sync::LazyLock::new(|| json!({"sources": {"cadastre": {"ru": "Кадастр", "en": "Cadastre"}}}));
        Context { lang: Lang::En, titles: &TITLES }
    }

    #[test]
    fn the_badge_is_only_on_what_was_observed_before() {
        for (origin, freshness, expected) in [
            ("reused", "fresh", true),
            ("reused", "stale", true),
            ("served_stale", "stale", true),
            ("fetched", "fresh", false),
            ("coalesced", "fresh", false),
            ("none", "none", false),
            ("reused", "expired", false), // nothing is shown, so nothing is reused
        ] {
            let value = json!({"origin": origin, "freshness": freshness});
            assert_eq!(!badge(context(), &value).expect("known words").is_null(), expected, "{origin} {freshness}");
        }
    }

    #[test]
    fn an_unknown_time_is_no_zero() {
        let said = |eta: Value| {
            let value = json!({"blocked_on": {"reason": "rate", "ahead": 1, "eta_s": eta}});
            waits(context(), &value).expect("known words").as_str().map(str::to_owned)
        };
        let unknown = "waiting: the source allows no more requests yet; 1 request ahead; how long is not known";
        assert_eq!(said(Value::Null).as_deref(), Some(unknown));
        assert!(said(json!(40)).is_some_and(|words| words.ends_with("about 40 seconds more")));
    }

    #[test]
    fn nothing_found_is_the_sources_own_word() {
        let value = json!({"outcome": "nothing_found", "freshness": "fresh"});
        assert_eq!(result(context(), &value).expect("known words"), "the source answered: no records found");
        assert_eq!(result(context(), &json!({"outcome": null})).expect("known words"), Value::Null);
    }

    #[test]
    fn a_bar_empties_with_age() {
        let left = |age| bar(context(), &json!({"age_s": age, "ttl_s": 100})).expect("known words")["left"].clone();
        assert_eq!([left(0), left(25), left(100), left(1000)], [100, 75, 0, 0]);
    }

    #[test]
    fn a_cause_names_the_source_that_failed() {
        let rows = [json!({"need_id": "n1", "source": "cadastre"})];
        let child =
            json!({"need_id": "n2", "source": "x", "state": "failed", "cause": "depends_on:n1", "freshness": "none"});
        let shown = row(context(), &child, &[], &rows).expect("known words");
        let words = shown["failure"]["words"].as_str().expect("a failure has words");
        assert!(words.contains("Cadastre"), "{words}");
    }
}
