//! Redirects: each is a request of its own, with a permit of its own, so the caller sends it.

use super::secrets::names_secret;
use super::{Fetched, Outgoing, SecretNames, escape};
use url::Url;

/// Headers that belong to one origin.
const OF_ONE_ORIGIN: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Where an answer with status 301, 302, 303, 307 or 308 leads; `None` for every other answer, and when it does not say.
/// Not judged yet: the next request is.
pub fn redirect_target(fetched: &Fetched) -> Option<Url> {
    if !matches!(fetched.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let mut target = fetched.sent.join(fetched.header("location")?).ok()?;
    let _ = target.set_username("");
    let _ = target.set_password(None);
    target.set_fragment(None);
    Some(target)
}

impl Outgoing {
    /// The request that follows a redirect; `None` when the answer is none.
    ///
    /// As browsers do: 303 makes a GET, 301 and 302 make a GET of a POST; 307 and 308 repeat. Towards another origin no
    /// secret and no header that holds one goes along. What the answer says is text: it can't name a secret.
    pub fn follow(&self, fetched: &Fetched) -> Option<Outgoing> {
        let target = redirect_target(fetched)?;
        let mut next = self.clone();
        // Which cookies go where the redirect leads is for whoever keeps them to say.
        next.cookie = None;
        let becomes_get = match fetched.status {
            303 => self.method != "HEAD",
            301 | 302 => self.method == "POST",
            _ => false,
        };
        if becomes_get {
            next.method = "GET".to_owned();
            next.body = None;
            next.form = false;
            next.headers.retain(|name, _| !name.to_ascii_lowercase().starts_with("content-"));
        }
        if target.origin() != fetched.sent.origin() {
            next.headers.retain(|name, value| {
                !OF_ONE_ORIGIN.contains(&name.to_ascii_lowercase().as_str()) && !names_secret(value)
            });
            next.credentials = None;
            next.secrets = SecretNames::default();
        }
        next.url = escape(target.as_str()).into_owned();
        Some(next)
    }
}
