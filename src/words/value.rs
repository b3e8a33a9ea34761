//! The value of an attribute of a fact, as people write it.

use super::{Lang, WordError, code, decimal, has, say};
use serde_json::Value;

/// Attributes of the [kinds that have words](known) that hold sums of roubles, where the source's file names no currency.
const SUMS: &[&str] = &["price", "sum", "left", "value", "capital", "tax_debt"];
/// Those that hold other measured numbers; all other texts of digits are names (tax numbers) and stay as they are.
const MEASURES: &[&str] = &["area"];

/// Whether the words here were written for this kind of facts; of any other kind, an attribute's name says nothing to us.
fn known(kind: &str) -> bool {
    has(&format!("kind-{}", kind.replace('.', "-")))
}

/// What people call an attribute of a kind of facts: its own name, where there are no words for the kind.
pub fn label(lang: Lang, kind: &str, key: &str) -> String {
    if known(kind) { code(lang, "attr", key) } else { key.to_owned() }
}

/// The currency of an attribute whose source names none.
pub fn usual_currency(kind: &str, key: &str) -> Option<&'static str> {
    (known(kind) && SUMS.contains(&key)).then_some("RUB")
}

/// A value of a fact of this kind, by the type that its attribute has in the words of people; `currency` as of ISO 4217, where it is
/// known. What is not understood is shown as it is.
pub fn attribute(
    lang: Lang,
    kind: &str,
    key: &str,
    currency: Option<&str>,
    value: &Value,
) -> Result<String, WordError> {
    let is_number = |text: &str| known(kind) && (SUMS.contains(&key) && is_decimal(text) || MEASURES.contains(&key));
    Ok(match value {
        Value::Bool(yes) => say(lang, if *yes { "fact-yes" } else { "fact-no" }, &[])?,
        Value::String(text) => match currency.filter(|_| is_decimal(text)) {
            Some(currency) => money(lang, text, currency),
            None if is_number(text) => decimal(lang, text),
            None => super::day(text).get(lang).to_owned(),
        },
        Value::Number(number) => number.to_string(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Object(_) => String::new(),
    })
}

/// Whether it is a number and nothing else, as decimals are kept.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// A sum, with the sign of its currency where readers know one.
fn money(lang: Lang, text: &str, currency: &str) -> String {
    let sign = match currency {
        "RUB" => "₽",
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        code => return format!("{}\u{a0}{code}", decimal(lang, text)),
    };
    match lang {
        Lang::Ru => format!("{}\u{a0}{sign}", decimal(lang, text)),
        Lang::En => format!("{sign}{}", decimal(lang, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::{attribute, label, money, usual_currency};
    use crate::words::Lang::{En, Ru};
    use serde_json::json;

    #[test]
    fn sums_have_their_sign() {
        assert_eq!(money(Ru, "12000000", "RUB"), "12\u{202f}000\u{202f}000\u{a0}₽");
        assert_eq!(money(En, "-1.5", "RUB"), "₽\u{2212}1.5");
        assert_eq!(money(En, "1500.00", "USD"), "$1,500.00");
        assert_eq!(money(Ru, "15000", "KZT"), "15\u{202f}000\u{a0}KZT");
    }

    #[test]
    fn values_are_written_by_what_they_are() {
        for (key, value, wanted) in [
            ("price", json!("11238000"), "11,238,000"),
            ("area", json!("54.3"), "54.3"),
            ("right_since", json!("2022-04-26"), "26 April 2022"),
            ("inn", json!("7707083893"), "7707083893"),
            ("floor", json!(7), "7"),
            ("new", json!(true), "yes"),
        ] {
            assert_eq!(attribute(En, "listing.offer", key, None, &value).expect("words"), wanted, "{key}");
        }
    }

    /// A name says nothing of a currency, and nothing at all where the kind is somebody else's.
    #[test]
    fn sums_are_roubles_only_where_it_is_known() {
        let shown =
            |kind, key, currency, value: &str| attribute(En, kind, key, currency, &json!(value)).expect("words");
        assert_eq!(shown("listing.offer", "price", Some("USD"), "1500"), "$1,500");
        assert_eq!(shown("listing.offer", "price", usual_currency("listing.offer", "price"), "1500"), "₽1,500");
        assert_eq!(shown("listing.offer", "price", Some("RUB"), "$250.00"), "$250.00");
        assert_eq!(usual_currency("alpha.thing", "sum"), None);
        assert_eq!(shown("alpha.thing", "sum", None, "500"), "500");
        assert_eq!(shown("alpha.thing", "fee", Some("GBP"), "1200"), "£1,200");
        assert_eq!((label(En, "alpha.thing", "sum"), label(En, "court.case", "sum")), ("sum".into(), "claim".into()));
    }
}
