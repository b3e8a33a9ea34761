//! Tokens of OAuth 2.0 client credentials (RFC 6749, 4.4): asked for once, kept while they are good, renewed in time.
//!
//! Kept in memory only. Neither a token nor a secret ever reaches an error, a trace, the log or the evidence store.

use super::fetch::{Credentials, FetchError, Fetched, Fetcher, Outgoing, Proxy, SecretNames};
use crate::core::policy::{AuthKind, AuthSpec, SourceSpec};
use mirano_schemas::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A token that does not say how long it is good is trusted for so long.
const UNSAID_S: u64 = 300;
/// It is renewed so long before its end.
const BEFORE_MS: u64 = 30_000;
/// No answer of a token endpoint is longer.
const MOST_BYTES: u64 = 256 * 1024;

/// A token of one source.
#[derive(Clone)]
struct Token {
    text: String,
    good_until: Timestamp,
    /// For whom it was given out: a changed file gets a new one.
    auth: AuthSpec,
}

/// The place of one source's token; whoever asks for a new one holds it, so that all others wait for that one.
#[derive(Default)]
pub struct Place(tokio::sync::Mutex<Option<Token>>);

/// Tokens by source.
#[derive(Default)]
pub struct Tokens(Mutex<BTreeMap<String, Arc<Place>>>);

impl Tokens {
    /// The place of a source's token.
    pub fn of(&self, source: &str) -> Arc<Place> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(source.to_owned()).or_default())
    }
}

/// For whom a token is wanted.
pub struct Wanted<'a> {
    /// Sends the request.
    pub fetcher: &'a Fetcher,
    /// The source.
    pub spec: &'a SourceSpec,
    /// Its `[auth]`.
    pub auth: &'a AuthSpec,
    /// The proxy of the attempt.
    pub proxy: Option<Proxy>,
    /// A token that the source refused.
    pub bad: Option<&'a str>,
}

/// Why there is no token.
#[derive(Debug)]
pub enum NoToken<E> {
    /// What was to be done before asking failed.
    Before(E),
    /// The request failed.
    Fetch(FetchError),
    /// The endpoint answered, and gave none.
    Answer {
        /// Its status.
        status: u16,
        /// Its own code, where it is one of the standard's.
        code: Option<&'static str>,
        /// The answer, without what it holds: for `Retry-After`.
        fetched: Box<Fetched>,
    },
}

impl Place {
    /// A good token, other than a refused one. Asks for one where there is none, after `before`: a permit.
    pub async fn token<E>(
        &self,
        wanted: Wanted<'_>,
        now: impl Fn() -> Timestamp,
        before: impl Future<Output = Result<(), E>>,
    ) -> Result<String, NoToken<E>> {
        let Wanted { fetcher, spec, auth, proxy, bad } = wanted;
        let mut kept = self.0.lock().await;
        if let Some(token) = &*kept
            && token.auth == *auth
            && token.good_until > now()
            && bad != Some(token.text.as_str())
        {
            return Ok(token.text.clone());
        }
        *kept = None;
        before.await.map_err(NoToken::Before)?;
        let asked_at = now();
        let fetched = fetcher.send(&request(spec, auth, proxy)).await.map_err(NoToken::Fetch)?;
        let answer: Option<Given> =
            (fetched.status == 200).then(|| serde_json::from_slice(&fetched.body).ok()).flatten();
        match answer {
            Some(given) if given.is_bearer() => {
                let good_s = given.expires_in.map_or(UNSAID_S, |seconds| seconds.0);
                let good_ms = good_s.saturating_mul(1_000);
                let good_until = asked_at.plus_ms(good_ms.saturating_sub(BEFORE_MS.min(good_ms / 2)));
                *kept = Some(Token { text: given.access_token.clone(), good_until, auth: auth.clone() });
                Ok(given.access_token)
            }
            _ => {
                let code = refusal(&fetched.body);
                Err(NoToken::Answer { status: fetched.status, code, fetched: Box::new(fetched) })
            }
        }
    }
}

fn request(spec: &SourceSpec, auth: &AuthSpec, proxy: Option<Proxy>) -> Outgoing {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let (id, secret) = (text(&auth.client_id), text(&auth.client_secret));
    let mut fields = vec![("grant_type", "client_credentials".to_owned())];
    fields.extend([("scope", text(&auth.scope)), ("audience", text(&auth.audience))]);
    if auth.in_form {
        fields.extend([("client_id", named(&id)), ("client_secret", named(&secret))]);
    }
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = |(name, text): &(&str, String)| {
        // The name of a secret stays as it is: it is encoded when the secret is put in.
        if super::fetch::names_secret(text) { format!("{name}={text}") } else { format!("{name}={}", encode(text)) }
    };
    let body = fields.iter().filter(|(_, text)| !text.is_empty()).map(pair).collect::<Vec<_>>().join("&");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
    Outgoing {
        method: "POST".to_owned(),
        url: text(&auth.token_url),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: Some(body),
        form: true,
        credentials: (!auth.in_form).then_some(Credentials::Basic { user: id, password: secret, encoded: true }),
        cookie: None,
        secrets: SecretNames::in_templates(texts(auth)),
        allow_private: spec.request.allow_private,
        timeout: Duration::from_millis(spec.limits.timeout.0),
        max_bytes: MOST_BYTES,
        proxy,
    }
}

/// `env:NAME` as it is said inside of a text.
fn named(text: &str) -> String {
    text.strip_prefix("env:").map_or_else(|| text.to_owned(), |name| format!("${{{name}}}"))
}

/// All texts of `[auth]` that may name secrets.
pub fn texts(auth: &AuthSpec) -> impl Iterator<Item = &str> {
    let all = [&auth.user, &auth.password, &auth.client_id, &auth.client_secret, &auth.scope, &auth.audience];
    all.into_iter().flatten().map(String::as_str)
}

/// User and password of a source that wants them in each request.
pub fn basic(auth: &AuthSpec) -> Option<Credentials> {
    let user = auth.user.clone().filter(|_| auth.kind == AuthKind::Basic)?;
    Some(Credentials::Basic { user, password: auth.password.clone().unwrap_or_default(), encoded: false })
}

/// What a token endpoint gives (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Given {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
}

impl Given {
    fn is_bearer(&self) -> bool {
        let token = !self.access_token.is_empty() && self.access_token.bytes().all(|b| b.is_ascii_graphic());
        token && self.token_type.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"))
    }
}

/// A number of seconds, which some endpoints write as a text.
struct Seconds(u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        let seconds = match Written::deserialize(deserializer)? {
            Written::Number(seconds) => seconds,
            Written::Text(text) => text.trim().parse().map_err(serde::de::Error::custom)?,
        };
        Ok(Self(seconds.clamp(0.0, 1e9) as u64))
    }
}

/// The standard's code of a refusal; nothing else of the answer is repeated.
fn refusal(body: &[u8]) -> Option<&'static str> {
    const CODES: [&str; 6] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ];
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = answer.get("error")?.as_str()?;
    CODES.into_iter().find(|known| *known == code)
}
