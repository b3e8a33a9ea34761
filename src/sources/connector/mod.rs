//! Connectors: a source's TOML file, compiled, asks the source and reads its answers.
//!
//! Pure: a connector makes requests and judges pages; sending, redirects, permits and secrets are the worker's. Only
//! a positive proof that a page is the one we know makes it an answer; everything else is told apart by
//! [`PageVerdict`]. A cause never holds a secret or a value from the page, which may be about a person.

mod assembly;
mod charset;
mod compile;
mod document;
mod embedded;
mod facts;
mod given;
mod json;
mod judge;
mod links;
mod markup;
mod money;
mod next;
mod parts;
pub mod report;
mod request;
mod script;
mod steps;
mod table;
mod value;
mod xml;

pub use assembly::{Answer, Assembly};
pub use given::{GivenFact, GivenProblem};
pub use request::{AskError, PreparedRequest, Taken};
pub use value::iso_date;

use crate::core::policy::{RequestSpec, SourceSpec};
use mirano_schemas::{Attrs, Match, Validity};
use std::collections::BTreeMap;

/// A compiled connector; share it freely between threads.
pub struct Connector {
    spec: SourceSpec,
    /// What is asked before, in order.
    before: Vec<steps::Step>,
    /// What facts are read from.
    main: steps::Step,
}

/// Something wrong in a source's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {detail}")]
pub struct SpecProblem {
    /// Where, as a path of keys: `answer.items`, `fact[0].attrs.sum.at`.
    pub at: String,
    /// What is wrong.
    pub detail: String,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskContext {
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// The subject of the need: `{{ subject }}`.
    pub subject: String,
}

/// A response as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPage {
    /// The HTTP status.
    pub status: u16,
    /// Headers; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body, with transfer and content encodings undone.
    pub body: bytes::Bytes,
    /// The address after redirects, without secrets put in.
    pub final_url: String,
}

impl RawPage {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageVerdict {
    /// The page we know, with items.
    Found,
    /// The source's own proof that there is nothing (on a later page: nothing more).
    NothingFound {
        /// Nothing but the HTTP status said so.
        by_status_only: bool,
    },
    /// A captcha, a limit, a ban.
    Blocked,
    /// The source refused the parameters.
    Refused,
    /// Not the page we know.
    Unparsable,
    /// The source failed.
    Unavailable,
}

/// What one page gave.
#[derive(Debug, Clone)]
pub struct PageResult {
    /// What the page is.
    pub verdict: PageVerdict,
    /// Why, when it is no answer: a stable code, a colon and words. Never a secret, never a value of the page.
    pub cause: Option<String>,
    /// Its facts; only with [`PageVerdict::Found`].
    pub facts: Vec<ExtractedFact>,
    /// The source's own date, `YYYY-MM-DD`.
    pub as_of: Option<String>,
    /// Which request of the file it answers, from 0.
    pub step: usize,
    /// Which page of that request it is, from 0.
    pub number: u32,
    /// What to send next; `None`: this was the last page.
    pub next: Option<PreparedRequest>,
    /// What its items lead on to: requests of the next step.
    pub then: Vec<PreparedRequest>,
    /// Whether nothing is known to be missing: false when there are pages that are not read.
    pub complete: bool,
    /// How many items the page has.
    pub items: u32,
    /// How many attributes have a value.
    pub filled: u32,
    /// How many attributes there could be.
    pub attributes: u32,
    /// For the author of the connector: what was seen where. May hold values of the page: never log it.
    pub notes: Vec<String>,
}

/// A fact as a page states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractedFact {
    /// Its kind.
    pub kind: String,
    /// About whom.
    pub subject: String,
    /// How sure the source is of the subject.
    pub matched: Match,
    /// Which thing it is.
    pub identity: Attrs,
    /// Material attributes.
    pub attrs: Attrs,
    /// Attributes that are no news.
    pub volatile: Attrs,
    /// When it holds in the world.
    pub valid: Validity,
    /// Where on the page: the line of a CSV, else the number of the item; from 1.
    pub line: u64,
}

/// A stable code and words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    code: &'static str,
    text: String,
}

impl Trouble {
    fn new(code: &'static str, text: String) -> Self {
        Self { code, text }
    }

    fn cause(&self) -> String {
        format!("{}: {}", self.code, self.text)
    }
}

impl Connector {
    /// Compiles a source's file: templates, places, regular expressions, forms. All problems at once.
    pub fn compile(spec: &SourceSpec) -> Result<Self, Vec<SpecProblem>> {
        let mut problems = Vec::new();
        match steps::compile(spec, &mut problems) {
            Some((before, main)) if problems.is_empty() => Ok(Self { spec: spec.clone(), before, main }),
            _ => Err(problems),
        }
    }

    /// The file that it was compiled from.
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// The request for the first page.
    pub fn first(&self, params: &BTreeMap<String, String>) -> Result<PreparedRequest, AskError> {
        let taken = Taken::new();
        self.step(0).requests.page(&request::Asking { params, taken: &taken, number: 0, cursor: "", from: None })
    }

    /// Judges one page and says what is next. `request` is the one that was sent.
    pub fn read(&self, ctx: &AskContext, request: &PreparedRequest, page: &RawPage) -> PageResult {
        judge::Judge { connector: self, step: self.step(request.step), ctx, request, page, notes: Vec::new() }.judge()
    }

    /// How `[request]`, or one of `[[before]]`, is written in the file.
    pub fn request_spec(&self, step: usize) -> &RequestSpec {
        self.spec.before.get(step).map_or(&self.spec.request, |step| &step.request)
    }

    /// Every text of the file that may name a secret for a request.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let requests = self.spec.before.iter().map(|step| &step.request).chain([&self.spec.request]);
        let texts = requests.flat_map(|request| {
            request.headers.values().chain(&request.body).chain(request.form.values()).chain([&request.url])
        });
        texts.map(String::as_str)
    }

    /// Why only the process that holds the secrets can ask this source: not every answer can be told by its body alone.
    pub fn needs_a_session(&self) -> bool {
        let links = self.spec.before.iter().map(|step| &step.pages).chain([&self.spec.pages]);
        let mut links = links.flatten().map(|pages| pages.link);
        self.spec.auth.is_some() || self.spec.request.cookies || links.any(|link| link)
    }

    /// The step of this number; behind the last one of `[[before]]` is `[request]`.
    fn step(&self, number: usize) -> &steps::Step {
        self.before.get(number).unwrap_or(&self.main)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("source", &self.spec.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
