//! The start page: profiles with their inputs, recent checks, what is being asked now.

use super::check::{said, status_tone};
use super::{Context, both, flag, list, risk, some_text, source, text};
use crate::ui::words::WordError;
use crate::words;
use serde_json::{Value, json};

/// The name of a profile in the list of profiles.
pub(super) fn profile_id(profile: &Value) -> &str {
    ["profile", "id", "name"].into_iter().find_map(|key| some_text(profile, key)).unwrap_or_default()
}

/// Profiles as choices of the form, with what was typed before.
pub(in crate::ui) fn profiles(context: Context<'_>, profiles: &Value) -> Result<Vec<Value>, WordError> {
    let mut items: Vec<&Value> = list(profiles, "items").iter().collect();
    // The most thorough stands first, and is the one chosen.
    items.sort_by_key(|profile| std::cmp::Reverse(list(profile, "sources").len() + list(profile, "needs").len()));
    items
        .into_iter()
        .map(|profile| {
            let title = profile.get("title").map(|title| both(title, context.lang)).unwrap_or_default();
            let inputs: Vec<Value> = profile.get("inputs").map(|inputs| inputs_of(context, inputs)).unwrap_or_default();
            let mut sources: Vec<String> = list(profile, "sources")
                .iter()
                .filter_map(Value::as_str)
                .map(|id| context.title("sources", id))
                .collect();
            if sources.is_empty() {
                sources =
                    list(profile, "needs").iter().map(|need| context.title("sources", text(need, "source"))).collect();
            }
            sources.dedup();
            let asks = if sources.is_empty() {
                None
            } else {
                Some(context.say("start-asks", &[("sources", sources.join(", ").into())])?)
            };
            let id = profile_id(profile);
            Ok(json!({"id": id, "title": if title.is_empty() { id } else { &title }, "inputs": inputs, "asks": asks}))
        })
        .collect()
}

/// Inputs, given as a map by name or as a list of objects with `name`.
fn inputs_of(context: Context<'_>, inputs: &Value) -> Vec<Value> {
    let input = |name: &str, spec: &Value| {
        let title = spec.get("title").map(|title| both(title, context.lang)).filter(|title| !title.is_empty());
        json!({
            "name": name,
            "title": title.unwrap_or_else(|| name.to_owned()),
            "type": text(spec, "type"),
            "required": flag(spec, "required"),
        })
    };
    match inputs {
        Value::Object(by_name) => by_name.iter().map(|(name, spec)| input(name, spec)).collect(),
        Value::Array(items) => items.iter().map(|spec| input(text(spec, "name"), spec)).collect(),
        _ => Vec::new(),
    }
}

/// A check as a line of a list.
pub(in crate::ui) fn job_line(context: Context<'_>, job: &Value) -> Result<Value, WordError> {
    let address = job.get("address").unwrap_or(&Value::Null);
    let risk = job.get("risk").unwrap_or(&Value::Null);
    let progress = job.get("progress").unwrap_or(&Value::Null);
    let level = some_text(risk, "level").or_else(|| some_text(job, "risk_level"));
    let unknown = words::nobody_knows(job);
    Ok(json!({
        "id": text(job, "job_id"),
        "address": some_text(address, "canonical").or_else(|| some_text(address, "input")).unwrap_or_default(),
        "status": words::status(context.lang, job)?,
        "tone": status_tone(job),
        "progress": if progress.is_object() { Some(said(context, progress)?) } else { None },
        "level": match level {
            Some(_) if unknown => Some(context.plain("risk-no_records")?),
            Some(level) => Some(risk::level(context, level)?),
            None => None,
        },
        "level_tone": if unknown { "none" } else { risk::level_tone(level.unwrap_or_default()) },
        "created_at": some_text(job, "created_at"),
    }))
}

/// Rows of the visitor's recent checks that are being asked now.
pub(in crate::ui) fn updating(context: Context<'_>, jobs: &[Value]) -> Result<Vec<Value>, WordError> {
    let mut lines = Vec::new();
    for job in jobs {
        for row in list(job, "sources").iter().filter(|row| flag(row, "updating")) {
            let line = job_line(context, job)?;
            let shown = source::row(context, row, &[], list(job, "sources"))?;
            lines.push(json!({
                "job": line.get("id"), "address": line.get("address"),
                "source": shown.get("title"), "state": shown.get("state"), "waits": shown.get("waits"),
            }));
        }
    }
    Ok(lines)
}
