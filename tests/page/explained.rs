//! What the interface explains of the jobs of fixtures, in the shape of `GET /v1/jobs/{id}/explain`. All words are invented here; the
//! program's own are tested in `tests/words`, and come to the page in the journey.

use serde_json::{Value, json};

/// The explanation of any job, in a language; of a moment where one is named.
pub fn explanation(id: &str, lang: &str, as_of: Option<&str>) -> Value {
    let ru = lang == "ru";
    let say = |russian: &str, english: &str| if ru { russian.to_owned() } else { english.to_owned() };
    let sentence = |id: &str, topic: &str, text: String, receipts: &[&str]| json!({"id": id, "code": topic, "topic": topic, "text": text, "args": {}, "receipts": receipts});
    let receipt = |id: &str, source: &str, origin: &str, outcome: &str, reason: &str| {
        json!({"receipt_id": id, "need_id": "n1", "source": source, "subject": if source == "courts" { "company:9900000013" } else { "property:q2" },
            "origin": origin, "outcome": outcome, "complete": source != "courts", "observation_id": format!("observation-of-{id}"),
            "observed_at": "2026-11-23T08:15:00Z", "as_of": if source == "cadastre" { json!("2026-11-20") } else { Value::Null },
            "ttl_s": 1_209_600, "taken_at": "2026-11-24T10:09:40Z", "policy_version": 7, "reason": reason})
    };
    let done = id == "job-done";
    let (answered, total, score) = if done { (2, 2, "20") } else { (4, 7, "65") };
    let mut sentences = vec![
        sentence(
            "s1",
            "checked",
            say(
                &format!("Есть ответ: {answered} из {total}, из них 1 из предыдущих проверок."),
                &format!("Answered: {answered} of {total}, 1 of them from earlier checks."),
            ),
            &["r1", "r2", "r3"],
        ),
        sentence(
            "s2",
            "reused",
            say(
                "Кадастр: источник ответил: 2 записи; срок годности 14 дней, до 7 декабря 2026, 08:15 UTC <b>.",
                "Cadastre: the source answered: 2 records; good for 14 days, until 7 December 2026, 08:15 UTC <b>.",
            ),
            &["r1"],
        ),
        sentence(
            "s3",
            "updating",
            say("Реестр компаний: источник опрашивается.", "Company register: the source is being asked."),
            &[],
        ),
        sentence(
            "s4",
            "risk",
            say(&format!("Риск: {score} из 100."), &format!("Risk: {score} of 100.")),
            &["r1", "r2", "r3"],
        ),
    ];
    if done {
        sentences.retain(|sentence| sentence["topic"] != "updating");
    }
    let nothing = say("Сейчас ничего не обновляется.", "Nothing is being updated now.");
    let updating = match done {
        true => json!({"text": nothing, "sentences": []}),
        false => {
            json!({"text": say("Обновление идёт: ждём ответа 3 источников.", "An update is going on: 3 sources have yet to answer."), "sentences": ["s3"]})
        }
    };
    // Where no source answered there is no receipt.
    if matches!(id, "job-failed" | "job-new") {
        let none = say("Быстро не было: ответов пока нет.", "It was not fast: there are no answers yet.");
        return json!({"lang": lang, "at": "2026-11-24T10:12:05Z", "sentences": [], "receipts": [],
            "why_fast": {"text": none, "sentences": []}, "why_updating": {"text": nothing, "sentences": []}});
    }
    let moment = as_of.map(|as_of| format!(" ({id}, {as_of})")).unwrap_or_default();
    let fast = say(
        &format!("Часть пришла быстро: 1 из {total} из предыдущих проверок."),
        &format!("Part of it came fast: 1 of {total} comes from earlier checks."),
    );
    json!({
        "lang": lang, "at": "2026-11-24T10:12:05Z", "sentences": sentences,
        "why_fast": {"text": format!("{fast}{moment}"), "sentences": ["s2"]},
        "why_updating": updating,
        "receipts": [
            receipt("r1", "cadastre", "reused", "found", "fresh"),
            receipt("r2", "reviews", "coalesced", "nothing_found", "joined"),
            receipt("r3", "courts", "fetched", "found", "task")]
    })
}
