//! Two moments side by side: what changed first, then what came and went, and how the risk moved.

use super::{Context, both, fact, list, number, risk, some_text, text};
use crate::ui::format;
use crate::ui::words::WordError;
use crate::words;
use serde_json::{Value, json};

/// What the page of a comparison shows. `diff` is as of `GET /v1/diff`.
pub(in crate::ui) fn compare(context: Context<'_>, diff: &Value) -> Result<Value, WordError> {
    let null = Value::Null;
    let part = |name: &str| diff.get(name).unwrap_or(&null);
    let counts = part("counts");
    let mut said = Vec::new();
    for name in ["changed", "added", "gone", "unchanged"] {
        said.push(context.counted(&format!("compare-{name}"), number(counts, name))?);
    }
    let items: Vec<Value> = list(diff, "items").iter().map(|one| item(context, one)).collect::<Result<_, _>>()?;
    let skipped: Vec<String> =
        list(diff, "not_compared").iter().map(|one| skipped(context, one)).collect::<Result<_, _>>()?;
    let at = |name: &str| some_text(part(name), "at").unwrap_or_default();
    let precision = format::precision(&[at("from"), at("to")]);
    let same = ["changed", "added", "gone"].iter().all(|name| number(counts, name) == 0);
    Ok(json!({
        "from": side(context, part("from"), precision.first())?,
        "to": side(context, part("to"), precision.last())?,
        "said": said,
        "same": same,
        "items": items,
        "more": some_text(diff, "next_cursor"),
        "skipped": skipped,
        "risk": moved(context, part("risk"))?,
    }))
}

fn side(context: Context<'_>, side: &Value, precision: Option<&&'static str>) -> Result<Value, WordError> {
    let kind = text(side, "kind");
    let job = some_text(side, "job_id");
    Ok(json!({
        "ref": text(side, "ref"),
        "kind": context.code("side", kind),
        "at": some_text(side, "at"),
        "precision": precision,
        "job": job,
        "facts": side.get("facts").and_then(Value::as_i64).map(|n| context.counted("risk-facts", n)).transpose()?,
        "subject": some_text(side, "subject").filter(|_| job.is_none()),
    }))
}

fn item(context: Context<'_>, item: &Value) -> Result<Value, WordError> {
    let op = text(item, "op");
    let fact = ["to", "from"].iter().filter_map(|name| item.get(*name)).find(|fact| fact.is_object());
    let erased = super::flag(item, "erased");
    let kind = text(item, "kind");
    let mut attrs = Vec::new();
    for (name, moved) in item.get("attrs").and_then(Value::as_object).into_iter().flatten() {
        let value = |side: &str| -> Result<Option<String>, WordError> {
            let value = moved.get(side).filter(|value| !value.is_null());
            value.map(|value| fact::attribute(context, kind, name, value)).transpose()
        };
        attrs.push(
            json!({"label": crate::words::label(context.lang, kind, name), "from": value("from")?, "to": value("to")?}),
        );
    }
    // What came or went is told whole.
    let whole = match fact.filter(|_| op != "changed") {
        Some(fact) => fact::line(context, fact)?.get("attrs").cloned(),
        None => None,
    };
    Ok(json!({
        "op": context.code("op", op),
        "sign": match op { "added" => "+", "gone" => "−", _ => "~" },
        "tone": match op { "added" => "ok", "gone" => "bad", _ => "stale" },
        "kind": if erased { context.plain("compare-erased")? } else { context.code("kind", kind) },
        "name": fact.and_then(fact::name),
        "source": fact.map(|fact| context.title("sources", text(fact, "source"))),
        "attrs": attrs,
        "whole": whole,
        "connector": text(item, "cause") == "connector",
    }))
}

fn skipped(context: Context<'_>, one: &Value) -> Result<String, WordError> {
    let source = context.title("sources", text(one, "source"));
    let reason = context.code("lacks", text(one, "reason"));
    let side = context.code("lacking", text(one, "side"));
    Ok(format!("{source}: {reason} ({side})"))
}

fn moved(context: Context<'_>, moved: &Value) -> Result<Value, WordError> {
    if !moved.is_object() {
        return Ok(Value::Null);
    }
    let none = context.plain("compare-no_risk")?;
    let score = |side| words::score_of(moved, side).map_or(none.clone(), |said| said.get(context.lang).to_owned());
    let level = |name: &str| some_text(moved, name).map(|id| risk::level(context, id)).transpose();
    let mut because = Vec::new();
    for one in list(moved, "because") {
        let title = one.get("title").map(|title| both(title, context.lang)).filter(|title| !title.is_empty());
        let points = number(one, "points");
        let facts = i64::try_from(list(one, "facts").len()).unwrap_or(i64::MAX);
        because.push(json!({
            "title": title.unwrap_or_else(|| context.title("rules", text(one, "rule"))),
            "points": format!("{}{}", if points < 0 { "\u{2212}" } else { "+" }, points.unsigned_abs()),
            "by": context.code("by", text(one, "by")),
            "facts": if facts > 0 { Some(context.counted("risk-facts", facts)?) } else { None },
        }));
    }
    Ok(json!({
        "said": context.say("compare-score", &[("from", score("from").into()), ("to", score("to").into())])?,
        "from_level": level("from_level")?,
        "to_level": level("to_level")?,
        "because": because,
        "ends": words::score_ends(moved).map(|ends| ends.get(context.lang).to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};

    #[test]
    fn words_are_those_of_the_difference() {
        let diff = json!({
            "from": {"ref": "a", "kind": "snapshot", "at": "2026-01-01T00:00:00Z", "job_id": "j", "facts": 2},
            "to": {"ref": "job:j@now", "kind": "job", "at": "2026-02-01T00:00:00Z", "job_id": "j", "facts": null},
            "counts": {"added": 0, "gone": 1, "changed": 1, "unchanged": 3},
            "items": [{"op": "changed", "kind": "listing.offer", "identity": {"id": "1"}, "cause": "connector", "erased": false,
                "attrs": {"price": {"from": "1500", "to": null}}, "from": {"attrs": {"title": "Студия"}}, "to": {"attrs": {"title": "Студия"}}}],
            "not_compared": [{"source": "courts", "subject": "company:1", "side": "to", "reason": "failed"}],
            "risk": {"from": 20, "from_score_is": "at_least", "to": null, "because": [{"rule": "r", "points": -20, "by": "gone", "facts": ["f"]}]}});
        let shown = compare(Context { lang: Lang::En, titles: &Value::Null }, &diff).expect("known words");
        assert_eq!(shown["said"], json!(["1 changed", "0 came", "1 gone", "3 unchanged"]));
        assert_eq!(shown["items"][0]["attrs"][0], json!({"label": "price", "from": "₽1,500", "to": null}));
        assert_eq!(shown["items"][0]["connector"], true);
        assert_eq!(shown["skipped"][0], "courts: the source gave no answer (after)");
        assert_eq!(shown["risk"]["said"], "at least 20 → no risk yet");
        assert_eq!(shown["risk"]["because"][0]["points"], "\u{2212}20");
        assert_eq!((&shown["same"], &shown["risk"]["ends"]), (&json!(false), &Value::Null));
        let full = json!({"risk": {"from": 100, "to": 100, "because": [{"rule": "r", "points": 40, "by": "added"}]}});
        let shown = compare(Context { lang: Lang::Ru, titles: &Value::Null }, &full).expect("known words");
        let ends = shown["risk"]["ends"].as_str().unwrap_or_default();
        assert!(ends.contains("не выходит за 100"), "{ends:?}");
    }
}
