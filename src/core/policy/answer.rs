//! `[answer]` of a source's file: how its answers are judged and read.

use super::Places;
use serde::{Deserialize, Serialize};

/// `[answer]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerSpec {
    /// The format.
    pub format: Format,
    /// The charset where the answer does not say it, or lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// Where the items are: JSONPath, or a CSS selector; none for CSV. Of several places, the first that finds any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Places>,
    /// Any of these: blocked.
    #[serde(default)]
    pub blocked: Vec<Guard>,
    /// Any of these: the source refused the parameters.
    #[serde(default)]
    pub refused: Vec<Guard>,
    /// Any of these: the source answered that there is nothing.
    #[serde(default)]
    pub nothing_found: Vec<Guard>,
    /// All of these: positive proof that this is the page we know.
    #[serde(default)]
    pub valid: Vec<Guard>,
    /// The source cuts longer lists in silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capped: Option<u32>,
    /// What is usually there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<ExpectSpec>,
    /// The source's own date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOfSpec>,
    /// CSV: the delimiter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// CSV: whether the first row names the columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// HTML: whole pages of this source end without `</html>`; otherwise such a page counts as cut off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unclosed: bool,
}

/// `as_of = "$.updated"`, or `as_of = { at = "p.date", format = "%d.%m.%Y", pattern = "на (.*)" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOfSpec {
    /// Where it stands.
    pub at: String,
    /// strftime form, when it is no ISO date.
    pub format: Option<String>,
    /// A regular expression whose first group is the date.
    pub pattern: Option<String>,
}

impl Serialize for AsOfSpec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        if self.format.is_none() && self.pattern.is_none() {
            return serializer.serialize_str(&self.at);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &self.at)?;
        for (name, value) in [("format", &self.format), ("pattern", &self.pattern)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for AsOfSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Whole {
            at: String,
            format: Option<String>,
            pattern: Option<String>,
        }
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = AsOfSpec;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a place, or a table with `at`, `format` and `pattern`")
            }
            fn visit_str<E: serde::de::Error>(self, at: &str) -> Result<AsOfSpec, E> {
                Ok(AsOfSpec { at: at.to_owned(), format: None, pattern: None })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<AsOfSpec, A::Error> {
                let Whole { at, format, pattern } =
                    Whole::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(AsOfSpec { at, format, pattern })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The formats that connectors read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON
    Json,
    /// HTML as browsers read it
    Html,
    /// CSV
    Csv,
    /// XML
    Xml,
}

/// One condition on an answer; all its parts must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Text that the answer contains, whatever its case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// A place that exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What stands at that place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<serde_json::Value>,
    /// How many children that place has: elements of an array, rows under a CSV column, elements inside an element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// `expect = { filled = 0.7, min = 1, max = 5000 }`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectSpec {
    /// Share of attributes that are usually there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<f64>,
    /// An answer that is not empty has at least so many items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// No answer has more items than so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Suddenly far fewer facts than the last answer had are not believed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<DropSpec>,
}

/// `drop = { below = 0.5, from = 10, times = 2 }`
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropSpec {
    /// Fewer than this share of the last answer's facts.
    pub below: f64,
    /// Where that had so many at least.
    #[serde(default = "drop_from")]
    pub from: u32,
    /// It is believed when it was said so often, one after the other, an hour apart at least; 1: at once.
    #[serde(default = "drop_times")]
    pub times: u32,
}

fn drop_from() -> u32 {
    10
}

fn drop_times() -> u32 {
    2
}

impl ExpectSpec {
    /// What is wrong, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        let Some(drop) = &self.drop else { return found };
        if !(drop.below > 0.0 && drop.below <= 1.0) {
            found.push(("drop.below", "a share: more than 0, at most 1"));
        }
        if drop.from == 0 {
            found.push(("drop.from", "at least 1"));
        }
        if !(1..=24).contains(&drop.times) {
            found.push(("drop.times", "from 1 to 24"));
        }
        found
    }
}
