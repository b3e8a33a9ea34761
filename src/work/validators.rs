//! Conditional requests: what a page was when it was last read, and by which marks the source knows it.
//!
//! `304 Not Modified` says that the page with these marks is still the page. Its bytes are evidence already, so it is read
//! again from there, and what follows is the same as if the source had sent it: the same facts hold, observed now, with the
//! same evidence. So only the source's word decides, and nothing that is lost here changes an answer: marks are kept in
//! memory, and without them a page is asked for in full. What was sealed under a key that is gone can't be read, and is
//! asked for in full as well.

use super::fetch::Fetched;
use crate::sources::connector::PreparedRequest;
use mirano_schemas::EvidenceId;
use moka::sync::Cache;
use std::collections::BTreeMap;

/// Pages whose marks are remembered.
const MOST: u64 = 50_000;
/// No mark is longer, in bytes.
const LONGEST: usize = 1_024;

/// Marks by request.
pub struct Validators(Cache<[u8; 32], Marks>);

/// How a source knows a page, and which evidence holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Headers of the next request: `if-none-match`, `if-modified-since`.
    pub headers: BTreeMap<String, String>,
    /// The page.
    pub evidence: EvidenceId,
}

impl Default for Validators {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Validators {
    /// What is known of the page that this request asks for.
    pub fn find(&self, source: &str, request: &PreparedRequest) -> Option<Marks> {
        self.0.get(&key(source, request))
    }

    /// Remembers a page that was answered in full, or forgets what was known where the source marks it no more.
    pub fn keep(&self, source: &str, request: &PreparedRequest, fetched: &Fetched, evidence: EvidenceId) {
        let key = key(source, request);
        let mut headers = BTreeMap::new();
        for (from, to) in [("etag", "if-none-match"), ("last-modified", "if-modified-since")] {
            if let Some(mark) = fetched.header(from).filter(|mark| mark.len() <= LONGEST && !mark.contains("${")) {
                headers.insert(to.to_owned(), mark.to_owned());
            }
        }
        if fetched.status == 200 && !headers.is_empty() {
            self.0.insert(key, Marks { headers, evidence });
        } else {
            self.0.invalidate(&key);
        }
    }

    /// Forgets a page.
    pub fn forget(&self, source: &str, request: &PreparedRequest) {
        self.0.invalidate(&key(source, request));
    }
}

/// The request itself is not kept: it may be about a person.
fn key(source: &str, request: &PreparedRequest) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let headers = request.headers.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for part in [source, &request.method, request.url.as_str()].into_iter().chain(headers) {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
