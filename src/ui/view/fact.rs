//! One fact as a line: what it is called, its attributes with their names, and whether it is only a namesake perhaps.

use super::{Context, text};
use crate::ui::format;
use crate::ui::words::WordError;
use crate::words;
use serde_json::{Value, json};

/// Attributes that name a thing well, best first.
const NAMES: &[&str] = &["title", "name", "number", "id"];
/// What a reader looks for first. Attributes that are not here follow by name, long texts last.
const FIRST: &[&str] = &[
    "price",
    "status",
    "role",
    "sum",
    "left",
    "rating",
    "encumbrance",
    "purpose",
    "area",
    "rooms",
    "floor",
    "value",
    "filed",
    "opened",
    "posted",
];
const LAST: &str = "text";

/// `{id, kind, name, attrs: [{label, value}], possible}`
pub(super) fn line(context: Context<'_>, fact: &Value) -> Result<Value, WordError> {
    let name = name(fact);
    let mut attrs = Vec::new();
    let kind = text(fact, "kind");
    for (key, value) in fact.get("attrs").and_then(Value::as_object).into_iter().flatten() {
        let shown = attribute(context, kind, key, value)?;
        if Some(shown.as_str()) != name.as_deref() && !shown.is_empty() && key != "id" {
            let place = FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len());
            attrs.push((if key == LAST { usize::MAX } else { place }, words::label(context.lang, kind, key), shown));
        }
    }
    attrs.sort_by_key(|(place, _, _)| *place);
    let attrs: Vec<Value> =
        attrs.into_iter().map(|(_, label, value)| json!({"label": label, "value": value})).collect();
    Ok(json!({
        "id": text(fact, "fact_id"),
        "kind": context.code("kind", kind),
        "name": name,
        "attrs": attrs,
        "possible": text(fact, "match") == "name",
    }))
}

/// What a fact is called: an attribute that is a name, else its whole identity.
pub(super) fn name(fact: &Value) -> Option<String> {
    let of = |part: &str, key: &str| fact.get(part)?.get(key)?.as_str().map(str::to_owned);
    NAMES.iter().find_map(|key| of("attrs", key).or_else(|| of("identity", key))).or_else(|| {
        let identity = fact.get("identity")?.as_object()?;
        let parts: Vec<&str> = identity.values().filter_map(Value::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    })
}

/// A value by the type that its attribute has in the words of people; a day is kept on one line.
pub(super) fn attribute(context: Context<'_>, kind: &str, key: &str, value: &Value) -> Result<String, WordError> {
    match value {
        Value::String(text) if is_date(text) => format::day(context.lang, text),
        _ => words::attribute(context.lang, kind, key, context.currency(kind, key), value),
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::ui::Lang;
    use crate::ui::view::Context;
    use serde_json::{Value, json};

    #[test]
    fn numbers_that_are_names_stay_whole() {
        let fact = json!({"fact_id": "f", "kind": "cadastre.developer", "match": "name",
            "identity": {"inn": "7707083893"}, "attrs": {"inn": "7707083893", "sum": "1234567.5", "filed": "2026-03-15"}});
        let shown = line(Context { lang: Lang::Ru, titles: &Value::Null }, &fact).expect("known words");
        assert_eq!(shown["name"], "7707083893");
        assert_eq!(shown["kind"], "Застройщик");
        assert_eq!(shown["possible"], true);
        let values: Vec<_> =
            shown["attrs"].as_array().expect("a list").iter().map(|attr| attr["value"].clone()).collect();
        assert_eq!(values, ["1\u{202f}234\u{202f}567,5\u{a0}₽", "15\u{a0}марта 2026"]);
    }
}
