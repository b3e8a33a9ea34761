//! Courts: JSON in pages of ten, each naming the address of the next.

use super::{Ask, encode, page_of};
use crate::demo::answer::Answer;
use serde_json::{Value, json};

const PAGE: usize = 10;

/// `GET /courts/api/cases?inn=…&page=…`: `next` is the whole address of the next page, null on the last.
pub fn answer(ask: &Ask) -> Answer {
    let Some(inn) = ask.get("inn") else {
        return Answer::json(&json!({"success": false, "message": "inn is required"})).status(400);
    };
    let cases = ask.world.company_by_inn(inn).map(|company| ask.world.cases(&company, ask.date)).unwrap_or_default();
    let (items, more) = page_of(&cases, ask.page(), PAGE);
    let items: Vec<Value> = items
        .map(|case| {
            let mut item = json!({
                "number": case.number,
                "type": case.kind,
                "court": "Арбитражный суд Небывалинской области",
                "role": case.role,
                "category": case.category,
                "claim": case.sum.map(|sum| json!({"sum": format!("{}.{:02}", sum / 100, sum % 100), "currency": "RUB"})),
                "filed": case.filed.to_string(),
                "status": case.status,
                "outcome": case.outcome,
                "documents": case.documents,
            });
            if let (Some(judge), Value::Object(item)) = (case.judge, &mut item) {
                item.insert("judge".to_owned(), json!(judge));
            }
            item
        })
        .collect();
    let next = more.then(|| format!("{}/courts/api/cases?inn={}&page={}", ask.base, encode(inn), ask.page() + 1));
    Answer::json(
        &json!({"success": true, "updated": ask.date.to_string(), "total": cases.len(), "page": ask.page(), "cases": items, "next": next}),
    )
}
