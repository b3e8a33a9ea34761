//! The risk: a score that says whether it can still grow, what adds what, as a picture and as words.

use super::{Context, fact, flag, list, number, text};
use crate::ui::words::{Arg, WordError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The risk of a job; null before there is one. `facts` are all facts on the page by id, to name what a factor rests on;
/// `nothing_known` is as of [`nobody_knows`](crate::words::nobody_knows).
pub(super) fn risk(
    context: Context<'_>,
    risk: &Value,
    facts: &BTreeMap<&str, &Value>,
    nothing_known: bool,
) -> Result<Value, WordError> {
    if !risk.is_object() {
        return Ok(Value::Null);
    }
    let score = number(risk, "score");
    let at_least = text(risk, "score_is") == "at_least";
    let mut factors = Vec::new();
    for factor in list(risk, "factors") {
        factors.push(factor_line(context, factor, facts)?);
    }
    let stops: Vec<String> =
        list(risk, "stops").iter().filter_map(Value::as_str).map(|rule| context.title("rules", rule)).collect();
    let mut unevaluated = Vec::new();
    for rule in list(risk, "unevaluated") {
        unevaluated.push(unevaluated_line(context, rule)?);
    }
    let basis = risk.get("basis").filter(|basis| basis.is_object());
    let basis = match basis {
        Some(basis) => {
            let part = |name| (name, Arg::from(number(basis, name)));
            Some(context.say("risk-basis", &[part("fresh"), part("stale"), part("missing")])?)
        }
        None => None,
    };
    let sum: i64 = list(risk, "factors").iter().map(|factor| number(factor, "points")).sum();
    Ok(json!({
        "score": score,
        "at_least": at_least,
        "said": context.say(if at_least { "risk-score_at_least" } else { "risk-score" }, &[("score", score.into())])?,
        "level": if nothing_known { context.plain("risk-no_records")? } else { level(context, text(risk, "level"))? },
        "tone": if nothing_known { "none" } else { level_tone(text(risk, "level")) },
        "nothing_known": nothing_known,
        "picture": picture(context, risk)?,
        "segments": segments(context, risk)?,
        "factors": factors,
        "clamped": sum > 100,
        "stops": stops,
        "unevaluated": unevaluated,
        "basis": basis,
        "outdated": outdated(context, risk)?,
        "ruleset": text(risk, "ruleset"),
    }))
}

/// That the score counts answers which age has taken from the page since; null where it does not.
fn outdated(context: Context<'_>, risk: &Value) -> Result<Value, WordError> {
    let sources = list(risk, "outdated").iter().filter_map(Value::as_str);
    let names: Vec<String> = sources.map(|source| context.title("sources", source)).collect();
    match names.is_empty() {
        true => Ok(Value::Null),
        false => Ok(json!(context.say("risk-outdated", &[("sources", names.join(", ").into())])?)),
    }
}

/// The word of a level: the page's own, else the policy's.
pub(super) fn level(context: Context<'_>, id: &str) -> Result<String, WordError> {
    match id {
        "low" | "medium" | "high" | "critical" | "incomplete" => context.plain(&format!("level-{id}")),
        _ => Ok(context.title("levels", id)),
    }
}

pub(super) fn level_tone(id: &str) -> &'static str {
    match id {
        "low" => "low",
        "medium" => "medium",
        "high" => "high",
        "critical" => "critical",
        _ => "none",
    }
}

fn factor_line(context: Context<'_>, factor: &Value, facts: &BTreeMap<&str, &Value>) -> Result<Value, WordError> {
    let ids = list(factor, "facts");
    let named: Vec<Value> = ids
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|id| Some(json!({"id": id, "name": fact::name(facts.get(id)?)?})))
        .take(3)
        .collect();
    let rest = i64::try_from(ids.len().saturating_sub(named.len())).unwrap_or(i64::MAX);
    let possible = i64::try_from(list(factor, "possible").len()).unwrap_or(i64::MAX);
    Ok(json!({
        "title": context.title("rules", text(factor, "rule")),
        "points": number(factor, "points"),
        "points_said": context.counted("risk-points", number(factor, "points"))?,
        "tone": severity_tone(factor),
        "stop": flag(factor, "stop"),
        "named": named,
        "rest": if rest > 0 { Some(context.counted("risk-facts", rest)?) } else { None },
        "possible": if possible > 0 { Some(context.counted("risk-possible", possible)?) } else { None },
    }))
}

fn severity_tone(factor: &Value) -> &'static str {
    match text(factor, "severity") {
        "critical" => "critical",
        "high" => "high",
        "medium" => "medium",
        "low" => "low",
        "info" => "none",
        // An interface that does not tell the severity: by what the factor adds.
        _ => match number(factor, "points") {
            40.. => "critical",
            20..=39 => "high",
            10..=19 => "medium",
            _ => "low",
        },
    }
}

/// The picture in words: the same that a reader sees.
fn picture(context: Context<'_>, risk: &Value) -> Result<String, WordError> {
    let mut parts = Vec::new();
    for factor in list(risk, "factors").iter().filter(|factor| number(factor, "points") > 0) {
        parts.push(adds(context, factor)?);
    }
    let factors = if parts.is_empty() { context.plain("risk-picture_none")? } else { parts.join("; ") };
    context.say("risk-picture", &[("score", number(risk, "score").into()), ("factors", factors.into())])
}

/// «Ответчик в суде: +10».
fn adds(context: Context<'_>, factor: &Value) -> Result<String, WordError> {
    let rule = context.title("rules", text(factor, "rule"));
    context.say("risk-adds", &[("rule", rule.into()), ("points", number(factor, "points").into())])
}

/// Parts of the bar from 0 to 100, in the order of the factors; what goes beyond 100 has no place on it.
fn segments(context: Context<'_>, risk: &Value) -> Result<Vec<Value>, WordError> {
    let mut at = 0;
    let mut segments = Vec::new();
    for factor in list(risk, "factors") {
        let width = number(factor, "points").clamp(0, 100 - at);
        if width > 0 {
            let title = adds(context, factor)?;
            segments.push(json!({"x": at, "width": width, "tone": severity_tone(factor), "title": title}));
            at += width;
        }
    }
    Ok(segments)
}

fn unevaluated_line(context: Context<'_>, rule: &Value) -> Result<Value, WordError> {
    if let Some(id) = rule.as_str() {
        return Ok(json!({"title": context.title("rules", id), "why": null}));
    }
    let reason = context.code("unevaluated", text(rule, "reason"));
    let why = match text(rule, "reason") {
        "error" | "" => reason,
        _ => format!("{}: {reason}", context.title("sources", text(rule, "detail"))),
    };
    Ok(json!({"title": context.title("rules", text(rule, "rule")), "why": why}))
}

#[cfg(test)]
mod tests {
    use super::risk;
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[test]
    fn the_picture_ends_at_a_hundred_and_says_what_it_shows() {
        let value = json!({"score": 100, "score_is": "at_least", "level": "critical",
            "factors": [{"rule": "a", "points": 70, "facts": []}, {"rule": "b", "points": 40, "facts": []}]});
        let shown = risk(Context { lang: Lang::En, titles: &Value::Null }, &value, &BTreeMap::new(), false)
            .expect("known words");
        assert_eq!(shown["segments"][1]["width"], 30);
        assert_eq!(shown["clamped"], true);
        assert_eq!(shown["picture"], "Risk 100 of 100. a: +70; b: +40");
        assert_eq!(shown["said"], "at least 100 of 100");
    }

    #[test]
    fn no_risk_is_not_a_low_one() {
        let shown = risk(Context { lang: Lang::En, titles: &Value::Null }, &Value::Null, &BTreeMap::new(), false);
        assert_eq!(shown.expect("known words"), Value::Null);
    }

    #[test]
    fn what_nobody_knows_has_no_colour_of_low() {
        let low = json!({"score": 0, "score_is": "exact", "level": "low", "factors": []});
        let context = Context { lang: Lang::En, titles: &Value::Null };
        let shown = risk(context, &low, &BTreeMap::new(), true).expect("known words");
        assert_eq!((&shown["tone"], &shown["nothing_known"]), (&json!("none"), &json!(true)));
        assert_eq!(shown["level"], "no records");
    }
}
