//! The interface as its own description (OpenAPI) tells it: calls by what they are about, and the shapes that they take and give.
//!
//! Words of the description stay as they are; what is code in them is told apart. Nothing is said here that it does not say.

use super::{Context, flag, list, some_text, text};
use serde_json::{Map, Value, json};

const REFERENCE: &str = "#/components/schemas/";

/// `{groups: [{tag, title, calls}], shapes}`. `api` is as of `GET /openapi.json`.
pub(in crate::ui) fn interface(context: Context<'_>, api: &Value) -> Value {
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for (path, verbs) in entries(api, "paths") {
        for (verb, call) in verbs.as_object().into_iter().flatten() {
            let tag = call.pointer("/tags/0").and_then(Value::as_str).unwrap_or("other");
            let call = self::call(path, verb, call);
            match groups.iter_mut().find(|(known, _)| known == tag) {
                Some((_, calls)) => calls.push(call),
                None => groups.push((tag.to_owned(), vec![call])),
            }
        }
    }
    // What most come for stands first; a tag that this order does not know follows.
    groups.sort_by_key(|(tag, _)| ORDER.iter().position(|known| known == tag).unwrap_or(ORDER.len()));
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(tag, calls)| json!({"title": context.code("interface_group", &tag), "tag": tag, "calls": calls}))
        .collect();
    let shapes = api.get("components").map(|parts| entries(parts, "schemas")).into_iter().flatten();
    json!({"groups": groups, "shapes": shapes.map(|(name, schema)| shape(name, schema)).collect::<Vec<_>>()})
}

const ORDER: [&str; 11] = [
    "jobs",
    "snapshots",
    "facts",
    "watches",
    "notifications",
    "events",
    "sources",
    "policy",
    "log",
    "workers",
    "health",
];

fn call(path: &str, verb: &str, call: &Value) -> Value {
    let parameter = |one: &Value| {
        json!({
            "name": text(one, "name"),
            "place": text(one, "in"),
            "required": flag(one, "required"),
            "kind": kind(one.get("schema").unwrap_or(&Value::Null)),
            "about": prose(text(one, "description")),
        })
    };
    let answers = entries(call, "responses").map(
        |(status, answer)| json!({"status": status, "about": prose(text(answer, "description")), "kind": content(answer)}),
    );
    let body = call.get("requestBody");
    json!({
        "id": anchor(&format!("{verb} {path}")),
        "verb": verb.to_uppercase(),
        "path": path,
        "summary": text(call, "summary"),
        "about": prose(text(call, "description")),
        "parameters": list(call, "parameters").iter().map(parameter).collect::<Vec<_>>(),
        "body": body.and_then(content),
        "answers": answers.collect::<Vec<_>>(),
    })
}

/// What a body or an answer holds: the first of its forms.
fn content(holder: &Value) -> Option<Vec<Value>> {
    let (form, content) = entries(holder, "content").next()?;
    match content.get("schema") {
        Some(schema) if form == "application/json" => Some(kind(schema)),
        _ => Some(vec![piece(form)]),
    }
}

fn shape(name: &str, schema: &Value) -> Value {
    let forms: Vec<Value> = list(schema, "oneOf")
        .iter()
        .map(|form| json!({"about": prose(text(form, "description")), "kind": kind(form), "fields": fields(form)}))
        .collect();
    let (fields, plain) = (fields(schema), forms.is_empty());
    let kind = (plain && fields.is_empty()).then(|| kind(schema));
    json!({
        "id": anchor(&format!("shape {name}")), "name": name, "about": prose(text(schema, "description")), "fields": fields,
        "forms": forms, "kind": kind,
    })
}

fn fields(schema: &Value) -> Vec<Value> {
    let required = list(schema, "required");
    let field = |(name, field): (&String, &Value)| {
        // Of a field that may be null the description stands with what it else is.
        let other = list(field, "oneOf").iter().find_map(|one| some_text(one, "description"));
        json!({
            "name": name,
            "required": required.iter().any(|one| one == name),
            "kind": kind(field),
            "about": prose(some_text(field, "description").or(other).unwrap_or_default()),
        })
    };
    entries(schema, "properties").map(field).collect()
}

/// A type in pieces `{text, shape?}`, as a programmer writes it: `string | null`, `FactView[]`, `{ [name]: integer }`.
fn kind(schema: &Value) -> Vec<Value> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix(REFERENCE)) {
        return vec![json!({"text": name, "shape": anchor(&format!("shape {name}"))})];
    }
    for (several, between) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")] {
        if schema.get(several).is_some() {
            // What a value may also be stands first, that it may be null last.
            let (null, others): (Vec<_>, Vec<_>) =
                list(schema, several).iter().partition(|one| text(one, "type") == "null");
            return joined(others.into_iter().chain(null).map(kind), between);
        }
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return vec![piece(&values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | "))];
    }
    match schema.get("type") {
        Some(Value::Array(types)) => {
            let one = |word: &Value| {
                let mut one = schema.as_object().cloned().unwrap_or_default();
                one.insert("type".to_owned(), word.clone());
                kind(&Value::Object(one))
            };
            joined(types.iter().map(one), " | ")
        }
        Some(Value::String(word)) if word == "array" => {
            let mut items = kind(schema.get("items").unwrap_or(&Value::Null));
            if items.len() > 1 {
                items.insert(0, piece("("));
                items.push(piece(")"));
            }
            items.push(piece("[]"));
            items
        }
        Some(Value::String(word)) if word == "object" => match schema.get("additionalProperties") {
            Some(values) if values.is_object() => {
                let mut pieces = vec![piece("{ [name]: ")];
                pieces.extend(kind(values));
                pieces.push(piece(" }"));
                pieces
            }
            _ => vec![piece("object")],
        },
        Some(Value::String(word)) => vec![piece(word)],
        _ => vec![piece("any")],
    }
}

fn joined(parts: impl Iterator<Item = Vec<Value>>, between: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for part in parts {
        if !all.is_empty() {
            all.push(piece(between));
        }
        all.extend(part);
    }
    all
}

fn piece(text: &str) -> Value {
    json!({ "text": text })
}

/// Paragraphs of pieces `{text, code}`: what stands between back-ticks is code.
fn prose(text: &str) -> Vec<Vec<Value>> {
    let pieces = |paragraph: &str| {
        let pieces = paragraph.split('`').enumerate().filter(|(_, text)| !text.is_empty());
        pieces.map(|(at, text)| json!({"text": text, "code": at % 2 == 1})).collect()
    };
    text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).map(pieces).collect()
}

/// A name as the id of an element: letters, digits and hyphens.
fn anchor(name: &str) -> String {
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    name.split(word).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    value.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Lang;

    fn written(schema: &Value) -> String {
        kind(schema).iter().map(|piece| text(piece, "text")).collect()
    }

    #[test]
    fn types_are_written_as_programmers_write_them() {
        let fact = json!({"$ref": "#/components/schemas/FactView"});
        for (schema, wanted) in [
            (json!({"type": "string"}), "string"),
            (json!({"type": ["integer", "null"], "format": "int64"}), "integer | null"),
            (fact.clone(), "FactView"),
            (json!({"type": "array", "items": fact}), "FactView[]"),
            (json!({"type": ["array", "null"], "items": {"type": ["string", "null"]}}), "(string | null)[] | null"),
            (json!({"oneOf": [{"type": "null"}, fact]}), "FactView | null"),
            (
                json!({"type": "object", "additionalProperties": {"type": "array", "items": fact}}),
                "{ [name]: FactView[] }",
            ),
            (json!({"type": "string", "enum": ["ru", "en"]}), "\"ru\" | \"en\""),
            (json!({"type": "object"}), "object"),
            (json!({}), "any"),
        ] {
            assert_eq!(written(&schema), wanted, "{schema}");
        }
        assert_eq!(kind(&fact)[0]["shape"], "shape-FactView");
    }

    #[test]
    fn calls_stand_by_what_they_are_about_and_lose_nothing() {
        let api = json!({
            "paths": {
                "/healthz": {"get": {"tags": ["health"], "summary": "Whether the process lives"}},
                "/v1/new": {"get": {"tags": ["pigeons"], "summary": "Later than this page"}},
                "/v1/jobs/{id}": {"post": {"tags": ["jobs"], "summary": "Read", "description": "One.\n\nSee `?as_of=` there.",
                    "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
                    "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "array"}}}},
                    "responses": {"404": {"description": "`not_found`",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Both"}}}}}}}
            },
            "components": {"schemas": {"Both": {"description": "Words.", "type": "object", "required": ["ru"],
                "properties": {"ru": {"type": "string"}, "en": {"oneOf": [{"type": "null"}, {"description": "Of it.", "$ref": "#/components/schemas/X"}]}}}}}
        });
        let shown = interface(Context { lang: Lang::Ru, titles: &Value::Null }, &api);
        let titles: Vec<&str> = list(&shown, "groups").iter().map(|group| text(group, "title")).collect();
        assert_eq!(titles, ["Проверки", "Состояние сервера", "pigeons"], "an unknown group is shown, last");
        let call = &shown["groups"][0]["calls"][0];
        assert_eq!((&call["id"], &call["verb"]), (&json!("post-v1-jobs-id"), &json!("POST")));
        assert_eq!(
            call["about"][1],
            json!([{"text": "See ", "code": false}, {"text": "?as_of=", "code": true}, {"text": " there.", "code": false}])
        );
        assert_eq!(call["body"], json!([{"text": "application/octet-stream"}]));
        assert_eq!(call["answers"][0]["kind"], json!([{"text": "Both", "shape": "shape-Both"}]));
        let fields = list(&shown["shapes"][0], "fields");
        let of = |name: &str| fields.iter().find(|field| field["name"] == name).expect("the field");
        assert_eq!((&of("ru")["required"], &of("en")["required"]), (&json!(true), &json!(false)));
        assert_eq!(of("en")["about"][0][0]["text"], "Of it.");
    }
}
