//! One page of a source: the request as its file says, and the redirects that the answer leads through.
//!
//! Each [`Page::send`] is exactly one HTTP request, so that the caller can take a permit for each.

use super::fetch::{Credentials, FetchError, FetchErrorKind, Fetched, Fetcher, Outgoing, Proxy, SecretNames};
use super::session::Session;
use super::tokens;
use crate::sources::connector::{Connector, PreparedRequest, RawPage};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// Redirects that are followed for one page.
const MOST_REDIRECTS: u32 = 5;

/// A page that is being asked for.
pub struct Page {
    next: Outgoing,
    redirects: u32,
    cookies: bool,
}

/// What came of one request.
pub struct Sent {
    /// The answer.
    pub fetched: Fetched,
    /// Whether it is the page; else it leads elsewhere, and the next [`Page::send`] asks there.
    pub whole: bool,
}

impl Page {
    /// Sends nothing yet.
    pub fn new(connector: &Connector, request: &PreparedRequest, proxy: Option<Proxy>) -> Self {
        let spec = connector.spec();
        let asked = connector.request_spec(request.step);
        let auth = spec.auth.as_ref().filter(|_| request.own);
        let next = Outgoing {
            method: request.method.clone(),
            url: request.url.to_string(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            form: request.form,
            credentials: auth.and_then(tokens::basic),
            cookie: None,
            secrets: SecretNames::in_templates(connector.texts().chain(auth.into_iter().flat_map(tokens::texts))),
            allow_private: asked.allow_private,
            timeout: Duration::from_millis(spec.limits.timeout.0),
            max_bytes: asked.max_bytes,
            proxy,
        };
        Self { next, redirects: 0, cookies: spec.request.cookies }
    }

    /// Asks with a token.
    pub fn with_token(mut self, token: String) -> Self {
        self.next.credentials = Some(Credentials::Bearer(token));
        self
    }

    /// Asks whether the page has changed.
    pub fn with_marks(mut self, marks: &BTreeMap<String, String>) -> Self {
        self.next.headers.extend(marks.iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// Sends the next request.
    pub async fn send(&mut self, fetcher: &Fetcher, session: &mut Session) -> Result<Sent, FetchError> {
        if self.cookies {
            self.next.cookie = Url::parse(&self.next.url).ok().and_then(|url| session.header(&url));
        }
        let fetched = fetcher.send(&self.next).await?;
        if self.cookies {
            session.take(fetched.asked(), &fetched.set_cookies);
        }
        let Some(next) = self.next.follow(&fetched) else { return Ok(Sent { fetched, whole: true }) };
        self.redirects += 1;
        if self.redirects > MOST_REDIRECTS {
            let cause = format!("more than {MOST_REDIRECTS} for one page");
            return Err(FetchError { kind: FetchErrorKind::TooManyRedirects, cause });
        }
        self.next = next;
        Ok(Sent { fetched, whole: false })
    }
}

impl From<Fetched> for RawPage {
    fn from(fetched: Fetched) -> Self {
        Self {
            status: fetched.status,
            final_url: fetched.url.to_string(),
            headers: fetched.headers.into_iter().collect(),
            body: fetched.body,
        }
    }
}
