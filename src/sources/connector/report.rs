//! `sources test`: what a source's file asks and how it reads a page, for its author.
//!
//! Shows values of the page, so it is for a terminal, never for a log.

use super::{Answer, AskContext, Assembly, Connector, ExtractedFact, PageVerdict, PreparedRequest, RawPage};
use crate::sources::config::{ConfigProblem, read_source};
use mirano_schemas::Level;
use std::collections::BTreeMap;

/// What a test of a source's file found.
#[derive(Debug)]
pub struct TestReport {
    /// What is wrong with the file, by line; then nothing else is there.
    pub problems: Vec<ConfigProblem>,
    /// The first request; secrets are left as names.
    pub request: Option<PreparedRequest>,
    /// Why there is no request.
    pub not_asked: Option<String>,
    /// How the page was judged, if there was one.
    pub page: Option<TestedPage>,
}

/// How a page was judged.
#[derive(Debug)]
pub struct TestedPage {
    /// What the page is.
    pub verdict: PageVerdict,
    /// Why it is no answer.
    pub cause: Option<String>,
    /// The line of the file that the cause is about, where it is about one.
    pub line: Option<usize>,
    /// What was seen where, with values of the page.
    pub notes: Vec<String>,
    /// How many items it has.
    pub items: u32,
    /// Attributes with a value, and all there could be.
    pub filled: (u32, u32),
    /// The facts that it states.
    pub facts: Vec<ExtractedFact>,
    /// What would be asked next.
    pub next: Option<PreparedRequest>,
    /// The answer, if this page were all of it.
    pub answer: Answer,
}

impl TestReport {
    /// Whether the file is right, and the page (if there is one) an answer.
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
            && self.not_asked.is_none()
            && self.page.as_ref().is_none_or(|page| page.answer.outcome.is_answer())
    }
}

/// Tests a source's file: `name` is the file's name, `text` its text. A parameter called `subject` is the need's
/// subject; without one an invented subject of the source's level stands for it.
pub fn report(name: &str, text: &str, mut params: BTreeMap<String, String>, page: Option<&RawPage>) -> TestReport {
    let mut report = TestReport { problems: Vec::new(), request: None, not_asked: None, page: None };
    let source = match read_source(name, text) {
        Ok(source) => source,
        Err(problems) => return TestReport { problems, ..report },
    };
    let problems = source.problems();
    let connector = match Connector::compile(&source.spec) {
        Ok(connector) if problems.is_empty() => connector,
        _ => return TestReport { problems, ..report },
    };
    let subject = params.remove("subject").unwrap_or_else(|| {
        let prefix = match source.spec.level {
            Level::Property => "property",
            Level::Developer => "company",
            Level::Person => "person",
            Level::Source => "source",
        };
        format!("{prefix}:test")
    });
    let request = match connector.first(&params) {
        Ok(request) => request,
        Err(error) => return TestReport { not_asked: Some(error.to_string()), ..report },
    };
    let ctx = AskContext { params, subject };
    report.page = page.map(|page| {
        let result = connector.read(&ctx, 0, &request, page);
        let mut assembly = Assembly::new(&connector);
        let line =
            result.cause.as_deref().and_then(|cause| blamed(&source.spec, cause)).and_then(|at| source.line(&at));
        let tested = result.clone();
        assembly.add(result);
        TestedPage {
            verdict: tested.verdict,
            cause: tested.cause,
            line,
            notes: tested.notes,
            items: tested.items,
            filled: (tested.filled, tested.attributes),
            facts: tested.facts,
            next: tested.next,
            answer: assembly.finish(),
        }
    });
    report.request = Some(request);
    report
}

/// The keys of the file that a cause is about.
fn blamed(spec: &crate::core::policy::SourceSpec, cause: &str) -> Option<String> {
    let (code, text) = cause.split_once(':')?;
    let condition = |name: &str, guards: &[crate::core::policy::Guard]| {
        let says =
            |guard: &crate::core::policy::Guard| serde_json::to_string(guard).is_ok_and(|says| text.ends_with(&says));
        guards.iter().position(says).map(|i| format!("answer.{name}[{i}]"))
    };
    match code {
        "blocked" => condition("blocked", &spec.answer.blocked),
        "refused" => condition("refused", &spec.answer.refused),
        "not_valid" => condition("valid", &spec.answer.valid),
        "attribute_missing" | "attribute_misfit" => {
            let name = text.split('`').nth(1)?;
            let kind = text.split(" of ").nth(1)?.split(' ').next()?;
            let number = spec.facts.iter().position(|fact| fact.kind == kind)?;
            Some(if name.starts_with("valid.") {
                format!("fact[{number}].{name}")
            } else {
                format!("fact[{number}].attrs.{name}")
            })
        }
        "bad_subject" => {
            let kind = text.split(" of ").nth(1)?.split(' ').next()?;
            Some(format!("fact[{}].subject", spec.facts.iter().position(|fact| fact.kind == kind)?))
        }
        "no_items" => Some("answer.items".to_owned()),
        "as_of_misfit" => Some("answer.as_of".to_owned()),
        "wrong_charset" => Some("answer.charset".to_owned()),
        "bad_next_page" => Some("pages".to_owned()),
        _ => None,
    }
}
