//! The moments of a check: to open one as it was known, and to choose two to compare.

use super::{Context, list, number, some_text, text};
use crate::ui::format;
use crate::ui::words::{Arg, WordError};
use serde_json::{Value, json};

/// The moments, latest first, each so exact that no two read alike. `changes` is as of `GET /v1/jobs/{id}/changes`.
/// `ref` names a moment as a side of a comparison, `also` the same by its position where it is a snapshot.
pub(in crate::ui) fn moments(context: Context<'_>, job: &str, changes: &Value) -> Result<Vec<Value>, WordError> {
    let items = list(changes, "items");
    let times: Vec<&str> = items.iter().map(|change| text(change, "at")).collect();
    let moment = |(change, precision): (&Value, &'static str)| {
        let snapshot = some_text(change, "snapshot_id");
        let position = text(change, "position");
        let place = format!("job:{job}@{position}");
        let mut said = said(context, change)?;
        if snapshot.is_some() {
            said = format!("{said} · {}", context.plain("moment-sealed")?);
        }
        Ok(json!({
            "position": position,
            "at": some_text(change, "at"),
            "precision": precision,
            "said": said,
            "tone": super::check::status_tone(change),
            "ref": snapshot.unwrap_or(&place),
            "also": place,
        }))
    };
    items.iter().zip(format::precision(&times)).map(moment).collect()
}

/// Where the check stood at a moment: how many had answered, and what was to come of it. Nothing is told by the colour of a dot alone.
pub(super) fn said(context: Context<'_>, change: &Value) -> Result<String, WordError> {
    let part = |name| (name, Arg::from(number(change, name)));
    let answered = context.say("moment-answered", &[part("answered"), part("total")])?;
    Ok(format!("{answered} · {}", context.code("moment_state", super::check::status_tone(change))))
}

#[cfg(test)]
mod tests {
    use super::moments;
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};

    #[test]
    fn moments_of_one_minute_are_told_apart() {
        let change = |position: &str, at: &str, snapshot: Value| json!({"position": position, "at": at, "status": "PARTIAL", "final": snapshot.is_null(), "answered": 1, "total": 2, "snapshot_id": snapshot});
        let changes = json!({"items": [change("0:9", "2026-01-01T00:00:40Z", json!("s1")), change("0:4", "2026-01-01T00:00:05Z", Value::Null)]});
        let shown = moments(Context { lang: Lang::En, titles: &Value::Null }, "j", &changes).expect("words");
        assert_eq!((&shown[0]["precision"], &shown[1]["precision"]), (&json!("second"), &json!("second")));
        assert_eq!((&shown[0]["ref"], &shown[0]["also"]), (&json!("s1"), &json!("job:j@0:9")));
        assert_eq!(shown[0]["said"], "1 of 2 answered · being updated · snapshot");
        assert_eq!(shown[1]["said"], "1 of 2 answered · incomplete or stale");
        assert_eq!(shown[1]["ref"], "job:j@0:4");
    }
}
