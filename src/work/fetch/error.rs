//! What can go wrong with one request, told apart, in words that hold no secret.

use super::client::LookupError;
use super::proxied;
use super::secrets::Missing;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use url::Url;

/// A request that brought no whole answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {cause}")]
pub struct FetchError {
    /// Which kind.
    pub kind: FetchErrorKind,
    /// What happened, for people and for the log: host at most; no path, no query, no header's value, no secret.
    pub cause: String,
}

/// Kinds of failure. The codes go into the log: never rename one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FetchErrorKind {
    /// Loopback, private or otherwise not public, and the source's file does not allow it.
    PrivateAddress,
    /// The name was not found.
    Dns,
    /// No connection.
    Connect,
    /// No TLS: certificate, protocol.
    Tls,
    /// Not done in time.
    Timeout,
    /// Longer than the limit.
    TooLarge,
    /// The answer ended before it was whole.
    Truncated,
    /// The proxy could not be reached, or refused us: the source was not asked.
    Proxy,
    /// The proxy is there and did not get through to the source: it may be the fault of either.
    NoTunnel,
    /// One page leads from redirect to redirect.
    TooManyRedirects,
    /// What came is not HTTP, or its encoding is broken.
    Protocol,
    /// Not a URL that may be called.
    BadUrl,
    /// Method or header that can't be sent.
    BadRequest,
    /// A secret is named that is not in the environment.
    SecretMissing,
}

impl FetchErrorKind {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::PrivateAddress => "private_address",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Truncated => "truncated",
            Self::Proxy => "proxy",
            Self::NoTunnel => "no_tunnel",
            Self::TooManyRedirects => "too_many_redirects",
            Self::Protocol => "protocol",
            Self::BadUrl => "bad_url",
            Self::BadRequest => "bad_request",
            Self::SecretMissing => "secret_missing",
        }
    }
}

impl fmt::Display for FetchErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FetchError {
    pub(super) fn new(kind: FetchErrorKind, cause: String) -> Self {
        Self { kind, cause }
    }

    /// The kind's stable name.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Whether nothing was sent: the fault is on our side, in a file or in the environment, and no retry mends it.
    pub fn is_ours(&self) -> bool {
        use FetchErrorKind::{BadRequest, BadUrl, PrivateAddress, SecretMissing};
        matches!(self.kind, PrivateAddress | BadUrl | BadRequest | SecretMissing)
    }

    pub(super) fn map_cause(self, change: impl FnOnce(String) -> String) -> Self {
        Self { cause: change(self.cause), ..self }
    }
}

impl From<Missing> for FetchError {
    fn from(Missing(name): Missing) -> Self {
        Self::new(FetchErrorKind::SecretMissing, format!("the environment variable {name} is not set"))
    }
}

/// An error before the head of the answer. `via`: the proxy's name.
pub(super) fn of_request(error: &reqwest::Error, url: &Url, via: Option<&str>) -> FetchError {
    let host = url.host_str().unwrap_or_default();
    match find::<LookupError>(error) {
        Some(LookupError::Private) => {
            let cause = format!("the name {host} leads to an address that is not public");
            return FetchError::new(FetchErrorKind::PrivateAddress, cause);
        }
        // Through a proxy it is the source's name where we look that up, and else the proxy's own.
        Some(LookupError::Failed(failed)) if via.is_none() || proxied::looked_up_here(error) => {
            return FetchError::new(FetchErrorKind::Dns, format!("{host}: {failed}"));
        }
        _ => {}
    }
    let leaf = leaf(error);
    let kind = if find::<rustls::Error>(error).is_some() {
        FetchErrorKind::Tls
    } else if via.is_some() && error.is_connect() {
        proxied::kind(error)
    } else if error.is_connect() {
        FetchErrorKind::Connect
    } else if is_cut(error) {
        FetchErrorKind::Truncated
    } else {
        FetchErrorKind::Protocol
    };
    let cause = match via {
        None => format!("{host}: {leaf}"),
        Some(name) => format!("{host} by proxy {name}: {leaf}"),
    };
    FetchError::new(kind, cause)
}

/// An error within the body.
pub(super) fn of_body(error: &reqwest::Error, received: usize) -> FetchError {
    let kind = if is_cut(error) { FetchErrorKind::Truncated } else { FetchErrorKind::Protocol };
    FetchError::new(kind, format!("after {received} bytes of the body: {}", leaf(error)))
}

/// Whether the other side ended before the answer was whole.
fn is_cut(error: &reqwest::Error) -> bool {
    let by_io = find::<io::Error>(error).is_some_and(|io| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        matches!(io.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
    });
    // The client names a close before the end of the head, or inside a chunk, in words only.
    by_io || chain(error).any(|at| at.to_string().contains("before message completed"))
}

/// The first error of a type in the chain, looking into the wrappers of the standard library too.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    chain(error).find_map(|at| {
        let mut inner = at.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        while let Some(within) = inner {
            if let Some(found) = within.downcast_ref::<T>() {
                return Some(found);
            }
            inner = within.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        }
        at.downcast_ref::<T>()
    })
}

pub(super) fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |at| (*at).source())
}

/// The words of the innermost cause; those of the outer ones hold the URL.
fn leaf(error: &reqwest::Error) -> String {
    match chain(error).skip(1).last() {
        Some(leaf) => leaf.to_string(),
        None => "the request failed".to_owned(),
    }
}
