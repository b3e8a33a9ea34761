//! `sources test`: what a source's file asks and how it reads a page, for its author.
//!
//! Shows values of the page, so it is for a terminal, never for a log.

use super::{Answer, AskContext, Assembly, Connector, ExtractedFact, PageVerdict, PreparedRequest, RawPage};
use crate::core::policy::validate::nearest;
use crate::core::policy::{Guard, SourceSpec};
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
    /// How each page was judged.
    pub pages: Vec<TestedPage>,
    /// What would be asked next.
    pub next: Option<PreparedRequest>,
    /// The answer, if these pages were all of it; none without a page.
    pub answer: Option<Answer>,
}

/// How a page was judged.
#[derive(Debug)]
pub struct TestedPage {
    /// What it answers; secrets are left as names.
    pub request: PreparedRequest,
    /// The step of the file that it answers; empty for `[request]`.
    pub step: String,
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
    /// What its items lead on to.
    pub then: Vec<PreparedRequest>,
}

impl TestReport {
    /// Whether the file is right, and the page (if there is one) an answer.
    pub fn ok(&self) -> bool {
        self.problems.is_empty()
            && self.not_asked.is_none()
            && self.answer.as_ref().is_none_or(|answer| answer.outcome.is_answer())
    }
}

/// Tests a source's file: `name` is the file's name, `text` its text, `pages` answer its requests one after the other. A
/// parameter called `subject` is the need's subject; without one an invented subject of the source's level stands for it.
pub fn report(name: &str, text: &str, mut params: BTreeMap<String, String>, pages: &[RawPage]) -> TestReport {
    let mut report = TestReport {
        problems: Vec::new(),
        request: None,
        not_asked: None,
        pages: Vec::new(),
        next: None,
        answer: None,
    };
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
    if let Some(unknown) = unknown(&source.spec, &params) {
        return TestReport { not_asked: Some(unknown), ..report };
    }
    let request = match connector.first(&params) {
        Ok(request) => request,
        Err(error) => return TestReport { not_asked: Some(error.to_string()), ..report },
    };
    let ctx = AskContext { params, subject };
    let mut assembly = Assembly::new(&connector);
    let mut next = Some(request.clone());
    for page in pages {
        let Some(request) = next.take() else { break };
        // A saved page was got from where it was asked for.
        let found_at = RawPage { final_url: request.url.to_string(), ..page.clone() };
        let page = if page.final_url.is_empty() { &found_at } else { page };
        let tested = connector.read(&ctx, &request, page);
        let line =
            tested.cause.as_deref().and_then(|cause| blamed(&source.spec, cause)).and_then(|at| source.line(&at));
        next = assembly.add(tested.clone());
        report.pages.push(TestedPage {
            step: step_of(&source.spec, request.step),
            request,
            verdict: tested.verdict,
            cause: tested.cause,
            line,
            notes: tested.notes,
            items: tested.items,
            filled: (tested.filled, tested.attributes),
            facts: tested.facts,
            then: tested.then,
        });
    }
    report.next = next;
    report.answer = (!report.pages.is_empty()).then(|| assembly.finish());
    report.request = Some(request);
    report
}

/// The step of the file that a request belongs to; empty for `[request]`.
pub fn step_of(spec: &SourceSpec, step: usize) -> String {
    spec.before.get(step).map(|step| step.id.clone()).unwrap_or_default()
}

/// The keys of the file that a request which brought no answer is about: `code` says what went wrong with it.
pub fn blamed_for_request(spec: &SourceSpec, request: &PreparedRequest, code: &str) -> String {
    let prefix = spec.before.get(request.step).map(|_| format!("before[{}].", request.step)).unwrap_or_default();
    match code {
        "timeout" => "limits.timeout".to_owned(),
        "too_large" => format!("{prefix}request.max_bytes"),
        _ => format!("{prefix}request.url"),
    }
}

/// What is wrong with parameters that the file does not name.
fn unknown(spec: &SourceSpec, params: &BTreeMap<String, String>) -> Option<String> {
    let known = || spec.params.iter().map(String::as_str);
    let wrong = params.keys().find(|name| !known().any(|known| known == name.as_str()))?;
    let meant = nearest(wrong, known()).map(|near| format!("; is `{near}` meant?")).unwrap_or_default();
    let has = match spec.params.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has {}", known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    };
    Some(format!("the source has no parameter `{wrong}`{meant} ({has})"))
}

/// The keys of the file that a cause is about.
fn blamed(spec: &SourceSpec, cause: &str) -> Option<String> {
    let (cause, step) = match cause.rsplit_once(" (step ") {
        Some((cause, step)) => (cause, step.split(')').next().unwrap_or_default()),
        None => (cause, ""),
    };
    let (code, text) = cause.split_once(':')?;
    let number = spec.before.iter().position(|before| before.id == step);
    let prefix = number.map(|number| format!("before[{number}].")).unwrap_or_default();
    let answer = number.and_then(|number| spec.before.get(number)).map_or(&spec.answer, |step| &step.answer);
    let condition = |name: &str, guards: &[Guard]| {
        let says = |guard: &Guard| serde_json::to_string(guard).is_ok_and(|says| text.ends_with(&says));
        guards.iter().position(says).map(|i| format!("answer.{name}[{i}]"))
    };
    let fact = |kind: &str| spec.facts.iter().position(|fact| fact.kind == kind);
    let at = match code {
        "blocked" => condition("blocked", &answer.blocked)?,
        "refused" => condition("refused", &answer.refused)?,
        "not_valid" => condition("valid", &answer.valid)?,
        "attribute_missing" | "attribute_misfit" => {
            let name = text.split('`').nth(1)?;
            let kind = text.split(" of ").nth(1)?.split(' ').next()?;
            match number {
                Some(_) => format!("take.{name}"),
                None if name.starts_with("valid.") => format!("fact[{}].{name}", fact(kind)?),
                None => format!("fact[{}].attrs.{name}", fact(kind)?),
            }
        }
        "bad_subject" => format!("fact[{}].subject", fact(text.split(" of ").nth(1)?.split(' ').next()?)?),
        "bad_step" => "take".to_owned(),
        "no_items" => "answer.items".to_owned(),
        "as_of_misfit" => "answer.as_of".to_owned(),
        "wrong_charset" => "answer.charset".to_owned(),
        "bad_next_page" => "pages".to_owned(),
        _ => return None,
    };
    Some(format!("{prefix}{at}"))
}
