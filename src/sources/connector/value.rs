//! From what stands in a page to a typed value. What does not fit is an error, never a guess.

use super::document::Raw;
use super::money;
use crate::core::policy::template::{TemplateError, Templates};
use crate::core::policy::{AttrSpec, AttrType};
use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, Datelike, NaiveDate};
use mirano_schemas::Value;
use regex::Regex;
use std::collections::BTreeMap;

/// How one attribute is read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    kind: AttrType,
    comma: bool,
    thousands: Option<String>,
    format: DateForm,
    pattern: Option<Regex>,
    empty: Vec<String>,
    one_of: Vec<String>,
    map: BTreeMap<String, String>,
    /// Has the template `value`.
    filter: Option<Templates>,
    currency: String,
    split: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum DateForm {
    Iso,
    Unix,
    UnixMs,
    Strftime(String),
}

/// Why a text is not of its type. `value` is what stood there: for reports to the connector's author only, it may be
/// about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) what: String,
    pub(super) value: String,
}

impl Reading {
    /// Compiles; errors name the key of the attribute that they are about.
    pub(super) fn compile(spec: &AttrSpec) -> Result<Self, Vec<(&'static str, String)>> {
        let mut problems = Vec::new();
        let pattern = spec.pattern.as_deref().and_then(|pattern| {
            Regex::new(pattern).map_err(|e| problems.push(("pattern", format!("not a regular expression: {e}")))).ok()
        });
        let fractional = matches!(spec.kind, AttrType::Decimal | AttrType::Money);
        let numeric = fractional || spec.kind == AttrType::Integer;
        let comma = match spec.decimal.as_deref() {
            None | Some(".") => false,
            Some(",") => true,
            Some(other) => {
                problems.push(("decimal", format!("the decimal sign is \",\" or \".\", not {other:?}")));
                false
            }
        };
        if spec.decimal.is_some() && !fractional {
            problems.push(("decimal", "only an attribute of type decimal or money has a decimal sign".to_owned()));
        }
        if let Some(thousands) = spec.thousands.as_deref() {
            if !numeric {
                problems.push(("thousands", "only a number has thousands".to_owned()));
            } else if thousands.is_empty() || thousands == if comma { "," } else { "." } || thousands.contains('-') {
                problems.push(("thousands", format!("can't separate thousands: {thousands:?}")));
            }
        }
        let format = match spec.format.as_deref() {
            None => DateForm::Iso,
            Some("unix") => DateForm::Unix,
            Some("unix_ms") => DateForm::UnixMs,
            Some(text) => {
                if StrftimeItems::new(text).any(|item| matches!(item, Item::Error)) {
                    problems.push(("format", format!("not a strftime form: {text:?}")));
                }
                DateForm::Strftime(text.to_owned())
            }
        };
        if spec.format.is_some() && spec.kind != AttrType::Date {
            problems.push(("format", "only an attribute of type date has a form".to_owned()));
        }
        let code = |code: &String| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        match (&spec.currency, spec.kind) {
            (None, AttrType::Money) => {
                problems.push(("currency", "money needs its currency, such as \"RUB\"".to_owned()));
            }
            (Some(currency), AttrType::Money) if !code(currency) => {
                problems.push(("currency", "a currency has three capital letters, such as \"RUB\"".to_owned()));
            }
            (Some(_), kind) if kind != AttrType::Money => {
                problems.push(("currency", "only an attribute of type money has a currency".to_owned()));
            }
            _ => {}
        }
        if spec.split.as_ref().is_some_and(|split| split.is_empty() || spec.kind != AttrType::List) {
            problems.push(("split", "separates the elements of a list; not empty, and only with type list".to_owned()));
        }
        if spec.nth == Some(0) || (spec.nth.is_some() && spec.kind == AttrType::List) {
            problems.push(("nth", "counts from 1, or from the end from -1; a list takes all".to_owned()));
        }
        let filter = spec.value.as_deref().and_then(|text| filter(text).map_err(|e| problems.push(("value", e))).ok());
        if !problems.is_empty() {
            return Err(problems);
        }
        let empty = spec.empty.iter().map(|text| collapse(text)).collect();
        let one_of = spec.one_of.iter().map(|text| collapse(text)).collect();
        let map = spec.map.iter().map(|(from, to)| (collapse(from), to.clone())).collect();
        Ok(Self {
            kind: spec.kind,
            comma,
            thousands: spec.thousands.clone(),
            format,
            pattern,
            empty,
            one_of,
            map,
            filter,
            currency: spec.currency.clone().unwrap_or_default(),
            split: spec.split.clone(),
        })
    }

    /// Reads what was found at the attribute's place: nothing there, or an empty text, is no value.
    pub(super) fn read(&self, found: &[Raw<'_>]) -> Result<Option<Value>, Misfit> {
        if self.kind != AttrType::List {
            return found.first().map_or(Ok(None), |raw| self.one(raw));
        }
        let mut values = Vec::new();
        for raw in found {
            match raw {
                Raw::Json(serde_json::Value::Array(elements)) => {
                    for element in elements {
                        values.extend(self.one(&Raw::Json(element))?);
                    }
                }
                Raw::Text(text) => {
                    for piece in self.pieces(text) {
                        values.extend(self.one(&Raw::Text(piece.to_owned()))?);
                    }
                }
                Raw::Json(serde_json::Value::String(text)) => {
                    for piece in self.pieces(text) {
                        values.extend(self.one(&Raw::Text(piece.to_owned()))?);
                    }
                }
                raw => values.extend(self.one(raw)?),
            }
        }
        Ok((!values.is_empty()).then_some(Value::List(values)))
    }

    fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
        self.split.as_deref().map_or_else(|| vec![text], |split| text.split(split).collect())
    }

    /// A value that a worker has read already: of the same type, but written plainly (ISO dates, a decimal point).
    pub(super) fn given(&self, value: &serde_json::Value) -> Result<Option<Value>, Misfit> {
        let plain = Self {
            kind: self.kind,
            comma: false,
            thousands: None,
            format: DateForm::Iso,
            pattern: None,
            empty: Vec::new(),
            // What a worker gives is what the page's text became.
            one_of: self.one_of.iter().map(|text| self.map.get(text).unwrap_or(text).clone()).collect(),
            map: BTreeMap::new(),
            filter: None,
            currency: self.currency.clone(),
            split: None,
        };
        plain.read(&[Raw::Json(value)])
    }

    fn one(&self, raw: &Raw<'_>) -> Result<Option<Value>, Misfit> {
        let (text, number) = match raw {
            Raw::Text(text) => (collapse(text), false),
            Raw::Json(serde_json::Value::Null) => return Ok(None),
            Raw::Json(serde_json::Value::String(text)) => (collapse(text), false),
            // Rust writes a float in its shortest form without an exponent, so 8423000.0 is the text 8423000.
            Raw::Json(serde_json::Value::Number(n)) => match (n.is_f64(), n.as_f64()) {
                (true, Some(float)) => (float.to_string(), true),
                _ => (n.to_string(), true),
            },
            Raw::Json(serde_json::Value::Bool(yes)) => (yes.to_string(), false),
            Raw::Json(other) => {
                let what = if other.is_array() { "is a list" } else { "is an object" };
                return Err(Misfit { what: what.to_owned(), value: String::new() });
            }
        };
        if text.is_empty() || self.empty.contains(&text) {
            return Ok(None);
        }
        let text = match &self.pattern {
            None => text,
            Some(pattern) => match pattern.captures(&text).and_then(|found| found.get(1).or_else(|| found.get(0))) {
                Some(part) => collapse(part.as_str()),
                None => return Ok(None),
            },
        };
        if text.is_empty() {
            return Ok(None);
        }
        if !self.one_of.is_empty() && !self.one_of.contains(&text) {
            return Err(Misfit { what: "is none of `one_of`".to_owned(), value: text });
        }
        let text = match self.map.get(&text) {
            Some(mapped) => mapped.clone(),
            None => text,
        };
        let text = match &self.filter {
            None => text,
            Some(filter) => {
                let context = BTreeMap::from([("value", &text)]);
                let filled = filter.render("value", &context);
                // What a filter complains of may repeat the value.
                let misfit = |error: TemplateError| Misfit {
                    what: "can't be changed by `value`".to_owned(),
                    value: format!("{text}: {error}"),
                };
                collapse(&filled.map_err(misfit)?)
            }
        };
        if text.is_empty() {
            return Ok(None);
        }
        let value = match self.kind {
            AttrType::Text | AttrType::List => Some(Value::text(&text)),
            AttrType::Decimal => self.digits(&text, number).and_then(|text| Value::decimal(&text)),
            AttrType::Integer => self.digits(&text, number).and_then(|text| integer(&text)),
            AttrType::Money => self.money(&text, number),
            AttrType::Date => self.date(&text).map(Value::Date),
            AttrType::Boolean => boolean(&text),
        };
        value.map(Some).ok_or_else(|| Misfit { what: format!("is not a {}", name(self.kind)), value: text })
    }

    /// Brings a number to `-?digits(.digits)?`; `None` when its signs are not the ones told.
    fn digits(&self, text: &str, number: bool) -> Option<String> {
        let mut out: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}'))
            .map(|c| if c == '\u{2212}' { '-' } else { c })
            .collect();
        if number {
            return Some(out);
        }
        if let Some(thousands) = &self.thousands {
            out = out.replace(thousands.as_str(), "");
        }
        if self.comma {
            if out.contains('.') {
                return None;
            }
            out = out.replace(',', ".");
        }
        Some(out)
    }

    fn money(&self, text: &str, number: bool) -> Option<Value> {
        let (amount, places) = money::amount(text, &self.currency)?;
        Value::decimal(&money::moved(&self.digits(amount, number)?, places))
    }

    fn date(&self, text: &str) -> Option<String> {
        let date = match &self.format {
            DateForm::Iso => return iso_date(text),
            DateForm::Unix => DateTime::from_timestamp(text.parse().ok()?, 0)?.date_naive(),
            DateForm::UnixMs => DateTime::from_timestamp_millis(text.parse().ok()?)?.date_naive(),
            DateForm::Strftime(form) => strftime(text, form)?,
        };
        written(date)
    }
}

/// A value as a template of a later request puts it in.
pub(super) fn written_plainly(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Date(text) => text.clone(),
        Value::Integer(n) => n.to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::List(values) => values.iter().map(written_plainly).collect::<Vec<_>>().join(","),
    }
}

/// White space of all kinds becomes single spaces, none at the ends.
pub(super) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The template that changes a value: it reads `value` and nothing else.
fn filter(text: &str) -> Result<Templates, String> {
    let mut templates = Templates::default();
    templates.add("value", text).map_err(|error| format!("not a template: {error}"))?;
    match templates.reads("value").iter().find(|name| name.as_str() != "value") {
        Some(other) => Err(format!("a template over `value`; there is no `{other}`")),
        None => Ok(templates),
    }
}

fn integer(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().map(Value::Integer)
}

fn boolean(text: &str) -> Option<Value> {
    match text.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "да" => Some(Value::Bool(true)),
        "false" | "f" | "no" | "n" | "0" | "нет" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// `2026-03-15`, perhaps with a time after it: the date as the source wrote it.
pub fn iso_date(text: &str) -> Option<String> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let shaped = date.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    let timed = rest.is_empty()
        || (rest.starts_with(['T', ' '])
            && rest.len() > 5
            && rest.chars().skip(1).all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '+' | '-' | 'Z' | ' ')));
    if !shaped || !timed {
        return None;
    }
    NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().and_then(written)
}

fn strftime(text: &str, form: &str) -> Option<NaiveDate> {
    let parse = |text: &str| {
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, text, StrftimeItems::new(form)).ok()?;
        parsed.to_naive_date().ok()
    };
    parse(text).or_else(|| parse(&english_months(text)?))
}

/// Russian names of months, as they stand in dates and by themselves, as English short ones, which chrono reads for
/// `%b` and for `%B`; it knows no other language.
fn english_months(text: &str) -> Option<String> {
    const MONTHS: [(&str, &str, &str); 12] = [
        ("январ", "янв", "Jan"),
        ("феврал", "фев", "Feb"),
        ("март", "мар", "Mar"),
        ("апрел", "апр", "Apr"),
        ("ма", "май", "May"),
        ("июн", "июн", "Jun"),
        ("июл", "июл", "Jul"),
        ("август", "авг", "Aug"),
        ("сентябр", "сен", "Sep"),
        ("октябр", "окт", "Oct"),
        ("ноябр", "ноя", "Nov"),
        ("декабр", "дек", "Dec"),
    ];
    const ENDINGS: [&str; 5] = ["", "а", "я", "ь", "й"];
    let word = text.split(|c: char| !c.is_alphabetic()).find(|word| word.chars().count() > 2)?;
    let lower = word.to_lowercase();
    let (_, _, english) = MONTHS.iter().find(|(stem, short, _)| {
        lower == *short
            || (lower.chars().count() > 2 && lower.strip_prefix(stem).is_some_and(|end| ENDINGS.contains(&end)))
    })?;
    Some(text.replacen(word, english, 1))
}

fn written(date: NaiveDate) -> Option<String> {
    let year = date.year();
    (1000..=9999).contains(&year).then(|| format!("{year}-{:02}-{:02}", date.month(), date.day()))
}

pub(super) fn name(kind: AttrType) -> &'static str {
    match kind {
        AttrType::Text => "text",
        AttrType::Integer => "whole number",
        AttrType::Decimal => "decimal number",
        AttrType::Money => "sum of money in its currency",
        AttrType::Date => "date",
        AttrType::Boolean => "yes or no",
        AttrType::List => "list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: AttrType) -> AttrSpec {
        AttrSpec::plain("$", kind)
    }

    fn read(spec: &AttrSpec, text: &str) -> String {
        let reading = Reading::compile(spec).expect("compiles");
        match reading.read(&[Raw::Text(text.to_owned())]) {
            Ok(None) => "-".to_owned(),
            Ok(Some(Value::Text(t) | Value::Decimal(t) | Value::Date(t))) => t,
            Ok(Some(other)) => format!("{other:?}"),
            Err(misfit) => misfit.what,
        }
    }

    #[test]
    fn decimals() {
        let point = spec(AttrType::Decimal);
        let comma = AttrSpec { decimal: Some(",".to_owned()), ..point.clone() };
        for (text, want) in [
            ("1\u{a0}234\u{202f}567,50", "1234567.5"),
            ("\u{2212}3,20", "-3.2"),
            ("150000", "150000"),
            ("1.5", "is not a decimal number"),
            ("1,2,3", "is not a decimal number"),
        ] {
            assert_eq!(read(&comma, text), want, "{text}");
        }
        for (text, want) in
            [("47.30", "47.3"), ("1,5", "is not a decimal number"), ("сто", "is not a decimal number"), (" ", "-")]
        {
            assert_eq!(read(&point, text), want, "{text}");
        }
        let money = AttrSpec {
            thousands: Some(",".to_owned()),
            pattern: Some(r"\$(.*)".to_owned()),
            empty: vec!["N/A".to_owned()],
            ..point
        };
        for (text, want) in [("$1,500.00", "1500"), ("N/A", "-"), ("free", "-"), ("$x", "is not a decimal number")] {
            assert_eq!(read(&money, text), want, "{text}");
        }
    }

    #[test]
    fn json_numbers_keep_their_type() {
        let found = |kind, value: serde_json::Value| {
            Reading::compile(&spec(kind)).expect("compiles").read(&[Raw::Json(&value)])
        };
        assert_eq!(found(AttrType::Integer, serde_json::json!(8_423_000.0)), Ok(Some(Value::Integer(8_423_000))));
        assert_eq!(found(AttrType::Decimal, serde_json::json!(0.1)), Ok(Some(Value::Decimal("0.1".to_owned()))));
        assert_eq!(found(AttrType::Text, serde_json::json!(300)), Ok(Some(Value::text("300"))));
        assert_eq!(found(AttrType::Text, serde_json::json!(null)), Ok(None));
        assert!(found(AttrType::Integer, serde_json::json!(1.5)).is_err());
        assert!(found(AttrType::Text, serde_json::json!([1])).is_err());
        let list = Value::List(vec![Value::text("a"), Value::text("2")]);
        assert_eq!(found(AttrType::List, serde_json::json!(["a", null, 2])), Ok(Some(list)));
        assert_eq!(found(AttrType::List, serde_json::json!([])), Ok(None));
    }

    #[test]
    fn dates() {
        let iso = spec(AttrType::Date);
        let form = |form: &str| AttrSpec { format: Some(form.to_owned()), ..iso.clone() };
        for (spec, text, want) in [
            (&iso, "2026-03-15", "2026-03-15"),
            (&iso, "2024-12-24T00:00:00.000+07:00", "2024-12-24"),
            (&iso, "2026-02-30", "is not a date"),
            (&iso, "15.03.2026", "is not a date"),
            (&iso, "2026-03-15 maybe", "is not a date"),
            (&iso, "+026-03-15", "is not a date"),
            (&form("%d.%m.%Y"), "15.03.2022", "2022-03-15"),
            (&form("%d.%m.%Y %H:%M"), "15.03.2022 10:30", "2022-03-15"),
            (&form("%d.%m.%Y"), "2022-03-15", "is not a date"),
            (&form("%d %B %Y г."), "3 мая 2022 г.", "2022-05-03"),
            (&form("%d %b %Y"), "15 Марта 2022", "2022-03-15"),
            (&form("%a, %d %b %Y"), "Fri, 12 Apr 2019", "2019-04-12"),
            (&form("unix_ms"), "1735689600000", "2025-01-01"),
            (&form("unix"), "1735689600", "2025-01-01"),
            (&form("unix"), "soon", "is not a date"),
        ] {
            assert_eq!(read(spec, text), want, "{text}");
        }
    }

    #[test]
    fn the_rest() {
        assert_eq!(read(&spec(AttrType::Boolean), "t"), "Bool(true)");
        assert_eq!(read(&spec(AttrType::Boolean), "maybe"), "is not a yes or no");
        assert_eq!(read(&spec(AttrType::Integer), "1 204"), "Integer(1204)");
        assert_eq!(read(&spec(AttrType::Integer), "1.0"), "is not a whole number");
        assert_eq!(read(&spec(AttrType::Text), " а\n\u{a0} б "), "а б");
    }

    #[test]
    fn money_in_its_currency() {
        let roubles =
            AttrSpec { currency: Some("RUB".to_owned()), decimal: Some(",".to_owned()), ..spec(AttrType::Money) };
        for (text, want) in [
            ("1 234,50 ₽", "1234.5"),
            ("12,5 млн руб.", "12500000"),
            ("5 тыс. р.", "5000"),
            ("5", "5"),
            ("5 $", "is not a sum of money in its currency"),
            ("от 5 ₽", "is not a sum of money in its currency"),
            ("", "-"),
        ] {
            assert_eq!(read(&roubles, text), want, "{text}");
        }
        let dollars =
            AttrSpec { currency: Some("USD".to_owned()), thousands: Some(",".to_owned()), ..spec(AttrType::Money) };
        assert_eq!(read(&dollars, "$1,500.00"), "1500");
        let reading = Reading::compile(&dollars).expect("compiles");
        let number = serde_json::json!(8_423_000.5);
        assert_eq!(reading.read(&[Raw::Json(&number)]), Ok(Value::decimal("8423000.5")));
        assert_eq!(reading.given(&serde_json::json!("15.5")), Ok(Value::decimal("15.5")));
    }

    #[test]
    fn what_texts_become() {
        let role = AttrSpec {
            one_of: vec!["Ответчик".to_owned(), "Истец".to_owned()],
            map: BTreeMap::from([("Ответчик".to_owned(), "defendant".to_owned())]),
            ..spec(AttrType::Text)
        };
        assert_eq!(read(&role, " Ответчик "), "defendant");
        assert_eq!(read(&role, "Истец"), "Истец", "what is not in the map stays");
        assert_eq!(read(&role, "defendant"), "is none of `one_of`");
        let reading = Reading::compile(&role).expect("compiles");
        assert_eq!(reading.given(&serde_json::json!("defendant")), Ok(Some(Value::text("defendant"))));
        let open = AttrSpec {
            map: BTreeMap::from([("В работе".to_owned(), "yes".to_owned()), ("Закрыто".to_owned(), "no".to_owned())]),
            ..spec(AttrType::Boolean)
        };
        assert_eq!(read(&open, "Закрыто"), "Bool(false)");
        assert_eq!(read(&open, "Иначе"), "is not a yes or no");
        let changed =
            |value: &str, text: &str| read(&AttrSpec { value: Some(value.to_owned()), ..spec(AttrType::Text) }, text);
        assert_eq!(changed("{{ value | upper | replace('-', '') }}", "а-б"), "АБ");
        assert_eq!(changed("{{ value | split('/') | list | last }}", "/cases/7"), "7");
        assert_eq!(changed("{% if value == 'x' %}{% else %}{{ value }}{% endif %}", "x"), "-", "nothing is no value");
        let tags = AttrSpec { split: Some(",".to_owned()), ..spec(AttrType::List) };
        assert_eq!(read(&tags, "a, b,,c"), "List([Text(\"a\"), Text(\"b\"), Text(\"c\")])");
    }

    #[test]
    fn bad_settings() {
        let at = |change: fn(&mut AttrSpec)| {
            let mut spec = spec(AttrType::Text);
            change(&mut spec);
            Reading::compile(&spec).expect_err("refused").into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(at(|s| s.pattern = Some("(".to_owned())), ["pattern"]);
        assert_eq!(at(|s| s.format = Some("%d".to_owned())), ["format"]);
        assert_eq!(at(|s| s.thousands = Some(",".to_owned())), ["thousands"]);
        assert_eq!(at(|s| (s.kind, s.decimal) = (AttrType::Decimal, Some(";".to_owned()))), ["decimal"]);
        assert_eq!(at(|s| (s.kind, s.format) = (AttrType::Date, Some("%Q".to_owned()))), ["format"]);
        assert_eq!(at(|s| s.kind = AttrType::Money), ["currency"]);
        assert_eq!(at(|s| s.currency = Some("RUB".to_owned())), ["currency"]);
        assert_eq!(at(|s| s.split = Some(",".to_owned())), ["split"]);
        assert_eq!(at(|s| s.nth = Some(0)), ["nth"]);
        assert_eq!(at(|s| s.value = Some("{{ other }}".to_owned())), ["value"]);
        assert_eq!(at(|s| s.value = Some("{{ value".to_owned())), ["value"]);
    }
}
