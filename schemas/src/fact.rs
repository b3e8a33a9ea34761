//! What a source states: facts, their attributes and subjects.

use crate::FactId;
use crate::codec::{self, EncodeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

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
#[derive(Debug, Clone)]
pub struct SharedFact(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    fact: Fact,
    /// Its bincode, once somebody asked for it: an event and a row hold the same.
    bytes: OnceLock<Box<[u8]>>,
}

impl SharedFact {
    /// Its bincode, which is made once.
    pub fn bytes(&self) -> Result<&[u8], EncodeError> {
        if let Some(bytes) = self.0.bytes.get() {
            return Ok(bytes);
        }
        let mut bytes = Vec::new();
        codec::append(&self.0.fact, &mut bytes)?;
        Ok(self.0.bytes.get_or_init(|| bytes.into()))
    }
}

impl PartialEq for SharedFact {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl Eq for SharedFact {}

impl From<Fact> for SharedFact {
    fn from(fact: Fact) -> Self {
        Self(Arc::new(Shared { fact, bytes: OnceLock::new() }))
    }
}

impl From<SharedFact> for Fact {
    fn from(fact: SharedFact) -> Self {
        Arc::try_unwrap(fact.0).map_or_else(|shared| shared.fact.clone(), |shared| shared.fact)
    }
}

impl std::ops::Deref for SharedFact {
    type Target = Fact;
    fn deref(&self) -> &Fact {
        &self.0.fact
    }
}

impl Sealable<SharedFact> {
    /// Appends its bincode: that of the fact as it is where it is known already.
    pub fn append(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let Self::Plain(SharedFact(shared)) = self else { return codec::append(self, out) };
        match shared.bytes.get() {
            Some(bytes) => {
                out.push(PLAIN);
                out.extend_from_slice(bytes);
                Ok(())
            }
            None => codec::append(self, out),
        }
    }

    /// How many bytes that are. Makes them where they are not known: whoever asks is about to write them.
    pub fn size(&self) -> usize {
        match self {
            Self::Plain(fact) => fact.bytes().map_or(0, |bytes| 1 + bytes.len()),
            Self::Sealed(_) => codec::size(self),
        }
    }
}

/// What the bincode of [`Sealable::Plain`] begins with.
const PLAIN: u8 = 0;

impl Serialize for SharedFact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fact.serialize(serializer)
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

    fn fact(text: &str) -> Fact {
        let attr = |name: &str, value: Value| (name.to_owned(), value);
        Fact {
            source: "court".to_owned(),
            kind: "court.case".to_owned(),
            subject: Subject("property:x".to_owned()),
            matched: Match::Name,
            identity: [attr("number", Value::Text(text.to_owned()))].into(),
            attrs: [attr("sum", Value::Decimal("1.5".to_owned())), attr("of", Value::List(vec![Value::Bool(true)]))]
                .into(),
            valid: Validity { from: Some("2026-01-01".to_owned()), to: None },
            connector: 300,
        }
    }

    /// Whether its bytes were made before or not, whatever their size, and also where it is sealed.
    #[test]
    fn a_shared_fact_is_written_as_the_fact() {
        let sealed = Sealable::Sealed(SealedBytes { subject: Subject("person:x".to_owned()), bytes: vec![7; 40] });
        let plain = [0, 1, 300, 5_000].map(|len| Sealable::Plain(SharedFact::from(fact(&"ж".repeat(len)))));
        for body in plain.into_iter().chain([sealed]) {
            let encoded = codec::encode(&body).expect("encodes");
            let event = |fact: LoggedFact| crate::FactObserved { query: crate::QueryKey([9; 16]), fact };
            let event = crate::Event::from(event(LoggedFact { fact_id: FactId([3; 32]), body: body.clone() }));
            for known in [false, true] {
                let (mut out, mut events) = (b"before".to_vec(), Vec::new());
                body.append(&mut out).expect("encodes");
                assert_eq!(out, [b"before", encoded.as_slice()].concat(), "{known}");
                codec::encode_event(&mut events, &event).expect("encodes");
                let crate::Event::FactObserved(observed) = &event else { panic!("it is one") };
                assert_eq!(events.get(8..), Some(codec::encode(observed).expect("encodes").as_slice()), "{known}");
                assert_eq!(body.size(), encoded.len());
            }
        }
    }

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
