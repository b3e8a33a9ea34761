//! What a source states: facts, their attributes and subjects.

use crate::FactId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A typed attribute value, already canonical: build it with the constructors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Value {
    /// Text in Unicode NFC.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A decimal number as text: optional `-`, digits, optionally `.` and digits; no leading or trailing zeros, no `-0`.
    Decimal(String),
    /// A calendar date `YYYY-MM-DD`.
    Date(String),
    /// Yes or no.
    Bool(bool),
    /// Several values, in the source's order.
    List(Vec<Value>),
}

impl Value {
    /// Text, brought to NFC.
    pub fn text(text: &str) -> Self {
        Self::Text(crate::canonical::nfc(text).into_owned())
    }

    /// A decimal in canonical form, or `None` when `text` is not `-?digits(.digits)?`.
    pub fn decimal(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let mut out = String::with_capacity(text.len());
        if negative && !(whole.is_empty() && fraction.is_empty()) {
            out.push('-');
        }
        out.push_str(if whole.is_empty() { "0" } else { whole });
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
        Some(Self::Decimal(out))
    }
}

/// Attributes by name, sorted.
pub type Attrs = BTreeMap<String, Value>;

/// Whether the source identified the subject, or only somebody of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Match {
    /// By a unique identifier.
    Id,
    /// By name only: a possible match.
    Name,
}

/// Who or what a fact or a need is about: `property:…`, `company:…`, `person:…`, `source:…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Subject(pub String);

impl Subject {
    /// The level: what stands before the first colon.
    pub fn level(&self) -> Level {
        match self.0.split(':').next() {
            Some("property") => Level::Property,
            Some("company") => Level::Developer,
            Some("person") => Level::Person,
            _ => Level::Source,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.0)
    }
}

/// The four levels of reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// An object.
    Property,
    /// A company: developer, owner, seller.
    Developer,
    /// A natural person; sealed in the log.
    Person,
    /// A query about no subject: a national list.
    Source,
}

/// When a fact holds in the world, as the source says; dates `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Validity {
    /// First day.
    pub from: Option<String>,
    /// Last day.
    pub to: Option<String>,
}

/// A statement of a source about a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// The source's id.
    pub source: String,
    /// What kind of statement: `court.case`, `listing.offer`.
    pub kind: String,
    /// About whom.
    pub subject: Subject,
    /// How sure the source is of the subject.
    pub matched: Match,
    /// Which thing: the same thing with other attributes is a change, not another thing.
    pub identity: Attrs,
    /// Material attributes: in the id; a change is news.
    pub attrs: Attrs,
    /// When it holds in the world; not in the id.
    pub valid: Validity,
    /// The version of the connector that read it; not in the id.
    pub connector: u32,
}

/// Bytes sealed with a key of one person (XChaCha20-Poly1305), readable while the key exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SealedBytes {
    /// The person whose key opens it.
    pub subject: Subject,
    /// 24 bytes of nonce, then ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// In the clear, or sealed because it is of level person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Sealable<T> {
    /// In the clear.
    Plain(T),
    /// Sealed with the key of a person; opens to the bincode of `T`.
    Sealed(SealedBytes),
}

/// A fact that several hold: log, rows and rules share one. As bytes, as JSON and to a reader it is the fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFact(Arc<Fact>);

impl From<Fact> for SharedFact {
    fn from(fact: Fact) -> Self {
        Self(Arc::new(fact))
    }
}

impl From<SharedFact> for Fact {
    fn from(fact: SharedFact) -> Self {
        Arc::unwrap_or_clone(fact.0)
    }
}

impl std::ops::Deref for SharedFact {
    type Target = Fact;
    fn deref(&self) -> &Fact {
        &self.0
    }
}

impl Serialize for SharedFact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedFact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fact::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for SharedFact {
    fn inline_schema() -> bool {
        Fact::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Fact::schema_name()
    }
    fn schema_id() -> std::borrow::Cow<'static, str> {
        Fact::schema_id()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Fact::json_schema(generator)
    }
}

/// A fact as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedFact {
    /// Its name.
    pub fact_id: FactId,
    /// What it says.
    pub body: Sealable<SharedFact>,
}

/// Attributes that change without being news (view counters), by fact: kept with the observation only.
pub type Volatile = BTreeMap<FactId, Attrs>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_canonical() {
        for (text, want) in
            [("1500.00", "1500"), ("-0.0", "0"), ("007.10", "7.1"), (".5", "0.5"), ("-12", "-12"), ("+3", "3")]
        {
            assert_eq!(Value::decimal(text), Some(Value::Decimal(want.to_owned())), "{text}");
        }
        for text in ["", "-", ".", "1e3", "1,5", "1 000", "--1"] {
            assert_eq!(Value::decimal(text), None, "{text}");
        }
    }
}
