//! How a check went: its moments, and the risk as it moved, as a picture with its words.

use super::check::status_tone;
use super::{Context, list, number, risk, some_text, text};
use crate::ui::format;
use crate::ui::words::{Arg, WordError};
use crate::words;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The picture's width and height, in its own units; room for the scale is left of it.
const WIDE: f64 = 640.0;
const HIGH: f64 = 100.0;

/// What the page of a check's moments shows. `changes` is as of `GET /v1/jobs/{id}/changes`, latest first.
/// `moved` has, by position, the counts of what differs from the moment before, and `answered`: rows of the check (`source`, `facts`)
/// that had no answer before, and so nothing to differ from.
pub(in crate::ui) fn timeline(
    context: Context<'_>,
    job: &str,
    changes: &Value,
    moved: &BTreeMap<String, Value>,
) -> Result<Value, WordError> {
    let moments: Vec<&Value> = list(changes, "items").iter().rev().collect();
    let at =
        |moment: &Value| chrono::DateTime::parse_from_rfc3339(text(moment, "at")).map_or(0, |at| at.timestamp_millis());
    let (first, last) = (moments.first().map_or(0, |it| at(it)), moments.last().map_or(0, |it| at(it)));
    let long = (last - first).max(1);
    let scored = |moment: &Value| Some(moment.get("risk").filter(|risk| risk.is_object())?.clone());
    let (mut path, mut least, mut before) = (String::new(), String::new(), None);
    let (mut points, mut scores) = (Vec::new(), Vec::new());
    let mut rows = Vec::new();
    let mut choices = super::moments(context, job, changes)?;
    choices.reverse();
    for (index, (moment, choice)) in moments.iter().zip(&choices).enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
        let x = ((at(moment) - first) as f64 / long as f64 * WIDE).round();
        let found = scored(moment);
        let level = found.as_ref().and_then(|risk| some_text(risk, "level"));
        let tone = risk::level_tone(level.unwrap_or_default());
        let score = found.as_ref().and_then(|risk| risk.get("score")?.as_u64());
        let at_least = found.as_ref().is_some_and(|risk| text(risk, "score_is") == "at_least");
        if let Some(score) = score {
            #[expect(clippy::cast_precision_loss, reason = "0 to 100")]
            let y = HIGH - score as f64;
            if let Some((from, was, could_grow)) = before {
                *(if could_grow { &mut least } else { &mut path }) += &format!("M{from} {was}H{x}");
                path += &format!("M{x} {was}V{y}");
            }
            before = Some((x, y, at_least));
            scores.push((score, at_least));
            points.push(json!({"x": x, "y": y, "tone": tone, "sealed": some_text(moment, "snapshot_id").is_some()}));
        }
        let key = if at_least { "risk-score_at_least" } else { "risk-score" };
        rows.push(json!({
            "position": text(moment, "position"),
            "at": some_text(moment, "at"),
            "precision": text(choice, "precision"),
            "tone": status_tone(moment),
            "said": super::moments::said(context, moment)?,
            "risk": score.map(|score| context.say(key, &[("score", score.into())])).transpose()?,
            "level": level.map(|level| risk::level(context, level)).transpose()?,
            "level_tone": tone,
            "snapshot": some_text(moment, "snapshot_id"),
            "before": index.checked_sub(1).and_then(|before| some_text(moments.get(before)?, "position")),
            "moved": moved.get(text(moment, "position")).map(|counts| told(context, counts)).transpose()?,
        }));
    }
    rows.reverse();
    choices.reverse();
    let said = picture(context, &scores)?;
    Ok(json!({"rows": rows, "choices": choices, "path": path, "least": least, "points": points, "said": said,
        "ticks": ticks(first, last), "more": some_text(changes, "next_cursor").is_some()}))
}

/// What stands under the picture, `{at, precision}`: where it begins, its middle and its end, milliseconds as moments; one where nothing passed.
fn ticks(first: i64, last: i64) -> Vec<Value> {
    let at = [first, first + (last - first) / 2, last].into_iter().filter_map(chrono::DateTime::from_timestamp_millis);
    let mut at: Vec<String> = at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)).collect();
    at.dedup();
    let precision = format::precision(&at.iter().map(String::as_str).collect::<Vec<_>>());
    at.iter().zip(precision).map(|(at, precision)| json!({"at": at, "precision": precision})).collect()
}

/// The picture in words: that a score moved is said only where it did. None where there is no score. Each score is with whether
/// it could still grow.
fn picture(context: Context<'_>, scores: &[(u64, bool)]) -> Result<Option<String>, WordError> {
    let (Some(first), Some(last)) = (scores.first(), scores.last()) else { return Ok(None) };
    let least = scores.iter().min().unwrap_or(first);
    let most = scores.iter().max().unwrap_or(first);
    let said = |name, (score, at_least): &(u64, bool)| (name, Arg::from(words::score(*score, *at_least)));
    let [first_arg, last_arg] = [said("first", first), said("last", last)];
    let [least_arg, most_arg] = [said("least", least), said("most", most)];
    if least == most {
        return context.say("timeline-picture_same", &[last_arg]).map(Some);
    }
    if first == last {
        return context.say("timeline-picture_back", &[last_arg, least_arg, most_arg]).map(Some);
    }
    // A peak is told where it is neither of the two.
    if most.0 > first.0.max(last.0) {
        return context.say("timeline-picture_peak", &[first_arg, last_arg, most_arg]).map(Some);
    }
    context.say("timeline-picture", &[first_arg, last_arg]).map(Some)
}

/// What came, went and changed, without what did not, and who answered for the first time; none where nothing did.
fn told(context: Context<'_>, counts: &Value) -> Result<Option<String>, WordError> {
    let mut parts = Vec::new();
    for name in ["added", "gone", "changed"] {
        if number(counts, name) > 0 {
            parts.push(context.counted(&format!("compare-{name}"), number(counts, name))?);
        }
    }
    let answered = list(counts, "answered").iter().map(|row| {
        let facts = context.counted("risk-facts", number(row, "facts"))?;
        Ok(format!("{} ({facts})", context.title("sources", text(row, "source"))))
    });
    let answered = answered.collect::<Result<Vec<_>, WordError>>()?;
    if !answered.is_empty() {
        parts.push(context.say("timeline-answered", &[("sources", answered.join(", ").into())])?);
    }
    Ok((!parts.is_empty()).then(|| parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{picture, timeline};
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[test]
    fn the_risk_is_drawn_as_it_moved() {
        let moment = |at: &str, score: Option<u8>| {
            let is = if score == Some(60) { "at_least" } else { "exact" };
            let risk = score.map_or(Value::Null, |score| json!({"score": score, "score_is": is, "level": "low"}));
            json!({"position": "0:1", "at": at, "status": "PARTIAL", "answered": 1, "total": 2, "risk": risk})
        };
        let changes = json!({"items": [moment("2026-01-01T00:00:10Z", Some(5)), moment("2026-01-01T00:00:05Z", Some(60)),
            moment("2026-01-01T00:00:00Z", None)]});
        let context = Context { lang: Lang::En, titles: &Value::Null };
        let counts = json!({"added": 2, "gone": 0, "changed": 1, "unchanged": 4, "answered": [{"source": "courts", "facts": 11}]});
        let moved = BTreeMap::from([("0:1".to_owned(), counts)]);
        let shown = timeline(context, "j", &changes, &moved).expect("words");
        assert_eq!((&shown["path"], &shown["least"]), (&json!("M640 40V95"), &json!("M320 40H640")));
        assert_eq!((&shown["rows"][0]["risk"], &shown["rows"][2]["risk"]), (&json!("5 of 100"), &Value::Null));
        assert_eq!(shown["rows"][0]["moved"], "2 came, 1 changed, answered: courts (11 facts)");
        assert_eq!(shown["rows"][0]["precision"], "second");
        assert_eq!((&shown["rows"][0]["before"], &shown["rows"][2]["before"]), (&json!("0:1"), &Value::Null));
        assert_eq!(shown["said"], "The risk went from at least 60 to 5.");
        let tick = |second| json!({"at": format!("2026-01-01T00:00:{second}.000Z"), "precision": "second"});
        assert_eq!(shown["ticks"], json!([tick("00"), tick("05"), tick("10")]));
        assert_eq!(shown["rows"][0]["said"], "1 of 2 answered · being updated", "a dot's colour is said");
        let none = timeline(context, "j", &json!({"items": []}), &moved).expect("words");
        assert_eq!((&none["rows"], &none["said"]), (&json!([]), &Value::Null));
    }

    #[test]
    fn a_score_that_stayed_is_not_said_to_move() {
        let said = |scores: &[u64]| {
            let scores: Vec<_> = scores.iter().map(|score| (*score, false)).collect();
            picture(Context { lang: Lang::En, titles: &Value::Null }, &scores).expect("words").unwrap_or_default()
        };
        assert_eq!(said(&[5, 60, 20]), "The risk went from 5 to 20; the highest in between was 60.");
        assert_eq!(said(&[5, 5, 5]), "The risk was 5 all along.");
        assert_eq!(said(&[5, 60, 5]), "The risk is 5 again; in between the lowest was 5, the highest 60.");
        assert_eq!(said(&[]), "");
    }
}
