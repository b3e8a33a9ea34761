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

/// What to say where the points of `{from, to, because: [{points}]}` do not add up to how far the score moved, because it ends
/// at 100 or at 0; none where they do.
pub fn score_ends(moved: &Value) -> Option<Both> {
    let scores: Vec<i64> =
        ["from", "to"].iter().map(|side| moved.get(side).and_then(Value::as_i64)).collect::<Option<_>>()?;
    let [from, to] = <[i64; 2]>::try_from(scores).ok()?;
    let because = moved.get("because").and_then(Value::as_array).into_iter().flatten();
    let points: i64 = because.filter_map(|one| one.get("points").and_then(Value::as_i64)).sum();
    let end = [100, 0].into_iter().find(|end| points != to - from && (from == *end || to == *end))?;
    Some(both("score-ends", &[("end", end.into())]))
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

    #[test]
    fn points_that_do_not_add_up_are_explained_by_where_the_score_ends() {
        let said = |from: Option<i64>, to: i64, points: &[i64]| {
            let because: Vec<Value> = points.iter().map(|points| json!({"points": points})).collect();
            score_ends(&json!({"from": from, "to": to, "because": because})).map(|said| said.en)
        };
        for (from, to, points) in [(100, 100, vec![40, 10]), (45, 100, vec![170]), (100, 70, vec![-90])] {
            let said = said(Some(from), to, &points).unwrap_or_default();
            assert!(said.contains("ends at 100"), "{from} {to} {points:?}: {said:?}");
        }
        assert!(said(Some(20), 0, &[-40]).unwrap_or_default().contains("ends at 0"));
        for (from, to, points) in [(60, 100, vec![30, 10]), (100, 100, vec![]), (20, 0, vec![-20]), (20, 30, vec![5])] {
            assert_eq!(said(Some(from), to, &points), None, "{from} {to} {points:?}");
        }
        assert_eq!(said(None, 100, &[170]), None, "there was no score to move");
    }
}
