//! Where a check stands, in words that do not promise more than happened.

use super::{Lang, WordError, say};
use serde_json::Value;

/// The status of a check. `job` is as of `GET /v1/jobs/{id}`: `{status, final, progress: {total, answered, reused, stale, failed}}`.
/// A status that this version does not know is shown as it is.
pub fn status(lang: Lang, job: &Value) -> Result<String, WordError> {
    let count = |name: &str| job.pointer(&format!("/progress/{name}")).and_then(Value::as_u64).unwrap_or(0);
    let ended = job.get("final").and_then(Value::as_bool).unwrap_or(false);
    let (total, reused, stale) = (count("total"), count("reused"), count("stale"));
    let all = total > 0 && count("answered") >= total;
    let code = job.get("status").and_then(Value::as_str).unwrap_or_default();
    let id = match code {
        "CREATED" => "status-created",
        "IN_PROGRESS" => "status-in_progress",
        "PARTIAL" if all && stale > 0 => {
            let id = if ended { "status-partial_stale" } else { "status-partial_stale_updating" };
            return say(lang, id, &[("stale", stale.into()), ("total", total.into())]);
        }
        "PARTIAL" if ended => "status-partial_final",
        "PARTIAL" if all => "status-partial_all_updating",
        // A source that gave no answer and is not asked again is no part of what is being updated.
        "PARTIAL" if count("failed") > 0 => "status-partial_some_updating",
        "PARTIAL" => "status-partial_updating",
        "COMPLETED" if reused > 0 && reused >= total => "status-completed_all_reused",
        "COMPLETED" if reused > 0 => "status-completed_reused",
        "COMPLETED" => "status-completed",
        "FAILED" => "status-failed",
        other => return Ok(other.to_owned()),
    };
    say(lang, id, &[])
}

#[cfg(test)]
mod tests {
    use super::{Lang, status};
    use serde_json::json;

    #[test]
    fn a_partial_result_is_told_for_what_it_lacks() {
        let said = |last: bool, answered: u32, failed: u32, stale: u32| {
            let progress = json!({"total": 6, "answered": answered, "reused": 0, "failed": failed, "stale": stale});
            status(Lang::En, &json!({"status": "PARTIAL", "final": last, "progress": progress})).expect("words")
        };
        let stale = "All sources have answered, but 2 of 6 answers are stale; ";
        assert_eq!(said(true, 6, 0, 2), format!("{stale}nothing is being updated now"));
        assert_eq!(said(false, 6, 0, 2), format!("{stale}an update is under way"));
        assert_eq!(said(false, 6, 0, 0), "Every source has an answer; some are being updated");
        assert_eq!(said(true, 5, 1, 0), "The result is not complete, or partly stale; nothing is being updated now");
        assert_eq!(said(false, 4, 1, 0), "Part of the result is here, some of the rest is being updated");
        assert_eq!(said(false, 4, 0, 0), "Part of the result is here, the rest is being updated");
    }

    #[test]
    fn what_was_reused_is_said_and_an_unknown_status_shown() {
        let said = |reused: u32| {
            let progress = json!({"total": 6, "answered": 6, "reused": reused});
            status(Lang::En, &json!({"status": "COMPLETED", "final": true, "progress": progress})).expect("words")
        };
        let words = [said(0), said(2), said(6)];
        assert!(words[0] != words[1] && words[1] != words[2], "{words:?}");
        assert_eq!(status(Lang::Ru, &json!({"status": "LATER"})).expect("words"), "LATER");
    }
}
