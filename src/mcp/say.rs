//! What may be said: the rules of honesty, and the sentences that go with answers that are not explanations themselves.

use crate::words::{self, Arg, Both, Lang, code, moment, one, within};
use serde_json::{Value, json};

/// The rules that every prompt and the server's instructions carry.
pub(super) fn rules(lang: Lang) -> String {
    one(lang, "assistant-rules", &[])
}

/// What the server says of itself.
pub(super) fn instructions() -> String {
    format!(
        "Mirano checks real-estate objects against slow, limited, unreliable sources, reuses what is still fresh, and can show where each result comes from.\n\
         start_check, then get_check (wait_s) until job.final; explain_check answers \"why was it fast?\" (why_fast) and \"why is it still being updated?\" (why_updating). \
         Answer in the user's language and pass it as lang.\n\n{}\n\n{}",
        rules(Lang::En),
        rules(Lang::Ru)
    )
}

/// A sentence with the receipts that it rests on.
pub(super) fn sentence(text: impl Into<String>, receipts: Value) -> Value {
    json!({"text": text.into(), "receipts": if receipts.is_array() { receipts } else { json!([]) }})
}

/// The sentences of an explanation that a filter lets through, and both answers to why.
pub(super) fn of_explanation(told: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let sentences = list(told, "sentences").filter(|sentence| wanted(sentence));
    let mut out: Vec<Value> =
        sentences.map(|said| sentence(text(said, "text"), said.get("receipts").cloned().unwrap_or_default())).collect();
    for why in ["why_fast", "why_updating"] {
        out.push(sentence(text(told.get(why).unwrap_or(&Value::Null), "text"), Value::Null));
    }
    out
}

/// What may be said of a difference.
pub(super) fn of_diff(diff: &Value, lang: Lang) -> Vec<Value> {
    let count = |name: &str| diff.pointer(&format!("/counts/{name}")).and_then(Value::as_u64).unwrap_or(0);
    let at = |side: &str| -> Both {
        moment(diff.pointer(&format!("/{side}/at")).and_then(Value::as_str).unwrap_or_default())
    };
    let mut out = vec![one(
        lang,
        "assistant-diff",
        &[
            ("from", at("from").into()),
            ("to", at("to").into()),
            ("changed", count("changed").into()),
            ("added", count("added").into()),
            ("gone", count("gone").into()),
            ("same", count("unchanged").into()),
        ],
    )];
    for skipped in list(diff, "not_compared") {
        let args = [
            ("source", text(skipped, "source").into()),
            ("reason", code(lang, "lacks", text(skipped, "reason")).into()),
            ("side", code(lang, "lacking", text(skipped, "side")).into()),
        ];
        out.push(one(lang, "assistant-diff_skipped", &args));
    }
    let risk = diff.get("risk").unwrap_or(&Value::Null);
    if let (Some(from), Some(to)) = (words::score_of(risk, "from"), words::score_of(risk, "to")) {
        out.push(one(lang, "assistant-diff_risk", &[("from", from.into()), ("to", to.into())]));
    }
    out.into_iter().map(|said| sentence(said, Value::Null)).collect()
}

/// What may be said of the sources.
pub(super) fn of_sources(sources: &[Value], lang: Lang) -> Vec<Value> {
    let told = |source: &Value| {
        let title = source.pointer(&format!("/title/{}", lang.code())).and_then(Value::as_str).unwrap_or_default();
        let ttl = within(source.get("ttl_s").and_then(Value::as_u64).unwrap_or(0));
        let health = code(lang, "health", text(source, "health"));
        let mut args: Vec<(&str, Arg)> = vec![("source", title.into()), ("ttl", ttl.into()), ("health", health.into())];
        let id = match source.get("last_answer_at").and_then(Value::as_str) {
            Some(at) => {
                args.push(("at", moment(at).into()));
                "assistant-source"
            }
            None => "assistant-source_unasked",
        };
        sentence(one(lang, id, &args), Value::Null)
    };
    sources.iter().map(told).collect()
}

/// What may be said of a review.
pub(super) fn of_review(review: &Value, lang: Lang) -> Vec<Value> {
    let claims: Vec<Value> = list(review, "claims")
        .map(|claim| sentence(text(claim, "say_instead"), claim.get("receipts").cloned().unwrap_or_default()))
        .collect();
    if !claims.is_empty() {
        return claims;
    }
    vec![sentence(one(lang, "assistant-review_ok", &[]), Value::Null)]
}

/// A member as text; nothing is empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A member as a list; nothing is empty.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
