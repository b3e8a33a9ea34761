//! How a source is asked: `[request]`, `[pages]`, `[[before]]` and `[auth]` of its file.

use super::{AnswerSpec, AttrSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Not;

/// `[request]`; texts are templates over the parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestSpec {
    /// GET or POST.
    #[serde(default = "get")]
    pub method: String,
    /// The address to call.
    pub url: String,
    /// Headers; a value `env:NAME` is read from the environment when sent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body of a POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The fields of a form that is posted, instead of `body`; each is percent-encoded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,
    /// Cookies that the source sets are kept within one attempt: from page to page and from step to step.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub cookies: bool,
    /// Ask with `If-None-Match` and `If-Modified-Since`: "not modified" means that what was read last holds again.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub conditional: bool,
    /// Whether loopback and private addresses may be called.
    #[serde(default)]
    pub allow_private: bool,
    /// The largest answer that is read, in bytes.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
}

fn get() -> String {
    "GET".to_owned()
}

fn max_bytes() -> u64 {
    16 * 1024 * 1024
}

/// `[pages]`: one of `next`, `page`, `cursor` and `link`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagesSpec {
    /// Where the address of the next page stands; absent or null ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// A numbered page parameter, or an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageParam>,
    /// A cursor that each page names for the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorParam>,
    /// The header `Link` with `rel="next"` (RFC 8288) leads on; without it the page is the last.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub link: bool,
    /// The most pages that are read; if there are more, the observation is not complete.
    #[serde(default = "max_pages")]
    pub max: u32,
}

fn max_pages() -> u32 {
    20
}

/// `page = { param = "page", first = 1, last_when = "empty" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageParam {
    /// The query parameter.
    pub param: String,
    /// The first page's number, or the first offset.
    #[serde(default)]
    pub first: u32,
    /// How much a page adds to the number: with offsets, how many items a page has.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub step: u32,
    /// `empty`: the first page without items is the end; `short`: the first one with fewer items than `size` is.
    #[serde(default = "empty")]
    pub last_when: String,
    /// How many items a full page has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// Where the number of the last page stands: no page is asked for only to see that it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Where the number of all items stands; needs `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
}

fn one() -> u32 {
    1
}

fn is_one(step: &u32) -> bool {
    *step == 1
}

fn empty() -> String {
    "empty".to_owned()
}

/// `cursor = { at = "$.meta.next_cursor", param = "cursor" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CursorParam {
    /// Where a page names the next one's cursor; absent, null or empty ends.
    pub at: String,
    /// The query parameter; templates may read it as `cursor` instead (empty for the first page).
    pub param: String,
}

/// `[[before]]`: what is asked before `[request]`, for its values only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// How later templates call it: `{{ search.link }}`.
    pub id: String,
    /// How to ask.
    pub request: RequestSpec,
    /// How to go on to its next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<PagesSpec>,
    /// How to judge its answer; each of its items leads on.
    pub answer: AnswerSpec,
    /// Values of an item, for templates of later steps.
    #[serde(default)]
    pub take: BTreeMap<String, AttrSpec>,
    /// Only the first item leads on.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub first: bool,
    /// At most so many items lead on; if there are more, the observation is not complete.
    #[serde(default = "max_followed")]
    pub max: u32,
}

fn max_followed() -> u32 {
    50
}

/// `[auth]`: who asks. Secrets are named: `env:NAME`, or `${NAME}` in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSpec {
    /// How.
    #[serde(rename = "type")]
    pub kind: AuthKind,
    /// `basic`: the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `basic`: the password; empty when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// `oauth2`: where tokens are given out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// `oauth2`: the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `oauth2`: its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// `oauth2`: what the token is to be good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `oauth2`: for whom the token is meant, where the source wants that said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// `oauth2`: the client's id and secret stand in the form, not in the header.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub in_form: bool,
}

/// Kinds of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// User and password in each request (RFC 7617).
    Basic,
    /// Client credentials for a token (RFC 6749, 4.4).
    Oauth2,
}
