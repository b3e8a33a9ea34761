//! The value of an attribute of a fact, as people write it.

use super::{Lang, WordError, decimal, say};
use serde_json::Value;

/// Attributes that hold sums of roubles.
const SUMS: &[&str] = &["price", "sum", "left", "value", "capital", "tax_debt"];
/// Attributes that hold other measured numbers; all other texts of digits are names (tax numbers) and stay as they are.
const MEASURES: &[&str] = &["area"];

/// A value by the type that its attribute has in the words of people. What is not understood is shown as it is.
pub fn attribute(lang: Lang, key: &str, value: &Value) -> Result<String, WordError> {
    Ok(match value {
        Value::Bool(yes) => say(lang, if *yes { "fact-yes" } else { "fact-no" }, &[])?,
        Value::String(text) if SUMS.contains(&key) => money(lang, text),
        Value::String(text) if MEASURES.contains(&key) => decimal(lang, text),
        Value::String(text) => super::day(text).get(lang).to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Object(_) => String::new(),
    })
}

/// A sum of roubles.
fn money(lang: Lang, text: &str) -> String {
    match lang {
        Lang::Ru => format!("{}\u{a0}₽", decimal(lang, text)),
        Lang::En => format!("₽{}", decimal(lang, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::{attribute, money};
    use crate::words::Lang::{En, Ru};
    use serde_json::json;

    #[test]
    fn sums_have_their_sign() {
        assert_eq!(money(Ru, "12000000"), "12\u{202f}000\u{202f}000\u{a0}₽");
        assert_eq!(money(En, "-1.5"), "₽\u{2212}1.5");
    }

    #[test]
    fn values_are_written_by_what_they_are() {
        for (key, value, wanted) in [
            ("price", json!("11238000"), "₽11,238,000"),
            ("area", json!("54.3"), "54.3"),
            ("right_since", json!("2022-04-26"), "26 April 2022"),
            ("inn", json!("7707083893"), "7707083893"),
            ("floor", json!(7), "7"),
            ("new", json!(true), "yes"),
        ] {
            assert_eq!(attribute(En, key, &value).expect("words"), wanted, "{key}");
        }
    }
}
