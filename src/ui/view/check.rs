//! A whole check: its address, where it stands in words, its rows, risk and snapshots.

use super::{Context, both, flag, list, number, risk, some_text, source, text};
use crate::ui::words::{Arg, WordError};
use crate::words;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the check's page shows. `report` is a job, with `facts` by need.
pub(in crate::ui) fn check(context: Context<'_>, report: &Value, profiles: &Value) -> Result<Value, WordError> {
    let rows = list(report, "sources");
    let mut sources = Vec::new();
    for row in rows {
        let facts = source::facts_of(report, text(row, "need_id"));
        sources.push(source::row(context, row, facts, rows)?);
    }
    let mut facts = BTreeMap::new();
    for row in rows {
        let of = source::facts_of(report, text(row, "need_id"));
        facts.extend(of.iter().map(|fact| (text(fact, "fact_id"), fact)));
    }
    let snapshots: Vec<Value> = list(report, "snapshots")
        .iter()
        .rev()
        .map(|snapshot| snapshot_line(context, snapshot))
        .collect::<Result<_, _>>()?;
    Ok(json!({
        "id": text(report, "job_id"),
        "address": address(context, report)?,
        "profile": profile_title(context, profiles, text(report, "profile")),
        "created_at": some_text(report, "created_at"),
        "status": words::status(context.lang, report)?,
        "tone": status_tone(report),
        "final": flag(report, "final"),
        "progress": progress(context, report)?,
        "honesty": list(report, "honesty").iter().filter_map(|line| line.as_str().map(str::to_owned).or_else(|| some_text(line, "text").map(str::to_owned))).collect::<Vec<_>>(),
        "sources": sources,
        "risk": risk::risk(context, report.get("risk").unwrap_or(&Value::Null), &facts, words::nobody_knows(report))?,
        "snapshots": snapshots,
        "not_checked": not_checked(context, report),
        "at": some_text(report, "at"),
        "snapshot_id": some_text(report, "snapshot_id"),
        "facts_root": root_of(report),
        "position": some_text(report, "position"),
    }))
}

/// How the address was understood, and how sure that is.
fn address(context: Context<'_>, job: &Value) -> Result<Value, WordError> {
    let address = job.get("address").unwrap_or(&Value::Null);
    let input = text(address, "input");
    let canonical = some_text(address, "canonical").unwrap_or(input);
    let confidence = some_text(address, "confidence").unwrap_or("unknown");
    let warnings: Vec<String> = list(address, "warnings")
        .iter()
        .map(|warning| match warning.as_str() {
            Some(code) => context.code("warning", code),
            None => both(warning, context.lang),
        })
        .collect();
    Ok(json!({
        "shown": canonical,
        "typed": if input.trim() == canonical || input.is_empty() { Value::Null } else { json!(context.say("check-typed", &[("input", input.into())])?) },
        "confidence": context.code("confidence", confidence),
        "sure": matches!(confidence, "exact" | "high"),
        "weak": matches!(confidence, "low" | "unknown"),
        "warnings": warnings,
    }))
}

pub(super) fn status_tone(job: &Value) -> &'static str {
    match (text(job, "status"), flag(job, "final")) {
        ("COMPLETED", _) => "ok",
        ("FAILED", _) => "bad",
        ("PARTIAL", true) => "stale",
        _ => "busy",
    }
}

/// Answers counted, in words and as a row of parts, one for each need that applies.
fn progress(context: Context<'_>, job: &Value) -> Result<Value, WordError> {
    let progress = job.get("progress").unwrap_or(&Value::Null);
    let mut also = Vec::new();
    for (key, name) in [("progress-updating", "updating"), ("progress-stale", "stale"), ("progress-failed", "failed")] {
        if number(progress, name) > 0 {
            also.push(context.counted(key, number(progress, name))?);
        }
    }
    let parts: Vec<Value> = list(job, "sources")
        .iter()
        .filter(|row| text(row, "state") != "not_applicable")
        .map(|row| Ok(json!({"tone": source::tone(row), "title": format!("{}: {}", context.title("sources", text(row, "source")), context.code("state", text(row, "state")))})))
        .collect::<Result<_, WordError>>()?;
    Ok(json!({"said": said(context, progress)?, "also": also, "parts": parts}))
}

/// «Есть ответ: 4 из 6, из них 3 из предыдущих проверок».
pub(super) fn said(context: Context<'_>, progress: &Value) -> Result<String, WordError> {
    let part = |name| (name, Arg::from(number(progress, name)));
    let key = if number(progress, "reused") > 0 { "progress-answered_reused" } else { "progress-answered" };
    context.say(key, &[part("answered"), part("total"), part("reused")])
}

fn profile_title(context: Context<'_>, profiles: &Value, id: &str) -> String {
    let profile = list(profiles, "items").iter().find(|profile| super::start::profile_id(profile) == id);
    let title = profile.and_then(|profile| profile.get("title")).map(|title| both(title, context.lang));
    title.filter(|title| !title.is_empty()).unwrap_or_else(|| id.to_owned())
}

/// The root over the facts of the snapshot that the report names.
fn root_of(report: &Value) -> Option<&str> {
    let id = some_text(report, "snapshot_id")?;
    let named = list(report, "snapshots").iter().find(|snapshot| text(snapshot, "snapshot_id") == id)?;
    some_text(named, "facts_root")
}

fn snapshot_line(context: Context<'_>, snapshot: &Value) -> Result<Value, WordError> {
    let (status, tone) = match text(snapshot, "status") {
        "COMPLETED" => (context.plain("snapshot-completed")?, "ok"),
        "PARTIAL" => (context.plain("snapshot-partial")?, "stale"),
        other => (other.to_owned(), "none"),
    };
    Ok(json!({
        "id": text(snapshot, "snapshot_id"),
        "root": text(snapshot, "facts_root"),
        "status": status,
        "tone": tone,
        "sealed_at": some_text(snapshot, "sealed_at"),
    }))
}

/// What the report says it does not cover, each with its source; last and in one line those that its profile does not ask.
fn not_checked(context: Context<'_>, report: &Value) -> Vec<String> {
    let title = |item: &Value| context.title("sources", text(item, "source"));
    let line = |item: &Value| {
        let source = title(item);
        let why = item.get("text").map(|text| both(text, context.lang)).unwrap_or_default();
        if why.is_empty() { source } else { format!("{source}: {why}") }
    };
    let (outside, within): (Vec<_>, Vec<_>) =
        list(report, "not_checked").iter().partition(|item| text(item, "reason") == "not_in_profile");
    let mut lines: Vec<String> = within.into_iter().map(line).collect();
    if !outside.is_empty() {
        let sources = outside.into_iter().map(title).collect::<Vec<_>>().join(", ");
        lines.push(crate::words::one(context.lang, "unasked-outside", &[("sources", sources.into())]));
    }
    lines
}
