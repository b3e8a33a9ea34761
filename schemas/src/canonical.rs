//! The canonical form of a fact: the bytes that its id names.
//!
//! A version byte `0x01`, then in this order: source, kind, subject (each as *string*), match (one byte, 0 = id,
//! 1 = name), identity, attributes (each as *map*). Whatever order a connector met things in, equal facts give equal
//! bytes. No time, no connector version, no query parameter is in them: seeing a thing again gives the same id.
//!
//! - *string*: length in bytes as u32 little-endian, then UTF-8 in Unicode NFC;
//! - *map*: number of entries as u32 little-endian, then for each entry, sorted by the bytes of its name: name as
//!   *string*, value as *value*;
//! - *value*: a tag byte, then: `01` text as *string*; `02` integer, i64 little-endian; `03` decimal as *string*
//!   (canonical, see [`Value::Decimal`]); `04` date as *string* `YYYY-MM-DD`; `05` boolean, one byte 0 or 1; `06` list:
//!   number of values as u32 little-endian, then each as *value*. Tags are stored and never change meaning.
//!
//! `FactId` = BLAKE3 in derive-key mode, context `mirano 2026 fact v1`, of these bytes. A fact about a person is hashed
//! in keyed mode under a key that only that person's secret gives, so that a guess can't be confirmed.

use crate::{Attrs, Fact, FactId, Match, Value};
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use std::borrow::Cow;
use std::sync::LazyLock;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The version of the canonical form that is written.
pub const CANONICAL_VERSION: u8 = 1;

/// The canonical bytes of a fact.
pub fn canonical(fact: &Fact) -> Vec<u8> {
    let mut out = vec![CANONICAL_VERSION];
    string(&mut out, &fact.source);
    string(&mut out, &fact.kind);
    string(&mut out, &fact.subject.0);
    out.push(match fact.matched {
        Match::Id => 0,
        Match::Name => 1,
    });
    map(&mut out, &fact.identity);
    map(&mut out, &fact.attrs);
    out
}

/// The id of a fact that is about no person.
pub fn fact_id(fact: &Fact) -> FactId {
    static CONTEXT: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("mirano 2026 fact v1"));
    let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT);
    hasher.update(&canonical(fact));
    FactId(*hasher.finalize().as_bytes())
}

/// The id of a fact about a person: keyed with `key`, which is derived from that person's secret.
pub fn keyed_fact_id(fact: &Fact, key: &[u8; 32]) -> FactId {
    FactId(*blake3::keyed_hash(key, &canonical(fact)).as_bytes())
}

fn count(out: &mut Vec<u8>, n: usize) {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    out.extend_from_slice(&n.to_le_bytes());
}

/// Text in Unicode NFC; most is so already, and is not copied.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.nfc().collect()),
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    let nfc = nfc(text);
    count(out, nfc.len());
    out.extend_from_slice(nfc.as_bytes());
}

fn map(out: &mut Vec<u8>, attrs: &Attrs) {
    let mut entries: Vec<(Cow<'_, str>, &Value)> = attrs.iter().map(|(name, value)| (nfc(name), value)).collect();
    entries.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    count(out, entries.len());
    for (name, value) in entries {
        string(out, &name);
        self::value(out, value);
    }
}

fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => {
            out.push(1);
            string(out, text);
        }
        Value::Integer(n) => {
            out.push(2);
            out.extend_from_slice(&n.to_le_bytes());
        }
        Value::Decimal(text) => {
            out.push(3);
            string(out, text);
        }
        Value::Date(text) => {
            out.push(4);
            string(out, text);
        }
        Value::Bool(yes) => out.extend_from_slice(&[5, u8::from(*yes)]),
        Value::List(values) => {
            out.push(6);
            count(out, values.len());
            for item in values {
                self::value(out, item);
            }
        }
    }
}
