//! Schemas of what tools answer, taken from the interface's own description, so that they can't drift from it.

use rmcp::model::JsonObject;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
    let api = serde_json::to_value(crate::http::openapi()).unwrap_or_default();
    api.pointer("/components/schemas").cloned().unwrap_or_default()
});

const PREFIX: &str = "#/components/schemas/";

/// The schema of an object with these parts, which may name components of the interface as its description does, and with the
/// sentences that may be said.
pub(super) fn answer(parts: &Value) -> JsonObject {
    let mut properties = parts.as_object().cloned().unwrap_or_default();
    let required: Vec<String> = properties.keys().cloned().chain(["say".to_owned()]).collect();
    properties.insert(
        "say".to_owned(),
        json!({
            "type": "array",
            "description": "Sentences that may be said of this answer, each with the receipts that it rests on. Say nothing rosier.",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "receipts": {"type": "array", "items": {"type": "string"}}},
                "required": ["text", "receipts"]
            }
        }),
    );
    let mut schema = json!({"type": "object", "properties": properties, "required": required});
    let mut defs = serde_json::Map::new();
    let mut todo = references(&mut schema);
    while let Some(name) = todo.pop_first() {
        if defs.contains_key(&name) {
            continue;
        }
        let mut component = COMPONENTS.get(&name).cloned().unwrap_or_else(|| json!({}));
        todo.extend(references(&mut component));
        defs.insert(name, component);
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$defs".to_owned(), Value::Object(defs));
    }
    match schema {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    }
}

/// A component of the interface, as a part.
pub(super) fn component(name: &str) -> Value {
    json!({"$ref": format!("{PREFIX}{name}")})
}

/// The components that a schema names; its references are turned to `$defs`.
fn references(schema: &mut Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => {
                        if let Some(component) = text.strip_prefix(PREFIX).map(str::to_owned) {
                            *text = format!("#/$defs/{component}");
                            out.insert(component);
                        }
                    }
                    other => out.extend(references(other)),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| out.extend(references(item))),
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{answer, component};
    use serde_json::{Value, json};

    #[test]
    fn every_reference_has_its_definition() {
        let schema = Value::Object(answer(&json!({"job": component("JobView"), "told": component("Explanation")})));
        let text = schema.to_string();
        assert!(!text.contains("#/components"), "{text}");
        let defs = schema.get("$defs").and_then(Value::as_object).expect("definitions");
        let named: Vec<&str> = text.split("#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 10);
        for name in named {
            assert!(defs.get(name).is_some_and(|def| def.as_object().is_some_and(|def| !def.is_empty())), "{name}");
        }
    }
}
