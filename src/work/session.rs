//! What one attempt remembers between its requests: the cookies that the source set.
//!
//! A jar as small as an attempt needs: by host, domain and path, over TLS only where the source says so, forgotten when the
//! attempt ends. A cookie is who we are, so it is never logged and never kept as evidence.

use url::{Host, Url};

/// Cookies of one attempt; `Debug` shows how many.
#[derive(Default)]
pub struct Session {
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Only the host itself, no host below it.
    host_only: bool,
    path: String,
    secure: bool,
}

/// No source needs more; a page that sets one with each request does not fill the memory.
const MOST: usize = 100;
/// The longest cookie that is kept, in bytes.
const LONGEST: usize = 8 * 1024;

impl Session {
    /// Takes what an answer from `url` sets. A cookie for a host that is none of its own is not taken.
    pub fn take(&mut self, url: &Url, set: &[String]) {
        for text in set.iter().filter(|text| text.len() <= LONGEST) {
            let Some((cookie, dead)) = parse(url, text) else { continue };
            self.cookies.retain(|known| {
                (&known.name, &known.domain, &known.path) != (&cookie.name, &cookie.domain, &cookie.path)
            });
            if !dead && self.cookies.len() < MOST {
                self.cookies.push(cookie);
            }
        }
    }

    /// The header `Cookie` for a request to `url`; none where there is no cookie for it.
    pub fn header(&self, url: &Url) -> Option<String> {
        let mut fitting: Vec<&Cookie> = self.cookies.iter().filter(|cookie| cookie.fits(url)).collect();
        // Longer paths first; of equal ones those that were set earlier (RFC 6265, 5.4).
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({} cookies)", self.cookies.len())
    }
}

impl Cookie {
    fn fits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let domain = host == self.domain || (!self.host_only && below(&host, &self.domain));
        let path = url.path();
        let within = path
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'));
        domain && within && (!self.secure || url.scheme() == "https")
    }
}

fn below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// A cookie, and whether it is set only to be forgotten.
fn parse(url: &Url, text: &str) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let bad = |text: &str| text.chars().any(char::is_control);
    if name.is_empty() || bad(name) || bad(value) {
        return None;
    }
    let host = url.host_str()?.to_ascii_lowercase();
    let folder = url.path().rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: host.clone(),
        host_only: true,
        path: folder.to_owned(),
        secure: false,
    };
    let mut dead = false;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" if !value.is_empty() => {
                let domain = value.trim_start_matches('.').to_ascii_lowercase();
                let named = matches!(url.host(), Some(Host::Domain(_)));
                // A cookie for all of a top-level domain would go to strangers.
                if domain != host && !(named && domain.contains('.') && below(&host, &domain)) {
                    return None;
                }
                cookie.host_only = domain == host && !named;
                cookie.domain = domain;
            }
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "max-age" => dead = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
            _ => {}
        }
    }
    Some((cookie, dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn cookies_go_where_they_belong() {
        let mut session = Session::default();
        let login = url("https://www.court.example/kad/login");
        session.take(
            &login,
            &[
                "sid=a=b; Path=/; HttpOnly".to_owned(),
                "region=77; Domain=.court.example; Path=/kad".to_owned(),
                "safe=1; Secure; Path=/".to_owned(),
                "evil=1; Domain=other.example".to_owned(),
                "top=1; Domain=example".to_owned(),
                "here=2".to_owned(),
                "no cookie".to_owned(),
            ],
        );
        assert_eq!(session.header(&login).as_deref(), Some("region=77; here=2; sid=a=b; safe=1"));
        assert_eq!(session.header(&url("http://www.court.example/")).as_deref(), Some("sid=a=b"));
        assert_eq!(session.header(&url("https://api.court.example/kad")).as_deref(), Some("region=77"));
        assert_eq!(session.header(&url("https://api.court.example/kadastre")), None);
        assert_eq!(session.header(&url("https://notcourt.example/kad")), None);
        session.take(&login, &["sid=c; Path=/".to_owned(), "here=; Max-Age=0".to_owned()]);
        assert_eq!(session.header(&login).as_deref(), Some("region=77; safe=1; sid=c"));
        assert!(!format!("{session:?}").contains("sid"));
    }
}
