//! Whose fault it is that nothing came through a proxy: the proxy's own, or perhaps the source's.
//!
//! A proxy that can't be reached, breaks off its own greeting, or does not take our credentials has not asked the source. One that says it
//! can't get through (no tunnel, a refusal over SOCKS) may be right: then either of the two may be at fault.

use super::error::chain;
use super::{FetchError, FetchErrorKind};
use std::collections::BTreeMap;
use std::error::Error as StdError;
use url::Url;

/// What a SOCKS proxy says of its way to the source, as the client words it.
const NOT_REACHED: [&str; 8] = [
    "general server failure",
    "connection not allowed",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "ttl expired",
    "command not supported",
    "address type not supported",
];

/// The kind of an error before there was a connection to the source. The client has words only, no types.
pub(super) fn kind(error: &(dyn StdError + 'static)) -> FetchErrorKind {
    let of_proxy = chain(error).any(|at| {
        let text = at.to_string();
        match text.split_once(": ") {
            Some(("tunnel error", what)) => what != "unsuccessful",
            Some(("SOCKS error", what)) => !NOT_REACHED.contains(&what),
            // The one connection that is made is to the proxy.
            _ => text.starts_with("tcp ") || text == "dns error",
        }
    });
    if of_proxy { FetchErrorKind::Proxy } else { FetchErrorKind::NoTunnel }
}

/// Whether it was the source's name that we looked up for a proxy (`socks5://`).
pub(super) fn looked_up_here(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|at| at.to_string() == "error resolving for socks proxy")
}

/// The answer of a proxy that does not take our credentials; none: the answer is the source's. `address`: the proxy's.
///
/// tinyproxy answers 401 to wrong ones where it should say 407, and only its own name tells that apart from a source that wants
/// credentials itself. `Via` would not: the proxy adds it to what the source says.
pub(super) fn refusal(
    status: u16,
    headers: &BTreeMap<String, String>,
    name: &str,
    address: Option<&Url>,
) -> Option<FetchError> {
    // Over SOCKS a status is the source's.
    let address = address.filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let begins = |header: &str, with: &str| {
        headers.get(header).is_some_and(|value| value.to_ascii_lowercase().starts_with(with))
    };
    let refused = match status {
        407 => true,
        401 if !address.username().is_empty() => {
            begins("server", "tinyproxy/") || begins("www-authenticate", "basic realm=\"tinyproxy\"")
        }
        _ => false,
    };
    let cause = || format!("proxy {name} refused the credentials ({status})");
    refused.then(|| FetchError::new(FetchErrorKind::Proxy, cause()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_401_is_the_proxys_only_where_it_says_so_itself() {
        let answer = |status, header: (&str, &str), address: &str| {
            let headers = BTreeMap::from([(header.0.to_owned(), header.1.to_owned())]);
            let address = Url::parse(address).expect("a URL");
            refusal(status, &headers, "ru/one", Some(&address)).map(|error| error.kind)
        };
        let (secured, open) = ("http://us:pw@127.0.0.1:1", "http://127.0.0.1:1");
        let own = ("www-authenticate", "Basic realm=\"Tinyproxy\"");
        assert_eq!(answer(401, own, secured), Some(FetchErrorKind::Proxy));
        assert_eq!(answer(401, ("server", "tinyproxy/1.11.1"), secured), Some(FetchErrorKind::Proxy));
        assert_eq!(answer(407, ("server", "squid"), open), Some(FetchErrorKind::Proxy));
        for (status, header, address) in [
            (401, ("www-authenticate", "Basic realm=\"Registry\""), secured),
            (401, ("via", "1.1 tinyproxy (tinyproxy/1.11.1)"), secured),
            (401, own, open),
            (403, own, secured),
            (407, own, "socks5://us:pw@127.0.0.1:1"),
        ] {
            assert_eq!(answer(status, header, address), None, "{status} {header:?} {address}");
        }
    }
}
