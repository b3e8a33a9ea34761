//! Requests: templates filled in with parameters and with what earlier steps gave, and the way to the next page.
//!
//! Secrets stay names: a header `env:NAME` and `${NAME}` anywhere are put in by whoever sends. So nothing that comes
//! from a parameter or from a page may look like one.

use super::SpecProblem;
use super::links::{field, follow, is_token, judge_pages, link_of, literal_host, names_secret, set_query};
use super::parts::Known;
use crate::core::policy::template::{TemplateError, Templates};
use crate::core::policy::{PagesSpec, RequestSpec};
use serde::Serialize;
use std::collections::BTreeMap;
use url::Url;

/// Values of pages for the templates of later requests, by step and name. May be about a person: never log them.
pub type Taken = BTreeMap<String, BTreeMap<String, String>>;

/// A request, ready but for its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The address; may hold `${NAME}`.
    pub url: Url,
    /// Headers; a value `env:NAME`, or `${NAME}` in it, is read from the environment when sent.
    pub headers: BTreeMap<String, String>,
    /// The body; may hold `${NAME}`.
    pub body: Option<String>,
    /// The body is a form: secrets in it are percent-encoded.
    pub form: bool,
    /// Which request of the file it is: those of `[[before]]` in order, then `[request]`; from 0.
    pub step: usize,
    /// Which page of that request it asks for, from 0.
    pub number: u32,
    /// What earlier steps gave.
    pub taken: Taken,
    /// It goes where the file says, and not where a redirect led: credentials may be sent.
    pub own: bool,
}

impl std::fmt::Debug for PreparedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedRequest")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("step", &self.step)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Why a source can't be asked with these parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// A parameter is not there.
    #[error("the parameter `{0}` is missing")]
    MissingParam(String),
    /// A parameter, or a value of an earlier step, looks like the name of a secret.
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
    /// The link that an earlier step gave is not one to follow.
    #[error("{0}")]
    BadLink(&'static str),
}

/// Compiled templates of one request.
#[derive(Debug)]
pub(super) struct Requests {
    /// Which request of the file.
    step: usize,
    templates: Templates,
    method: String,
    params: Vec<String>,
    /// Header names, and the value where it is the name of a secret and no template.
    headers: BTreeMap<String, Option<String>>,
    body: bool,
    form: Vec<String>,
    /// The host that the file names; none where the address is a link of an earlier step.
    host: Option<String>,
    /// The step and name of that link.
    link: Option<(String, String)>,
    pages: Option<PagesSpec>,
    /// A template reads `page` or `cursor`, so it needs no query parameter.
    in_template: bool,
}

#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    params: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    taken: &'a Taken,
    page: u32,
    cursor: &'a str,
}

/// Where a request stands in the file.
pub(super) struct Stands<'a> {
    pub(super) step: usize,
    /// Before each path of keys: `before[0].`, or nothing.
    pub(super) prefix: String,
    pub(super) request: &'a RequestSpec,
    pub(super) pages: Option<&'a PagesSpec>,
    pub(super) known: &'a Known,
}

/// What a page is asked with.
pub(super) struct Asking<'a> {
    pub(super) params: &'a BTreeMap<String, String>,
    pub(super) taken: &'a Taken,
    pub(super) number: u32,
    pub(super) cursor: &'a str,
    /// The request on whose page the values were taken, and where it led.
    pub(super) from: Option<(&'a PreparedRequest, &'a str)>,
}

impl Requests {
    pub(super) fn compile(stands: &Stands<'_>, problems: &mut Vec<SpecProblem>) -> Option<Self> {
        let before = problems.len();
        let mut problem =
            |at: &str, detail: String| problems.push(SpecProblem { at: format!("{}{at}", stands.prefix), detail });
        let request = stands.request;
        let mut templates = Templates::default();
        let (mut reads_page, mut reads_cursor) = (false, false);
        let mut add = |at: &str, name: &str, text: &str, problem: &mut dyn FnMut(&str, String)| {
            if let Err(error) = templates.add(name, text) {
                return problem(at, format!("not a template: {error}"));
            }
            for read in templates.reads(name) {
                match read.as_str() {
                    "page" => reads_page = true,
                    "cursor" => reads_cursor = true,
                    _ => {
                        if let Err(detail) = stands.known.judge(&read) {
                            problem(at, detail);
                        }
                    }
                }
            }
        };
        let method = request.method.to_ascii_uppercase();
        if !matches!(method.as_str(), "GET" | "POST") {
            problem("request.method", format!("GET or POST, not {:?}", request.method));
        }
        for (key, there) in [("body", request.body.is_some()), ("form", !request.form.is_empty())] {
            if there && method == "GET" {
                problem(&format!("request.{key}"), format!("a GET has no {key}: method = \"POST\""));
            }
        }
        if request.body.is_some() && !request.form.is_empty() {
            problem("request.form", "either `body` or `form`".to_owned());
        }
        if request.cookies && !stands.prefix.is_empty() {
            problem("request.cookies", "is said in [request]: one attempt has one set of cookies".to_owned());
        }
        if request.conditional && method != "GET" {
            problem("request.conditional", "only a GET can be asked whether anything changed".to_owned());
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
        for (name, value) in &request.form {
            add(&format!("request.form.{name}"), &format!("form.{name}"), value, &mut problem);
        }
        if request.url.split('?').next().is_some_and(|path| path.contains("${")) {
            problem("request.url", "`${NAME}` may stand in the query, in a header or in the body".to_owned());
        }
        let link = link_of(&request.url, stands.known);
        let host = match (&link, literal_host(&request.url)) {
            (Some(_), _) => None,
            (None, Ok(host)) => Some(host),
            (None, Err(detail)) => {
                problem("request.url", detail);
                None
            }
        };
        if let Some(pages) = stands.pages {
            judge_pages(pages, &mut problem);
        }
        for (name, reads, there) in [
            ("page", reads_page, stands.pages.is_some_and(|pages| pages.page.is_some())),
            ("cursor", reads_cursor, stands.pages.is_some_and(|pages| pages.cursor.is_some())),
        ] {
            if reads && !there {
                problem("request", format!("`{name}` is read, but [pages] has no `{name}`"));
            }
        }
        if link.is_some() && (reads_page || reads_cursor) {
            problem("request.url", "where the address is a link, `page` and `cursor` stand in its query".to_owned());
        }
        (problems.len() == before).then(|| Self {
            step: stands.step,
            templates,
            method,
            params: stands.known.params.clone(),
            headers,
            body: request.body.is_some(),
            form: request.form.keys().cloned().collect(),
            host,
            link,
            pages: stands.pages.cloned(),
            in_template: reads_page || reads_cursor,
        })
    }

    /// The values of earlier steps that a request's templates read, as (step, name).
    pub(super) fn needs(request: &RequestSpec) -> Vec<(String, String)> {
        let texts = request.headers.values().chain(&request.body).chain(request.form.values()).chain([&request.url]);
        let reads = texts.filter_map(|text| crate::core::policy::template::reads(text).ok()).flatten();
        reads.filter_map(|read| read.split_once('.').map(|(step, name)| (step.to_owned(), name.to_owned()))).collect()
    }

    /// The request for a page.
    pub(super) fn page(&self, asking: &Asking<'_>) -> Result<PreparedRequest, AskError> {
        let params = asking.params;
        if let Some(missing) = self.params.iter().find(|name| !params.contains_key(*name)) {
            return Err(AskError::MissingParam(missing.clone()));
        }
        let taken = asking.taken.values().flatten();
        if let Some((name, _)) = params.iter().chain(taken).find(|(_, value)| value.contains("${")) {
            return Err(AskError::ForbiddenParam(name.clone()));
        }
        let page = self.numbered(asking.number);
        let context = Context { params, taken: asking.taken, page: page.unwrap_or(0), cursor: asking.cursor };
        let fill = |name: &str| {
            let template = |e: TemplateError| AskError::Template { at: name.to_owned(), detail: e.0 };
            self.templates.render(name, &context).map_err(template)
        };
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
        let (mut url, mut own) = (Url::parse(&fill("url")?), true);
        if let (Some((step, name)), Some((request, final_url))) = (&self.link, asking.from) {
            let link = asking.taken.get(step).and_then(|taken| taken.get(name)).map_or("", String::as_str);
            let followed = follow(link, request, final_url).map_err(AskError::BadLink)?;
            own = followed.own;
            if !own {
                headers.retain(|_, value| !names_secret(value));
            }
            url = Ok(followed.url);
        }
        let mut url = url.map_err(|_| AskError::BadUrl)?;
        let elsewhere = self.link.is_none() && url.host_str().map(str::to_owned) != self.host;
        if elsewhere || !url.username().is_empty() || url.password().is_some() {
            return Err(AskError::BadUrl);
        }
        self.set_page(&mut url, asking.number, asking.cursor);
        let body = match (self.body, self.form.is_empty()) {
            (true, _) => Some(fill("body")?),
            (false, true) => None,
            (false, false) => {
                let fields = self.form.iter().map(|name| Ok((name, fill(&format!("form.{name}"))?)));
                let fields = fields.collect::<Result<Vec<_>, AskError>>()?;
                headers
                    .entry("content-type".to_owned())
                    .or_insert_with(|| "application/x-www-form-urlencoded".to_owned());
                Some(fields.iter().map(|(name, value)| field(name, value)).collect::<Vec<_>>().join("&"))
            }
        };
        Ok(PreparedRequest {
            method: self.method.clone(),
            url,
            headers,
            body,
            form: !self.form.is_empty(),
            step: self.step,
            number: asking.number,
            taken: asking.taken.clone(),
            own,
        })
    }

    /// The number that a page has at the source.
    fn numbered(&self, number: u32) -> Option<u32> {
        let page = self.pages.as_ref()?.page.as_ref()?;
        Some(page.first.saturating_add(number.saturating_mul(page.step)))
    }

    /// Puts the page's number, or the cursor, into the query.
    fn set_page(&self, url: &mut Url, number: u32, cursor: &str) {
        let Some(pages) = self.pages.as_ref().filter(|_| !self.in_template) else { return };
        match (&pages.page, &pages.cursor) {
            (Some(page), _) => set_query(url, &page.param, &self.numbered(number).unwrap_or(0).to_string()),
            (_, Some(param)) if !cursor.is_empty() => set_query(url, &param.param, cursor),
            _ => {}
        }
    }

    /// The request for the page after `request`'s, by its number or by a cursor.
    pub(super) fn after(
        &self,
        params: &BTreeMap<String, String>,
        request: &PreparedRequest,
        cursor: &str,
    ) -> Result<PreparedRequest, AskError> {
        if cursor.contains("${") {
            return Err(AskError::ForbiddenParam("cursor".to_owned()));
        }
        let number = request.number.saturating_add(1);
        if self.in_template {
            let asking = Asking { params, taken: &request.taken, number, cursor, from: None };
            return self.page(&asking);
        }
        let mut next = PreparedRequest { number, ..request.clone() };
        self.set_page(&mut next.url, number, cursor);
        Ok(next)
    }
}
