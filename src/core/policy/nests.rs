//! `[[nests]]` of a source: which of its parameters make a question smaller, and how a smaller one's answer is found in that
//! of a larger one.
//!
//! A parameter nests by an attribute that all facts of the source have. Then a question that differs from a larger one in such
//! parameters alone needs no request: its answer is those of the larger one's facts whose attributes fit.

use super::{AttrType, SourceSpec};
use mirano_schemas::{Fact, Params, Value};
use serde::{Deserialize, Serialize};

/// `[[nests]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NestSpec {
    /// The parameter.
    pub param: String,
    /// The attribute that it selects by.
    pub attr: String,
    /// How.
    #[serde(default)]
    pub by: NestBy,
    /// The value of the parameter that asks for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
}

/// How a parameter selects by an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum NestBy {
    /// Facts whose attribute is what the parameter says; needs `whole`.
    #[default]
    Equal,
    /// Facts from this date or number on.
    From,
    /// Facts up to this date or number.
    To,
}

impl NestSpec {
    /// Whether the question with `larger` for this parameter shows all that the one with `smaller` does.
    fn contains(&self, larger: &str, smaller: &str, kind: AttrType) -> bool {
        if larger == smaller || self.whole.as_deref() == Some(larger) {
            return true;
        }
        let compared = || Some(key(smaller, kind)?.cmp(&key(larger, kind)?));
        self.whole.as_deref() != Some(smaller)
            && match self.by {
                NestBy::Equal => false,
                NestBy::From => compared().is_some_and(std::cmp::Ordering::is_ge),
                NestBy::To => compared().is_some_and(std::cmp::Ordering::is_le),
            }
    }

    /// Whether a fact belongs to the question with `asked` for this parameter; none: that can't be told.
    fn selects(&self, asked: &str, fact: &Fact, kind: AttrType) -> Option<bool> {
        if self.whole.as_deref() == Some(asked) {
            return Some(true);
        }
        let value = fact.attrs.get(&self.attr).or_else(|| fact.identity.get(&self.attr))?;
        let text = match value {
            Value::Text(text) | Value::Date(text) | Value::Decimal(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::List(_) => return None,
        };
        Some(match self.by {
            NestBy::Equal => text == asked,
            NestBy::From => key(&text, kind)? >= key(asked, kind)?,
            NestBy::To => key(&text, kind)? <= key(asked, kind)?,
        })
    }
}

/// A date (ISO) or a number, as it is ordered.
fn key(text: &str, kind: AttrType) -> Option<i64> {
    match kind {
        AttrType::Date => {
            let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(i64::from(chrono::Datelike::num_days_from_ce(&date)))
        }
        AttrType::Integer => text.parse().ok(),
        _ => None,
    }
}

impl SourceSpec {
    fn type_of(&self, attr: &str) -> Option<AttrType> {
        self.facts.iter().find_map(|fact| fact.attrs.get(attr)).map(|attr| attr.kind)
    }

    /// Whether the question `larger` contains `smaller`, as the nesting parameters say. All other parameters are equal.
    pub fn contains(&self, larger: &Params, smaller: &Params) -> bool {
        larger.len() == smaller.len()
            && smaller.iter().all(|(name, small)| {
                let Some(large) = larger.get(name) else { return false };
                let nests = self.nests.iter().find(|nest| nest.param == *name);
                match nests.and_then(|nest| Some((nest, self.type_of(&nest.attr)?))) {
                    Some((nest, kind)) => nest.contains(large, small, kind),
                    None => large == small,
                }
            })
    }

    /// Whether a fact of a larger question belongs to `asked`; none: that can't be told.
    pub fn selects(&self, larger: &Params, asked: &Params, fact: &Fact) -> Option<bool> {
        let mut selected = true;
        for nest in self.nests.iter().filter(|nest| larger.get(&nest.param) != asked.get(&nest.param)) {
            let kind = self.type_of(&nest.attr)?;
            selected &= nest.selects(asked.get(&nest.param)?, fact, kind)?;
        }
        Some(selected)
    }

    /// What is wrong with `[[nests]]`, by place.
    pub(super) fn nest_problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (i, nest) in self.nests.iter().enumerate() {
            let mut add = |key: &str, detail: String| found.push((format!("nests[{i}].{key}"), detail));
            if !self.params.contains(&nest.param) {
                add("param", format!("there is no parameter \"{}\"", nest.param));
            }
            if self.nests.iter().take(i).any(|other| other.param == nest.param) {
                add("param", "is there twice".to_owned());
            }
            if self.level == mirano_schemas::Level::Person {
                add("param", "questions about persons are sealed, and no part of others".to_owned());
            }
            for fact in &self.facts {
                let sure = fact.identity.contains(&nest.attr);
                match fact.attrs.get(&nest.attr) {
                    None => add("attr", format!("facts of the kind \"{}\" have no such attribute", fact.kind)),
                    Some(attr) if attr.volatile || !(attr.required || sure) => {
                        add("attr", format!("each \"{}\" must have it: `required`, and not volatile", fact.kind));
                    }
                    Some(attr) => match (nest.by, attr.kind) {
                        (_, AttrType::List) => add("attr", "is a list".to_owned()),
                        (NestBy::From | NestBy::To, AttrType::Date | AttrType::Integer) | (NestBy::Equal, _) => {}
                        _ => add("attr", "only dates and whole numbers are ordered".to_owned()),
                    },
                }
            }
            if self.facts.is_empty() {
                add("attr", "the source gives no facts".to_owned());
            }
            if nest.by == NestBy::Equal && nest.whole.is_none() {
                add("whole", "is missing: which value asks for everything?".to_owned());
            }
        }
        if self.nests.len() > 4 {
            found.push(("nests".to_owned(), "at most 4".to_owned()));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn courts() -> SourceSpec {
        serde_json::from_value(serde_json::json!({
            "id": "courts", "title": {"ru": "С", "en": "C"}, "level": "developer", "ttl": "14d", "params": ["inn", "court", "since"],
            "nests": [{"param": "court", "attr": "court", "whole": "all"}, {"param": "since", "attr": "filed", "by": "from"}],
            "request": {"url": "http://x/"}, "answer": {"format": "json", "items": "$.x", "valid": [{"at": "$.x"}]},
            "fact": [{"kind": "court.case", "identity": ["n"], "attrs": {"n": {"at": "$.n", "type": "text"},
                "court": {"at": "$.c", "type": "text", "required": true}, "filed": {"at": "$.f", "type": "date", "required": true}}}]
        }))
        .expect("a source")
    }

    fn params(inn: &str, court: &str, since: &str) -> Params {
        [("inn", inn), ("court", court), ("since", since)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn a_question_contains_smaller_ones_and_no_others() {
        let spec = courts();
        assert_eq!(spec.nest_problems(), []);
        let whole = params("1", "all", "2020-01-01");
        for (other, within) in [
            (params("1", "all", "2020-01-01"), true),
            (params("1", "msk", "2020-01-01"), true),
            (params("1", "msk", "2023-05-01"), true),
            (params("1", "all", "2019-12-31"), false),
            (params("2", "msk", "2023-05-01"), false),
            (params("1", "msk", "long ago"), false),
        ] {
            assert_eq!(spec.contains(&whole, &other), within, "{other:?}");
        }
        assert!(!spec.contains(&params("1", "msk", "2020-01-01"), &whole));
        assert!(!spec.contains(&params("1", "msk", "2020-01-01"), &params("1", "spb", "2020-01-01")));
    }

    #[test]
    fn what_is_not_sure_to_be_right_is_refused() {
        let wrong = |change: &dyn Fn(&mut SourceSpec)| {
            let mut spec = courts();
            change(&mut spec);
            spec.nest_problems().into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(wrong(&|spec| spec.nests[0].whole = None), ["nests[0].whole"]);
        assert_eq!(wrong(&|spec| spec.nests[0].param = "place".to_owned()), ["nests[0].param"]);
        assert_eq!(wrong(&|spec| spec.nests[1].attr = "court".to_owned()), ["nests[1].attr"]);
        let optional = |spec: &mut SourceSpec| spec.facts[0].attrs.get_mut("filed").expect("there").required = false;
        assert_eq!(wrong(&optional), ["nests[1].attr"]);
    }
}
