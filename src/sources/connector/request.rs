//! Requests: templates filled in with parameters, and the way to the next page.
//!
//! Secrets stay names: a header `env:NAME` and `${NAME}` anywhere are put in by whoever sends. So nothing that comes
//! from a parameter or from a page may look like one.

use super::SpecProblem;
use crate::core::policy::template::Templates;
use crate::core::policy::{PagesSpec, SourceSpec};
use serde::Serialize;
use std::collections::BTreeMap;
use url::Url;

/// A request, ready but for its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The address; may hold `${NAME}`.
    pub url: Url,
    /// Headers; a value `env:NAME`, or `${NAME}` in it, is read from the environment when sent.
    pub headers: BTreeMap<String, String>,
    /// The body; may hold `${NAME}`.
    pub body: Option<String>,
}

/// Why a source can't be asked with these parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// A parameter is not there.
    #[error("the parameter `{0}` is missing")]
    MissingParam(String),
    /// A parameter looks like the name of a secret.
    #[error("the parameter `{0}` may not hold `${{`")]
    ForbiddenParam(String),
    /// A template could not be filled in.
    #[error("the template `{at}` could not be filled in: {detail}")]
    Template {
        /// Which: `url`, `headers.accept`, `body`.
        at: String,
        /// Why not.
        detail: String,
    },
    /// What came out is no address, or another host than the file's.
    #[error("the address that comes out is not usable")]
    BadUrl,
    /// What came out can't be a header.
    #[error("the header `{0}` would hold a line break or the name of a secret")]
    BadHeader(String),
}

/// Compiled templates of `[request]`.
#[derive(Debug)]
pub(super) struct Requests {
    templates: Templates,
    method: String,
    params: Vec<String>,
    /// Header names, and the value where it is the name of a secret and no template.
    headers: BTreeMap<String, Option<String>>,
    body: bool,
    host: Option<String>,
    pages: Option<PagesSpec>,
    /// A template reads `page`, so the number needs no query parameter.
    page_in_template: bool,
}

#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    params: &'a BTreeMap<String, String>,
    page: u32,
}

impl Requests {
    pub(super) fn compile(spec: &SourceSpec, problems: &mut Vec<SpecProblem>) -> Option<Self> {
        let before = problems.len();
        let mut problem = |at: &str, detail: String| problems.push(SpecProblem { at: at.to_owned(), detail });
        let request = &spec.request;
        let mut templates = Templates::default();
        let mut page_in_template = false;
        let mut add = |at: &str, name: &str, text: &str, problem: &mut dyn FnMut(&str, String)| {
            if let Err(error) = templates.add(name, text) {
                return problem(at, format!("not a template: {error}"));
            }
            for read in templates.reads(name) {
                if read == "page" {
                    page_in_template = true;
                } else if !spec.params.contains(&read) {
                    problem(at, format!("`{read}` is none of the source's params: {}", spec.params.join(", ")));
                }
            }
        };
        let method = request.method.to_ascii_uppercase();
        if !matches!(method.as_str(), "GET" | "POST") {
            problem("request.method", format!("GET or POST, not {:?}", request.method));
        }
        if request.body.is_some() && method == "GET" {
            problem("request.body", "a GET has no body".to_owned());
        }
        add("request.url", "url", &request.url, &mut problem);
        let mut headers = BTreeMap::new();
        for (name, value) in &request.headers {
            let at = format!("request.headers.{name}");
            let lower = name.to_ascii_lowercase();
            if !is_token(name) {
                problem(&at, "not a header's name".to_owned());
            } else if !value.starts_with("env:") {
                add(&at, &format!("headers.{lower}"), value, &mut problem);
            }
            if headers.insert(lower, value.starts_with("env:").then(|| value.clone())).is_some() {
                problem(&at, "is there twice, in other letters".to_owned());
            }
        }
        if let Some(body) = &request.body {
            add("request.body", "body", body, &mut problem);
        }
        if request.url.split('?').next().is_some_and(|path| path.contains("${")) {
            problem("request.url", "`${NAME}` may stand in the query, in a header or in the body".to_owned());
        }
        let host = match literal_host(&request.url) {
            Ok(host) => Some(host),
            Err(detail) => {
                problem("request.url", detail);
                None
            }
        };
        for reserved in ["page", "subject", "params", "attrs"] {
            if spec.params.iter().any(|param| param == reserved) {
                problem("params", format!("`{reserved}` has a meaning of its own and can't be a parameter"));
            }
        }
        if let Some(pages) = &spec.pages {
            match (&pages.next, &pages.page) {
                (Some(_), Some(_)) | (None, None) => problem("pages", "either `next` or `page`".to_owned()),
                (None, Some(page)) if page.last_when != "empty" => {
                    problem("pages.page.last_when", format!("only \"empty\" is known, not {:?}", page.last_when));
                }
                _ => {}
            }
            if pages.max == 0 {
                problem("pages.max", "at least 1".to_owned());
            }
        }
        if page_in_template && spec.pages.as_ref().is_none_or(|pages| pages.page.is_none()) {
            problem("request", "`page` is read, but [pages] has no `page`".to_owned());
        }
        (problems.len() == before).then(|| Self {
            templates,
            method,
            params: spec.params.clone(),
            headers,
            body: request.body.is_some(),
            host,
            pages: spec.pages.clone(),
            page_in_template,
        })
    }

    /// The request for a page, counted from 0.
    pub(super) fn page(&self, params: &BTreeMap<String, String>, number: u32) -> Result<PreparedRequest, AskError> {
        if let Some(missing) = self.params.iter().find(|name| !params.contains_key(*name)) {
            return Err(AskError::MissingParam(missing.clone()));
        }
        if let Some((name, _)) = params.iter().find(|(_, value)| value.contains("${")) {
            return Err(AskError::ForbiddenParam(name.clone()));
        }
        let numbered = self.pages.as_ref().and_then(|pages| pages.page.as_ref());
        let page = numbered.map_or(0, |page| page.first.saturating_add(number));
        let context = Context { params, page };
        let fill = |name: &str| {
            let template = |e: crate::core::policy::template::TemplateError| AskError::Template {
                at: name.to_owned(),
                detail: e.0,
            };
            self.templates.render(name, &context).map_err(template)
        };
        let mut url = Url::parse(&fill("url")?).map_err(|_| AskError::BadUrl)?;
        if url.host_str().map(str::to_owned) != self.host || !url.username().is_empty() || url.password().is_some() {
            return Err(AskError::BadUrl);
        }
        if let Some(numbered) = numbered
            && !self.page_in_template
        {
            set_query(&mut url, &numbered.param, page);
        }
        let mut headers = BTreeMap::new();
        for (name, secret) in &self.headers {
            let value = match secret {
                Some(secret) => secret.clone(),
                None => {
                    let value = fill(&format!("headers.{name}"))?;
                    if value.contains(['\r', '\n', '\0']) || value.starts_with("env:") {
                        return Err(AskError::BadHeader(name.clone()));
                    }
                    value
                }
            };
            headers.insert(name.clone(), value);
        }
        let body = self.body.then(|| fill("body")).transpose()?;
        Ok(PreparedRequest { method: self.method.clone(), url, headers, body })
    }

    /// The request that follows a link on a page, or why it is not followed.
    pub(super) fn follow(
        link: &str,
        request: &PreparedRequest,
        final_url: &str,
    ) -> Result<PreparedRequest, &'static str> {
        let base = Url::parse(final_url).unwrap_or_else(|_| request.url.clone());
        let mut url = base.join(link.trim()).map_err(|_| "the link to the next page is no address")?;
        url.set_fragment(None);
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err("the link to the next page is not one to follow");
        }
        // A source may say our own key back in its link; a name stands for it by now, and goes to nobody but the source.
        let own = url.origin() == request.url.origin() && names_only_own(url.query().unwrap_or_default(), request);
        let path = url.path();
        if path.contains("${") || path.contains("$%7B") || (url.as_str().contains("${") && !own) {
            return Err("the link to the next page holds the name of a secret");
        }
        let mut headers = request.headers.clone();
        if url.origin() != request.url.origin() {
            let upgraded = url.scheme() == "https" && url.host_str() == request.url.host_str();
            if url.origin() != base.origin() && !upgraded {
                return Err("the link to the next page leads to another host");
            }
            if url.host_str() != request.url.host_str() {
                // Where a redirect led may be read on, but is not shown what was meant for the source.
                headers.retain(|_, value| !value.starts_with("env:") && !value.contains("${"));
            }
        }
        if url == request.url {
            return Err("the link to the next page leads to the page itself");
        }
        // What a link names is fetched, as a browser does.
        Ok(PreparedRequest { method: "GET".to_owned(), url, headers, body: None })
    }
}

/// Whether every secret that a query names is named by the request already.
fn names_only_own(query: &str, request: &PreparedRequest) -> bool {
    let named = |name: &str| {
        let (inner, whole) = (format!("${{{name}}}"), format!("env:{name}"));
        request.url.query().is_some_and(|query| query.contains(&inner))
            || request.headers.values().any(|value| *value == whole || value.contains(&inner))
    };
    query.split("${").skip(1).all(|rest| rest.split_once('}').is_some_and(|(name, _)| named(name)))
}

/// Sets one query parameter and leaves the others as they are written.
fn set_query(url: &mut Url, name: &str, number: u32) {
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let mut pairs: Vec<String> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(encoded.as_str()))
        .map(str::to_owned)
        .collect();
    pairs.push(format!("{encoded}={number}"));
    url.set_query(Some(&pairs.join("&")));
}

/// The host must stand in the file: a parameter may never choose whom to call.
fn literal_host(url: &str) -> Result<String, String> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("an address begins with http:// or https://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    if authority.contains(['{', '}', '$', '%']) {
        return Err("the host must be written out, followed by `/` or `?`".to_owned());
    }
    if authority.contains('@') {
        return Err("credentials do not belong in an address; use a header `env:NAME` or `${NAME}`".to_owned());
    }
    let scheme = if url.starts_with("https") { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{authority}/"))
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .ok_or_else(|| format!("{authority:?} is no host"))
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
