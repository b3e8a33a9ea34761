//! The log: commits as rows, and what a verification came to.

use super::{Context, list, number, some_text, text};
use crate::ui::words::{Arg, WordError};
use serde_json::{Value, json};

/// Commits as rows. `log` is as of `GET /v1/log`.
pub(in crate::ui) fn commits(context: Context<'_>, log: &Value) -> Result<Vec<Value>, WordError> {
    let row = |commit: &Value| {
        let mut events: Vec<(String, i64)> = Vec::new();
        for event in list(commit, "events") {
            let name = text(event, "type").to_owned();
            match events.last_mut() {
                Some((last, times)) if *last == name => *times += 1,
                _ => events.push((name, 1)),
            }
        }
        let shown =
            |(name, times): &(String, i64)| if *times > 1 { format!("{name} × {times}") } else { name.clone() };
        Ok(json!({
            "position": text(commit, "position"),
            "at": some_text(commit, "recorded_at"),
            "hash": text(commit, "hash"),
            "cause": some_text(commit, "cause"),
            "bytes": context.counted("log-bytes", number(commit, "bytes"))?,
            "events": events.iter().map(shown).collect::<Vec<_>>(),
        }))
    };
    list(log, "items").iter().map(row).collect()
}

/// What a verification came to. `told` are the events of `POST /v1/audit/replay`, to their end.
pub(in crate::ui) fn verified(context: Context<'_>, told: &str) -> Result<Value, WordError> {
    let events = told.split("\n\n").filter_map(|block| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Some((field("event:")?, serde_json::from_str::<Value>(field("data:")?).ok()?))
    });
    let (mut findings, mut done) = (Vec::new(), Value::Null);
    for (name, data) in events {
        match name {
            "finding" => findings.push(json!({
                "kind": text(&data, "kind"),
                "place": some_text(&data, "position").or_else(|| some_text(&data, "place")),
                "detail": text(&data, "detail"),
            })),
            "done" => done = data,
            _ => {}
        }
    }
    if done.is_null() {
        return Ok(json!({"ok": false, "said": context.plain("verify-broken")?, "findings": findings}));
    }
    let ok = done.get("ok").and_then(Value::as_bool) == Some(true);
    let part = |name| (name, Arg::from(number(&done, name)));
    let said = match ok {
        true => context.say("verify-ok", &[part("commits"), part("facts")])?,
        false => context.say("verify-bad", &[part("findings"), part("commits")])?,
    };
    Ok(json!({"ok": ok, "said": said, "findings": findings, "digest": some_text(&done, "digest")}))
}

#[cfg(test)]
mod tests {
    use super::{commits, verified};
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::json;

    #[test]
    fn commits_are_told_in_words() {
        let context = Context { lang: Lang::En, titles: &json!({}) };
        let log = json!({"items": [{"position": "0:1", "bytes": 9, "events": [{"type": "A"}, {"type": "A"}, {"type": "B"}]}]});
        let rows = commits(context, &log).expect("words");
        assert_eq!((&rows[0]["events"], &rows[0]["bytes"]), (&json!(["A × 2", "B"]), &json!("9 bytes")));
    }

    #[test]
    fn a_verification_is_told_by_its_end() {
        let context = Context { lang: Lang::En, titles: &json!({}) };
        let progress = "event: progress\ndata: {\"commits\":10,\"of\":20}\n\n";
        let done = "event: done\ndata: {\"commits\":20,\"facts\":5,\"findings\":0,\"ok\":true,\"digest\":\"ab\"}\n\n";
        let shown = verified(context, &format!("{progress}{done}")).expect("words");
        assert_eq!(shown["said"], "All fits. Commits: 20, facts recomputed: 5.");
        let finding = "event: finding\ndata: {\"kind\":\"chain\",\"position\":\"0:7\",\"place\":null,\"detail\":\"not the hash\"}\n\n";
        let bad = done.replace("true", "false").replace("\"findings\":0", "\"findings\":1");
        let shown = verified(context, &format!("{progress}{finding}{bad}")).expect("words");
        assert_eq!((&shown["ok"], &shown["findings"][0]["place"]), (&json!(false), &json!("0:7")));
        let shown = verified(context, progress).expect("words");
        assert!(shown["said"].as_str().is_some_and(|said| said.contains("broken off")), "no end is no success");
    }
}
