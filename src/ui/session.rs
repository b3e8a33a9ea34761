//! Cookies of the page: the key, the language; and which form came from the page itself.

use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie that holds the bearer key. The interface under `/v1` accepts it as well, for the live events.
pub(super) const KEY: &str = "mirano_key";
/// The cookie that remembers the language.
pub(super) const LANG: &str = "mirano_lang";

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A cookie that keeps the key for thirty days where no script can read it. None for what no key looks like.
pub(super) fn keep_key(key: &str, https: bool) -> Option<HeaderValue> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
    if key.is_empty() || key.len() > 512 || !key.bytes().all(plain) {
        return None;
    }
    let secure = if https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{KEY}={key}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict{secure}")).ok()
}

/// A cookie that ends the session.
pub(super) const FORGET_KEY: HeaderValue =
    HeaderValue::from_static("mirano_key=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");

/// A cookie that remembers the language for a year.
pub(super) fn keep_lang(lang: super::Lang) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{LANG}={}; Path=/; Max-Age=31536000; SameSite=Lax", lang.code())).ok()
}

/// Whether a form was sent by a page of this server. Another site may not start checks through a visitor's browser, also
/// where no key is asked for. A client that is no browser sends neither header.
pub(super) fn same_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Where this server is, as the visitor's browser names it: scheme and authority. A proxy in front says in
/// `X-Forwarded-Host` and `X-Forwarded-Proto` what it was called. None where the name is no plain one.
pub fn origin(headers: &HeaderMap) -> Option<String> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // Of several proxies the first entry is the one that the browser spoke to.
    let forwarded = text(header::HeaderName::from_static("x-forwarded-host"));
    let host = forwarded.and_then(|hosts| hosts.split(',').next()).map(str::trim).or_else(|| text(header::HOST))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let https = text(header::HeaderName::from_static("x-forwarded-proto")) == Some("https");
    (!host.is_empty() && host.bytes().all(plain)).then(|| format!("{}://{host}", if https { "https" } else { "http" }))
}

/// Where to go after signing in: a path of this server, else the start page.
pub(super) fn safe_next(next: Option<&str>) -> &str {
    next.filter(|path| path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']))
        .unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::{cookie, keep_key, origin, safe_next, same_site};
    use axum::http::HeaderMap;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a header's value"));
        }
        headers
    }

    #[test]
    fn the_server_is_named_as_the_browser_names_it() {
        assert_eq!(origin(&headers(&[("host", "mirano.example")])).as_deref(), Some("http://mirano.example"));
        let behind = headers(&[("host", "[::1]:8700"), ("x-forwarded-proto", "https")]);
        assert_eq!(origin(&behind).as_deref(), Some("https://[::1]:8700"));
        let proxied = headers(&[("host", "10.0.0.7:8700"), ("x-forwarded-host", "mirano.example, inner.example")]);
        assert_eq!(origin(&proxied).as_deref(), Some("http://mirano.example"));
        assert_eq!(origin(&headers(&[("host", "a/b?c")])), None);
        assert_eq!(origin(&headers(&[])), None);
    }

    #[test]
    fn cookies_are_told_apart() {
        let headers = headers(&[("cookie", "a=1; mirano_key=k=v; mirano_lang=ru")]);
        assert_eq!(cookie(&headers, "mirano_key"), Some("k=v"));
        assert_eq!(cookie(&headers, "mirano"), None);
        assert!(keep_key("with space", false).is_none());
        assert!(keep_key("ok; Path=/x", false).is_none());
    }

    #[test]
    fn forms_of_other_sites_are_told_apart() {
        assert!(same_site(&headers(&[])));
        assert!(same_site(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(!same_site(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(same_site(&headers(&[("origin", "http://127.0.0.1:7000"), ("host", "127.0.0.1:7000")])));
        assert!(!same_site(&headers(&[("origin", "http://evil.example"), ("host", "127.0.0.1:7000")])));
    }

    #[test]
    fn signing_in_leads_nowhere_else() {
        assert_eq!(safe_next(Some("/jobs/1")), "/jobs/1");
        for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
            assert_eq!(safe_next(Some(next)), "/");
        }
    }
}
