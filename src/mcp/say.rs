//! What may be said: the rules of honesty, and the sentences that go with answers that are not explanations themselves.

use crate::explain::words::{Both, Lang, duration};
use serde_json::{Value, json};

/// The rules that every prompt and the server's instructions carry.
pub(super) fn rules(lang: Lang) -> &'static str {
    match lang {
        Lang::Ru => {
            "Правила честности Mirano:\n\
             1. Говорите только то, на чём есть квитанция. Берите предложения из поля say и из explain_check; смягчать их нельзя.\n\
             2. «Проверено сегодня», «только что», «заново» — только о строках с origin fetched или coalesced и подходящим возрастом. О reused и served_stale: «данные использованы из предыдущей проверки» и когда источник был спрошен.\n\
             3. nothing_found — это «источник ответил: записей не найдено», а не «чисто» и не «долгов нет». Нет ответа — не значит, что там ничего нет.\n\
             4. Полнота: «есть ответ: 4 из 6», никогда «проверено всё», пока не ответили все и пока что-то взято из предыдущих проверок. Называйте, что не проверялось (not_checked).\n\
             5. Риск: если score_is = at_least — «не меньше». Уровень incomplete нельзя называть низким. «Безопасно» говорить нельзя.\n\
             6. Совпадение по имени (match: name) — «возможное совпадение».\n\
             7. Перед ответом человеку отдайте черновик инструменту review_draft и исправьте то, что он назвал."
        }
        Lang::En => {
            "Mirano's rules of honesty:\n\
             1. Say only what a receipt supports. Take sentences from the field say and from explain_check; do not make them rosier.\n\
             2. \"Checked today\", \"just now\", \"anew\" only of rows with origin fetched or coalesced and a fitting age. Of reused and served_stale: \"data reused from an earlier check\", and when the source was asked.\n\
             3. nothing_found is \"the source answered: no records found\", not \"clean\" and not \"no debts\". No answer does not mean that there is nothing.\n\
             4. Completeness: \"4 of 6 answered\", never \"everything checked\" before all have answered, or where anything comes from an earlier check. Name what was not checked (not_checked).\n\
             5. Risk: with score_is = at_least say \"at least\". Never call the level incomplete low. Never say \"safe\".\n\
             6. A match by name only (match: name) is a \"possible match\".\n\
             7. Before you answer a person, give your draft to review_draft and correct what it names."
        }
    }
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
    let at = |side: &str| diff.pointer(&format!("/{side}/at")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (changed, added, gone, same) = (count("changed"), count("added"), count("gone"), count("unchanged"));
    let mut out = vec![Both::new(
        format!(
            "Между {} и {}: изменилось {changed}, появилось {added}, исчезло {gone}, без изменений {same}. Сравнивалось только то, на что есть полный ответ с обеих сторон.",
            at("from"),
            at("to")
        ),
        format!(
            "Between {} and {}: {changed} changed, {added} added, {gone} gone, {same} unchanged. Only what has a complete answer on both sides was compared.",
            at("from"),
            at("to")
        ),
    )];
    for skipped in list(diff, "not_compared") {
        let (source, reason, side) = (text(skipped, "source"), text(skipped, "reason"), text(skipped, "side"));
        out.push(Both::new(
            format!("Не сравнивалось: {source} ({reason}, сторона {side}); изменилось ли там что-то, неизвестно."),
            format!("Not compared: {source} ({reason}, side {side}); whether anything changed there is not known."),
        ));
    }
    let risk = diff.get("risk").unwrap_or(&Value::Null);
    if let (Some(from), Some(to)) = (risk.get("from").and_then(Value::as_u64), risk.get("to").and_then(Value::as_u64)) {
        out.push(Both::new(
            format!("Риск: было {from}, стало {to} из 100."),
            format!("Risk: it was {from}, it is {to} of 100."),
        ));
    }
    out.into_iter().map(|both| sentence(both.get(lang), Value::Null)).collect()
}

/// What may be said of the sources.
pub(super) fn of_sources(sources: &[Value], lang: Lang) -> Vec<Value> {
    let one = |source: &Value| {
        let title = source.pointer(&format!("/title/{}", lang.code())).and_then(Value::as_str).unwrap_or_default();
        let ttl = duration(source.get("ttl_s").and_then(Value::as_u64).unwrap_or(0));
        let (health, last) = (text(source, "health"), source.get("last_answer_at").and_then(Value::as_str));
        let last = last.map_or(Both::new("ответов ещё не было", "it has not answered yet"), |at| {
            Both::new(format!("последний ответ {at}"), format!("it last answered at {at}"))
        });
        let both = Both::new(
            format!("{title}: ответ годен {}; {}; состояние: {health}.", ttl.ru, last.ru),
            format!("{title}: an answer is fresh for {}; {}; health: {health}.", ttl.en, last.en),
        );
        sentence(both.get(lang), Value::Null)
    };
    sources.iter().map(one).collect()
}

/// What may be said of a review.
pub(super) fn of_review(review: &Value, lang: Lang) -> Vec<Value> {
    let claims: Vec<Value> = list(review, "claims")
        .map(|claim| sentence(text(claim, "say_instead"), claim.get("receipts").cloned().unwrap_or_default()))
        .collect();
    if !claims.is_empty() {
        return claims;
    }
    let none = Both::new(
        "Противоречий квитанциям не распознано; это не доказывает, что всё в тексте верно.",
        "No claim was recognised that the receipts contradict; that does not prove that all of the text is right.",
    );
    vec![sentence(none.get(lang), Value::Null)]
}

/// A member as text; nothing is empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A member as a list; nothing is empty.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
