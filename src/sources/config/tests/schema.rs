//! The JSON Schema for editors says what the program reads: the same keys everywhere, the same words.

use super::super::{QUEUE_SCHEMA, SCHEMA};
use crate::core::policy::{
    AnswerSpec, AttrSpec, AttrType, AuthKind, AuthSpec, BreakerSpec, CursorParam, DropSpec, ExpectSpec, FactSpec,
    Format, Guard, LimitsSpec, MatchSpec, NestBy, NestSpec, PageParam, PagesSpec, PrefetchSpec, QueueSpec, RequestSpec,
    RetrySpec, SourceSpec, StepSpec, ValidSpec,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The names that the program would take instead of one that it does not know.
fn known<T: DeserializeOwned>(wrong: Value) -> BTreeSet<String> {
    let told = serde_json::from_value::<T>(wrong).map(|_| ()).expect_err("is not known").to_string();
    assert!(told.starts_with("unknown field") || told.starts_with("unknown variant"), "{told}");
    told.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    known::<T>(json!({"no such key": 0}))
}

/// Where in the schema, and what the program says.
fn tables() -> Vec<(&'static str, BTreeSet<String>)> {
    vec![
        ("", fields::<SourceSpec>()),
        ("/properties/limits", fields::<LimitsSpec>()),
        ("/properties/limits/properties/breaker", fields::<BreakerSpec>()),
        ("/properties/prefetch", fields::<PrefetchSpec>()),
        ("/properties/retry", fields::<RetrySpec>()),
        ("/properties/auth", fields::<AuthSpec>()),
        ("/$defs/request", fields::<RequestSpec>()),
        ("/$defs/pages", fields::<PagesSpec>()),
        ("/$defs/pages/properties/page", fields::<PageParam>()),
        ("/$defs/pages/properties/cursor", fields::<CursorParam>()),
        ("/$defs/answer", fields::<AnswerSpec>()),
        ("/$defs/answer/properties/expect", fields::<ExpectSpec>()),
        ("/$defs/answer/properties/expect/properties/drop", fields::<DropSpec>()),
        ("/$defs/nest", fields::<NestSpec>()),
        ("/$defs/guard", fields::<Guard>()),
        ("/$defs/step", fields::<StepSpec>()),
        ("/$defs/fact", fields::<FactSpec>()),
        ("/$defs/fact/properties/valid", fields::<ValidSpec>()),
        ("/$defs/attr", fields::<AttrSpec>()),
    ]
}

#[test]
fn the_same_keys() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    for (at, want) in tables() {
        let table = schema.pointer(at).unwrap_or_else(|| panic!("{at} is not in the schema"));
        let have: BTreeSet<String> = table["properties"].as_object().expect("properties").keys().cloned().collect();
        assert_eq!(have, want, "{at}");
        assert_eq!(table["additionalProperties"], json!(false), "{at}");
    }
}

/// What the schema of `queue.toml` lets through, the program does, and of each key the default is told.
#[test]
fn the_same_queue() {
    let schema: Value = serde_json::from_str(QUEUE_SCHEMA).expect("JSON");
    let have: BTreeSet<String> = schema["properties"].as_object().expect("properties").keys().cloned().collect();
    assert_eq!(have, fields::<QueueSpec>());
    assert_eq!(schema["additionalProperties"], json!(false));
    let default = serde_json::to_value(QueueSpec::default()).expect("JSON");
    for (key, value) in default.as_object().expect("a table") {
        let told = schema["properties"][key]["description"].as_str().expect("described");
        let value = value.to_string().replace(',', ", ");
        assert!(told.contains(&value) && told.ends_with("when left out"), "{key} is {value}: {told}");
    }
    let most = schema.pointer("/properties/age/maximum").and_then(Value::as_u64).expect("a number");
    for (age, problems) in [(most, 0), (most + 1, 1)] {
        let spec: QueueSpec = serde_json::from_value(json!({"age": age})).expect("readable");
        assert_eq!(spec.problems().len(), problems, "{age}");
    }
}

#[test]
fn the_same_words() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    for (at, want) in [
        ("/$defs/attr/properties/type/enum", known::<AttrType>(json!("no such word"))),
        ("/$defs/answer/properties/format/enum", known::<Format>(json!("no such word"))),
        ("/$defs/nest/properties/by/enum", known::<NestBy>(json!("no such word"))),
        ("/$defs/fact/properties/match/enum", known::<MatchSpec>(json!("no such word"))),
        ("/properties/auth/properties/type/enum", known::<AuthKind>(json!("no such word"))),
    ] {
        let words = schema.pointer(at).and_then(Value::as_array).expect("words");
        let have: BTreeSet<String> = words.iter().map(|word| word.as_str().expect("text").to_owned()).collect();
        assert_eq!(have, want, "{at}");
    }
}
