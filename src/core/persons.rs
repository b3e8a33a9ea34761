//! What is of level person, sealed with that person's key and named under it.

use super::decision::DecideError;
use super::vault::{PersonKeys, Vault};
use mirano_schemas::*;
use serde::{Serialize, de::DeserializeOwned};

/// The text under which a person is known: a taxpayer's number where there is one, else all that was given.
pub fn identity(params: &Params) -> String {
    match params.get("inn") {
        Some(inn) => format!("inn={inn}"),
        None => {
            params.iter().map(|(name, value)| format!("{name}={}", value.to_lowercase())).collect::<Vec<_>>().join(";")
        }
    }
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
