//! What was told, the channels by which it was, and how that went.

use super::{Context, flag, list, number, some_text, text};
use crate::ui::format;
use crate::ui::words::WordError;
use serde_json::{Value, json};

/// Notifications as rows. `told` is as of `GET /v1/notifications`.
pub(in crate::ui) fn notifications(context: Context<'_>, told: &Value) -> Result<Vec<Value>, WordError> {
    let row = |one: &Value| {
        let data = one.get("data").cloned().unwrap_or_default();
        Ok(json!({
            "id": text(one, "notification_id"),
            "kind": context.code("notice", text(one, "type")),
            "said": text(one, "text"),
            "at": some_text(one, "timestamp"),
            "read": flag(one, "read"),
            "job": some_text(&data, "job_id"),
        }))
    };
    list(told, "items").iter().map(row).collect()
}

/// Channels as rows. `channels` is `{"webhooks": …, "emails": …}`, each as the interface lists it.
pub(in crate::ui) fn channels(context: Context<'_>, channels: &Value) -> Result<Vec<Value>, WordError> {
    let mut rows = Vec::new();
    for kind in ["webhooks", "emails"] {
        for one in channels.get(kind).map(|page| list(page, "items")).unwrap_or_default() {
            rows.push(channel(context, kind, one)?);
        }
    }
    Ok(rows)
}

/// A channel as a row. `one` is as of `GET /v1/{kind}/{id}`.
pub(in crate::ui) fn channel(context: Context<'_>, kind: &str, one: &Value) -> Result<Value, WordError> {
    let (id, target) = if kind == "emails" { ("email_id", "address") } else { ("webhook_id", "url") };
    let events = list(one, "events").iter().filter_map(Value::as_str);
    Ok(json!({
        "kind": kind,
        "kind_said": context.code("channel", kind),
        "id": text(one, id),
        "target": text(one, target),
        "events": events.map(|word| context.code("notice", word)).collect::<Vec<_>>(),
        "digest": some_text(one, "digest").map(|digest| format::span(context.lang, digest)).transpose()?,
        "muted_until": some_text(one, "muted_until"),
        "stopped_at": some_text(one, "stopped_at"),
    }))
}

/// Deliveries as rows. `sent` is as of `GET /v1/webhooks/{id}/deliveries`.
pub(in crate::ui) fn deliveries(context: Context<'_>, sent: &Value) -> Result<Vec<Value>, WordError> {
    let row = |one: &Value| {
        let state = text(one, "state");
        let last = list(one, "attempts").last();
        let hidden =
            list(one, "notifications").len().saturating_sub(list(one, "tells").len()) as i64 + number(one, "left_out");
        Ok(json!({
            "id": text(one, "delivery_id"),
            "state": context.code("delivery", state),
            "tone": match state { "delivered" => "ok", "dead" => "bad", _ => "stale" },
            "made_at": some_text(one, "created_at"),
            "next_at": some_text(one, "next_at"),
            "tells": list(one, "tells").iter().map(|told| tells(context, told)).collect::<Vec<_>>(),
            "more": (hidden > 0).then(|| context.counted("notifications-more", hidden)).transpose()?,
            "attempts": last.map(|last| context.counted("date-attempts", number(last, "n"))).transpose()?,
            "cause": last.and_then(|last| some_text(last, "cause")),
            "again": matches!(state, "delivered" | "dead" | "waiting"),
        }))
    };
    list(sent, "items").iter().map(row).collect()
}

/// One of the notifications that a delivery tells.
fn tells(context: Context<'_>, told: &Value) -> Value {
    json!({"kind": context.code("notice", text(told, "type")), "said": text(told, "text"), "job": some_text(told, "job_id")})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Lang;

    #[test]
    fn what_was_told_and_how_it_went_is_said_in_words() {
        let context = Context { lang: Lang::En, titles: &json!({}) };
        let told = json!({"items": [{"notification_id": "n", "type": "job.final", "text": "It ended", "read": false,
            "timestamp": "2026-01-01T00:00:00Z", "data": {"job_id": "j"}}]});
        let rows = notifications(context, &told).expect("words");
        assert_eq!((&rows[0]["kind"], &rows[0]["job"]), (&json!("Check ended"), &json!("j")));
        let all = json!({"webhooks": {"items": [{"webhook_id": "w", "url": "https://a.example/", "events": ["facts.changed"]}]},
            "emails": {"items": [{"email_id": "e", "address": "a@example.org", "events": [], "digest": "1d"}]}});
        let rows = channels(context, &all).expect("words");
        assert_eq!((&rows[0]["events"], &rows[1]["kind_said"]), (&json!(["Facts changed"]), &json!("E-mail")));
        let sent = json!({"items": [{"delivery_id": "d", "state": "dead", "notifications": ["n", "m", "o"], "left_out": 2,
            "tells": [{"type": "job.final", "text": "It ended", "job_id": "j"}], "attempts": [{"n": 9, "cause": "status 500"}]}]});
        let rows = deliveries(context, &sent).expect("words");
        assert_eq!((&rows[0]["tone"], &rows[0]["cause"]), (&json!("bad"), &json!("status 500")));
        assert_eq!(rows[0]["tells"], json!([{"kind": "Check ended", "said": "It ended", "job": "j"}]));
        assert_eq!(rows[0]["more"], "and 4 more", "two that are not told here, and two that found no room in it");
    }
}
