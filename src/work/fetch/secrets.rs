//! Secrets of requests: named in a source's file, read from the environment when the request is sent.
//!
//! Two forms: `${NAME}` anywhere in a URL, a header or a body, and `env:NAME` as a whole header value. Only names in
//! the request's own set are read. That set comes from the *templates* of the source's file, never from
//! rendered text: a parameter or a redirect that says `${AWS_SECRET}` stays text.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::bytes::{NoExpand, Regex};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// All but the unreserved characters of RFC 3986.
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A secret shorter than this, in bytes, is not looked for in answers.
const SHORTEST: usize = 8;

/// Names of environment variables that one request may read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretNames(pub BTreeSet<String>);

impl SecretNames {
    /// The names that occur in templates, before anything is rendered into them.
    pub fn in_templates<'a>(templates: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = BTreeSet::new();
        for template in templates {
            names.extend(whole(template).map(str::to_owned));
            for piece in pieces(template) {
                if let Piece::Secret(name) = piece {
                    names.insert(name.to_owned());
                }
            }
        }
        Self(names)
    }
}

/// Makes a value harmless before it is rendered into a template: `${` in it is text again when the request is sent.
/// Use it for every parameter.
pub fn escape(value: &str) -> Cow<'_, str> {
    if value.contains("${") { Cow::Owned(value.replace("${", "$${")) } else { Cow::Borrowed(value) }
}

/// Whether a text names a secret.
pub(in crate::work) fn names_secret(text: &str) -> bool {
    whole(text).is_some() || pieces(text).iter().any(|piece| matches!(piece, Piece::Secret(_)))
}

type Read = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Reads environment variables; a test gives its own.
#[derive(Clone)]
pub struct Environment(Arc<Read>);

impl Environment {
    /// The process's.
    pub fn process() -> Self {
        Self(Arc::new(|name| std::env::var(name).ok()))
    }

    /// Any other.
    pub fn of(read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::process()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(…)")
    }
}

/// Puts secrets into the texts of one request, and remembers them so that they can be taken out of any message.
pub(super) struct Resolver<'a> {
    environment: &'a Environment,
    /// `None`: every name may be read (the operator's own file of proxies).
    allowed: Option<&'a SecretNames>,
    /// What stands for each secret, and the secret.
    seen: Vec<(String, String)>,
}

/// A secret that is named, but not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing(pub(super) String);

impl<'a> Resolver<'a> {
    pub(super) fn new(environment: &'a Environment, allowed: Option<&'a SecretNames>) -> Self {
        Self { environment, allowed, seen: Vec::new() }
    }

    /// A body, or a part of a header.
    pub(super) fn text(&mut self, text: &str) -> Result<String, Missing> {
        self.replace(text, |secret| secret.to_owned())
    }

    /// A header value: also `env:NAME`.
    pub(super) fn header(&mut self, value: &str) -> Result<String, Missing> {
        match whole(value) {
            Some(name) if self.may_read(name) => self.read(name),
            _ => self.text(value),
        }
    }

    /// A URL: secrets are percent-encoded, so that they can't change its parts.
    pub(super) fn url(&mut self, text: &str) -> Result<String, Missing> {
        self.replace(text, |secret| utf8_percent_encode(secret, IN_URL).to_string())
    }

    /// Remembers what was made of secrets, so that it is taken out of messages as well.
    pub(super) fn hide(&mut self, made: &str) {
        self.seen.push(("[secret]".to_owned(), made.to_owned()));
    }

    /// Takes every secret that was put into this request out of a message.
    pub(super) fn scrub(&self, message: String) -> String {
        self.seen.iter().fold(message, |message, (_, secret)| {
            let encoded = utf8_percent_encode(secret, IN_URL).to_string();
            message.replace(secret.as_str(), "…").replace(&encoded, "…")
        })
    }

    /// Puts what stands for it in the place of every secret of this request that an answer repeats: raw, percent-encoded or as in
    /// a form. What is kept as evidence may be read by others, and what is read from it is shown. Very short ones stay: they
    /// stand in pages by chance.
    pub(super) fn redact(&self, body: Bytes) -> Bytes {
        self.seen.iter().filter(|(_, secret)| secret.len() >= SHORTEST).fold(body, |body, (name, secret)| {
            let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let (encoded, form) = (utf8_percent_encode(secret, IN_URL).to_string(), regex::escape(&form));
            let said = format!("{}|(?i:{}|{form})", regex::escape(secret), regex::escape(&encoded));
            let Ok(said) = Regex::new(&said) else { return body };
            let redacted = match said.replace_all(&body, NoExpand(name.as_bytes())) {
                Cow::Borrowed(_) => None,
                Cow::Owned(redacted) => Some(Bytes::from(redacted)),
            };
            redacted.unwrap_or(body)
        })
    }

    fn replace(&mut self, text: &str, put: impl Fn(&str) -> String) -> Result<String, Missing> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Secret(name) if self.may_read(name) => out.push_str(&put(&self.read(name)?)),
                Piece::Secret(name) => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            }
        }
        Ok(out)
    }

    fn may_read(&self, name: &str) -> bool {
        self.allowed.is_none_or(|allowed| allowed.0.contains(name))
    }

    fn read(&mut self, name: &str) -> Result<String, Missing> {
        // Set but empty is a mistake of the operator: a request without its key would look like the source's refusal.
        let found = (self.environment.0)(name).filter(|secret| !secret.is_empty());
        let secret = found.ok_or_else(|| Missing(name.to_owned()))?;
        self.seen.push((format!("${{{name}}}"), secret.clone()));
        Ok(secret)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Secret(&'a str),
}

/// Cuts `a${NAME}b` into its pieces; `$${` is the text `${`.
fn pieces(mut text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    while let Some((before, after)) = text.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            found.extend([Piece::Text(before), Piece::Text("${")]);
            text = after;
            continue;
        }
        found.push(Piece::Text(before));
        match after.split_once('}') {
            Some((name, rest)) if is_name(name) => {
                found.push(Piece::Secret(name));
                text = rest;
            }
            _ => {
                found.push(Piece::Text("${"));
                text = after;
            }
        }
    }
    found.push(Piece::Text(text));
    found
}

/// The name in `env:NAME`.
fn whole(value: &str) -> Option<&str> {
    value.strip_prefix("env:").filter(|name| is_name(name))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::of(|name| match name {
            "KEY" => Some("s&cr=t".to_owned()),
            "OTHER" => Some("other".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    fn names(list: &[&str]) -> SecretNames {
        SecretNames(list.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn names_are_found_in_templates() {
        let templates =
            ["https://a/?k=${KEY}&q={{ q }}", "env:TOKEN", "Bearer ${B_2}", "$${NOT}", "${not closed", "env:"];
        assert_eq!(SecretNames::in_templates(templates), names(&["B_2", "KEY", "TOKEN"]));
    }

    #[test]
    fn secrets_are_put_in_where_they_were_named() {
        let (environment, allowed) = (environment(), names(&["KEY", "EMPTY", "NONE"]));
        let mut resolver = Resolver::new(&environment, Some(&allowed));
        assert_eq!(resolver.header("env:KEY"), Ok("s&cr=t".to_owned()));
        assert_eq!(resolver.header("Bearer ${KEY}"), Ok("Bearer s&cr=t".to_owned()));
        assert_eq!(resolver.url("https://a/?k=${KEY}&b=1"), Ok("https://a/?k=s%26cr%3Dt&b=1".to_owned()));
        assert_eq!(resolver.text("${KEY}${KEY}"), Ok("s&cr=ts&cr=t".to_owned()));
        assert_eq!(resolver.text("${NONE}"), Err(Missing("NONE".to_owned())));
        assert_eq!(resolver.header("env:EMPTY"), Err(Missing("EMPTY".to_owned())));
        assert_eq!(resolver.scrub("GET /?k=s%26cr%3Dt with s&cr=t".to_owned()), "GET /?k=… with …");
    }

    #[test]
    fn an_answer_that_repeats_a_secret_is_kept_without_it() {
        let environment =
            Environment::of(|name| Some(if name == "LONG" { "s&cr=t of ours" } else { "short" }.to_owned()));
        let allowed = names(&["LONG", "SHORT"]);
        let mut resolver = Resolver::new(&environment, Some(&allowed));
        assert_eq!(resolver.redact(Bytes::from_static(b"s&cr=t of ours")), "s&cr=t of ours", "it was not sent");
        resolver.text("${LONG}${SHORT}").expect("set");
        let body = b"\xFF s&cr=t of ours, s%26cr%3Dt%20of%20ours, s%26cr%3Dt+of+ours, short".as_slice();
        let kept = b"\xFF ${LONG}, ${LONG}, ${LONG}, short".as_slice();
        assert_eq!(resolver.redact(Bytes::from_static(body)), kept);
    }

    #[test]
    fn a_name_that_the_templates_did_not_have_stays_text() {
        let (environment, allowed, none) = (environment(), names(&["KEY"]), SecretNames::default());
        let mut resolver = Resolver::new(&environment, Some(&allowed));
        assert_eq!(resolver.text("${OTHER}"), Ok("${OTHER}".to_owned()));
        assert_eq!(resolver.header("env:OTHER"), Ok("env:OTHER".to_owned()));
        assert_eq!(Resolver::new(&environment, Some(&none)).text("${KEY}"), Ok("${KEY}".to_owned()));
    }

    #[test]
    fn an_escaped_parameter_comes_out_as_it_went_in() {
        let (environment, allowed) = (environment(), names(&["KEY"]));
        let mut resolver = Resolver::new(&environment, Some(&allowed));
        for value in ["${KEY}", "a${KEY}b${KEY}", "$${KEY}", "$", "${", "}{$", "д. 7"] {
            assert_eq!(resolver.text(&escape(value)).as_deref(), Ok(value));
        }
    }
}
