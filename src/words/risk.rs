//! The risk in words that are not rosier than what was found.

use super::{Arg, Both, both};
use serde_json::Value;

/// Whether sources answered and none of them has a record: then the score tells of no risk, and not of a low one.
pub const fn nothing_known(answered: u64, nothing_found: u64) -> bool {
    answered > 0 && nothing_found >= answered
}

/// The same of a job as of `GET /v1/jobs/{id}`, or its report: `{progress: {answered, nothing_found}}`.
pub fn nobody_knows(job: &Value) -> bool {
    let count = |name: &str| job.pointer(&format!("/progress/{name}")).and_then(Value::as_u64).unwrap_or(0);
    nothing_known(count("answered"), count("nothing_found"))
}

/// The sentence about a score of 0 to 100: `at_least` if it may still grow, `level` its title.
pub fn risk(score: u64, at_least: bool, level: &Both, nothing_known: bool) -> Both {
    let id = match (nothing_known, at_least) {
        (true, _) => "told_risk-no_records",
        (false, true) => "told_risk-at_least",
        (false, false) => "told_risk-exact",
    };
    both(id, &[("score", score.into()), ("level", Arg::from(level.clone()))])
}

/// A score of 0 to 100: `at_least` if it may still grow.
pub fn score(score: u64, at_least: bool) -> Both {
    both(if at_least { "score-at_least" } else { "score-exact" }, &[("score", score.into())])
}

/// The score of one side of a difference, as of `{from, from_score_is, to, to_score_is}`; none where there was none.
pub fn score_of(moved: &Value, side: &str) -> Option<Both> {
    let found = moved.get(side)?.as_u64()?;
    Some(score(found, moved.get(format!("{side}_score_is")).and_then(Value::as_str) == Some("at_least")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_that_nobody_knows_is_not_told_to_be_of_low_risk() {
        let low = super::super::level("low", None);
        let said = |known| risk(0, false, &low, known).en;
        assert!(said(false).contains(&low.en), "{}", said(false));
        assert!(!said(true).contains(&low.en), "{}", said(true));
        assert!(nothing_known(2, 2) && !nothing_known(2, 1));
        assert!(!nothing_known(0, 0), "silence is not told as an empty answer");
    }

    #[test]
    fn a_score_that_could_still_grow_is_said_to() {
        let moved = json!({"from": 45, "from_score_is": "at_least", "to": 100, "to_score_is": "exact"});
        assert_eq!(["from", "to"].map(|side| score_of(&moved, side).expect("a score").en), ["at least 45", "100"]);
        assert_eq!(score_of(&json!({"from": null}), "from"), None);
    }
}
