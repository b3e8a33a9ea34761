//! Who calls: keys with a tenant and roles, from `keys.toml`.
//!
//! The file holds hashes of keys, never keys. Without it nobody listens beyond loopback: see [`Auth::may_listen`].

use super::error::{Code, Problem, Result, refused};
use super::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The tenant of everybody when keys are off.
pub const LOCAL_TENANT: &str = "local";

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Checks, facts, reports.
    User,
    /// Leases and results.
    Worker,
    /// The log, audits, exports.
    Auditor,
    /// The policy.
    Operator,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Worker => "worker",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
}

/// `keys.toml`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    key: Vec<KeySpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeySpec {
    id: String,
    blake3: String,
    tenant: String,
    roles: BTreeSet<Role>,
}

/// How callers are told apart.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Everybody is [`LOCAL_TENANT`] and may do everything.
    Off,
    /// By keys: the hash of a key, and who holds it.
    Keys(BTreeMap<[u8; 32], Caller>),
}

/// A file of keys that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("keys.toml: {0}")]
pub struct KeysError(pub String);

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's id.
    pub key: String,
    /// The tenant.
    pub tenant: String,
    /// What the key may do.
    pub roles: BTreeSet<Role>,
}

impl Auth {
    /// Reads the text of `keys.toml`.
    pub fn from_toml(text: &str) -> std::result::Result<Self, KeysError> {
        let file: KeysFile = toml::from_str(text).map_err(|error| KeysError(error.to_string()))?;
        let mut keys = BTreeMap::new();
        for spec in file.key {
            let hash = blake3::Hash::from_hex(&spec.blake3)
                .map_err(|_| KeysError(format!("key {:?}: `blake3` is not 64 hexadecimal digits", spec.id)))?;
            if spec.tenant.is_empty() || spec.tenant.contains('\0') {
                return Err(KeysError(format!("key {:?}: it needs a tenant", spec.id)));
            }
            let caller = Caller { key: spec.id.clone(), tenant: spec.tenant, roles: spec.roles };
            if keys.insert(*hash.as_bytes(), caller).is_some() {
                return Err(KeysError(format!("key {:?}: the same hash stands there twice", spec.id)));
            }
        }
        if keys.is_empty() {
            return Err(KeysError("it holds no key, so that nobody could call".to_owned()));
        }
        Ok(Self::Keys(keys))
    }

    /// Whether a server may listen there: beyond loopback only with keys.
    pub fn may_listen(&self, address: SocketAddr) -> bool {
        matches!(self, Self::Keys(_)) || address.ip().is_loopback()
    }

    fn caller(&self, parts: &Parts) -> Result<Caller> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = given.and_then(|given| {
            let (scheme, key) = given.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        // The page's own streams can't send a header. Its cookie is HttpOnly and SameSite=Strict, and opens reads only.
        let page = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let page = page
            .flat_map(|value| value.split(';'))
            .find_map(|pair| pair.trim().strip_prefix("mirano_key")?.strip_prefix('='));
        self.by_key(bearer.or(page.filter(|_| parts.method == Method::GET)))
    }

    /// Who holds a key.
    pub(super) fn by_key(&self, key: Option<&str>) -> Result<Caller> {
        let keys = match self {
            Self::Off => {
                return Ok(Caller {
                    key: LOCAL_TENANT.to_owned(),
                    tenant: LOCAL_TENANT.to_owned(),
                    roles: [Role::User, Role::Worker, Role::Auditor, Role::Operator].into(),
                });
            }
            Self::Keys(keys) => keys,
        };
        let Some(key) = key else { return Err(Problem::said(Code::NoKey, "no_key", &[])) };
        // The hash is looked up, not the key: how long that takes tells nothing of the keys that are there.
        let hash = blake3::hash(key.as_bytes());
        keys.get(hash.as_bytes()).cloned().ok_or_else(|| Problem::said(Code::NoKey, "key_unknown", &[]))
    }
}

impl Caller {
    /// Refuses who has not the role.
    pub fn need(&self, role: Role) -> Result<()> {
        if self.roles.contains(&role) {
            return Ok(());
        }
        let word = role.word();
        let key = ("key", self.key.as_str().into());
        Err(Problem::said(Code::RoleMissing, "role", &[key, ("role", word.into())])
            .fix(refused("role_fix", &[("role", word.into())])))
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        // The page asks on behalf of a visitor whom it knows already; from outside no extension can come.
        let known = parts.extensions.get::<Caller>().cloned();
        let caller = known.map_or_else(|| state.auth().caller(parts), Ok)?;
        tracing::Span::current().record("tenant", caller.tenant.as_str());
        Ok(caller)
    }
}

/// A caller with the role `user`.
#[derive(Debug, Clone)]
pub struct User(pub Caller);

impl FromRequestParts<AppState> for User {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.need(Role::User)?;
        Ok(Self(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_keys_is_read_and_refused() {
        let hash = blake3::hash(b"secret").to_hex();
        let good =
            format!("[[key]]\nid = \"k\"\nblake3 = \"{hash}\"\ntenant = \"t\"\nroles = [\"user\", \"auditor\"]\n");
        let Ok(Auth::Keys(keys)) = Auth::from_toml(&good) else { panic!("readable") };
        assert_eq!(keys.values().next().map(|caller| caller.tenant.as_str()), Some("t"));
        for bad in [
            "",
            "[[key]]\nid = \"k\"",
            &good.replace(hash.as_str(), "abc"),
            &good.replace("auditor", "king"),
            &good.replace("tenant = \"t\"", "tenant = \"\""),
            &format!("{good}{good}"),
        ] {
            assert!(Auth::from_toml(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_keys_only_loopback_is_listened_on() {
        let at = |text: &str| text.parse().expect("an address");
        assert!(Auth::Off.may_listen(at("127.0.0.1:80")) && Auth::Off.may_listen(at("[::1]:80")));
        assert!(!Auth::Off.may_listen(at("0.0.0.0:80")) && !Auth::Off.may_listen(at("10.0.0.1:80")));
    }
}
