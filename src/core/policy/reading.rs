//! How facts are read from an answer: `[[fact]]` of a source's file.

use super::DurationMs;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// `[[fact]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactSpec {
    /// Its kind.
    pub kind: String,
    /// About whom: a template over parameters and attributes; `{{ subject }}` is the need's own.
    #[serde(default = "own_subject")]
    pub subject: String,
    /// Attributes that say which thing it is; an item without one of them makes the answer unparsable.
    pub identity: Vec<String>,
    /// Places inside the item, each of which makes a fact of this kind; none: no such fact. Left out: the item itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// `id` or `name`.
    #[serde(rename = "match", default = "by_id")]
    pub matched: MatchSpec,
    /// A TTL of its own, shorter than the source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<DurationMs>,
    /// Attributes by name.
    pub attrs: BTreeMap<String, AttrSpec>,
    /// When it holds in the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<ValidSpec>,
}

fn own_subject() -> String {
    "{{ subject }}".to_owned()
}

fn by_id() -> MatchSpec {
    MatchSpec::Id
}

/// `match = "id"`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchSpec {
    /// A unique identifier.
    Id,
    /// Only a name.
    Name,
}

/// One place, or several that are tried in order: `at = "b.price"`, `at = ["b.price", "meta@content"]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(pub Vec<String>);

impl Places {
    /// The place that is tried first.
    pub fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl Serialize for Places {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => serializer.serialize_str(only),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Places;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a place, or a list of places")
            }
            fn visit_str<E: de::Error>(self, at: &str) -> Result<Places, E> {
                Ok(Places(vec![at.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Places, A::Error> {
                let mut places = Vec::new();
                while let Some(place) = seq.next_element()? {
                    places.push(place);
                }
                if places.is_empty() {
                    Err(de::Error::invalid_length(0, &"at least one place"))
                } else {
                    Ok(Places(places))
                }
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttrSpec {
    /// Where it stands; of several places, the first where there is a value.
    pub at: Places,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: AttrType,
    /// An item without it makes the answer unparsable.
    #[serde(default)]
    pub required: bool,
    /// Kept with the observation; not in the fact's id, not in a diff.
    #[serde(default)]
    pub volatile: bool,
    /// Which find counts, from 1; from the end with a minus. Left out: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<i32>,
    /// Decimal sign in text: `,` or `.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<String>,
    /// What separates thousands in text; dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<String>,
    /// strftime form of a date; also `unix` and `unix_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A regular expression: its first group, or all it matches, is the value; where it does not match there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Texts that mean that there is no value: `"N/A"`, `"-"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<String>,
    /// The only texts there may be, as they stand on the page; another makes the answer unparsable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// What texts of the page become; others stay as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub map: BTreeMap<String, String>,
    /// A template over `value`, filled in before the type is read: `"{{ value | upper }}"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Money: its currency, by the three letters of ISO 4217; another makes the answer unparsable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// A list: what stands between its elements in one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
}

impl AttrSpec {
    /// An attribute at one place, and nothing more said of it.
    pub fn plain(at: &str, kind: AttrType) -> Self {
        Self {
            at: Places(vec![at.to_owned()]),
            kind,
            required: false,
            volatile: false,
            nth: None,
            decimal: None,
            thousands: None,
            format: None,
            pattern: None,
            empty: Vec::new(),
            one_of: Vec::new(),
            map: BTreeMap::new(),
            value: None,
            currency: None,
            split: None,
        }
    }
}

/// Types of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttrType {
    /// Text, white space collapsed.
    Text,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// An amount in the attribute's currency, as a decimal number.
    Money,
    /// A date.
    Date,
    /// Yes or no.
    Boolean,
    /// A list of texts.
    List,
}

/// `[fact.valid]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidSpec {
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<AttrSpec>,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<AttrSpec>,
}
