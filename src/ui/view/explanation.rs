//! The explanation of a check: the two questions that people ask, and every sentence with the receipts it rests on. Its words are
//! those of the interface; here they are only placed, each sentence once, and times in them are made times of the page.

use super::{Context, flag, list, number, some_text, text};
use crate::ui::format;
use crate::ui::words::WordError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the page of a check says of it. `explained` is as of `GET /v1/jobs/{id}/explain`.
///
/// `{answers: [{name, question, words, sentences, rests}], rest: [sentence]}`; a sentence is `{id, words, receipts, rests}`, and its words are
/// pieces, `{text}` or `{at}`.
pub(in crate::ui) fn explanation(context: Context<'_>, explained: &Value) -> Result<Value, WordError> {
    let mut receipts = BTreeMap::new();
    for one in list(explained, "receipts") {
        receipts.insert(text(one, "receipt_id"), receipt(context, one)?);
    }
    let all = list(explained, "sentences");
    let mut placed = BTreeSet::new();
    let mut answers = Vec::new();
    for (name, question) in [("fast", "explained-fast"), ("updating", "explained-updating")] {
        let why = explained.get(format!("why_{name}")).unwrap_or(&Value::Null);
        let ids: BTreeSet<&str> = list(why, "sentences").iter().filter_map(Value::as_str).collect();
        let of = |one: &&Value| ids.contains(text(one, "id"));
        let sentences: Vec<Value> =
            all.iter().filter(of).map(|one| sentence(context, one, &receipts)).collect::<Result<_, _>>()?;
        placed.extend(ids);
        answers.push(json!({
            "name": name,
            "question": context.plain(question)?,
            "words": format::pieces(context.lang, text(why, "text")),
            "rests": count(context, "explained-sentences", sentences.len())?,
            "sentences": sentences,
        }));
    }
    let rest = all.iter().filter(|one| !placed.contains(text(one, "id")));
    let rest: Vec<Value> = rest.map(|one| sentence(context, one, &receipts)).collect::<Result<_, _>>()?;
    Ok(json!({"answers": answers, "rest": rest, "rests": count(context, "explained-rest", rest.len())?}))
}

fn count(context: Context<'_>, key: &str, n: usize) -> Result<String, WordError> {
    context.counted(key, i64::try_from(n).unwrap_or(i64::MAX))
}

fn sentence(context: Context<'_>, one: &Value, receipts: &BTreeMap<&str, Value>) -> Result<Value, WordError> {
    let named = list(one, "receipts").iter().filter_map(Value::as_str);
    let rests: Vec<&Value> = named.filter_map(|id| receipts.get(id)).collect();
    Ok(json!({
        "id": text(one, "id"),
        "words": format::pieces(context.lang, text(one, "text")),
        "rests": count(context, "explained-receipts", rests.len())?,
        "receipts": rests,
    }))
}

/// How a need was answered, as a line.
fn receipt(context: Context<'_>, receipt: &Value) -> Result<Value, WordError> {
    let origin = text(receipt, "origin");
    let mut answer = match text(receipt, "outcome") {
        "found" => context.plain("sources-found")?,
        outcome => context.code("result", outcome),
    };
    if !flag(receipt, "complete") {
        answer = format!("{answer}; {}", context.plain("result-incomplete")?);
    }
    // Of a company by its number; what the page is about needs no name.
    let about = text(receipt, "subject").strip_prefix("company:");
    Ok(json!({
        "id": text(receipt, "receipt_id"),
        "source": context.title("sources", text(receipt, "source")),
        "about": about,
        "origin": context.code("origin", origin),
        "kind": match origin { "reused" => "reused", "served_stale" => "stale", _ => "" },
        "answer": answer,
        "asked": some_text(receipt, "observed_at"),
        "taken": some_text(receipt, "taken_at"),
        "own": some_text(receipt, "as_of"),
        "ttl": format::duration(context.lang, number(receipt, "ttl_s"))?,
        "reason": context.code("receipt_reason", text(receipt, "reason")),
        "policy": number(receipt, "policy_version"),
        "observation": text(receipt, "observation_id"),
    }))
}

#[cfg(test)]
mod tests {
    use super::explanation;
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};

    #[test]
    fn each_sentence_stands_once_with_its_receipts() {
        let sentence =
            |id: &str, receipts: Value| json!({"id": id, "text": format!("says {id}"), "receipts": receipts});
        let explained = json!({
            "sentences": [sentence("s1", json!(["r1", "r2"])), sentence("s2", json!(["r1"])), sentence("s3", json!([]))],
            "why_fast": {"text": "because", "sentences": ["s2"]},
            "why_updating": {"text": "waiting", "sentences": ["s3"]},
            "receipts": [
                {"receipt_id": "r1", "source": "courts", "subject": "company:1", "origin": "reused", "outcome": "found", "complete": true, "ttl_s": 60, "reason": "fresh"},
                {"receipt_id": "r2", "source": "cadastre", "subject": "property:x", "origin": "fetched", "outcome": "nothing_found", "complete": false, "reason": "task"}]});
        let shown = explanation(Context { lang: Lang::En, titles: &Value::Null }, &explained).expect("words");
        let ids =
            |part: &Value| part.as_array().expect("a list").iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&shown["answers"][0]["sentences"]), ["s2"]);
        assert_eq!(ids(&shown["answers"][1]["sentences"]), ["s3"]);
        assert_eq!(ids(&shown["rest"]), ["s1"]);
        assert_eq!(shown["answers"][0]["question"], "Why did the result come fast?");
        let rests = &shown["rest"][0];
        assert_eq!((ids(&rests["receipts"]).len(), &rests["rests"]), (2, &json!("2 receipts")));
        let reused = &shown["answers"][0]["sentences"][0]["receipts"][0];
        assert_eq!(
            (&reused["kind"], &reused["about"], &reused["ttl"]),
            (&json!("reused"), &json!("1"), &json!("1 minute"))
        );
        assert_eq!(reused["reason"], "an earlier answer was within its TTL");
        assert_eq!(rests["receipts"][1]["answer"], "the source answered: no records found; the list is not complete");
    }
}
