//! What is of level person: how to tell it, under which text somebody is known, and how it is sealed and named.

use super::decision::DecideError;
use super::vault::{PersonKeys, Vault};
use mirano_schemas::*;
use serde::{Serialize, de::DeserializeOwned};

/// The text under which a person is known: a taxpayer's number where there is one, else all that was given.
pub fn identity(params: &Params) -> String {
    match params.get("inn") {
        Some(inn) => of_inn(inn),
        None => {
            params.iter().map(|(name, value)| format!("{name}={}", value.to_lowercase())).collect::<Vec<_>>().join(";")
        }
    }
}

/// The person whom a text of an input names, who is not known by parameters yet.
pub fn identity_of_input(name: &str, value: &str) -> String {
    if is_personal_inn(value) { of_inn(value) } else { format!("{name}={}", value.to_lowercase()) }
}

/// The person whom the subject of a fact names: `person:…` with a taxpayer's number or any other text, or `company:…`
/// with the number of a natural person who trades.
pub fn identity_of_subject(subject: &str) -> Option<String> {
    match subject.split_once(':')? {
        ("person", inn) | ("company", inn) if is_personal_inn(inn) => Some(of_inn(inn)),
        ("person", text) if !text.is_empty() => Some(text.to_lowercase()),
        _ => None,
    }
}

/// Whether what a source of this level is asked with these parameters is about a person: a developer may be one.
pub fn is_about_person(level: Level, params: &Params) -> bool {
    match level {
        Level::Person => true,
        Level::Developer => params.get("inn").is_some_and(|inn| is_personal_inn(inn)),
        Level::Property | Level::Source => false,
    }
}

fn of_inn(inn: &str) -> String {
    format!("inn={inn}")
}

/// Whether a taxpayer's number is a natural person's: 12 digits, a company's has 10.
pub fn is_personal_inn(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Seals a value.
pub fn seal<T: Serialize>(keys: &PersonKeys, value: &T) -> Result<Sealable<T>, DecideError> {
    let plain = codec::encode(value).map_err(|error| DecideError::Encode(error.to_string()))?;
    Ok(Sealable::Sealed(keys.seal(&plain)))
}

/// Opens a value; none when its person was erased.
pub fn open<T: DeserializeOwned + Clone>(vault: &dyn Vault, value: &Sealable<T>) -> Option<T> {
    match value {
        Sealable::Plain(value) => Some(value.clone()),
        Sealable::Sealed(sealed) => {
            let plain = vault.by_subject(&sealed.subject)?.open(sealed).ok()?;
            codec::decode_exact(&plain).ok()
        }
    }
}

/// The key of a query in the clear.
pub fn query_key(source: &str, params: &Params) -> QueryKey {
    let mut parts: Vec<&[u8]> = vec![source.as_bytes()];
    for (name, value) in params {
        parts.push(name.as_bytes());
        parts.push(value.as_bytes());
    }
    QueryKey::of(&parts)
}

/// The key of a query about a person: a guess can't be confirmed without that person's secret.
pub fn keyed_query_key(keys: &PersonKeys, source: &str, params: &Params) -> QueryKey {
    let plain = query_key(source, params);
    QueryKey::of(&[keys.id_key(), plain.as_bytes()])
}
