//! One page of a source: the request as its file says, and the redirects that the answer leads through.
//!
//! Each [`Page::send`] is exactly one HTTP request, so that the caller can take a permit for each.

use super::fetch::{FetchError, FetchErrorKind, Fetched, Fetcher, Outgoing, Proxy, SecretNames};
use crate::core::policy::SourceSpec;
use crate::sources::connector::{PreparedRequest, RawPage};
use std::time::Duration;

/// Redirects that are followed for one page.
const MOST_REDIRECTS: u32 = 5;

/// A page that is being asked for.
pub struct Page {
    next: Outgoing,
    redirects: u32,
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
    pub fn new(spec: &SourceSpec, request: &PreparedRequest, proxy: Option<Proxy>) -> Self {
        let templates = spec.request.headers.values().chain(&spec.request.body).chain([&spec.request.url]);
        let next = Outgoing {
            method: request.method.clone(),
            url: request.url.to_string(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            secrets: SecretNames::in_templates(templates.map(String::as_str)),
            allow_private: spec.request.allow_private,
            timeout: Duration::from_millis(spec.limits.timeout.0),
            max_bytes: spec.request.max_bytes,
            proxy,
        };
        Self { next, redirects: 0 }
    }

    /// Sends the next request.
    pub async fn send(&mut self, fetcher: &Fetcher) -> Result<Sent, FetchError> {
        let fetched = fetcher.send(&self.next).await?;
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
