//! One HTTP request to a source.
//!
//! Promises: exactly one request is sent for one call (no redirect is followed, nothing is retried), because each
//! request needs a permit of its own; it ends within its timeout, whatever the other side does, and reads no more than
//! its limit, counted after decompression; loopback and private addresses are refused, also when a name leads to them;
//! and no error or debug text holds an address's path, a header's value or a secret.
//!
//! Left out: what the answer means (`crate::sources`), when to ask again (the core decides), which proxy (the lease says).
//!
//! **Through a proxy** the name is looked up by the proxy, so only the host of the URL itself is judged; `socks5://`
//! (not `socks5h://`) looks up here, and is judged as without a proxy. The address of the proxy itself is the operator's
//! choice and may be private.

mod address;
mod client;
mod credentials;
mod error;
mod proxied;
mod redirect;
mod secrets;

pub use address::{is_private_host, is_public};
pub use credentials::Credentials;
pub use error::{FetchError, FetchErrorKind};
pub use redirect::redirect_target;
pub(super) use secrets::names_secret;
pub use secrets::{Environment, SecretNames, escape};

use bytes::{Bytes, BytesMut};
use client::Clients;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Response};
use secrets::Resolver;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// Headers that the client itself sets: another value would break the transfer or its limits.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "proxy-authorization",
    "proxy-connection",
    "upgrade",
];

/// How requests are sent, whatever the source.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// The header `User-Agent` of requests that bring none.
    pub user_agent: String,
    /// Where secrets are read from.
    pub environment: Environment,
    /// Addresses of names that are not looked up, as in a hosts file. They are judged like any others.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// PEM of certificates to trust besides the system's. (`SSL_CERT_FILE` changes the system's.)
    pub extra_roots: Vec<String>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("Mirano/", env!("CARGO_PKG_VERSION")).to_owned(),
            environment: Environment::process(),
            hosts: BTreeMap::new(),
            extra_roots: Vec::new(),
        }
    }
}

/// One request, parameters rendered, secrets not yet put in.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// `GET`, `POST` or another method.
    pub method: String,
    /// `http` or `https`; may name secrets as `${NAME}`.
    pub url: String,
    /// Values may name secrets as `${NAME}`, or be one: `env:NAME`.
    pub headers: BTreeMap<String, String>,
    /// May name secrets as `${NAME}`.
    pub body: Option<String>,
    /// The body is a form: secrets are percent-encoded when they are put in.
    pub form: bool,
    /// Who asks; none: nobody in particular, or a header of the source's file says it.
    pub credentials: Option<Credentials>,
    /// The header `Cookie`, as it is sent.
    pub cookie: Option<String>,
    /// Which secrets may be read: those that the source's templates name.
    pub secrets: SecretNames,
    /// Whether loopback and private addresses may be called.
    pub allow_private: bool,
    /// For all of it: look-up, connection, answer, body.
    pub timeout: Duration,
    /// The largest body, after decompression.
    pub max_bytes: u64,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
}

/// A proxy of the operator's own file.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it is called in the log and in messages.
    pub name: String,
    /// `http`, `https`, `socks5` or `socks5h`; credentials as `${NAME}`: `socks5://${P_USER}:${P_PASSWORD}@host:1080`.
    pub url: String,
}

/// An answer, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// By lower-case name; several of one name joined with `, `. Text that is not UTF-8 is read as Latin-1.
    pub headers: BTreeMap<String, String>,
    /// Decompressed.
    pub body: Bytes,
    /// Each header `Set-Cookie`.
    pub set_cookies: Vec<String>,
    /// What was asked, secrets left as `${NAME}`.
    pub url: Url,
    /// From the call to the last byte.
    pub took_ms: u64,
    /// What was asked, with secrets: a relative redirect starts from here.
    sent: Url,
}

impl Fetched {
    /// An answer that did not come over the network: from a file, or in a test.
    pub fn of(status: u16, headers: BTreeMap<String, String>, body: Bytes, url: Url) -> Self {
        Self { status, headers, body, set_cookies: Vec::new(), sent: url.clone(), url, took_ms: 0 }
    }

    /// The address that was asked, with secrets: for what depends on host and path only.
    pub(super) fn asked(&self) -> &Url {
        &self.sent
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Sends requests. Keeps connections open between them, apart for each proxy. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Fetcher {
    clients: Clients,
    options: FetchOptions,
}

impl Fetcher {
    /// Opens nothing yet.
    pub fn new(options: FetchOptions) -> Self {
        super::tls::install();
        Self { clients: Clients::new(&options), options }
    }

    /// Sends one request and reads the whole answer. An HTTP status, whatever it is, is an answer and not an error,
    /// except a proxy's own that it does not take our credentials.
    pub async fn send(&self, request: &Outgoing) -> Result<Fetched, FetchError> {
        let mut secrets = Resolver::new(&self.options.environment, Some(&request.secrets));
        let mut proxy_secrets = Resolver::new(&self.options.environment, None);
        let outcome = self.exchange(request, &mut secrets, &mut proxy_secrets).await;
        let outcome = outcome.map(|answer| Fetched { body: secrets.redact(answer.body), ..answer });
        outcome.map_err(|error| error.map_cause(|cause| proxy_secrets.scrub(secrets.scrub(cause))))
    }

    async fn exchange(
        &self,
        request: &Outgoing,
        secrets: &mut Resolver<'_>,
        proxy_secrets: &mut Resolver<'_>,
    ) -> Result<Fetched, FetchError> {
        let started = Instant::now();
        let deadline = started + request.timeout;
        let (client, prepared) = self.prepare(request, secrets, proxy_secrets)?;
        let sent = prepared.url().clone();
        let via = request.proxy.as_ref().map(|proxy| proxy.name.as_str());
        let late = |what: String| {
            FetchError::new(FetchErrorKind::Timeout, format!("{what} within {} ms", request.timeout.as_millis()))
        };
        let answer = match timeout_at(deadline, client.execute(prepared)).await {
            Err(_) => return Err(late("no answer".to_owned())),
            Ok(answer) => answer.map_err(|error| error::of_request(&error, &sent, via))?,
        };
        let status = answer.status().as_u16();
        let mut headers = headers_of(answer.headers());
        // Of `https` a proxy sees only the tunnel: what comes through that is the source's.
        let by_proxy = request.proxy.as_ref().filter(|_| matches!(status, 401 | 407) && sent.scheme() == "http");
        if let Some(proxy) = by_proxy {
            let address = proxy_secrets.url(&proxy.url).ok().and_then(|url| Url::parse(&url).ok());
            if let Some(refused) = proxied::refusal(status, &headers, &proxy.name, address.as_ref()) {
                return Err(refused);
            }
        }
        // Cookies may be who we are: they go to the next request, and nowhere else.
        headers.remove("set-cookie");
        let set_cookies = answer.headers().get_all("set-cookie").iter();
        let set_cookies = set_cookies.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
        let mut body = BytesMut::new();
        match timeout_at(deadline, read_body(answer, request, &mut body)).await {
            Err(_) => return Err(late(format!("only {} bytes of the body", body.len()))),
            Ok(read) => read?,
        }
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let url = Url::parse(&request.url).unwrap_or_else(|_| origin(&sent));
        Ok(Fetched { status, headers, body: body.freeze(), set_cookies, url, took_ms, sent })
    }

    fn prepare(
        &self,
        request: &Outgoing,
        secrets: &mut Resolver<'_>,
        proxy_secrets: &mut Resolver<'_>,
    ) -> Result<(Client, Request), FetchError> {
        let bad = |cause: String| FetchError::new(FetchErrorKind::BadRequest, cause);
        let url = judged_url(&secrets.url(&request.url)?, request.allow_private)?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| bad("not an HTTP method".to_owned()))?;
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let known =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(format!("no header name: {name:?}")))?;
            if OWN_HEADERS.contains(&known.as_str()) {
                return Err(bad(format!("the header {known} is set by the client itself")));
            }
            let text = secrets.header(value)?;
            let mut value = HeaderValue::from_bytes(text.as_bytes())
                .map_err(|_| bad(format!("the header {known} has a line break or a control character")))?;
            value.set_sensitive(true);
            headers.insert(known, value);
        }
        let sensitive = |text: String, what: &str| {
            let value = HeaderValue::from_bytes(text.as_bytes());
            let mut value = value.map_err(|_| bad(format!("{what} has a line break or a control character")))?;
            value.set_sensitive(true);
            Ok::<_, FetchError>(value)
        };
        if let Some(credentials) = &request.credentials
            && !headers.contains_key("authorization")
        {
            let text = credentials.header(secrets)?;
            headers.insert("authorization", sensitive(text, "the credentials")?);
        }
        if let Some(cookie) = &request.cookie {
            headers.insert("cookie", sensitive(cookie.clone(), "a cookie")?);
        }
        let mut prepared = Request::new(method, url);
        if let Some(body) = &request.body {
            let body = if request.form { secrets.url(body)? } else { secrets.text(body)? };
            *prepared.body_mut() = Some(body.into());
        }
        *prepared.headers_mut() = headers;
        let client = self.clients.get(request, prepared.url(), proxy_secrets)?;
        Ok((client, prepared))
    }
}

/// Parses a URL and judges what can be judged before the look-up.
fn judged_url(text: &str, allow_private: bool) -> Result<Url, FetchError> {
    let bad = |cause: &str| FetchError::new(FetchErrorKind::BadUrl, cause.to_owned());
    // The parser would drop line breaks in silence.
    if text.chars().any(char::is_control) {
        return Err(bad("the URL has a line break or a control character"));
    }
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http and https are called"));
    }
    if !allow_private && is_private_host(&url) {
        let host = url.host_str().unwrap_or_default();
        return Err(FetchError::new(FetchErrorKind::PrivateAddress, format!("{host} is not a public address")));
    }
    Ok(url)
}

/// Reads the body up to the limit; what was read before an error stays in `body`.
async fn read_body(mut answer: Response, request: &Outgoing, body: &mut BytesMut) -> Result<(), FetchError> {
    let max = request.max_bytes;
    let too_large = || FetchError::new(FetchErrorKind::TooLarge, format!("the body is longer than {max} bytes"));
    // Only a hint, and only without compression; but a body that announces too much need not be read at all.
    if answer.content_length().is_some_and(|length| length > max) {
        return Err(too_large());
    }
    while let Some(chunk) = answer.chunk().await.map_err(|error| error::of_body(&error, body.len()))? {
        if (body.len() + chunk.len()) as u64 > max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

fn headers_of(map: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in map {
        let bytes = value.as_bytes();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        };
        let held = headers.entry(name.as_str().to_owned()).or_default();
        if !held.is_empty() {
            held.push_str(", ");
        }
        held.push_str(&text);
    }
    headers
}

/// Scheme, host and port: what may be shown of a URL.
fn origin(url: &Url) -> Url {
    let mut origin = url.clone();
    let _ = origin.set_username("");
    let _ = origin.set_password(None);
    origin.set_path("");
    origin.set_query(None);
    origin.set_fragment(None);
    origin
}

fn shown(url: &str) -> String {
    Url::parse(url).map_or_else(|_| "…".to_owned(), |url| format!("{}…", origin(&url)))
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("url", &shown(&self.url))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.as_ref().map(String::len))
            .field("allow_private", &self.allow_private)
            .field("timeout", &self.timeout)
            .field("max_bytes", &self.max_bytes)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.name)
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("status", &self.status)
            .field("url", &shown(self.url.as_str()))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("took_ms", &self.took_ms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
