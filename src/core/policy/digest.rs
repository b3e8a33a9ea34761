//! The digest of a policy document: equal documents have equal digests, however their files were written.

use super::PolicyDocument;
use serde_json::Value;
use std::collections::BTreeMap;

/// The canonical JSON: objects with their keys sorted by code point, no white space.
pub fn canonical_json(document: &PolicyDocument) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(document)?;
    let mut out = String::new();
    write(&value, &mut out)?;
    Ok(out)
}

/// BLAKE3 of the canonical JSON, in hex.
pub fn digest(document: &PolicyDocument) -> Result<String, serde_json::Error> {
    Ok(blake3::hash(canonical_json(document)?.as_bytes()).to_hex().to_string())
}

fn write(value: &Value, out: &mut String) -> Result<(), serde_json::Error> {
    match value {
        Value::Object(map) => {
            // Sorted here, since whether serde_json's own map is sorted depends on its features.
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            out.push('{');
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(key)?);
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(value, out)?;
            }
            out.push(']');
        }
        scalar => out.push_str(&serde_json::to_string(scalar)?),
    }
    Ok(())
}
